# SPDX-License-Identifier: GPL-2.0-or-later
"""Counters that nobody named, and that differ between two kernels: in lines that all formats share. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.analyse.contract import CounterRow, CountersLeftOutRow, MatrixReport
from orchestrator.registry import counted
from orchestrator.report.parts.words import listed

MOST = 6  # lines of a comparison; the rest is counted
NAMES = 6  # counters of a line
DIGITS = 3  # of a count per unit, where it is not small
SMALL = 0.1


@dataclass(frozen=True)
class Row:
    """One line of a table; before and after are per unit of work."""

    counter: str
    arch: str
    workload: str
    base: str
    new: str
    before: str
    after: str
    change: str


def blocks(report: MatrixReport, most: int = MOST) -> list[tuple[str, list[str]]]:
    """(heading, lines) of each workload and pair of kernels, with at most so many lines; [] where there is nothing.

    pgalloc_normal and pgfree +1.000 per page on x86_64, aarch64 and s390x
    """
    found: list[tuple[str, list[str]]] = []
    rest = dict(left_out(report))
    for group in _groups(report):
        head, lacking = _head(*group), rest.get(_head(*group), [])
        mine = [row for row in report.get("counters", ()) if _group(row) == group]
        lines = [*_lines(mine, _unit(report, mine), most - len(lacking)), *lacking]
        found += [(head, lines)] if lines else []
    return found


def left_out(report: MatrixReport) -> list[tuple[str, list[str]]]:
    """(heading, lines): 31 counters do not repeat on x86_64, 28 on s390x: left out."""
    groups: dict[tuple[str, str, str], list[CountersLeftOutRow]] = {}
    for row in report.get("counters_left_out", ()):
        groups.setdefault(_group(row), []).append(row)
    return [(_head(*group), [*_not_repeating(rows), *_too_few(rows)]) for group, rows in groups.items()]


def rows(report: MatrixReport) -> list[Row]:
    """All of them, the largest changes of a comparison first."""
    return [_row(row, _unit(report, [row])) for group in _groups(report) for row in _sorted(report, group)]


def difference(row: CounterRow, unit: str) -> str:
    """+1.000 per page, +0.0020 per page (8 more in 4096) where that is not all, 1.000 per page (not in unpatched)."""
    count = _count(row)
    if row["base_count"] is None or row["new_count"] is None:
        absent = row["new"] if row["new_count"] is None else row["base"]
        return f"{_per_unit(abs(count), row['units'])} per {unit} (not in {absent})"
    text = _per_unit(count, row["units"], "+")
    exact = round(float(text) * row["units"], 6) == count
    more = "" if exact else f" ({abs(count)} {'more' if count > 0 else 'fewer'} in {row['units']})"
    return f"{text} per {unit}{more}"


def _per_unit(count: int, units: int, sign: str = "") -> str:
    """With three digits behind the point, of a small one with two that count; a whole pass's as it is."""
    share = count / units
    if units == 1:
        return f"{count:{sign}d}"
    if 0 < abs(share) < SMALL:
        exponent = int(f"{abs(share):.1e}".partition("e")[2])
        return f"{share:{sign}.{1 - exponent}f}"
    return f"{share:{sign}.{DIGITS}f}"


def _count(row: CounterRow) -> int:
    return (row["new_count"] or 0) - (row["base_count"] or 0)


def _group(row: CounterRow | CountersLeftOutRow) -> tuple[str, str, str]:
    return row["workload"], row["base"], row["new"]


def _groups(report: MatrixReport) -> list[tuple[str, str, str]]:
    """Comparisons of which there is something to tell, in the order of the tables."""
    told = {_group(row) for row in (*report.get("counters", ()), *report.get("counters_left_out", ()))}
    return [
        group
        for group in dict.fromkeys((r["workload"], r["base"], r["new"]) for r in report["comparisons"])
        if group in told
    ]


def _head(workload: str, base: str, new: str) -> str:
    return f"Other counters, {workload}, {base} to {new}"


def _unit(report: MatrixReport, mine: Sequence[CounterRow]) -> str:
    workloads = {row["workload"] for row in mine}
    return next((cell["unit"] for cell in report["cells"] if cell["workload"] in workloads and cell["unit"]), "pass")


def _sorted(report: MatrixReport, group: tuple[str, str, str]) -> list[CounterRow]:
    mine = [row for row in report.get("counters", ()) if _group(row) == group]
    return sorted(mine, key=lambda row: -abs(_count(row)) / row["units"])


def _row(row: CounterRow, unit: str) -> Row:
    before, after = (
        "not there" if count is None else _per_unit(count, row["units"])
        for count in (row["base_count"], row["new_count"])
    )
    return Row(
        counter=_name(row),
        arch=row["arch"],
        workload=row["workload"],
        base=row["base"],
        new=row["new"],
        before=before,
        after=after,
        change=difference(row, unit),
    )


def _name(row: CounterRow) -> str:
    return row["counter"] if row["source"] == "vmstat" else f"{row['source']} {row['counter']}"


def _lines(mine: Sequence[CounterRow], unit: str, most: int) -> list[str]:
    """One line for all counters that moved alike on the same architectures, the largest changes first; the last of
    so many lines tells how many more counters there are."""
    moved: dict[tuple[str, str], list[str]] = {}  # (counter, what it did): arches
    size: dict[str, float] = {}
    for row in mine:
        text = difference(row, unit)
        moved.setdefault((_name(row), text), []).append(row["arch"])
        size[text] = abs(_count(row)) / row["units"]
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (name, text), arches in moved.items():
        alike.setdefault((text, tuple(arches)), []).append(name)
    order = sorted(alike.items(), key=lambda item: -size[item[0][0]])
    shown = order if len(order) <= most else order[: max(most - 1, 1)]
    more = {name for _, names in order[len(shown) :] for name in names}
    return [
        *(f"{_some(names)} {text} on {listed(arches)}" for (text, arches), names in shown),
        *([f"and {counted(len(more), 'more counter')}, in matrix.json and on the HTML page"] if more else []),
    ]


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMES
    return listed([*names[:NAMES], f"{more} more"]) if more > 0 else listed(names)


def _not_repeating(rows: Iterable[CountersLeftOutRow]) -> list[str]:
    arches: dict[int, list[str]] = {}
    for row in rows:
        if row["not_repeating"]:
            arches.setdefault(row["not_repeating"], []).append(row["arch"])
    (number, first), *others = [*arches.items()] or [(0, [])]
    said = [f"{counted(number, 'counter')} do{'es' * (number == 1)} not repeat on {listed(first)}"]
    said += [f"{number} on {listed(its)}" for number, its in others]
    return [f"{', '.join(said)}: left out"] if arches else []


def _too_few(rows: Iterable[CountersLeftOutRow]) -> list[str]:
    lacking = [row for row in rows if row["too_few"]]
    names = list(dict.fromkeys(name for row in lacking for name in row["too_few"]))
    where = listed(row["arch"] for row in lacking)
    return [f"{_some(names)} on {where}: seen too seldom to know whether they repeat"] if lacking else []
