# SPDX-License-Identifier: GPL-2.0-or-later
"""A comparison over many workloads in a few lines, and which tables are folded then. Pure."""

from __future__ import annotations

from orchestrator.analyse.contract import ComparisonRow, MatrixReport
from orchestrator.analyse.suite import METRIC, log_ratios, timed
from orchestrator.report.parts import costs
from orchestrator.report.parts.words import listed

FEW = 3  # workloads whose tables are all shown
EXTREMES = 5  # told of the worst and of the best


def lines(report: MatrixReport) -> list[str]:
    """unpatched to patched, time of 24 arch x workload: 1 worse, 23 same; the mean of ratios, the extremes, and what
    did not move. None for a few workloads, which speak for themselves."""
    found = []
    for row in report.get("suite", ()):
        base, new = row["base"], row["new"]
        if len(_workloads(report, base, new)) <= FEW:
            continue
        its = [one for one in timed(report["comparisons"]) if (one["base"], one["new"]) == (base, new)]
        counts = {name: row[name] for name in ("worse", "better", "same", "unclear", "not_reached")}
        told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
        found.append(f"{base} to {new}, time of {len(its)} arch x workload: {told}")
        if ratios := log_ratios(its):
            spread = f"from {min(ratios):+.2%} to {max(ratios):+.2%}"
            found.append(f"mean of log ratios {row['mean_log_ratio']:+.2%}, {spread}")
        found += _extremes(its)
        if still := folded(report, base, new):
            found.append(f"moved nowhere: {listed(still)}")
    return found


def _workloads(report: MatrixReport, base: str, new: str) -> list[str]:
    its = (row["workload"] for row in report["comparisons"] if (row["base"], row["new"]) == (base, new))
    return list(dict.fromkeys(its))


def _extremes(its: list[ComparisonRow]) -> list[str]:
    """The worst and the best of those that moved."""
    moved = [row for row in its if row["verdict"] not in costs.STILL and row["change"]]
    moved.sort(key=lambda row: -(row["change"] or 0))
    worst = [row for row in moved if (row["change"] or 0) > 0][:EXTREMES]
    best = [row for row in reversed(moved) if (row["change"] or 0) < 0][:EXTREMES]
    told = (("most up", worst), ("most down", best))
    return [f"{word}: {listed(map(_named, rows))}" for word, rows in told if rows]


def _named(row: ComparisonRow) -> str:
    return f"{row['workload']} on {row['arch']} {row['change'] or 0:+.2%}"


Shown = set[tuple[str, str, str, str]]  # base, new, workload, metric


def shown(report: MatrixReport) -> Shown:
    """Whose rows are told: of many workloads those that moved anywhere, of them the time and what moved."""
    counts: dict[tuple[str, str], set[str]] = {}
    for row in report["comparisons"]:
        counts.setdefault((row["base"], row["new"]), set()).add(row["workload"])
    judged, is_quiet = {e["workload"] for e in report["expectations"]}, costs.quiet(report)
    moved: dict[tuple[str, str, str], set[str]] = {}
    for row in report["comparisons"]:
        few = len(counts[row["base"], row["new"]]) <= FEW
        told = (few or row["workload"] in judged) and not is_quiet(row)
        if told or row["verdict"] not in costs.STILL:
            moved.setdefault((row["base"], row["new"], row["workload"]), set()).add(row["metric"])
    return {
        (row["base"], row["new"], row["workload"], row["metric"])
        for row in report["comparisons"]
        if (its := moved.get((row["base"], row["new"], row["workload"]))) and row["metric"] in its | {METRIC}
    }


def folded(report: MatrixReport, base: str, new: str) -> list[str]:
    """Workloads of which nothing moved anywhere, where there are many: their tables say nothing more than that."""
    told = {workload for one, other, workload, _ in shown(report) if (one, other) == (base, new)}
    return [name for name in _workloads(report, base, new) if name not in told]
