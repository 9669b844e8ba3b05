# SPDX-License-Identifier: GPL-2.0-or-later
"""What it means for a comparison that a change ran in its workload, or did not. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from typing_extensions import TypedDict

from orchestrator.analyse.contract import (
    ChangedRow,
    ComparisonRow,
    MatrixReport,
    PairRow,
    ReachRow,
    ReachSummaryRow,
    ReachUnknownRow,
)
from orchestrator.analyse.suite import METRIC
from orchestrator.model import COSTS, Reach, Reason, Verdict

SCHEMA = 1
NOT_REACHED = "nothing that changed ran in it"
LAYOUT = "no changed line ran: layout or inlining"
SLIGHTLY = 5e-4  # relative: by so much a time moves with where code and data lie, which any change moves


class DifferenceRow(PairRow):
    """Did an instruction that differs between the kernels run in a workload? Only asked where no changed line did."""

    workload: str
    ran: bool | None


class ReachFacts(TypedDict):
    """The run folder's reach.json. lines: of every arch and pair of kernels; differing: where no changed line ran."""

    schema: int
    lines: list[ReachRow]
    differing: list[DifferenceRow]
    unknown: list[ReachUnknownRow]


NOT_LOOKED_AT = ReachFacts(schema=SCHEMA, lines=[], differing=[], unknown=[])


def judged(row: ComparisonRow, facts: ReachFacts, changed: Sequence[ChangedRow] = ()) -> ComparisonRow:
    """The comparison with what is known of its reach. What could not be compared stays what it is."""
    code = any(its["code"] for its in changed if _same(its, row))
    reached = None if row["reason"] == Reason.IDENTICAL else _reached(row, facts, code)
    known: ComparisonRow = {**row, "reached": reached}
    if reached is not False or row["reason"] == Reason.NOT_COMPARABLE:
        return known
    moved = row["verdict"] not in (Verdict.SAME, Verdict.UNCLEAR) and row["metric"] not in COSTS  # nor is what runs
    if moved and not (row["metric"] == METRIC and abs(row["change"] or 0.0) <= SLIGHTLY):
        return {**known, "why": f"{row['why']}; {LAYOUT}"}
    why = f"{NOT_REACHED}; by so little a time moves with where code and data lie" if moved else NOT_REACHED
    return {**known, "verdict": Verdict.NOT_REACHED.value, "reason": Reason.NOT_REACHED.value, "why": why}


def _reached(row: ComparisonRow, facts: ReachFacts, code: bool) -> bool | None:
    """code: of the change something is, by the look of it: a #define that another file uses has no line that runs."""
    mine = [line for line in facts["lines"] if _same(line, row)]
    if any(row["workload"] in line["workloads"] for line in mine):
        return True
    if any(_same(other, row) and other["workload"] == row["workload"] for other in facts["unknown"]):
        return None
    others = (other for other in facts["differing"] if _same(other, row) and other["workload"] == row["workload"])
    differing = next((other["ran"] for other in others), None)
    if differing is not False:
        return differing
    return False if code or any(line["state"] != Reach.NOT_CODE for line in mine) else None


def _same(one: PairRow, row: ComparisonRow) -> bool:
    return (one["arch"], one["base"], one["new"]) == (row["arch"], row["base"], row["new"])


def summary(lines: Iterable[ReachRow]) -> list[ReachSummaryRow]:
    """By arch and pair of kernels."""
    groups: dict[tuple[str, str, str], Counter[str]] = {}
    for line in lines:
        groups.setdefault((line["arch"], line["base"], line["new"]), Counter())[line["state"]] += 1
    return [
        ReachSummaryRow(
            arch=arch,
            base=base,
            new=new,
            ran=found[Reach.RAN],
            boot_only=found[Reach.BOOT_ONLY],
            not_run=found[Reach.NOT_RUN],
            not_built=found[Reach.NOT_BUILT],
            not_code=found[Reach.NOT_CODE],
        )
        for (arch, base, new), found in groups.items()
    ]


def best(lines: Sequence[ReachRow], kernels: Mapping[str, str] | None = None) -> list[ReachRow]:
    """Of each changed line the arch and config where the most became of it; the order is that of the first arch.
    kernels: {kernel: one of the same source}."""
    same = kernels or {}
    order = [state.value for state in Reach]
    found: dict[tuple[str, str, str, int], ReachRow] = {}
    for line in lines:
        key = (same.get(line["new"], line["new"]), line["file"], line["side"], line["line"])
        known = found.setdefault(key, line)
        if order.index(line["state"]) > order.index(known["state"]):
            found[key] = line
    return list(found.values())


def silent(report: MatrixReport) -> bool:
    """Of all comparisons whose reach is known, and there are some, nothing that changed ran in any."""
    known = [row.get("reached") for row in report["comparisons"] if row.get("reached") is not None]
    return bool(known) and not any(known)


def nothing_ran(report: MatrixReport) -> bool:
    """A changed line is code, and none ran in anything that was measured, of all of which that is known."""
    told = (Verdict.BETTER, Verdict.WORSE)
    reached = any(row.get("reached") and row["verdict"] in told for row in report["comparisons"])
    if report.get("reach_unknown") or reached:  # a figure of instructions that differ, of no line of the change
        return False
    code = [line for line in report.get("reach", ()) if line["state"] != Reach.NOT_CODE]
    if not code:  # what has no line that runs shows by instructions that differ, or by figures
        moved = any(row["verdict"] in told for row in report["comparisons"])
        return any(row["code"] for row in report.get("changed", ())) and silent(report) and not moved
    return not any(line["state"] == Reach.RAN for line in code)
