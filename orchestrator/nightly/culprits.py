# SPDX-License-Identifier: GPL-2.0-or-later
"""Which commit moved a figure since it was last measured: looked for in what is left of the night's time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator import ui
from orchestrator.analyse.statistics import centre
from orchestrator.bisect import chain, result
from orchestrator.bisect.figures import Doing, Figure, Measuring, OutOfTime, differ, once
from orchestrator.bisect.hunt import Hunt
from orchestrator.bisect.result import Answer
from orchestrator.collectors import known as collectors
from orchestrator.config.plan import plan as make_plan
from orchestrator.engine import Manner, finish, this_command, work
from orchestrator.errors import Interrupted, KmatrixError
from orchestrator.model import Kernel, Matrix, Verdict
from orchestrator.nightly.against import Moved
from orchestrator.nightly.budget import within
from orchestrator.runs import load, record
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.identity import begin
from orchestrator.runs.record import Request
from orchestrator.store import Store

FOLDER = "bisect"  # in a night's run folder
GIT = "git:"  # how the identity of a git tree's commit begins


@dataclass(frozen=True)
class Step:
    """A figure that repeats moved between two commits of the tree that a kernel is of."""

    moved: Moved
    kernel: Kernel
    older: str
    newer: str

    @property
    def size(self) -> float:
        """Relative; of what was 0 before, the largest."""
        before, after = centre(self.moved.last.boots), centre(self.moved.now.boots)
        return abs(after - before) / abs(before) if before else float("inf")


def steps(moved: Sequence[Moved], matrix: Matrix) -> list[Step]:
    """The largest first; of a cell's metrics that moved together the largest alone: it has one culprit or more, and
    the others are theirs, too."""
    kernels = {kernel.name: kernel for kernel in matrix.kernels}
    found: dict[str, Step] = {}
    for its in moved:
        kernel = kernels.get(its.now.cell.split("/")[1])
        older, newer = (point.kernel.get("source", "") for point in (its.last, its.now))
        patches = {point.kernel.get("patches", "") for point in (its.last, its.now)}
        decided = its.now.exact and its.last.exact and its.finding.verdict in (Verdict.WORSE, Verdict.BETTER)
        both = older.startswith(GIT) and newer.startswith(GIT) and older != newer
        if not (kernel and decided and both and len(patches) == 1):
            continue
        step = Step(its, kernel, older.removeprefix(GIT), newer.removeprefix(GIT))
        known = found.get(its.now.cell)
        found[its.now.cell] = step if known is None or step.size > known.size else known
    return sorted(found.values(), key=lambda step: -step.size)


def looked_for(moved: Sequence[Moved], matrix: Matrix, night: RunFolder, manner: Manner, until: float) -> list[str]:
    """A line for each culprit, and for each step whose culprit was not found. until: as time.monotonic() has it.

    Nothing that goes wrong here costs the night.
    """
    lines = []
    for step in steps(moved, matrix):
        name = f"{step.moved.now.cell} {step.moved.now.metric}"
        if time.monotonic() >= until:
            lines.append(f"{name}: no time was left to look for the commit")
            continue
        try:
            lines += _looked(step, matrix, night, manner, until)
        except Interrupted:
            raise
        except KmatrixError as error:
            lines.append(f"{name}: the commit was not found: {error.message}")
    return lines


def _looked(step: Step, matrix: Matrix, night: RunFolder, manner: Manner, until: float) -> list[str]:
    arch, kernel, workload = step.moved.now.cell.split("/")
    its = next(its for its in matrix.workloads if its.name == workload)
    alone = once(matrix, next(known for known in matrix.arches if known.name == arch), its)
    tree = RunFolder(night.path / FOLDER / f"{arch}-{kernel}-{workload}")
    place = Path(step.kernel.source.location)
    row = asyncio.run(chain.of_range(place, f"{step.older}..{step.newer}", step.kernel.source, step.kernel.patches))
    how = collectors()[step.moved.now.metric]
    config = step.kernel.config
    measuring = Measuring(tree, alone, step.moved.now.metric, manner, step.kernel.kconfig, config, bounded(until))

    def differs(before: Figure, after: Figure) -> bool:
        return differ(before, after, how)

    found = Hunt(measuring, differs)(row)
    answer = Answer(
        row, found, f"{arch}/{workload}", step.moved.now.metric, how, its.unit, len(measuring.kernels), measuring.lost
    )
    tree.write_json(result.FILE, answer.json())
    left = [row.note] if row.note else []
    if not found.culprits:
        return [answer.lines()[0], *left]
    left += [] if found.whole else ["not all was looked at: the time was up"]
    return [f"{arch}/{kernel}/{workload}: {answer.line(culprit)}" for culprit in found.culprits] + left


def bounded(until: float) -> Doing:
    """A run that is stopped when the time is up: OutOfTime. Nothing of it goes into the history of nights."""

    def do(folder: RunFolder, matrix: Matrix, request: Request, more: Sequence[str], manner: Manner) -> None:
        left = until - time.monotonic()
        if left <= 0:
            raise OutOfTime
        with folder.alone():
            begun = record.save_request(folder, request, matrix, make_plan(matrix, request.select))
            begin(folder, "bisect")
            todo = work(begun, make_plan(begun, more), folder, manner)
            view = ui.show(todo.bus, partial(load.matrix_about, folder), manner.json, manner.quiet)
            with Store().in_use(), view:
                ended = finish(within(todo.run(), left), this_command())
        if not ended:
            raise OutOfTime

    return do
