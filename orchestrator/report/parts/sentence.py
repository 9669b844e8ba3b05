# SPDX-License-Identifier: GPL-2.0-or-later
"""The result in one sentence: what broke, what got worse, what got better."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from orchestrator.analyse.contract import CellRow, ComparisonRow, MatrixReport
from orchestrator.analyse.identical import left_out
from orchestrator.analyse.needed import blameless
from orchestrator.analyse.static import warnings
from orchestrator.analyse.suite import METRIC
from orchestrator.collectors import known as collectors
from orchestrator.model import COSTS, Status, Verdict
from orchestrator.registry import counted, few
from orchestrator.report.parts import findings, reach
from orchestrator.report.parts.change import unbuilt
from orchestrator.report.parts.rows import change, undecided
from orchestrator.report.parts.words import listed

MOST = 4  # clauses of the first sentence
_MOVES = (Verdict.WORSE, Verdict.BETTER)
_NO_ANSWER = (Status.SKIPPED, Status.INFRA_FAILED)
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
    said = [*broken, *findings.clause(report), *_warned(report), *compared, *_expected(report)]
    if len(said) > MOST:
        said = [*said[:MOST], "and more, below"]
    return ("; ".join(said) or "nothing was measured") + "."


def named(workload: str, metric: str) -> str:
    """A row's name as the 0-day robot has it: proc-vmstat.pgfault, shmem-write.time. calls.x is nobody's metric."""
    collector = collectors().get(metric)
    return (collector.robot if collector else "") or f"{workload}.{metric}"


def _broken(cells: Sequence[CellRow]) -> list[str]:
    """One clause per kernel and kind of failure; the kernel's own before those of its cells."""
    groups: dict[tuple[str, str, str, str, bool], list[CellRow]] = {}
    ran = {(cell["arch"], cell["kernel"]) for cell in cells if cell["status"] == Status.PASSED}
    for cell in cells:
        if cell["failure"] and not left_out(cell):
            whole = cell["status"] in (Status.BUILD_FAILED, Status.KERNEL_BROKE, *_NO_ANSWER)
            part = cell["status"] in _NO_ANSWER and (cell["arch"], cell["kernel"]) in ran
            workload = "" if whole else cell["workload"]
            key = (cell["status"], cell["kernel"], workload, cell["failure"]["kind"].replace("_", " "), part)
            groups.setdefault(key, []).append(cell)
    return [
        _BROKEN[status].format(
            kernel=f"{kernel} with {_workloads(mine)}" if part else kernel,
            workload=workload,
            kind=kind,
            arches=listed(dict.fromkeys(cell["arch"] for cell in mine)),
        )
        for (status, kernel, workload, kind, part), mine in groups.items()
    ]


def _warned(report: MatrixReport) -> list[str]:
    """The compiler warns anew of patched (mm/mincore.c:210)"""
    places: dict[str, dict[str, None]] = {}
    for row in warnings(report):
        places.setdefault(row["new"], {})[row["function"]] = None
    return [f"the compiler warns anew of {new} ({', '.join(few([*its], 2))})" for new, its in places.items()]


def _workloads(cells: Sequence[CellRow]) -> str:
    names = list(dict.fromkeys(cell["workload"] for cell in cells))
    return names[0] if len(names) == 1 else counted(len(names), "workload")


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
    """shmem-write.time is worse on s390x (+0.13%), and 3 more rows; times before counters, the largest first."""
    groups: dict[str, list[ComparisonRow]] = {}
    for row in rows:
        groups.setdefault(named(row["workload"], row["metric"]), []).append(row)
    name, lead = min(groups.items(), key=lambda entry: _rank(entry[1]))
    where = listed(f"{row['arch']} ({change(row)})" for row in lead)
    more = len(rows) - len(lead)
    also = f", and so {'is' if more == 1 else 'are'} {more} more row{'s' * (more > 1)}" if more else ""
    return f"{name} is {verdict.value} on {where}{also}"


def _rank(rows: Sequence[ComparisonRow]) -> tuple[bool, float]:
    """The lowest is told. What there was nothing of before is more than any share."""
    shares = (inf if row["change"] is None else abs(row["change"]) for row in rows)
    return collectors()[rows[0]["metric"]].exact, -max(shares)


def _expected(report: MatrixReport) -> list[str]:
    rows = report["expectations"]
    lost = sum(row["verdict"] == Verdict.NOT_AS_EXPECTED for row in rows)
    return [f"{lost} of {len(rows)} expectations do not hold"] if lost else []
