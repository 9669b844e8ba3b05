# SPDX-License-Identifier: GPL-2.0-or-later
"""Tonight's figures against the last night's and the last weeks', from the history. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.analyse.statistics import centre
from orchestrator.analyse.verdicts import Case, Finding, exact, varying
from orchestrator.collectors import known as collectors
from orchestrator.history.entries import Point
from orchestrator.history.page import date, step_rows
from orchestrator.history.trends import CellTrend, Trend, trends
from orchestrator.model import Status, Verdict

WEEKS = 4
TOLD = 20  # lines of a kind, at most


@dataclass(frozen=True)
class Moved:
    """A value of tonight and the one before it on the same line."""

    last: Point
    now: Point
    finding: Finding

    @property
    def text(self) -> str:
        """aarch64/mine/shmem-write time: 3902.8 -> 3906.7 (+0.10%), worse; last on 2026-11-22 04:10"""
        how = collectors()[self.now.metric]
        old, new = centre(self.last.boots), centre(self.now.boots)
        shown = [f"{value * how.scale / (self.now.units or 1):.{how.digits}f}" for value in (old, new)]
        share = f" ({(new - old) / abs(old):+.2%})" if old else ""
        why = f" ({self.finding.why})" if self.finding.verdict is Verdict.UNCLEAR else ""
        values = f"{shown[0]} -> {shown[1]}{share}"
        when = date(self.last.run)
        return f"{self.now.cell} {self.now.metric}: {values}, {self.finding.verdict.value}{why}; last on {when}"


@dataclass(frozen=True)
class Against:
    """moved: all values that have one before; steps: of the last weeks, in words; cuts; broke: passed last time."""

    moved: Sequence[Moved] = ()
    steps: Sequence[str] = ()
    cuts: Sequence[str] = ()
    broke: Sequence[str] = ()

    def verdicts(self, *wanted: Verdict) -> list[Moved]:
        """Those with one of these verdicts."""
        return [one for one in self.moved if one.finding.verdict in wanted]

    @property
    def worse(self) -> bool:
        """Anything: a value, or a cell that no longer passes."""
        return bool(self.verdicts(Verdict.WORSE) or self.broke)


def against(points: Sequence[Point], run: str) -> Against:
    """points: of nights, in the order of time; run: the name of tonight's."""
    found = trends([point for point in points if point.run.started <= _when(points, run)])
    pairs = [pair for cell in found for trend in cell.trends if (pair := _pair(trend, run))]
    cases = [Case(old.boots, new.boots, collectors()[new.metric]) for old, new in pairs]
    inexact = [i for i, (_, new) in enumerate(pairs) if not new.exact]
    tested = dict(zip(inexact, varying([cases[i] for i in inexact]) if inexact else [], strict=True))
    moved = [Moved(old, new, tested[i] if i in tested else exact(cases[i])) for i, (old, new) in enumerate(pairs)]
    since = _when(points, run) - WEEKS * 7 * 86_400
    steps = [
        f"{row['date']} {row['cell']} {row['metric']}: "
        f"{row['before']} -> {row['after']} ({row['change']}, {row['sure']})"
        for cell in found
        for trend in cell.trends
        for line in trend.lines
        for step, row in zip(line.steps, step_rows(trend, line), strict=True)
        if line.points[step.at].run.started >= since
    ]
    return Against(moved, sorted(steps), [text for cell in found if (text := _cut(cell, run))], _broke(points, run))


def _when(points: Sequence[Point], run: str) -> float:
    return next((point.run.started for point in points if point.run.name == run), time.time())


def _pair(trend: Trend, run: str) -> tuple[Point, Point] | None:
    """Tonight's point and the one before it on its line."""
    line = trend.lines[-1].points
    known = trend.metric in collectors()
    return (line[-2], line[-1]) if known and len(line) > 1 and line[-1].run.name == run else None


def _cut(cell: CellTrend, run: str) -> str:
    """Why tonight starts a new line."""
    mine = [why for point, why in cell.cuts if point.run.name == run]
    return f"{cell.cell}: {'; '.join(mine[0])}" if mine else ""


def _broke(points: Sequence[Point], run: str) -> list[str]:
    """Cells that passed when they were last measured, and do not tonight."""
    before: dict[str, str] = {}
    now: dict[str, str] = {}
    for point in points:
        if point.status != Status.SKIPPED:
            (now if point.run.name == run else before)[point.cell] = point.status
    good = {cell for cell, status in before.items() if status == Status.PASSED}
    return [
        f"{cell}: {status.replace('_', ' ')}"
        for cell, status in now.items()
        if cell in good and status != Status.PASSED
    ]
