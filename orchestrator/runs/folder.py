# SPDX-License-Identifier: GPL-2.0-or-later
"""Run folders: what was planned, what happened, what was measured. Written once, atomically.

run/plan.json host.json sources.json run.json matrix.yaml
    inputs/   copies of what went in: see copies.py
    builds/ARCH/KERNEL/   build.log config info.json, against-BASE.json: see against.py,
                          static-BASE.json: see static_file.py
    cells/ARCH/KERNEL/WORKLOAD/   result.json  boot-N/ (result.json console.log qemu.txt work.out;
                                  of the first seen.gz and executed.gz, too: what of the kernel ran)
                                  profile.json, or no-profile.json: why there is none   of a run with a profile
    matrix.json matrix.md  reach.json needed.json taken.json author.json  diffs/BASE..NEW.diff
    profile.json   of a run with a profile
"""

from __future__ import annotations

import errno
import fcntl
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from orchestrator.errors import ConfigError, DiskFull
from orchestrator.model import BootResult, CellResult, Failure, PassSample, Provenance, Status
from orchestrator.store import write_atomically

LOCK = ".lock"


class RunFolder:
    """One run's files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held = False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No second kmatrix works on this run at the same time. Who has it already may ask again."""
        if self._held:
            yield
            return
        lock = self._made(self.path) / LOCK
        with lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not (lock.exists() and lock.samefile(f"/proc/self/fd/{file.fileno()}")):
                    raise BlockingIOError  # its folder went while we asked: whoever had it took it away
            except BlockingIOError as error:
                raise ConfigError(f"another kmatrix works on {self.path}", hint="wait for its end") from error
            self._held = True
            try:
                yield
            finally:
                self._held = False

    def must_be_new(self, kind: str = "") -> None:
        """ConfigError where a run was begun; but one of this kind is gone on with if it did not come to kind.json."""
        if (self.path / "plan.json").exists():
            named = self.read_json("run.json")
            its = named.get("kind") if isinstance(named, dict) else None
            if kind and its == kind and not (self.path / f"{kind}.json").exists():
                return
            hint = "kmatrix run --resume finishes it; --out names another"
            raise ConfigError(f"{self.path} holds a run already", hint=hint)

    def boot(self, cell_id: str, number: int) -> Path:
        """Where a boot's files go; made if missing."""
        return self._made(self.path / "cells" / cell_id / f"boot-{number}")

    def build(self, build_id: str) -> Path:
        """Where a build's log and config go; made if missing."""
        return self._made(self.path / "builds" / build_id)

    def _made(self, folder: Path) -> Path:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_error(error, folder) from error
        return folder

    def write_json(self, name: str, value: object) -> None:
        """name is relative to the run folder."""
        self.write_text(name, json.dumps(value, indent=1, default=str) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Atomic; DiskFull when there is no room."""
        self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, content: bytes) -> None:
        """name is relative to the run folder. Atomic; DiskFull when there is no room."""
        try:
            write_atomically(self.path / name, content)
        except OSError as error:
            raise disk_error(error, self.path / name) from error

    def read_json(self, name: str) -> Any:
        """None when the file is not there. ConfigError when it is not whole: each is written at once, or not."""
        path = self.path / name
        try:
            text = path.read_text()
        except FileNotFoundError:
            return None
        with whole(path):
            return json.loads(text)

    def save_boot(self, cell_id: str, result: BootResult) -> None:
        """Keep a boot as soon as it is measured."""
        self.write_json(f"cells/{cell_id}/boot-{result.number}/result.json", asdict(result))

    def load_boot(self, cell_id: str, number: int) -> BootResult | None:
        """A finished boot of an earlier start of this run."""
        name = f"cells/{cell_id}/boot-{number}/result.json"
        data = self.read_json(name)
        with whole(self.path / name):
            return boot_from(data) if data else None

    def save_cell(self, result: CellResult) -> None:
        """Keep a cell."""
        self.write_json(f"cells/{result.id}/result.json", asdict(result))

    def load_cells(self) -> list[CellResult]:
        """All cells that ended, in file order."""
        return [_cell_of(path) for path in sorted(self.path.glob("cells/*/*/*/result.json"))]

    def load_cell(self, cell_id: str) -> CellResult | None:
        """One cell, if it ended."""
        name = f"cells/{cell_id}/result.json"
        data = self.read_json(name)
        with whole(self.path / name):
            return cell_from(data) if data else None


def open_run(path: Path) -> RunFolder:
    """An existing run; ConfigError if there is none."""
    if not (path / "plan.json").exists():
        raise ConfigError(f"{path} is not a run folder (no plan.json)", hint="kmatrix run writes one")
    return RunFolder(path)


@contextmanager
def new_run(out: Path | None, kind: str = "", goes_on: bool = False) -> Iterator[RunFolder]:
    """Of a run that is to begin: out, or a folder of its own, which goes again if nothing was begun in it. kind: the
    verb, which the folder's name begins with; goes_on: out may be one of the same that was cut off.

    It is held: nobody else writes to it, and nothing was written before.
    """
    there = out is not None and out.exists()
    folder = RunFolder(out or claimed(Path("runs"), f"{kind}-" if kind else ""))
    with folder.alone():
        try:
            folder.must_be_new(kind if goes_on else "")
            yield folder
        finally:
            if not there and not (folder.path / "plan.json").exists():
                shutil.rmtree(folder.path, ignore_errors=True)


def claimed(place: Path, kind: str = "") -> Path:
    """A new folder in place that nobody else has, named by the time: in UTC, because clocks are put back; and as more
    than one may begin in a second, -2, -3 ..."""
    path = place / time.strftime(f"{kind}%Y-%m-%d-%H%M%S", time.gmtime())
    place, number = path, 1
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                place.mkdir()
                return place
            except FileExistsError:
                number += 1
                place = path.with_name(f"{path.name}-{number}")
    except OSError as error:
        raise disk_error(error, path) from error


def disk_error(error: OSError, path: Path) -> Exception:
    """DiskFull for a full disk or quota, else the error itself."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"no space left on the disk of {path}", hint="make room (kmatrix clean), then run --resume")
    return error


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """What is read in here is as kmatrix wrote it; ConfigError where it is not."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        rows = str(error).splitlines() or [""]
        what = f"{type(error).__name__}: {rows[0]}"[:200]
        hint = "it is not what kmatrix wrote there: restore it, or start a new run"
        raise ConfigError(f"{path} is damaged: {what}", hint=hint, log="\n".join(rows[1:20])) from error


def _cell_of(path: Path) -> CellResult:
    with whole(path):
        return cell_from(json.loads(path.read_text()))


def boot_from(data: Mapping[str, Any]) -> BootResult:
    """Of boot-N/result.json, where tuples are lists. TypeError for keys that are not ours."""
    passes = tuple(PassSample(**sample) for sample in data["passes"])
    lists = {name: tuple(data.get(name, ())) for name in ("command", "notes", "said", "unseen")}
    return BootResult(**{**data, **lists, "passes": passes})


@cache
def _provenances() -> TypeAdapter[Provenance]:
    return TypeAdapter(Provenance)  # some milliseconds: as long as it takes to read a cell's file ten times


def provenance_from(data: object) -> Provenance:
    """ValidationError where it is none."""
    return _provenances().validate_python(data)


def cell_from(data: Mapping[str, Any]) -> CellResult:
    """Of a cell's result.json; its boots are in it. TypeError for keys that are not ours."""
    rests_on = data.get("provenance")
    made = {
        "status": Status(data["status"]),
        "failure": Failure(**data["failure"]) if data["failure"] else None,
        "boots": tuple(boot_from(boot) for boot in data["boots"]),
        "provenance": provenance_from(rests_on) if rests_on else None,
    }
    return CellResult(**{**data, **made})
