# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run folder must hold to be reported, repeated or resumed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from orchestrator import arches
from orchestrator.analyse.contract import Offered
from orchestrator.config import emulators, matrix_file, overrides
from orchestrator.config import workloads as programs
from orchestrator.config.dump import dump
from orchestrator.config.overrides import with_cpus
from orchestrator.config.plan import plan as make_plan
from orchestrator.config.sources import kind_of
from orchestrator.config.workloads import library_files
from orchestrator.errors import ConfigError
from orchestrator.model import Kernel, Matrix, Measure, Plan, Workload
from orchestrator.paths import ADAPTERS, COMMON, GUEST_TOOLS
from orchestrator.runs import copies
from orchestrator.runs.folder import RunFolder, whole
from orchestrator.series.diff import ids as identities
from orchestrator.store import digest, sha256, text_of

CONFIG = "matrix.yaml"  # as it was
RUN = "run.json"  # which run it is: contract.RunRow
NOT_MIXED = "start a new run: results of different inputs are not mixed"
SOURCES = "sources.json"  # {source: what exactly it was when the run began}


@dataclass(frozen=True)
class Request:
    """What the user asked for, for the record: enough to ask again. config_text is the file as it was.

    Where config is the run's own copy of its inputs, these copies are what is run.
    """

    config: Path
    config_text: str
    select: tuple[str, ...]
    overrides: Mapping[str, Any]
    preset: str = ""
    workloads: tuple[str, ...] = ()  # names and absolute paths; () the file's
    fresh: bool = False  # nothing is taken from the store of results
    memory: bool = False  # what is loaded and stored is told, too
    debug: tuple[str, ...] = ()  # which kernels that watch themselves run the same workloads
    variants: str = ""  # in which configs what is touched is compiled: quick, thorough
    selftests: tuple[str, ...] = ()  # globs of tests of their own sources that the kernels run


def input_hashes(matrix: Matrix) -> dict[str, str]:
    """{what a result depends on: its hash}, beyond matrix.yaml itself."""
    table = {str(patch): sha256(patch) for kernel in matrix.kernels for patch in kernel.patches}
    for workload in matrix.workloads:
        own = workload.own
        if workload.area:
            files_of = library_files(workload.toolbox)
            table[str(workload.toolbox)] = digest([(name, sha256(path)) for name, path in files_of.items()])
            continue
        files = own.inputs if own else sorted(path for path in workload.folder.rglob("*") if path.is_file())
        table[str(files[0] if own else workload.folder)] = digest([(path.name, sha256(path)) for path in files])
    for folder in {workload.toolbox / name for workload in matrix.workloads for name in (COMMON, ADAPTERS)}:
        table[str(folder)] = digest([(path.name, sha256(path)) for path in sorted(folder.iterdir())])
    table["kconfig"] = digest(dict(matrix.config.lines), matrix.kconfig, [arch.kconfig for arch in matrix.arches])
    return table


def diffs(matrix: Matrix) -> dict[str, list[str]]:
    """{kernel: which changes its patches are}, to be found again by a mail that carries one."""
    return {
        kernel.name: [name for path in kernel.patches for name in identities(path.read_text(errors="replace"))]
        for kernel in matrix.kernels
    }


def load_diffs(folder: RunFolder) -> dict[str, list[str]]:
    """{kernel: which changes its patches are}, as kept at the start; {} for a run of before they were."""
    with whole(folder.path):
        return TypeAdapter(dict[str, list[str]]).validate_python(read_plan(folder).get("diffs", {}))


def check_inputs(folder: RunFolder, matrix: Matrix, plan: Plan) -> None:
    """A run is gone on with only if what it measures is still the same. ConfigError names what is not."""
    before, now = read_plan(folder)["inputs"], input_hashes(matrix)
    changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    for build in plan.builds:
        kept = folder.path / copies.FOLDER / copies.kconfig(build)
        if kept.is_file() and kept.read_text() != copies.kconfig_text(build):
            changed.append(f"kconfig of {build.id}")
    if changed:
        raise ConfigError(f"changed since {folder.path} was started: {', '.join(changed)}", hint=NOT_MIXED)


def pinned(folder: RunFolder, matrix: Matrix) -> Matrix:
    """The matrix with git trees at the commits that the run began with, wherever their branches are by now; and with
    its emulators and CPU models, whatever kmatrix takes by now. ConfigError if the emulators are gone."""
    began, models = folder.read_json(SOURCES) or {}, cpus(folder)
    matrix = emulators.of_folder(matrix, read_plan(folder).get("qemu", ""))

    def pin(kernel: Kernel) -> Kernel:
        source = kernel.source
        return replace(kernel, source=kind_of(source).pin(source, str(began.get(source.name, ""))))

    return replace(
        matrix,
        arches=tuple(with_cpus(arch, models) for arch in matrix.arches),
        kernels=tuple(pin(kernel) for kernel in matrix.kernels),
    )


def cpus(folder: RunFolder) -> dict[str, dict[str, str]]:
    """{arch: {accelerator: CPU model}} as kept at the start; of a run of before they were: those that it measured."""
    kept: dict[str, dict[str, str]] | None = read_plan(folder).get("cpu")
    if kept is not None:
        return kept
    found: dict[str, dict[str, str]] = {}
    for cell in folder.load_cells():
        found.setdefault(cell.arch, {}).update({boot.accel: boot.cpu for boot in cell.boots})
    return found


def check_source(folder: RunFolder, name: str, identity: str) -> None:
    """Kept at the run's first start. ConfigError if it was another one then."""
    began = folder.read_json(SOURCES) or {}
    if name not in began:
        folder.write_json(SOURCES, {**began, name: identity})
    elif began[name] != identity:
        raise ConfigError(f"{name} is {identity} now; the run began with {began[name]}", hint=NOT_MIXED)


def check_compilers(folder: RunFolder, host: Mapping[str, Any]) -> None:
    """Of a run that has results already, against its host.json. ConfigError names those that are others by now."""
    then, now = (folder.read_json("host.json") or {}).get("compiler", {}), host["compiler"]
    other = [f"{now[arch]}; the run began with {was}" for arch, was in then.items() if now.get(arch, was) != was]
    if other and folder.load_cells():
        raise ConfigError(f"another compiler: {', '.join(other)}", hint=NOT_MIXED)


def joined_host(then: Mapping[str, Any], now: Mapping[str, Any], measured: Collection[str]) -> dict[str, Any]:
    """host.json of another start of the run. measured: arches of which it measures something; what was told of the
    others stays."""
    tables = {
        name: {**now.get(name, {}), **{arch: what for arch, what in table.items() if arch not in measured}}
        for name, table in then.items()
        if isinstance(table, dict)
    }
    return {**then, **now, **tables}


def save_request(folder: RunFolder, request: Request, matrix: Matrix, plan: Plan) -> Matrix:
    """plan.json: ids in order, claims, and the request; matrix.yaml beside it. Returns what is to be run: the matrix,
    or its copies."""
    copied, emulator = request.config == copies.place(folder), matrix.qemu
    text = request.config_text
    if copied:  # all of it, whatever is selected
        matrix = copies.save(folder, matrix, make_plan(matrix))
        text = dump(matrix, request.config.parent)
        matrix = emulators.of_folder(matrix, emulator)
        plan = make_plan(matrix, request.select)
    else:
        copies.save(folder, matrix, plan)
    ran = [*(cell.workload for cell in plan.cells), *(w for its in plan.watching for w in its.workloads)]
    workloads = {workload.name: workload for workload in ran}
    folder.write_text(CONFIG, text)
    folder.write_json(
        "plan.json",
        {
            "schema": 1,
            "config": str(request.config),
            "select": list(request.select),
            "overrides": dict(request.overrides),
            "profile": request.preset,
            "chosen": list(request.workloads),
            "fresh": request.fresh,
            "memory": request.memory,
            "debug": list(request.debug),
            "variants": request.variants,
            "selftests": list(request.selftests),
            "qemu": emulator,
            "inputs": input_hashes(matrix),
            "diffs": diffs(matrix),
            "builds": [build.id for build in plan.builds],
            "cells": [cell.id for cell in plan.cells],
            "boots": [boot.id for boot in plan.boots],
            "cpu": {arch.name: dict(arch.cpu) for arch in matrix.arches},
            "measure": asdict(plan.measure),
            "limits": asdict(plan.limits),
            "comparisons": [asdict(pair) for pair in plan.comparisons],
            "claims": [asdict(claim) for claim in plan.claims],
            "workloads": {name: _setting(plan.measure, w) for name, w in workloads.items()},
            "offered": offered(),
            "expectations": {name: [asdict(e) for e in w.expectations] for name, w in workloads.items()},
        },
    )
    return matrix


def load_request(folder: RunFolder) -> Request:
    """The request of an earlier start."""
    data = read_plan(folder)
    text = text_of(folder.path / CONFIG, "it is a run folder's own copy of the matrix file: restore it")
    select, chosen = tuple(data["select"]), tuple(data.get("chosen", ()))
    preset, fresh = data.get("profile", ""), data.get("fresh", False)
    memory, debug = data.get("memory", False), tuple(data.get("debug", ()))
    variants, selftests = data.get("variants", ""), tuple(data.get("selftests", ()))
    given = data["overrides"]
    return Request(
        Path(data["config"]), text, select, given, preset, chosen, fresh, memory, debug, variants, selftests
    )


def load_matrix(folder: RunFolder, request: Request) -> Matrix:
    """What an earlier start was to measure. ConfigError if the matrix file wants other kernels or CPUs by now."""
    matrix = asked_for(request, request.config_text)
    if request.config != copies.place(folder) and request.config.is_file():
        _check_file(folder, matrix, request)
    return pinned(folder, matrix)


def _check_file(folder: RunFolder, matrix: Matrix, request: Request) -> None:
    """A file that no longer loads, or lacks a kernel, says nothing of this run's."""
    try:
        now = asked_for(request, request.config.read_text())
    except (ConfigError, OSError):
        return
    lines = {kernel.name: (kernel.config, kernel.kconfig) for kernel in now.kernels}
    changed = [k.name for k in matrix.kernels if lines.get(k.name, (k.config, k.kconfig)) != (k.config, k.kconfig)]
    changed += ["all kernels"] if (now.config, now.kconfig) != (matrix.config, matrix.kconfig) else []
    models = {arch.name: arch.cpu for arch in now.arches}
    others = [arch.name for arch in matrix.arches if models.get(arch.name, arch.cpu) != arch.cpu]
    told = [f"{what} of {', '.join(names)}" for what, names in (("kconfig", changed), ("CPU", others)) if names]
    if told:
        text = f"changed since {folder.path} was started: {'; '.join(told)} in {request.config}"
        raise ConfigError(text, hint=NOT_MIXED)


def asked_for(request: Request, text: str) -> Matrix:
    """What is to be measured when this is asked of a matrix file of this text. ConfigError as of the file."""
    matrix = matrix_file.from_text(text, request.config, request.preset, request.workloads)
    return overrides.changed(matrix, request.overrides)


def offered() -> Offered:
    """By this kmatrix, on this machine; of workloads those that answer somebody's claims. A library is asked by what
    it runs."""
    apart = programs.known(GUEST_TOOLS).keys() - programs.library(GUEST_TOOLS).keys()
    return Offered(arches=list(arches.known()), workloads=sorted(apart))


def _setting(measure: Measure, workload: Workload) -> dict[str, Any]:
    """What a report must know of a workload whose cells have no result."""
    mine = measure.of(workload)
    return {
        "clock": mine.clock.value,
        "cpus": mine.cpus,
        "exact": measure.exact(workload),
        "unit": workload.unit,
        "claims": list(workload.claims),
        "note": workload.note,
    }


def read_plan(folder: RunFolder) -> dict[str, Any]:
    """plan.json. ConfigError if there is none."""
    data = folder.read_json("plan.json")
    if not isinstance(data, dict):
        raise ConfigError(f"{folder.path} is not a run folder (no plan.json)", hint="kmatrix run writes one")
    return data
