# SPDX-License-Identifier: GPL-2.0-or-later
"""Expectations: what a workload's file claims, held against what was measured."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from orchestrator.analyse import costs
from orchestrator.analyse.contract import CellRow, ComparisonRow, ExpectationRow, FindingRow, WatchedRow
from orchestrator.analyse.statistics import centre
from orchestrator.collectors import known as collectors
from orchestrator.linux import holds_for
from orchestrator.model import (
    CALLS,
    COSTS,
    LEAN,
    REPORTS,
    WATCHED,
    Bound,
    Comparison,
    Expectation,
    Reason,
    Status,
    Verdict,
)
from orchestrator.profile.comparison import ProfileCell, calls_of

NO_FUNCTION = "misspelt, inlined, or known by another name"


def judge(
    expectations: Iterable[Expectation],
    cells: Sequence[CellRow],
    comparisons: Sequence[ComparisonRow],
    profiled: Sequence[ProfileCell] = (),
) -> list[ExpectationRow]:
    """Judge one workload's claims over its cells; what did not pass, apply or get a profile is left out."""
    rows: list[ExpectationRow] = []
    accounts = {account["id"]: account for account in profiled}
    for claim in expectations:
        if claim.metric.startswith(WATCHED):
            continue  # see watching()
        if claim.metric.startswith(CALLS):
            told = [cell for cell in cells if _applies(claim, cell)]
            rows += [row for cell in told for row in _called(claim, cell, accounts.get(cell["id"]))]
        else:
            rows += _uncounted(claim, cells, comparisons)
        for cell in cells:
            if _applies(claim, cell) and claim.metric in cell["metrics"]:
                rows += _absolute(claim, cell)
        for row in comparisons:
            if row["reason"] == Reason.NOT_COMPARABLE:
                continue
            base = next(c for c in cells if (c["arch"], c["kernel"]) == (row["arch"], row["base"]))
            pair = (claim.metric, claim.base, claim.new)
            if (
                row["arch"] in claim.change
                and pair == (row["metric"], row["base"], row["new"])
                and _applies(claim, base)
            ):
                rows.append(_relative(claim, row))
    return rows


def watching(
    expectations: Mapping[str, Iterable[Expectation]], watched: Sequence[WatchedRow], findings: Sequence[FindingRow]
) -> list[ExpectationRow]:
    """Of all workloads, what kernels that watch themselves were expected to say and to count while these ran. Each
    of a kernel's builds must be as expected."""
    return [
        row
        for workload, claims in expectations.items()
        for claim in claims
        if claim.metric.startswith(WATCHED)
        for one in watched
        if workload in (*one["ran"], *one["failed"])
        and holds_for(claim.linux, one["linux"])
        and one["kernel"] in claim.values
        for row in _watched(claim, workload, one, findings)
    ]


def _watched(
    claim: Expectation, workload: str, one: WatchedRow, findings: Sequence[FindingRow]
) -> Iterator[ExpectationRow]:
    name = claim.metric.removeprefix(WATCHED)
    measured = one["counts"].get(workload, {}).get(name)
    if name == REPORTS:
        measured = float(sum(_while(row, workload, one) for row in findings))
    if measured is not None:
        expected = claim.values[one["kernel"]]
        row = _row(claim, one["arch"], workload, "", one["kernel"], Bound.PER_UNIT, expected, measured)
        row["why"] = f"in kernels that watch their {one['lines']}"
        yield row


def _while(row: FindingRow, workload: str, one: WatchedRow) -> bool:
    """Was it said by this kernel while this ran?"""
    mine = row["arch"] == one["arch"] and one["kernel"] in row["kernels"] and one["lines"] in row.get("lines", ())
    return mine and any(runs.partition(",")[0] == workload for runs in row.get("runs", ()))


def kernels_of(row: ExpectationRow) -> tuple[str, ...]:
    """The kernels that it is about: one, or base and new of a change."""
    return (row["base"], row["new"]) if row["base"] else (row["new"],)


def remarks(
    expectations: Iterable[Expectation],
    kernels: Collection[str],
    pairs: Collection[Comparison],
    judged: Iterable[ExpectationRow] = (),
) -> list[str]:
    """What a reader must know of one workload's expectations beside their verdicts; pairs: what is compared."""
    lost = unanswerable(expectations, kernels, pairs)
    about = dict.fromkeys(name for one in lost for name in lacking([one], kernels) or [f"{one.base} to {one.new}"])
    count = "1 expectation is" if len(lost) == 1 else f"{len(lost)} expectations are"
    where = "kernels that are not in this matrix, or not compared in it"
    return [
        *([f"{count} about {where}: {', '.join(about)}"] if lost else []),
        *dict.fromkeys(row["why"] for row in judged if "why" in row),
    ]


def unanswerable(
    expectations: Iterable[Expectation], kernels: Collection[str], pairs: Collection[Comparison]
) -> list[Expectation]:
    """Those that no cell of the matrix bears on."""
    return [
        one
        for one in expectations
        if not {*one.values, *one.at_least, *one.at_most} & set(kernels)
        and not (one.change and Comparison(one.base, one.new) in pairs)
    ]


def lacking(expectations: Iterable[Expectation], kernels: Collection[str]) -> list[str]:
    """Kernels that these expectations name, and the matrix does not have."""
    named = (name for one in expectations for name in _kernels(one))
    return [name for name in dict.fromkeys(named) if name not in kernels]


def _kernels(one: Expectation) -> list[str]:
    return [*one.values, *one.at_least, *one.at_most, *([one.base, one.new] if one.change else [])]


def _applies(claim: Expectation, cell: CellRow) -> bool:
    return (
        cell["status"] == Status.PASSED
        and holds_for(claim.linux, cell["linux"])
        and claim.accel in ("", cell["accel"])
        and claim.clock in ("", cell["clock"])
        and claim.config in ("", cell.get("config", LEAN))
        and (not claim.arches or cell["arch"] in claim.arches)
    )


def _absolute(claim: Expectation, cell: CellRow) -> list[ExpectationRow]:
    scale = collectors()[claim.metric].scale
    return _figures(claim, cell, centre(cell["metrics"][claim.metric]["boots"]) * scale / (cell["units"] or 1))


def _called(claim: Expectation, cell: CellRow, account: ProfileCell | None) -> list[ExpectationRow]:
    """By the cell's account, or else by what of it was noted. A function that is none in this kernel is never called,
    which answers nothing."""
    function = claim.metric.removeprefix(CALLS)
    counted = cell.get("calls", {}).get(function)
    if account is not None:
        rows, absent = _figures(claim, cell, calls_of(account, function)), function in account["absent"]
    elif counted is not None:
        calls = [[number or 0.0] for number in counted]
        rows, absent = _figures(claim, cell, centre(calls) / (cell["units"] or 1)), None in counted
    else:
        return []
    if not absent:
        return rows
    why = f"{cell['arch']}/{cell['kernel']} has no function {function}: {NO_FUNCTION}"
    return [ExpectationRow(**{**row, "verdict": Verdict.NOT_AS_EXPECTED.value, "why": why}) for row in rows]


def _uncounted(
    claim: Expectation, cells: Sequence[CellRow], comparisons: Sequence[ComparisonRow]
) -> list[ExpectationRow]:
    """A metric that a kernel does not count answers nothing, either way."""
    lost = {(c["arch"], c["kernel"]) for c in cells if _applies(claim, c) and _lacks(c, claim.metric)}
    rows = [row for c in cells if (c["arch"], c["kernel"]) in lost for row in _figures(claim, c, None)]
    compared = dict.fromkeys((row["arch"], row["base"], row["new"], row["workload"]) for row in comparisons)
    for arch, base, new, workload in compared:
        gone = {(arch, base), (arch, new)} & lost
        if gone and (base, new) == (claim.base, claim.new) and arch in claim.change:
            rows.append(_row(claim, arch, workload, base, new, Bound.CHANGE, claim.change[arch], None))
    kernels = ", ".join(sorted(f"{arch}/{kernel}" for arch, kernel in lost))
    why = f"{claim.metric}: not counted by {kernels}"
    return [ExpectationRow(**{**row, "why": why}) for row in rows]


def _lacks(cell: CellRow, metric: str) -> bool:
    """Was it looked for, and not there? What hardware pays for is only looked for where what ran is noted."""
    return metric not in cell["metrics"] and (metric not in COSTS or costs.told(cell, metric))


def _figures(claim: Expectation, cell: CellRow, measured: float | None) -> list[ExpectationRow]:
    """measured is per unit of work; None where nothing was."""
    kinds = {Bound.PER_UNIT: claim.values, Bound.AT_LEAST: claim.at_least, Bound.AT_MOST: claim.at_most}
    return [
        _row(claim, cell["arch"], cell["workload"], "", cell["kernel"], kind, figures[cell["kernel"]], measured)
        for kind, figures in kinds.items()
        if cell["kernel"] in figures
    ]


def _relative(claim: Expectation, row: ComparisonRow) -> ExpectationRow:
    none = row["base_value"] == row["new_value"] == 0
    measured = 0.0 if none else row["change"]
    expected = claim.change[row["arch"]]
    told = _row(claim, row["arch"], row["workload"], row["base"], row["new"], Bound.CHANGE, expected, measured)
    if measured is None:  # there is something, of which there was nothing
        told |= {"verdict": Verdict.NOT_AS_EXPECTED.value, "why": "there was nothing of it before, so no share of it"}
    return told


def _row(
    claim: Expectation,
    arch: str,
    workload: str,
    base: str,
    new: str,
    kind: Bound,
    expected: float,
    measured: float | None,
) -> ExpectationRow:
    return ExpectationRow(
        arch=arch,
        workload=workload,
        metric=claim.metric,
        claim=claim.claim,
        kernel=f"{base}:{new}" if base else new,
        base=base,
        new=new,
        kind=kind.value,
        expected=expected,
        measured=measured,
        tolerance=claim.tolerance,
        verdict=_held(kind, expected, measured, claim.tolerance).value,
    )


def _held(kind: Bound, expected: float, measured: float | None, tolerance: float) -> Verdict:
    if measured is None:
        return Verdict.MISSING
    above = measured - expected
    short = {Bound.AT_LEAST: -above, Bound.AT_MOST: above}.get(kind, abs(above))
    return Verdict.AS_EXPECTED if short <= tolerance else Verdict.NOT_AS_EXPECTED
