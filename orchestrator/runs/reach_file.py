# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the changes ran, as a run folder keeps it."""

from __future__ import annotations

from orchestrator.analyse.contract import PairRow
from orchestrator.analyse.reach import NOT_LOOKED_AT, SCHEMA, ReachFacts
from orchestrator.runs.folder import RunFolder

FILE = "reach.json"


def save(folder: RunFolder, facts: ReachFacts) -> None:
    """For reports."""
    folder.write_json(FILE, facts)


def add(folder: RunFolder, facts: ReachFacts) -> None:
    """Beside what is there of other pairs of kernels; what is there of these is replaced."""
    before = load(folder) or NOT_LOOKED_AT
    rows = [*facts["lines"], *facts["differing"], *facts["unknown"]]
    pairs = {(row["arch"], row["base"], row["new"]) for row in rows}

    def other(row: PairRow) -> bool:
        return (row["arch"], row["base"], row["new"]) not in pairs

    save(
        folder,
        ReachFacts(
            schema=SCHEMA,
            lines=[*filter(other, before["lines"]), *facts["lines"]],
            differing=[*filter(other, before["differing"]), *facts["differing"]],
            unknown=[*filter(other, before["unknown"]), *facts["unknown"]],
        ),
    )


def load(folder: RunFolder) -> ReachFacts | None:
    """None where nobody looked."""
    found: ReachFacts | None = folder.read_json(FILE)
    return found
