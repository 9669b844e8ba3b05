# SPDX-License-Identifier: GPL-2.0-or-later
"""What hardware pays for among a comparison's rows: what moved anywhere has rows, the rest shares a line. Pure."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.analyse.contract import ComparisonRow, MatrixReport
from orchestrator.collectors import cost_title
from orchestrator.model import COSTS, Verdict
from orchestrator.report.parts.words import listed

MEMORY_NOTE = (
    "Lines touched: of 64 bytes of memory, in a turn of the workload's own loop; touched first: in the pass. LRU "
    "misses: of a cache of so many lines that no hardware has, of which the least recently used one goes; they do "
    "not depend on which pages the kernel gave."
)
STILL = (Verdict.SAME, Verdict.NOT_REACHED)


def quiet(report: MatrixReport) -> Callable[[ComparisonRow], bool]:
    """Is a row's metric a cost that did not move, and of which nobody expected anything?"""
    expected = {(one["workload"], one["metric"]) for one in report["expectations"]}

    def is_quiet(row: ComparisonRow) -> bool:
        known = (row["workload"], row["metric"]) in expected
        return row["metric"] in COSTS and row["verdict"] in STILL and not known

    return is_quiet


def unmoved(report: MatrixReport, base: str, new: str, workload: str) -> str:
    """costs that did not move: exceptions and serialising; of those that there are any of, on no architecture."""
    mine = [
        row
        for row in report["comparisons"]
        if row["metric"] in COSTS and (row["base"], row["new"], row["workload"]) == (base, new, workload)
    ]
    is_quiet = quiet(report)
    moved = {row["metric"] for row in mine if not is_quiet(row)}
    there = {row["metric"] for row in mine if row["base_value"] or row["new_value"]}
    names = [cost_title(name) for name in COSTS if name in there - moved]
    return f"costs that did not move: {listed(names)}" if names else ""
