# SPDX-License-Identifier: GPL-2.0-or-later
"""What a check took for its patch, as a run folder keeps it."""

from __future__ import annotations

from orchestrator.analyse.contract import TakenRow
from orchestrator.runs.folder import RunFolder

FILE = "taken.json"


def save(folder: RunFolder, taken: TakenRow) -> None:
    """For reports."""
    folder.write_json(FILE, taken)


def load(folder: RunFolder) -> TakenRow | None:
    """None for a run that is no check, and for one of before this was kept."""
    found: TakenRow | None = folder.read_json(FILE)
    return found
