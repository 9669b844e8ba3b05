# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run was made of, as files: enough to do it again elsewhere, and to see what differs there.

inputs/matrix.yaml              names nothing outside this folder but the kernels' sources
    kconfig/ARCH/KERNEL         the wanted lines of a build
    patches/KERNEL/01-NAME      in order; 0001-NAME as it is
    guest-tools/WORKLOAD/...    and common/, which all are compiled with
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from orchestrator.analyse.contract import InputFile
from orchestrator.config import dump
from orchestrator.config.sources import kind_of
from orchestrator.errors import ConfigError
from orchestrator.model import Claim, Kernel, Matrix, Plan
from orchestrator.paths import ADAPTERS, COMMON
from orchestrator.runs.folder import RunFolder
from orchestrator.store import write_atomically

FOLDER = "inputs"
MATRIX = "matrix.yaml"


def save(folder: RunFolder, matrix: Matrix, plan: Plan) -> None:
    """Write inputs/ of a run."""
    for name, content in collect(matrix, plan).items():
        folder.write_bytes(f"{FOLDER}/{name}", content)


def collect(matrix: Matrix, plan: Plan) -> dict[str, bytes]:
    """{path below inputs/: content}."""
    kernels = {cell.kernel.name: cell.kernel for cell in plan.cells}.values()
    workloads = {cell.workload.name: cell.workload for cell in plan.cells}.values()
    files = {MATRIX: _matrix(matrix, plan).encode()}
    for build in plan.builds:
        files[f"kconfig/{build.id}"] = ("\n".join(build.kconfig) + "\n").encode()
    for kernel in kernels:
        for name, patch in _patches(kernel).items():
            files[name] = patch.read_bytes()
    for workload in workloads:
        files |= {f"guest-tools/{workload.name}/{name}": text for name, text in dump.workload_files(workload).items()}
    for folder in sorted({workload.toolbox / name for workload in workloads for name in (COMMON, ADAPTERS)}):
        files |= {f"guest-tools/{folder.name}/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}
    return files


def load(folder: RunFolder) -> dict[str, InputFile]:
    """inputs/ as matrix.json holds it; {} for a run of before there was one."""
    top = folder.path / FOLDER
    return {str(path.relative_to(top)): _shown(path) for path in sorted(top.rglob("*")) if path.is_file()}


def restore(files: Mapping[str, InputFile], to: Path) -> Path:
    """Write what matrix.json holds into a folder; its matrix.yaml. ConfigError names what it does not hold."""
    if not files:
        raise ConfigError("the run has no copies of its inputs: an older kmatrix made it")
    lacking = [name for name, file in files.items() if file["text"] is None]
    if lacking:
        hint = "they are in the run folder: verify that instead of its matrix.json"
        raise ConfigError(f"matrix.json holds no text of {', '.join(lacking)}", hint=hint)
    for name, file in files.items():
        path = (to / name).resolve()
        if not path.is_relative_to(to.resolve()):
            raise ConfigError(f"matrix.json: {name} is a path outside of the run")
        write_atomically(path, file["text"] or "")
    return to / MATRIX


def _shown(path: Path) -> InputFile:
    content = path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = None
    return InputFile(sha256=hashlib.sha256(content).hexdigest(), text=text)


def _patches(kernel: Kernel) -> dict[str, Path]:
    """Numbered, unless their names are, as git format-patch has it."""
    numbered = all(re.match(r"\d+-", path.name) for path in kernel.patches)
    names = [path.name if numbered else f"{i:02}-{path.name}" for i, path in enumerate(kernel.patches, 1)]
    return {f"patches/{kernel.name}/{name}": path for name, path in zip(names, kernel.patches, strict=True)}


def _matrix(matrix: Matrix, plan: Plan) -> str:
    """A matrix.yaml beside these files; its paths are relative to it."""
    kernels = {cell.kernel.name: cell.kernel for cell in plan.cells}
    sources = {kernel.source.name: kernel.source for kernel in kernels.values()}
    pairs = [asdict(pair) for pair in plan.comparisons if {pair.base, pair.new} <= set(kernels)]
    measure = {**asdict(plan.measure), "clock": plan.measure.clock.value}
    table = {
        "arches": list(dict.fromkeys(cell.arch.name for cell in plan.cells)),
        "workloads": list(dict.fromkeys(cell.workload.name for cell in plan.cells)),
        "sources": {name: kind_of(source).describe(source) for name, source in sources.items()},
        "kernels": {name: _kernel(kernel) for name, kernel in kernels.items()},
        "compare": pairs,
        "measure": measure,
        "limits": asdict(plan.limits),
        "kconfig": list(matrix.kconfig),
        "cache_gib": matrix.cache_gib,
        "ccache_gib": matrix.ccache_gib,
        "judge": list(dict.fromkeys(c.workload.name for c in plan.cells if c.workload.expectations)),
        "claims": {claim.id: _claim(claim) for claim in plan.claims},
    }
    out = StringIO()
    YAML(typ="safe").dump(table, out)
    return out.getvalue()


def _kernel(kernel: Kernel) -> dict[str, Any]:
    return {"source": kernel.source.name, "patches": list(_patches(kernel)), "kconfig": list(kernel.kconfig)}


def _claim(claim: Claim) -> dict[str, Any]:
    return {
        "text": claim.text,
        "same_as": list(claim.same_as),
        "arches": list(claim.arches),
        "beyond": claim.beyond,
    }
