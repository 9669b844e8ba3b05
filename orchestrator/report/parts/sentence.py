# SPDX-License-Identifier: GPL-2.0-or-later
"""The result in one sentence: what broke, what got worse, what got better."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.analyse.contract import CellRow, ComparisonRow, MatrixReport
from orchestrator.analyse.identical import left_out
from orchestrator.analyse.needed import blameless
from orchestrator.analyse.suite import METRIC
from orchestrator.collectors import known as collectors
from orchestrator.model import COSTS, Status, Verdict
from orchestrator.report.parts import findings, reach
from orchestrator.report.parts.change import unbuilt
from orchestrator.report.parts.rows import change, undecided
from orchestrator.report.parts.words import listed

MOST = 4  # clauses of the first sentence
_MOVES = (Verdict.WORSE, Verdict.BETTER)
_BROKEN = {
    Status.BUILD_FAILED.value: "{kernel} does not build on {arches}",
    Status.KERNEL_BROKE.value: "{kernel} breaks on {arches} ({kind})",
    Status.WORKLOAD_FAILED.value: "{workload} fails with {kernel} on {arches}",
    Status.TIMED_OUT.value: "{workload} with {kernel} does not end in time on {arches}",
    Status.INFRA_FAILED.value: "the testbed itself, not {kernel}, failed on {arches}",
    Status.SKIPPED.value: "{kernel} was not measured on {arches}",
}


def headline(report: MatrixReport) -> str:
    """One sentence, the worst first."""
    nothing, compared = unbuilt(report), _compared(report["comparisons"])
    if nothing:  # what moved moved all the same
        compared = [*(compared if any(row["verdict"] in _MOVES for row in report["comparisons"]) else []), nothing]
    unblamed = blameless(report)
    broken = _broken([cell for cell in report["cells"] if cell["id"] not in unblamed])
    said = [*broken, *findings.clause(report), *compared, *_expected(report)]
    if len(said) > MOST:
        said = [*said[:MOST], "and more, below"]
    return ("; ".join(said) or "nothing was measured") + "."


def named(workload: str, metric: str) -> str:
    """A row's name as the 0-day robot has it: proc-vmstat.pgfault, shmem-write.time. calls.x is nobody's metric."""
    collector = collectors().get(metric)
    return (collector.robot if collector else "") or f"{workload}.{metric}"


def _broken(cells: Sequence[CellRow]) -> list[str]:
    """One clause per kernel and kind of failure; the kernel's own before those of its cells."""
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    for cell in cells:
        if cell["failure"] and not left_out(cell):
            whole = cell["status"] in (Status.BUILD_FAILED, Status.KERNEL_BROKE, Status.SKIPPED, Status.INFRA_FAILED)
            workload = "" if whole else cell["workload"]
            key = (cell["status"], cell["kernel"], workload, cell["failure"]["kind"].replace("_", " "))
            groups.setdefault(key, []).append(cell["arch"])
    return [
        _BROKEN[status].format(kernel=kernel, workload=workload, kind=kind, arches=listed(arches))
        for (status, kernel, workload, kind), arches in groups.items()
    ]


def _compared(rows: Sequence[ComparisonRow]) -> list[str]:
    if not rows:
        return []
    said = []
    for base, new in dict.fromkeys((row["base"], row["new"]) for row in rows):
        mine = [row for row in rows if (row["base"], row["new"]) == (base, new)]
        found = [(verdict, [row for row in mine if row["verdict"] == verdict]) for verdict in _MOVES]
        moves = [_moved(group, verdict) for verdict, group in found if group]
        said += [f"{new} against {base}: {_word(found).join(moves)}"] if moves else []
    if not any(row["verdict"] == Verdict.WORSE for row in rows):
        said.append(_rest(rows, bool(said)))
    return said


def _word(found: Sequence[tuple[Verdict, Sequence[ComparisonRow]]]) -> str:
    """Between what is worse and what is better: fewer instructions that cost more are two sides of one."""
    metrics = {verdict: {row["metric"] for row in rows} for verdict, rows in found}
    bought = metrics[Verdict.WORSE] <= set(COSTS) and METRIC in metrics[Verdict.BETTER]
    return ", although " if bought else " and "


def _rest(rows: Sequence[ComparisonRow], better: bool) -> str:
    """What is said where nothing is worse; moved is what is neither better nor worse by itself."""
    total, open_ = len(rows), sum(map(undecided, rows))
    if open_ == total:
        return f"none of {total} comparisons could be decided"
    missed = sum(row["verdict"] == Verdict.NOT_REACHED for row in rows)
    if missed == total:
        return reach.NOTHING
    moved = any(row["verdict"] == Verdict.UNCLEAR and not undecided(row) for row in rows)
    word = "nothing got worse" if better else "nothing got better or worse" if moved else "no difference shown"
    doubts = [f"{open_} of {total} are undecided"] if open_ else []
    doubts += [f"in {missed} of {total} nothing that changed ran"] if missed else []
    return f"{word}, but {' and '.join(doubts)}" if doubts else f"{word} ({total} comparisons)"


def _moved(rows: Sequence[ComparisonRow], verdict: Verdict) -> str:
    """shmem-write.time is worse on s390x (+0.13%), and 3 more rows; times before counters."""
    groups: dict[str, list[ComparisonRow]] = {}
    for row in sorted(rows, key=lambda row: collectors()[row["metric"]].exact):
        groups.setdefault(named(row["workload"], row["metric"]), []).append(row)
    name, lead = next(iter(groups.items()))
    where = listed(f"{row['arch']} ({change(row)})" for row in lead)
    more = len(rows) - len(lead)
    also = f", and so {'is' if more == 1 else 'are'} {more} more row{'s' * (more > 1)}" if more else ""
    return f"{name} is {verdict.value} on {where}{also}"


def _expected(report: MatrixReport) -> list[str]:
    rows = report["expectations"]
    lost = sum(row["verdict"] == Verdict.NOT_AS_EXPECTED for row in rows)
    return [f"{lost} of {len(rows)} expectations do not hold"] if lost else []
