# SPDX-License-Identifier: GPL-2.0-or-later
"""The store of results: exact boots by what their figures rest on. Whoever measures the same again takes them.

results/KEY/stored.json     the provenance, the boot's number and result, and the sha256 of each file beside it
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from pydantic import ValidationError

from orchestrator.errors import DiskFull
from orchestrator.measure import noted, provenance
from orchestrator.measure.boot import Task
from orchestrator.model import BootResult, Provenance
from orchestrator.runs.folder import boot_from, disk_error, provenance_from
from orchestrator.store import Store, digest, sha256, write_atomically

KIND = "results"
FORMAT = 1  # of what is kept: raise it when that changes
FILE = "stored.json"
_NOT_KEPT = ("result.json", "profile", "memory")  # of a boot's folder: the run's own, and what another pass left


def key(its: Provenance, number: int) -> str:
    """Of one boot of several alike."""
    return digest(KIND, FORMAT, provenance.key(its), number)


async def take(store: Store, task: Task) -> BootResult | None:
    """The boot's result, marked as stored, its files in the boot's folder; None if there is none that is whole, or
    nobody noted what ran in it and that is asked."""
    folder = await store.arrived(KIND, key(task.provenance, task.boot.number))
    found = _whole(folder, task)
    if found is None or (task.blocks and not noted.whole(folder)):
        return None
    copied: dict[str, str] = {}
    try:
        for path in _files(folder):
            name = str(path.relative_to(folder))
            place = task.folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            copied[name] = sha256(place)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and task.folder.is_dir():
            return None  # another kmatrix keeps it anew
        raise disk_error(error, task.folder) from error
    return replace(found[0], stored=True) if copied == found[1] else None


def keep(store: Store, task: Task, result: BootResult) -> None:
    """For whoever measures the same again. A full disk costs that, and no result."""
    try:
        with store.publish(KIND, key(task.provenance, task.boot.number)) as folder:
            for path in _files(task.folder):
                place = folder / path.relative_to(task.folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
            sums = {str(path.relative_to(folder)): sha256(path) for path in _files(folder)}
            kept = {"provenance": asdict(task.provenance), "result": asdict(result), "files": sums}
            text = json.dumps(kept)  # as it is: the order of metrics is that of the tables
            write_atomically(folder / FILE, json.dumps({"sha256": digest(text), "kept": text}))
    except (OSError, DiskFull):
        return


def _whole(folder: Path, task: Task) -> tuple[BootResult, dict[str, str]] | None:
    """If all is as it was kept, and of just what is asked for; with the sha256 of each file."""
    try:
        data = json.loads((folder / FILE).read_text())
        if digest(data["kept"]) != data["sha256"]:
            return None
        kept = json.loads(data["kept"])
        if provenance_from(kept["provenance"]) != task.provenance:
            return None
        if {str(path.relative_to(folder)): sha256(path) for path in _files(folder)} != kept["files"]:
            return None
        result = boot_from(kept["result"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None
    return (result, kept["files"]) if result.number == task.boot.number else None


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if path.relative_to(folder).parts[0] not in (FILE, *_NOT_KEPT))
