# SPDX-License-Identifier: GPL-2.0-or-later
"""A cell's metric over time as a small figure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from orchestrator.analyse.statistics import centre
from orchestrator.collectors import Collector
from orchestrator.collectors import known as collectors
from orchestrator.history.entries import Entry, Point
from orchestrator.history.trends import Line, Trend
from orchestrator.report.parts.figures import GREY, INK, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE, STEP = "#3b82c4", "#d9534f"


def per_unit(value: float, point: Point, how: Collector) -> float:
    """A pass's value as it is shown: per unit of work."""
    return value * how.scale / (point.units or 1)


def figure(trend: Trend, failed: Sequence[Point] = ()) -> str:
    """Median and reach of each run, a red line at a step, a dashed one at a cut, a cross where the cell failed."""
    how = collectors()[trend.metric]
    first = trend.lines[0].points[0]
    unit = f"{how.shown_unit}/{first.unit}" if how.shown_unit else f"per {first.unit}"

    def draw(axes: Axes) -> None:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        for number, line in enumerate(trend.lines):
            _draw_line(axes, line, how)
            if number:
                axes.axvline(_time(line.points[0].run), color=GREY, linestyle="--", linewidth=1)
        for point in failed:
            axes.plot([_time(point.run)], [0.03], "x", color=STEP, transform=axes.get_xaxis_transform())
        axes.xaxis_date(UTC)
        locator = AutoDateLocator(minticks=2, maxticks=5)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=True))  # type: ignore[no-untyped-call]
        axes.ticklabel_format(axis="y", useOffset=False)
        axes.margins(x=0.05, y=0.2)
        low, high = axes.get_ylim()
        least = 4 * how.floor * abs(low + high)  # what is no step shall not look like one
        room = max(0.0, least - (high - low)) / 2
        axes.set_ylim(low - room, high + room)
        axes.set_ylabel(unit, color=INK)

    return svg(draw, f"{trend.metric}, {trend.cell}", 1.7)


def _draw_line(axes: Axes, line: Line, how: Collector) -> None:
    times = [_time(point.run) for point in line.points]
    middle = [per_unit(centre(point.boots), point, how) for point in line.points]
    reach = [[per_unit(value, point, how) for boot in point.boots for value in boot] for point in line.points]
    low = [m - min(values) for m, values in zip(middle, reach, strict=True)]
    high = [max(values) - m for m, values in zip(middle, reach, strict=True)]
    axes.errorbar(
        times, middle, yerr=[low, high], fmt="o-", markersize=2.5, linewidth=1, elinewidth=1, color=LINE
    )  # fmt: skip
    for step in line.steps:
        axes.axvline(times[step.at], color=STEP, linewidth=1)


def _time(run: Entry) -> float:
    """As matplotlib counts: days since 1970."""
    return run.started / 86400
