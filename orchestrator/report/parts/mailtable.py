# SPDX-License-Identifier: GPL-2.0-or-later
"""The matrix in a mail: one table per metric, one line per arch, so that a line can be cut out."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.analyse.contract import ComparisonRow, MatrixReport
from orchestrator.collectors import cost_title
from orchestrator.collectors import known as collectors
from orchestrator.model import COSTS, Verdict
from orchestrator.registry import figure
from orchestrator.report.parts import costs, suite
from orchestrator.report.parts.paper import WIDTH, columns, paragraph
from orchestrator.report.parts.rows import SHORT, change, judged, measured_once, pairs, relative, undecided
from orchestrator.report.parts.sentence import named

BETTER = {"lower": "lower is better", "higher": "higher is better", "neither": "neither way is better by itself"}
SHORT_NAME = 12  # columns of a kernel's name in the table of costs
LARGE = 1e6  # nanoseconds a unit of work that are told in milliseconds
LEGEND = (
    "Values are per unit of work; (+-N%) is half of (max - min) over all counted passes, relative to the median; "
    "floor is the change that noise alone makes."
)


def tables(report: MatrixReport) -> list[list[str]]:
    """Blocks of lines: one heading per pair of kernels and workload, then its metrics."""
    blocks = []
    for base, new in pairs(report):
        rows = [row for row in report["comparisons"] if (row["base"], row["new"]) == (base, new)]
        told = {(workload, metric) for *pair, workload, metric in suite.shown(report) if pair == [base, new]}
        rows = [row for row in rows if (row["workload"], row["metric"]) in told]
        for workload in dict.fromkeys(row["workload"] for row in rows):
            blocks.append(paragraph(f"== {workload}, from {base} to {new}; {_manner(report, workload)}", "", "   "))
            mine = [row["metric"] for row in rows if row["workload"] == workload and row["metric"] not in COSTS]
            for metric in sorted(dict.fromkeys(mine), key=lambda name: collectors()[name].exact):  # times first
                group = [row for row in rows if (row["workload"], row["metric"]) == (workload, metric)]
                blocks.append(_metric(report, group))
            moved = [row for row in rows if row["workload"] == workload and row["metric"] in COSTS]
            blocks.append(_costs(report, moved, costs.unmoved(report, base, new, workload)))
    blocks = [block for block in blocks if block]
    return [*blocks, paragraph(LEGEND)] if blocks else []


def _manner(report: MatrixReport, workload: str) -> str:
    """102400 pages a pass, 2 boots x 1 passes, clock icount"""
    cell = next(c for c in report["cells"] if c["workload"] == workload and c["units"])
    boots = next(iter(cell["metrics"].values()))["boots"]
    passes = max(len(boot) for boot in boots)
    work = f"{cell['units']} {cell['unit']}{'s' * (cell['units'] != 1)} a pass"
    times = f"{len(boots)} boot{'s' * (len(boots) != 1)} x {passes} pass{'es' * (passes != 1)}"
    return f"{work}, {times}, clock {cell['clock']}"


def _metric(report: MatrixReport, rows: Sequence[ComparisonRow]) -> list[str]:
    """A metric's heading with unit and direction, and one line per arch; narrower if it would not fit."""
    first = rows[0]
    unit = next(c["unit"] for c in report["cells"] if c["workload"] == first["workload"] and c["unit"])
    large = first["shown_unit"] == "ns" and max(row["per_unit_base"] for row in rows) >= LARGE
    scale, short = (1e-6, "ms") if large else (1.0, first["shown_unit"])
    shown = f"{short} per {unit}".lstrip()
    title = f"{named(first['workload'], first['metric'])}, {shown}, {BETTER[first['direction']]}:"
    lines: list[str] = []
    for digits, longest in ((2, 17), (2, 12), (0, 12), (0, 8)):
        heads = [_cut(name, longest) for name in (first["base"], first["new"])]
        lines = columns(
            [("", *heads, "change", "floor", ""), *(_line(row, report, digits, scale) for row in rows)], left=(0, 5)
        )
        if max(map(len, lines)) <= WIDTH:
            break
    return [*paragraph(title), *lines, *_asides(rows)]


def _costs(report: MatrixReport, rows: Sequence[ComparisonRow], unmoved: str) -> list[str]:
    """All classes in one table, by arch, without those of which there are none; then what did not move."""
    there = [row for row in rows if row["base_value"] or row["new_value"]]
    if not there:
        return paragraph(f"{unmoved}.") if unmoved else []
    names = (there[0]["base"], there[0]["new"])
    last = ""
    lines: list[tuple[str, ...]] = []
    for row in there:
        figures = (figure(row["per_unit_base"], 2), figure(row["per_unit_new"], 2), change(row), _floor(row))
        arch = row["arch"] if row["arch"] != last else ""
        last = row["arch"]
        lines.append((arch, cost_title(row["metric"]), *figures, _verdict(row, report)))
    unit = next(c["unit"] for c in report["cells"] if c["workload"] == there[0]["workload"] and c["unit"])
    title = f"What hardware pays more for, per {unit}, lower is better (compare within one architecture):"
    shown: list[str] = []
    for longest, floors in ((SHORT_NAME, True), (SHORT_NAME, False), (8, False)):  # narrower if it would not fit
        table = [("", "", *(_cut(name, longest) for name in names), "change", "floor", ""), *lines]
        shown = columns([row if floors else (*row[:5], *row[6:]) for row in table], left=(0, 1, 6 if floors else 5))
        if max(map(len, shown)) <= WIDTH:
            break
    return [*paragraph(title), *shown, *paragraph(unmoved, "  ", "    ")]


def _line(row: ComparisonRow, report: MatrixReport, digits: int, scale: float) -> tuple[str, ...]:
    once = measured_once(report, row)
    return (
        row["arch"],
        seed_style(row["per_unit_base"] * scale, row["spread_base"], row["base_value"], digits, once),
        seed_style(row["per_unit_new"] * scale, row["spread_new"], row["new_value"], digits, once),
        change(row),
        _floor(row),
        _verdict(row, report),
    )


def _floor(row: ComparisonRow) -> str:
    if row["noise"]:
        return relative(row["noise"], row["base_value"])
    return "?" if row["detectable"] is None else "0"


def _verdict(row: ComparisonRow, report: MatrixReport) -> str:
    """In a word; "!" where it is not as expected, which is told below."""
    said = judged(row, report)
    if row["verdict"] == Verdict.UNCLEAR and not undecided(row):
        word = "expected" if said == {Verdict.AS_EXPECTED.value} else "moved"
    else:
        word = row["verdict"].replace("_", " ")
    return f"{word}!" if Verdict.NOT_AS_EXPECTED in said else word


def _asides(rows: Sequence[ComparisonRow]) -> list[str]:
    """Why a line is unclear, where the test does not tell it below."""
    return [
        line
        for row in rows
        if undecided(row) and row["p"] is None and row["reason"] not in SHORT
        for line in paragraph(f"{row['arch']}: {row['why']}", "  ", "    ")
    ]


def seed_style(number: float, spread: float, whole: float, digits: int = 2, once: bool = False) -> str:
    """650980.20 (+-1.94%): as the mail printed it that this began with; (+-3) a pass around 0; bare if seen once."""
    small = number != 0 and abs(number) < 0.1
    figure = f"{number:.2g}" if small else f"{number:.{digits}f}"
    if once:
        return figure
    return f"{figure} (+-{spread * 50:.2f}%)" if whole else f"{figure} (+-{spread / 2:.3g})"


def _cut(name: str, longest: int) -> str:
    return name if len(name) <= longest else f"{name[: longest - 2]}.."
