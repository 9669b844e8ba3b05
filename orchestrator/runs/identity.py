# SPDX-License-Identifier: GPL-2.0-or-later
"""Which run is which: a run folder has a name of its own from its first start on, wherever it is copied."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from orchestrator.analyse.contract import MatrixReport, RunRow
from orchestrator.errors import ConfigError
from orchestrator.runs import record
from orchestrator.runs.folder import RunFolder, open_run
from orchestrator.store import digest, sha256


@dataclass(frozen=True)
class Identified:
    """A run and its matrix; place is where it was read from."""

    run: RunRow
    report: MatrixReport
    place: Path


def begin(folder: RunFolder, kind: str, nights: str = "") -> None:
    """Give the run its name at its first start; a later start keeps it. nights: see RunRow."""
    if folder.read_json(record.RUN) is None:
        row = RunRow(id=uuid.uuid4().hex[:16], started=round(time.time(), 3), kind=kind)
        folder.write_json(record.RUN, RunRow(**row, nights=nights) if nights else row)


def opened(path: Path) -> Identified:
    """A run folder or a matrix.json. ConfigError says what is no such thing."""
    if path.is_dir():
        folder = open_run(path)
        report = record.report(folder)
        return Identified(report.get("run") or _older(folder), report, path.resolve())
    report = read_matrix_json(path)
    found = report.get("run") or RunRow(id=digest("file", sha256(path)), started=path.stat().st_mtime, kind="run")
    return Identified(found, report, path.resolve())


def read_matrix_json(path: Path) -> MatrixReport:
    """Somebody's matrix.json. ConfigError says what is none in it."""
    try:
        return TypeAdapter(MatrixReport).validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="name a run folder or a matrix.json") from error
    except ValidationError as error:
        rows = [f"{path}: {'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors()]
        raise ConfigError("\n".join(rows[:20]), hint="this is no matrix.json of kmatrix run") from error


def _older(folder: RunFolder) -> RunRow:
    """A run of before runs had names: its plan and the seconds that its boots took are its own."""
    plan = folder.path / "plan.json"
    took = [[boot.seconds for boot in cell.boots] for cell in folder.load_cells()]
    name = digest("folder", json.loads(plan.read_text()), [[dict(row) for row in rows] for rows in took])
    return RunRow(id=name, started=plan.stat().st_mtime, kind="run")
