# SPDX-License-Identifier: GPL-2.0-or-later
"""Points to lines: joined where only the kernel differs, cut elsewhere and why; and the steps in them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.analyse.statistics import sound
from orchestrator.collectors import known as collectors
from orchestrator.history import lineage
from orchestrator.history.entries import Point
from orchestrator.history.steps import Jump, steps
from orchestrator.model import Status


@dataclass(frozen=True)
class Line:
    """Points of one cell's metric, all inputs the same but the kernel. why: what cut it from the one before."""

    points: tuple[Point, ...]
    why: tuple[str, ...] = ()
    steps: tuple[Jump, ...] = ()


@dataclass(frozen=True)
class Trend:
    """One cell's metric over time: its lines in order."""

    cell: str
    metric: str
    lines: tuple[Line, ...]
    nights: str = ""


@dataclass(frozen=True)
class CellTrend:
    """A cell: its metrics, and the runs in which it did not pass. nights: whose cell it is, see contract.RunRow."""

    cell: str
    trends: tuple[Trend, ...]
    failed: tuple[Point, ...]
    nights: str = ""

    @property
    def cuts(self) -> list[tuple[Point, tuple[str, ...]]]:
        """The first point behind each cut, and why; once, though every metric is cut there."""
        found = {
            line.points[0].run.id: (line.points[0], line.why) for t in self.trends for line in t.lines if line.why
        }
        return sorted(found.values(), key=lambda cut: cut[0].run.started)


def trends(points: Iterable[Point]) -> list[CellTrend]:
    """All cells, in the order in which they were first seen; points are in the order of time."""
    cells: dict[tuple[str, str], dict[str, list[Point]]] = {}
    failed: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        cell = point.cell, point.run.nights
        table = cells.setdefault(cell, {})
        if point.status == Status.PASSED and sound(point.boots):
            table.setdefault(point.metric, []).append(point)
        elif point.status not in (Status.PASSED, Status.SKIPPED) and not _told(failed.get(cell), point):
            failed.setdefault(cell, []).append(point)
    cut = {(cell, metric): cut_up(found) for cell, table in cells.items() for metric, found in table.items()}
    varying = sum(not line.points[0].exact and len(line.points) > 1 for lines in cut.values() for line in lines)
    return [
        CellTrend(
            name,
            tuple(
                Trend(name, metric, tuple(stepped(line, varying) for line in cut[(name, nights), metric]), nights)
                for metric in table
            ),
            tuple(failed.get((name, nights), ())),
            nights,
        )
        for (name, nights), table in cells.items()
    ]


def cut_up(points: Sequence[Point]) -> list[Line]:
    """At every change of anything but the kernel; going back to what was before is a change, too."""
    lines: list[Line] = []
    for point in points:
        why = differing(lines[-1].points[-1], point) if lines else []
        if lines and not why:
            lines[-1] = replace(lines[-1], points=(*lines[-1].points, point))
        else:
            lines.append(Line((point,), tuple(why)))
    return lines


def differing(old: Point, new: Point) -> list[str]:
    """What keeps two points apart."""
    exact: Mapping[bool, str] = {True: "figures repeat", False: "figures vary"}
    other = [] if old.exact == new.exact else [f"{exact[old.exact]} before, {exact[new.exact]} now"]
    return [*lineage.differing(old.inputs, new.inputs), *other]


def stepped(line: Line, varying: int = 1) -> Line:
    """The line with its steps; varying: how many lines of figures that vary share the level."""
    how = collectors().get(line.points[0].metric)
    if how is None:  # a metric that this kmatrix does not know
        return line
    found = steps([point.boots for point in line.points], how, line.points[0].exact, varying)
    return replace(line, steps=tuple(found))


def _told(before: list[Point] | None, point: Point) -> bool:
    """A cell that failed has no metric, or several where it failed late: one mark a run."""
    return bool(before) and before[-1].run.id == point.run.id  # type: ignore[index]
