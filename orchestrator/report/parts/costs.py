# SPDX-License-Identifier: GPL-2.0-or-later
"""What hardware pays for among a comparison's rows: what moved anywhere has rows, the rest shares a line. Pure."""

from __future__ import annotations

from orchestrator.analyse.contract import ComparisonRow, MatrixReport
from orchestrator.collectors import cost_title
from orchestrator.model import COSTS, Verdict
from orchestrator.report.parts.words import listed

STILL = (Verdict.SAME, Verdict.NOT_REACHED)


def quiet(row: ComparisonRow, report: MatrixReport) -> bool:
    """A cost that did not move, and of which nobody expected anything."""
    if row["metric"] not in COSTS or row["verdict"] not in STILL:
        return False
    return not any((e["workload"], e["metric"]) == (row["workload"], row["metric"]) for e in report["expectations"])


def unmoved(report: MatrixReport, base: str, new: str, workload: str) -> str:
    """costs that did not move: exceptions and serialising; of those that there are any of, on no architecture."""
    mine = [
        row
        for row in report["comparisons"]
        if row["metric"] in COSTS and (row["base"], row["new"], row["workload"]) == (base, new, workload)
    ]
    moved = {row["metric"] for row in mine if not quiet(row, report)}
    there = {row["metric"] for row in mine if row["base_value"] or row["new_value"]}
    names = [cost_title(name) for name in COSTS if name in there - moved]
    return f"costs that did not move: {listed(names)}" if names else ""
