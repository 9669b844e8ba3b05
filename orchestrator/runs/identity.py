# SPDX-License-Identifier: GPL-2.0-or-later
"""Which run is which: a run folder has a name of its own from its first start on, wherever it is copied."""

from __future__ import annotations

import json
import time
import uuid

from orchestrator.analyse.contract import RunRow
from orchestrator.runs import record
from orchestrator.runs.folder import RunFolder
from orchestrator.store import digest


def begin(folder: RunFolder, kind: str, nights: str = "") -> None:
    """Give the run its name at its first start; a later start keeps it. nights: see RunRow."""
    if folder.read_json(record.RUN) is None:
        row = RunRow(id=uuid.uuid4().hex[:16], started=round(time.time(), 3), kind=kind)
        folder.write_json(record.RUN, RunRow(**row, nights=nights) if nights else row)


def of_older(folder: RunFolder) -> RunRow:
    """Of a run of before runs had names: its plan and the seconds that its boots took are its own."""
    plan = folder.path / "plan.json"
    took = [[boot.seconds for boot in cell.boots] for cell in folder.load_cells()]
    name = digest("folder", json.loads(plan.read_text()), [[dict(row) for row in rows] for rows in took])
    return RunRow(id=name, started=plan.stat().st_mtime, kind="run")
