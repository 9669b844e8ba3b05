# SPDX-License-Identifier: GPL-2.0-or-later
"""A comparison over all its cells, by time. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from orchestrator.analyse.contract import ComparisonRow, SuiteRow
from orchestrator.model import Verdict

METRIC = "time"


def timed(comparisons: Iterable[ComparisonRow]) -> list[ComparisonRow]:
    """Those that a suite counts."""
    return [row for row in comparisons if row["metric"] == METRIC]


def suite(comparisons: Iterable[ComparisonRow]) -> list[SuiteRow]:
    """Of each pair of kernels that has more than one arch x workload."""
    groups: dict[tuple[str, str], list[ComparisonRow]] = {}
    for row in timed(comparisons):
        groups.setdefault((row["base"], row["new"]), []).append(row)
    return [_row(base, new, its) for (base, new), its in groups.items() if len(its) > 1]


def _row(base: str, new: str, its: list[ComparisonRow]) -> SuiteRow:
    counts = Counter(row["verdict"] for row in its)
    ratios = log_ratios(its)
    return SuiteRow(
        base=base,
        new=new,
        better=counts[Verdict.BETTER],
        worse=counts[Verdict.WORSE],
        same=counts[Verdict.SAME],
        unclear=counts[Verdict.UNCLEAR],
        not_reached=counts[Verdict.NOT_REACHED],
        mean_log_ratio=sum(ratios) / len(ratios) if ratios else 0.0,
    )


def log_ratios(its: Iterable[ComparisonRow]) -> list[float]:
    """ln(new / base) of each that has both."""
    pairs = ((row["per_unit_base"], row["per_unit_new"]) for row in its)
    return [math.log(new / base) for base, new in pairs if base > 0 and new > 0]
