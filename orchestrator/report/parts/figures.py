# SPDX-License-Identifier: GPL-2.0-or-later
"""Small figures as inline SVG: they take the page's text colour, so they are readable on light and dark."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any, cast

from markupsafe import escape

from orchestrator.analyse.contract import CellRow, ComparisonRow, MatrixReport
from orchestrator.analyse.identical import spared
from orchestrator.model import Verdict
from orchestrator.profile.comparison import DifferenceRow
from orchestrator.report.parts.profile_rows import LEAST
from orchestrator.report.parts.rows import change
from orchestrator.report.parts.sentence import named

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#010203"  # stands for the page's own colour until the SVG is written
COLOURS = {Verdict.BETTER.value: "#2a9d63", Verdict.WORSE.value: "#d9534f"}
GREY = "#8b929c"
BARS = 16  # functions of a figure
NAME, HALF = 26, 21  # letters of their names: where all stand on one side, and where both sides have some
ACROSS, LETTER = 234, 4.9  # points: a figure's inside, and a letter of 8 points
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "kmatrix",
    "text.parse_math": False,  # a "$" in a name is one
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}


def change_bars(rows: Sequence[ComparisonRow]) -> str:
    """One bar per arch: the change of one metric in percent, the floor as a grey band."""
    shown = [row for row in rows if row["change"] is not None]
    if not any(row["change"] for row in shown):
        return ""

    def draw(axes: Axes) -> None:
        names = [row["arch"] for row in shown]
        values = [100 * (row["change"] or 0) for row in shown]
        axes.barh(names, values, color=[COLOURS.get(row["verdict"], GREY) for row in shown], height=0.55)
        floor = [100 * row["noise"] / abs(row["base_value"]) for row in shown]
        axes.barh(names, [2 * f for f in floor], left=[-f for f in floor], color=GREY, alpha=0.45, height=0.8)
        for name, value, row in zip(names, values, shown, strict=True):
            side = "left" if value >= 0 else "right"
            axes.annotate(
                change(row),
                (value, name),
                (4 if value >= 0 else -4, 0),
                textcoords="offset points",
                va="center",
                ha=side,
            )
        axes.axvline(0, color=INK, linewidth=0.8)
        low, high = min(0.0, *values), max(0.0, *values)
        room = 0.45 * (high - low)  # for the labels
        axes.set_xlim(low - room * (low < 0), high + room * (high > 0))
        axes.invert_yaxis()
        axes.locator_params(axis="x", nbins=4)
        axes.set_xlabel("change, %")

    first = shown[0]
    return svg(draw, f"{named(first['workload'], first['metric'])}: change", 0.75 + 0.3 * len(shown))


def sample_dots(report: MatrixReport, rows: Sequence[ComparisonRow]) -> str:
    """Every counted pass of one metric, as its distance from the base's centre in percent; one column per boot."""
    cells = {cell["id"]: cell for cell in report["cells"] if not spared(cell)}
    shown = [
        row for row in rows if row["base_value"] and all(_cell(row, kernel) in cells for kernel in _kernels(row))
    ]
    if not shown:
        return ""

    def draw(axes: Axes) -> None:
        for place, row in enumerate(shown):
            for side, kernel in enumerate(_kernels(row)):
                cell = cells[_cell(row, kernel)]
                points = _points(cell, row, place + 0.4 * side - 0.2)
                axes.plot(
                    [x for x, _ in points], [y for _, y in points], "o" if side else "s", markersize=4, alpha=0.8,
                    color="#3b82c4" if side else GREY, label=kernel if place == 0 else None,
                )  # fmt: skip
        axes.set_xticks(range(len(shown)), [row["arch"] for row in shown])
        axes.margins(x=0.15, y=0.15)
        axes.set_ylabel("% from base")
        axes.figure.legend(frameon=False, loc="outside lower center", ncols=2, fontsize=8)

    first = shown[0]
    return svg(draw, f"{named(first['workload'], first['metric'])}: every counted pass", 2.3)


def _kernels(row: ComparisonRow) -> tuple[str, str]:
    return row["base"], row["new"]


def _cell(row: ComparisonRow, kernel: str) -> str:
    return f"{row['arch']}/{kernel}/{row['workload']}"


def _points(cell: CellRow, row: ComparisonRow, middle: float) -> list[tuple[float, float]]:
    boots = cell["metrics"][row["metric"]]["boots"]
    return [
        (middle + 0.3 * ((number + 1) / (len(boots) + 1) - 0.5), 100 * (value / row["base_value"] - 1))
        for number, passes in enumerate(boots)
        for value in passes
    ]


def function_bars(row: DifferenceRow) -> str:
    """One bar per function, to the side of its change, its name on the other; what has no room is one bar."""
    changed = [(f["name"], f["change"]) for f in row["functions"] if abs(f["change"]) >= LEAST]
    rest = changed[BARS:]
    shown = changed[:BARS] + ([(f"{len(rest)} more functions", sum(n for _, n in rest))] if rest else [])
    if not shown:
        return ""
    letters = NAME if len({value > 0 for _, value in shown}) == 1 else HALF
    bars = [(name if len(name) <= letters else f"{name[: letters - 2]}..", value) for name, value in shown]

    def draw(axes: Axes) -> None:
        axes.barh(
            range(len(bars)), [value for _, value in bars], height=0.62,
            color=[COLOURS[Verdict.WORSE.value if value > 0 else Verdict.BETTER.value] for _, value in bars],
        )  # fmt: skip
        for place, (name, value) in enumerate(bars):
            away = 1 if value > 0 else -1
            for text, x, side in ((f"{value:+.2f}", value, away), (name, 0.0, -away)):
                axes.annotate(
                    text, (x, place), (4 * side, 0), textcoords="offset points", va="center",
                    ha="left" if side > 0 else "right", fontsize=8,
                )  # fmt: skip
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_xlim(*_room(bars))
        axes.set_ylim(len(bars) - 0.4, -0.6)
        axes.set_axis_off()

    title = f"{row['arch']}: {row['total']:+.2f} instructions a {row['unit']}"
    return svg(draw, title, 0.45 + 0.19 * len(bars))


def _room(bars: Sequence[tuple[str, float]]) -> tuple[float, float]:
    """The axis's ends so that bars are as long as their names and numbers allow."""
    largest = max(abs(value) for _, value in bars)
    left = right = 0.0
    for longest in range(ACROSS, 0, -1):  # points of the largest bar
        scale = largest / longest
        ends = [(abs(v) / scale + LETTER * len(f"{v:+.2f}") + 6, LETTER * len(name) + 6, v) for name, v in bars]
        left = max(bar if value < 0 else text for bar, text, value in ends)
        right = max(bar if value > 0 else text for bar, text, value in ends)
        if left + right <= ACROSS:
            break
    return -left * scale, right * scale


def svg(draw: Any, title: str, height: float) -> str:
    """The figure's <svg> element; matplotlib is loaded here because it takes a while."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context(cast(Any, _STYLE)):
        figure = Figure(figsize=(3.4, height), layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        axes.set_title(title, fontsize=9, loc="left")
        draw(axes)
        out = StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return _inline(out.getvalue(), title)


def _inline(text: str, title: str) -> str:
    """Without the file's head; ids of its own, the page's colour, a name for those who cannot see it."""
    body = text[text.index("<svg ") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.S)
    own = hashlib.sha256(f"{title}\n{body}".encode()).hexdigest()[:8]
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>f{own}-", body)
    return body.replace(INK, "currentColor").replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)
