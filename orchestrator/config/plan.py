# SPDX-License-Identifier: GPL-2.0-or-later
"""Matrix to Plan: which builds, cells and boots, in which order. Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import replace

from orchestrator.config.fragments import wanted
from orchestrator.config.sources import buildable
from orchestrator.errors import ConfigError
from orchestrator.model import (
    Arch,
    Boot,
    Build,
    Cell,
    Config,
    Kernel,
    Matrix,
    Measure,
    Plan,
    Testing,
    Watching,
    Workload,
)


def plan(matrix: Matrix, select: Sequence[str] = ()) -> Plan:
    """Cells that match any of the globs (all if none), their builds, their boots in order.

    Raises ConfigError for a glob that matches nothing.
    """
    cells = _select(_cells(matrix), select)
    if not cells and (only := [its.name for its in matrix.workloads if its.debug]):
        what = f"{', '.join(only)}: only kernels that watch themselves run it"
        raise ConfigError(what, hint="name another workload beside it, which is measured, and --debug")
    needed = dict.fromkeys(cell.build_id for cell in cells)
    mine = tuple(build for build in builds(matrix) if build.id in needed)
    return Plan(
        builds=mine,
        cells=cells,
        boots=_interleave(cells, matrix.measure),
        measure=matrix.measure,
        limits=matrix.limits,
        comparisons=matrix.comparisons,
        claims=matrix.claims,
        variants=matrix.variants,
        watching=tuple(
            _watching(matrix, build, its, cells) for build in mine for its in matrix.debug if _made(build)
        ),
        testing=tuple(_testing(matrix, mine)),
    )


def of_one(matrix: Matrix, build: Build) -> Plan:
    """A kernel of the matrix, of which nothing is measured."""
    return Plan(builds=(build,), cells=(), boots=(), measure=matrix.measure, limits=matrix.limits, comparisons=())


def _testing(matrix: Matrix, mine: Sequence[Build]) -> Iterator[Testing]:
    """What others are compared with runs twice: a test that differs by itself says nothing of a change."""
    bases = {pair.base for pair in matrix.comparisons}
    for build in mine if matrix.selftests else ():
        if _made(build):
            assert matrix.selftests is not None
            yield Testing(build, 2 if build.kernel.name in bases else 1, matrix.selftests)


def _made(build: Build) -> bool:
    return buildable(build.kernel.source)


def _watching(matrix: Matrix, build: Build, debug: Config, cells: Sequence[Cell]) -> Watching:
    """No user's kernel has a name with a tilde in it. The lines come last."""
    workloads = [cell.workload for cell in cells if cell.build_id == build.id]
    workloads += [its for its in matrix.workloads if its.debug and runs_on(its, build.arch)]
    named = f"#: name {wanted(build.kconfig, '').name}+{debug.name}"
    more = (*build.kconfig, *debug.lines[build.arch.name], named)
    again = Build(build.arch, replace(build.kernel, name=f"{build.kernel.name}~{debug.name}"), more)
    return Watching(again, build.kernel, debug.name, tuple(workloads))


def builds(matrix: Matrix) -> tuple[Build, ...]:
    """Every kernel for every arch: arch by arch, fewest patches first, so that an arch's first row is there early."""
    return tuple(
        Build(arch, kernel, _lines(matrix, arch, kernel))
        for arch in matrix.arches
        for kernel in sorted(matrix.kernels, key=lambda k: len(k.patches))
    )


def _lines(matrix: Matrix, arch: Arch, kernel: Kernel) -> tuple[str, ...]:
    """The user's lines come last: the last line of an option wins."""
    config = kernel.config or matrix.config
    return (*config.lines[arch.name], *arch.kconfig, *matrix.kconfig, *kernel.kconfig)


def _cells(matrix: Matrix) -> tuple[Cell, ...]:
    return tuple(
        Cell(arch, kernel, workload)
        for arch in matrix.arches
        for workload in matrix.workloads
        for kernel in matrix.kernels
        if runs_on(workload, arch) and not workload.debug
    )


def runs_on(workload: Workload, arch: Arch) -> bool:
    """A ready program is for one arch."""
    return not (workload.own and workload.own.arches) or arch.name in workload.own.arches


def _select(cells: tuple[Cell, ...], globs: Sequence[str]) -> tuple[Cell, ...]:
    chosen = chosen_ids([cell.id for cell in cells], globs)
    return tuple(cell for cell in cells if cell.id in chosen)


def chosen_ids(ids: Sequence[str], globs: Sequence[str], said: str = "--select", what: str = "cell") -> set[str]:
    """Ids that match any glob, all if there is none; one that leaves parts out means all of them: s390x is s390x/*/*.

    Raises ConfigError for a glob that matches nothing; said and what: how the globs were given, and what ids name.
    """
    chosen = set() if globs else set(ids)
    depth = ids[0].count("/") if ids else 0
    for glob in globs:
        found = {name for name in ids if fnmatch.fnmatchcase(name, glob + "/*" * max(0, depth - glob.count("/")))}
        if not found:
            listed = "\n  ".join(ids)
            raise ConfigError(f"{said} {glob!r} matches no {what}", hint=f"the {what}s are:\n  {listed}")
        chosen |= found
    return chosen


def _interleave(cells: tuple[Cell, ...], measure: Measure) -> tuple[Boot, ...]:
    """ABBA: within each arch and workload forwards, then backwards, and so on."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.arch.name, cell.workload.name), []).append(cell)
    return tuple(
        Boot(cell, number)
        for group in groups.values()
        for number in range(measure.of(group[0].workload).boots)
        for cell in (group if number % 2 == 0 else reversed(group))
    )
