# SPDX-License-Identifier: GPL-2.0-or-later
"""Trends as one HTML file: a small figure a metric that moved, steps with dates, cuts with reasons."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from orchestrator.analyse.statistics import centre
from orchestrator.analyse.verdicts import ALPHA
from orchestrator.collectors import Collector
from orchestrator.collectors import known as collectors
from orchestrator.history.entries import Entry, Point
from orchestrator.history.figures import figure, per_unit
from orchestrator.history.steps import Jump
from orchestrator.history.trends import CellTrend, Line, Trend, trends
from orchestrator.model import Direction
from orchestrator.store import digest

_COMMIT = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28}\b")


def render(points: Sequence[Point]) -> str:
    """The page's text; all that comes from runs is escaped by the template."""
    place = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    found = trends(points)
    runs = list({point.run.id: point.run for point in points}.values())
    titles = _titles(found)
    steps = [
        {**row, "cell": titles[cell.cell, cell.nights]}
        for cell in found
        for trend in cell.trends
        for line in trend.lines
        for row in step_rows(trend, line)
    ]
    return place.get_template("page.html.j2").render(
        headline=_headline(runs, steps),
        steps=sorted(steps, key=lambda row: (row["date"], row["cell"]), reverse=True),
        cells=[_cell(cell, titles[cell.cell, cell.nights]) for cell in found],
        cuts=sum(len(cell.cuts) for cell in found),
        alpha=f"{ALPHA:.0%}",
    ).rstrip() + "\n"  # fmt: skip


def date(run: Entry) -> str:
    """2026-11-23 04:10, UTC."""
    return datetime.fromtimestamp(run.started, UTC).strftime("%Y-%m-%d %H:%M")


def step_rows(trend: Trend, line: Line) -> list[dict[str, str]]:
    """What is told of each step of a line: when, between which runs and kernels, how large, how sure."""
    return [_step_row(trend, line, step) for step in line.steps]


def _step_row(trend: Trend, line: Line, step: Jump) -> dict[str, str]:
    how = collectors()[trend.metric]
    last, first = line.points[step.at - 1], line.points[step.at]
    change = f"{step.change:+.2%}" if step.change is not None else f"{step.after - step.before:+g} a pass"
    return {
        "date": date(first.run),
        "cell": trend.cell,
        "metric": trend.metric,
        "before": _shown(step.before, first, how),
        "after": _shown(step.after, first, how),
        "change": change,
        "tone": _tone(step, how),
        "sure": "exact" if step.p is None else f"p = {step.p:.2g}",
        "runs": f"{last.run.id} ({date(last.run)}) to {first.run.id}",
        "kernels": _kernels(last, first),
        "href": _anchor(trend.cell, trend.nights),
    }


def _tone(step: Jump, how: Collector) -> str:
    if how.direction is Direction.NEITHER:
        return "plain"
    return "good" if (step.after < step.before) == (how.direction is Direction.LOWER) else "bad"


def _kernels(old: Point, new: Point) -> str:
    """What changed in the kernel itself between two runs."""
    parts = [
        f"{name}: {_named(old.kernel, name)} → {_named(new.kernel, name)}"
        for name in ("source", "patches")
        if old.kernel.get(name) != new.kernel.get(name)
    ]
    return "; ".join(parts) or "the same kernel: nothing that is recorded explains it"


def _named(kernel: Mapping[str, str], name: str) -> str:
    """A commit by its first 12 digits."""
    return _COMMIT.sub(r"\1", kernel.get(name) or "none")


def _shown(value: float, point: Point, how: Collector) -> str:
    return f"{per_unit(value, point, how):.{how.digits}f}"


def _headline(runs: Sequence[Entry], steps: Sequence[Any]) -> str:
    if not runs:
        return "No run is recorded"
    found = f"{len(steps)} step{'s' * (len(steps) != 1)}" if steps else "no step"
    return f"{len(runs)} runs from {date(runs[0])[:10]} to {date(runs[-1])[:10]}: {found}"


def _titles(found: Sequence[CellTrend]) -> dict[tuple[str, str], str]:
    """A cell's id, and whose it is where several matrix files have one of that name."""
    count = Counter(cell.cell for cell in found)
    return {
        (cell.cell, cell.nights): cell.cell
        if count[cell.cell] == 1
        else f"{cell.cell}, {f'nights of {cell.nights}' if cell.nights else 'other runs'}"
        for cell in found
    }


def _cell(cell: CellTrend, title: str) -> dict[str, Any]:
    moved = [trend for trend in cell.trends if not _flat(trend)]
    return {
        "id": title,
        "anchor": _anchor(cell.cell, cell.nights),
        "figures": [Markup(figure(trend, cell.failed)) for trend in moved if trend.metric in collectors()],
        "flat": [_flat_text(trend) for trend in cell.trends if _flat(trend)],
        "cuts": [{"date": date(point.run), "run": point.run.id, "why": why} for point, why in cell.cuts],
        "failed": [
            f"{date(point.run)}, run {point.run.id}: {point.status.replace('_', ' ')}" for point in cell.failed
        ],
        "steps": sum(len(line.steps) for trend in cell.trends for line in trend.lines),
        "runs": len({point.run.id for trend in cell.trends for line in trend.lines for point in line.points}),
    }


def _flat(trend: Trend) -> bool:
    """The same in every pass of every run: a sentence says it as well as a figure."""
    return len({v for line in trend.lines for point in line.points for boot in point.boots for v in boot}) == 1


def _flat_text(trend: Trend) -> str:
    first = trend.lines[0].points[0]
    how = collectors().get(trend.metric)
    value = _shown(centre(first.boots), first, how) if how else f"{centre(first.boots):g}"
    unit = f"per {first.unit}" if how is None or not how.shown_unit else f"{how.shown_unit} per {first.unit}"
    count = sum(len(line.points) for line in trend.lines)
    return f"{trend.metric}: {value} {unit} in every pass of {count} runs"


def _anchor(cell: str, nights: str) -> str:
    return "cell-" + cell.replace("/", "-") + (f"-{digest(nights)[:8]}" if nights else "")
