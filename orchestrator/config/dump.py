# SPDX-License-Identifier: GPL-2.0-or-later
"""A Matrix as files that are the same Matrix anywhere else: load(dump(matrix)) == matrix.

matrix.yaml                     names nothing outside of its folder but the kernels' sources
configs/NAME/ARCH.config        the lines that kernels begin with
patches/KERNEL/01-NAME          in order; 0001-NAME as it is
guest-tools/WORKLOAD/...        and common/ and adapters/, which are compiled with them
guest-tools/AREA/WORKLOAD/...   all of a library that one of them is of
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from orchestrator.config import emulators
from orchestrator.config.programs import KSELFTEST, SKIPPED, header_folders
from orchestrator.config.sources import kind_of
from orchestrator.config.workloads import left_out, library_files, load
from orchestrator.errors import ConfigError
from orchestrator.model import (
    CALLS,
    COSTS,
    WATCHED,
    Claim,
    Config,
    Expectation,
    Kernel,
    Matrix,
    Nightly,
    Plan,
    UserProgram,
    Workload,
)
from orchestrator.paths import ADAPTERS, COMMON

MATRIX = "matrix.yaml"
DECLARATION = "workload.toml"
TOOLS = "guest-tools"


def used(matrix: Matrix, plan: Plan) -> Matrix:
    """What of the matrix a plan uses."""
    arches = {cell.arch.name: cell.arch for cell in plan.cells}
    kernels = {cell.kernel.name: cell.kernel for cell in plan.cells}
    ran = [*(cell.workload for cell in plan.cells), *(w for its in plan.watching for w in its.workloads)]
    workloads = {its.name: its for its in matrix.workloads if its.debug} | {its.name: its for its in ran}
    sources = {kernel.source.name: kernel.source for kernel in kernels.values()}
    nightly = replace(matrix.nightly, sources=tuple(name for name in matrix.nightly.sources if name in sources))
    return replace(
        matrix,
        arches=tuple(arches.values()),
        config=_of_arches(matrix.config, arches),
        kernels=tuple(
            replace(its, config=_of_arches(its.config, arches) if its.config else None) for its in kernels.values()
        ),
        workloads=tuple(workloads.values()),
        sources=tuple(sources.values()),
        comparisons=tuple(pair for pair in plan.comparisons if {pair.base, pair.new} <= set(kernels)),
        nightly=nightly,
    )


def _of_arches(config: Config, arches: Collection[str]) -> Config:
    """As it is read again where a file has these alone."""
    return replace(config, lines={arch: lines for arch, lines in config.lines.items() if arch in arches})


def portable(matrix: Matrix, base: Path) -> Matrix:
    """The same, made of the copies below base: what load(base/matrix.yaml) gives once files() are there. Its
    emulators are those that are installed, wherever that is."""

    def kernel(its: Kernel) -> Kernel:
        return replace(its, patches=tuple(base / name for name in patches(its)))

    def workload(its: Workload) -> Workload:
        folder = base / _place(its)
        own = replace(_moved(its.own, folder), declared=folder / DECLARATION) if its.own else None
        return replace(its, folder=folder, own=own, toolbox=base / TOOLS)

    kernels, workloads = map(kernel, matrix.kernels), map(workload, matrix.workloads)
    arches = tuple(map(emulators.own, matrix.arches))
    return replace(matrix, arches=arches, qemu="", kernels=tuple(kernels), workloads=tuple(workloads))


def files(matrix: Matrix) -> dict[str, bytes]:
    """{path below some folder: content} of all that a portable matrix is made of, its matrix.yaml included."""
    base = Path("/")
    found = {MATRIX: dump(portable(matrix, base), base).encode()}
    for name, config in _configs(matrix).items():
        for arch, lines in config.lines.items():
            found[f"configs/{name}/{arch}.config"] = ("\n".join(lines) + "\n").encode()
    for kernel in matrix.kernels:
        found |= {name: patch.read_bytes() for name, patch in patches(kernel).items()}
    for workload in matrix.workloads:
        found |= {f"{_place(workload)}/{name}": text for name, text in workload_files(workload).items()}
        if workload.area:
            library = library_files(workload.toolbox)
            found |= {
                f"{TOOLS}/{name}": path.read_bytes()
                for name, path in library.items()
                if f"{TOOLS}/{name}" not in found
            }
    for folder in sorted({workload.toolbox / name for workload in matrix.workloads for name in (COMMON, ADAPTERS)}):
        for path in sorted(folder.iterdir()):
            content = path.read_bytes()
            if found.setdefault(f"{TOOLS}/{folder.name}/{path.name}", content) != content:
                hint = "workloads that are compiled with different ones need runs of their own"
                raise ConfigError(f"{path} differs from that of other workloads", hint=hint)
    return found


def _place(workload: Workload) -> Path:
    """guest-tools/WORKLOAD; of a library guest-tools/AREA/WORKLOAD"""
    return Path(TOOLS, workload.area, workload.name)


def patches(kernel: Kernel) -> dict[str, Path]:
    """{path below the folder: patch}. Numbered, unless their names are, as git format-patch has it."""
    numbered = all(re.match(r"\d+-", path.name) for path in kernel.patches)
    distinct = len({path.name for path in kernel.patches}) == len(kernel.patches)
    plain = numbered and distinct
    names = [path.name if plain else f"{i:02}-{path.name}" for i, path in enumerate(kernel.patches, 1)]
    return {f"patches/{kernel.name}/{name}": path for name, path in zip(names, kernel.patches, strict=True)}


def _configs(matrix: Matrix) -> dict[str, Config]:
    """{folder below configs/: config}: its name, and a number where another has that."""
    found: dict[str, Config] = {}
    for config in (matrix.config, *(kernel.config for kernel in matrix.kernels if kernel.config)):
        if config not in found.values():
            found[f"{config.name}-{len(found)}" if config.name in found else config.name] = config
    return found


def dump(matrix: Matrix, base: Path) -> str:
    """matrix.yaml of the folder base: paths below it are relative, workloads are named and in its guest-tools/."""
    configs = _configs(matrix)
    sources = {source.name: source for source in matrix.sources} | {k.source.name: k.source for k in matrix.kernels}
    table = {
        "arches": [arch.name for arch in matrix.arches],
        "workloads": [workload.name for workload in matrix.workloads],
        "sources": {name: kind_of(source).describe(source) for name, source in sources.items()},
        "kernels": {kernel.name: _kernel(kernel, base, configs) for kernel in matrix.kernels},
        "compare": [asdict(pair) for pair in matrix.comparisons],
        "cpu": {arch.name: dict(arch.cpu) for arch in matrix.arches},
        "measure": {**asdict(matrix.measure), "clock": matrix.measure.clock.value},
        "limits": asdict(matrix.limits),
        "config": _config(matrix.config, configs),
        "kconfig": list(matrix.kconfig),
        "cache_gib": matrix.cache_gib,
        "ccache_gib": matrix.ccache_gib,
        "claims": {claim.id: _claim(claim) for claim in matrix.claims},
        "nightly": _nightly(matrix.nightly),
    }
    yaml = YAML(typ="safe")
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # kernels and claims have an order
    out = StringIO()
    yaml.dump(table, out)
    return out.getvalue()


def _kernel(kernel: Kernel, base: Path, configs: Mapping[str, Config]) -> dict[str, Any]:
    names = [str(path.relative_to(base) if path.is_relative_to(base) else path) for path in kernel.patches]
    own = {"config": _config(kernel.config, configs)} if kernel.config else {}
    return {"source": kernel.source.name, "patches": names, **own, "kconfig": list(kernel.kconfig)}


def _config(config: Config, configs: Mapping[str, Config]) -> str:
    place = next(name for name, one in configs.items() if one == config)
    return f"configs/{place}/{{arch}}.config"


def _claim(claim: Claim) -> dict[str, Any]:
    return {
        "text": claim.text,
        "same_as": list(claim.same_as),
        "arches": list(claim.arches),
        "beyond": claim.beyond,
    }


def _nightly(nightly: Nightly) -> dict[str, Any]:
    keep = {"runs": nightly.runs, "days": nightly.days}
    return {"sources": list(nightly.sources), "budget": f"{nightly.budget!r}s", "keep": keep}


def _moved(own: UserProgram, folder: Path) -> UserProgram:
    """Its copies below folder."""
    top = _top(own)

    def places(paths: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(folder / path.relative_to(top) for path in paths)

    headers = header_folders(places(own.files)[0]) if own.headers else ()
    return replace(own, files=places(own.files), compiled=places(own.compiled), headers=headers)


def _top(own: UserProgram) -> Path:
    """The folder that all its files are below."""
    return Path(os.path.commonpath([path.parent for path in own.files]))


def workload_files(workload: Workload) -> dict[str, bytes]:
    """{path below the folder: content}. Of a user's file: all that it is made of, and a declaration that says so."""
    if workload.own is None:
        paths = sorted(path for path in workload.folder.rglob("*") if path.is_file())
        found = {str(path.relative_to(workload.folder)): path.read_bytes() for path in paths}
        if workload == load(workload.folder):
            return found
        return {**found, DECLARATION: _declaration(workload, "").encode()}
    top = _top(workload.own)
    found = {str(path.relative_to(top)): path.read_bytes() for path in workload.own.files}
    return {**found, DECLARATION: _declaration(workload, next(iter(found))).encode()}


def _declaration(workload: Workload, program: str) -> str:
    """A workload.toml. Without what is empty, which is what the default says."""
    table = {
        "title": workload.title,
        "unit": workload.unit,
        "program": program,
        "metrics": workload.metrics,
        "args": workload.args,
        "watched_args": workload.watched_args,
        "memory_mib": workload.memory_mib,
        "cpus": workload.cpus,
        "clock": workload.clock,
        "disk": asdict(workload.disk) if workload.disk else None,
        "boots": workload.boots,
        "warmup": workload.warmup,
        "passes": workload.passes,
        "nodes": workload.nodes if workload.nodes > 1 else None,
        "waits": workload.waits or None,
        "debug": workload.debug or None,
        "skip": _skip(workload.own),
        "claims": workload.claims,
        "note": workload.note.removesuffix(left_out(workload.own)).removesuffix("; "),
        "expect": [_expect(one) for one in workload.expectations if _table(one) == "expect"],
        "calls": _figures([one for one in workload.expectations if _table(one) == "calls"]),
        "costs": _figures([one for one in workload.expectations if _table(one) == "costs"]),
        "watched": _figures([one for one in workload.expectations if _table(one) == "watched"]),
    }
    return "".join(f"{key} = {_value(value)}\n" for key, value in _without_empty(table).items())


def _skip(own: UserProgram | None) -> int | None:
    """Only where a copy's name does not say it."""
    if own is None:
        return None
    named = any(path.name.startswith(KSELFTEST) for path in own.files)
    return None if named and own.skip == SKIPPED else own.skip


def _expect(one: Expectation) -> dict[str, Any]:
    return _without_empty(asdict(one)) | {"tolerance": one.tolerance}


def _table(one: Expectation) -> str:
    """Where a workload.toml has it."""
    prefix = next((its for its in (CALLS, WATCHED) if one.metric.startswith(its)), "")
    return prefix.removesuffix(".") or ("costs" if one.metric in COSTS else "expect")


def _figures(expectations: Sequence[Expectation]) -> dict[str, list[dict[str, Any]]]:
    """By function or class, in order: several of one are of different versions of Linux."""
    table: dict[str, list[dict[str, Any]]] = {}
    for one in expectations:
        table.setdefault(one.metric.removeprefix(CALLS).removeprefix(WATCHED), []).append(_by_kernel(one))
    return table


def _by_kernel(one: Expectation) -> dict[str, Any]:
    others = {"linux": one.linux, "claim": one.claim, "config": one.config, "arches": one.arches}
    return {**one.values, **_without_empty(others), "tolerance": one.tolerance}


def _without_empty(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value not in (None, "", (), [], {})}


def _value(value: Any) -> str:
    """TOML; its strings and numbers are JSON's."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_value(key)} = {_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
