# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the changes ran, as a run folder keeps it."""

from __future__ import annotations

from orchestrator.analyse.reach import ReachFacts
from orchestrator.runs.folder import RunFolder

FILE = "reach.json"


def save(folder: RunFolder, facts: ReachFacts) -> None:
    """For reports."""
    folder.write_json(FILE, facts)


def load(folder: RunFolder) -> ReachFacts | None:
    """None where nobody looked."""
    found: ReachFacts | None = folder.read_json(FILE)
    return found
