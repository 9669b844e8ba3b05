# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run was made of, as files: enough to do it again elsewhere, and to see what differs there.

inputs/matrix.yaml patches/ guest-tools/     see config/dump.py
    kconfig/ARCH/KERNEL                      the wanted lines of a build
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from orchestrator.analyse.contract import InputFile
from orchestrator.config import dump
from orchestrator.errors import ConfigError
from orchestrator.model import Build, Matrix, Plan
from orchestrator.runs.folder import RunFolder
from orchestrator.store import write_atomically

FOLDER = "inputs"
MATRIX = dump.MATRIX


def place(folder: RunFolder) -> Path:
    """The matrix.yaml of a run's copies."""
    return (folder.path / FOLDER / MATRIX).resolve()


def save(folder: RunFolder, matrix: Matrix, plan: Plan) -> Matrix:
    """Write inputs/ of a run; what of the matrix the plan uses, made of these copies."""
    for name, content in collect(matrix, plan).items():
        folder.write_bytes(f"{FOLDER}/{name}", content)
    return dump.portable(dump.used(matrix, plan), place(folder).parent)


def collect(matrix: Matrix, plan: Plan) -> dict[str, bytes]:
    """{path below inputs/: content}."""
    files = dump.files(dump.used(matrix, plan))
    return files | {kconfig(build): kconfig_text(build).encode() for build in plan.builds}


def kconfig(build: Build) -> str:
    """The name of a build's wanted lines."""
    return f"kconfig/{build.id}"


def kconfig_text(build: Build) -> str:
    """The wanted lines, in order."""
    return "\n".join(build.kconfig) + "\n"


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
