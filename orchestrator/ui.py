# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person sees while it runs: a live table, plain lines or JSON events; and the first answer of a check."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from orchestrator.analyse.contract import MatrixReport
from orchestrator.events import (
    Bus,
    CellEnded,
    Event,
    FirstAnswer,
    KernelKnown,
    KernelsCompared,
    Note,
    Progress,
    Stage,
    StageDone,
    StageFailed,
    StageStarted,
)
from orchestrator.model import CellResult, Plan, Status
from orchestrator.report.parts.needed import titled
from orchestrator.report.parts.rows import rows
from orchestrator.report.parts.words import listed

Reporter = Callable[[CellResult], MatrixReport]  # what is known once this cell ended
MOST = 3  # files that a first answer names
ENDS = {Status.KERNEL_BROKE, Status.TIMED_OUT}


@contextmanager
def show(bus: Bus, reporter: Reporter, json_events: bool, quiet: bool = False) -> Iterator[None]:
    """Subscribe the right view for standard output; reporter gives the comparisons that a cell has part in."""
    if quiet:
        yield
        return
    if json_events:
        bus.subscribe(JsonLines(sys.stdout))
        yield
        return
    console = Console(stderr=False)
    lines = Lines(console, reporter)
    bus.subscribe(lines)
    if not console.is_terminal:
        yield
        return
    board = Board()
    bus.subscribe(board)
    with Live(get_renderable=board.render, console=console, refresh_per_second=4, transient=True):
        yield


class JsonLines:
    """One JSON object an event: time, kind, subject, and the fields of its class."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        self._out.write(json.dumps(as_json(event), default=str) + "\n")
        self._out.flush()


def as_json(event: Event) -> dict[str, object]:
    """What `run --json` prints of an event. A contract."""
    own = {f.name: getattr(event, f.name) for f in dataclasses.fields(event) if f.name not in ("time", "subject")}
    row = {"time": round(event.time, 3), "kind": event.kind, "subject": event.subject, **own}
    if isinstance(event, CellEnded):
        failure = event.result.failure
        row["result"] = {
            "status": event.result.status,
            "failure": dataclasses.asdict(failure) if failure else None,
        }
        row["stored"] = event.stored
    return row


class Lines:
    """A line for what ended; a comparison's lines as soon as both of its cells are there."""

    def __init__(self, console: Console, reporter: Reporter) -> None:
        self._console, self._reporter = console, reporter
        self._start = time.time()
        self._shown: set[tuple[str, str, str, str]] = set()

    def __call__(self, event: Event) -> None:
        match event:
            case StageStarted(subject, Stage.BUILD | Stage.SOURCE as stage, estimate):
                about = f", about {estimate:.0f} s" if estimate and estimate >= 1 else ""
                self._say(event, f"{subject}: {stage} started{about}")
            case StageDone(subject, stage, seconds):
                self._say(event, f"{subject}: {stage} took {seconds:.1f} s")
            case StageFailed(subject, stage, message):
                self._say(event, f"{subject}: {stage} failed: {message}", "red")
            case KernelKnown(subject, True):
                self._say(event, f"{subject}: kernel is in the cache", "dim")
            case KernelsCompared(subject, base, _, True):
                self._say(event, f"{subject}: the same kernel as {base}, so it is not measured", "dim")
            case Note(subject, message):
                self._say(event, f"{subject}: {message}", "yellow")
            case CellEnded():
                self._cell(event)

    def _say(self, event: Event, text: str, style: str = "") -> None:
        stamp = Text(f"{event.time - self._start:6.1f} s  ", style="dim")
        self._console.print(stamp.append(Text(text, style=style)), soft_wrap=True)

    def _cell(self, event: CellEnded) -> None:
        result = event.result
        whence = " (from the earlier start)" if event.resumed else " (measured before)" if event.stored else ""
        style = "" if result.failure is None else "red"
        self._say(event, f"{event.subject}: {result.status.replace('_', ' ')}{whence}", style)
        report = self._reporter(result)
        for row in rows(report):
            key = (row.arch, row.workload, row.metric, row.new)
            if key not in self._shown:
                self._shown.add(key)
                config, *_ = titled(report, row.base, row.new)
                text = f"{row.arch} {row.workload}{config}: {row.metric} {row.base_text} -> {row.new_text}"
                self._say(event, f"{text}  {row.change}  {row.verdict}", "bold")


class Board:
    """What is under way, since when, and how long it may take."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[Stage, float, float | None]] = {}
        self._start = time.time()
        self._cells = 0

    def __call__(self, event: Event) -> None:
        match event:
            case StageStarted(subject, stage, estimate):
                self._running[subject] = (stage, event.time, estimate)
            case Progress(subject, stage) if subject in self._running:
                _, start, estimate = self._running[subject]
                self._running[subject] = (stage, start, estimate)
            case StageDone(subject) | StageFailed(subject):
                self._running.pop(subject, None)
            case CellEnded():
                self._cells += 1

    def render(self) -> Group:
        """Called by rich a few times a second."""
        now = time.time()
        table = Table.grid(padding=(0, 2))
        for subject, (stage, start, estimate) in self._running.items():
            left = f"about {max(0.0, estimate - (now - start)):.0f} s to go" if estimate else "no estimate yet"
            table.add_row(Text("▸", style="cyan"), subject, stage, f"{now - start:5.1f} s", Text(left, style="dim"))
        total = Text(f"{now - self._start:.0f} s, {self._cells} cells done", style="bold")
        return Group(table, total)


class _Known(StrEnum):
    """Of a kernel on one arch."""

    BUILDS = "builds"
    BOOTS = "builds and boots"
    SAME = "builds, and is the same kernel"
    BREAKS = "builds and does not boot"
    FAILS = "does not build"
    UNKNOWN = "could not be tried"


class Answering:
    """Listens to a run for what becomes of one kernel; emits one FirstAnswer."""

    def __init__(self, bus: Bus, plan: Plan, kernel: str) -> None:
        self._bus = bus
        self._known: dict[str, _Known | None] = {b.id: None for b in plan.builds if b.kernel.name == kernel}
        self._left_out: dict[tuple[str, str], dict[str, None]] = {}
        self._told = not self._known

    def __call__(self, event: Event) -> None:
        build = "/".join(event.subject.split("/")[:2])  # of a build's, a cell's and a boot's id
        if self._told or build not in self._known:
            return
        self._known[build] = self._after(event, self._known[build])
        if isinstance(event, KernelsCompared):
            for what in event.left_out:
                self._left_out.setdefault(what, {})[build.partition("/")[0]] = None
        if not set(self._known.values()) & {None, _Known.BUILDS}:
            self._told = True
            self._bus.emit(FirstAnswer("first answer", self._text()))

    def _after(self, event: Event, before: _Known | None) -> _Known | None:
        """What is known of the event's kernel then."""
        if before not in (None, _Known.BUILDS):
            return before
        match event:
            case KernelKnown():
                return _Known.BUILDS
            case KernelsCompared(spared=True):
                return _Known.SAME
            case Progress(_, stage) if stage is not Stage.BOOT:
                return _Known.BOOTS  # now, or when the snapshot was made that it goes on from
            case CellEnded(_, result):
                return _outcome(result.status)
            case StageFailed(_, Stage.MEASURE, _, status) if status in ENDS:
                return _Known.BREAKS
        return before  # after a failure of the testbed a boot may be repeated: the cell's end tells

    def _text(self) -> str:
        """Outcomes in the order of the enum, each with its arches."""
        parts = []
        for known in _Known:
            where = [build.partition("/")[0] for build, its in self._known.items() if its is known]
            if where:
                parts.append(f"{known.value} on {listed(where)}")
        return "; ".join([*parts, *self._not_built()])

    def _not_built(self) -> list[str]:
        """mm/swapfile.c is not built (needs CONFIG_SWAP)"""
        said = []
        for (file, options), arches in self._left_out.items():
            where = "" if len(arches) == len(self._known) else f" on {listed(arches)}"
            needs = f" (needs {listed(options.split())})" if options else ""
            said.append(f"{file} is not built{where}{needs}")
        more = len(said) - MOST
        return [*said[:MOST], *([f"and {more} more files are not"] if more > 0 else [])]


def _outcome(status: Status) -> _Known:
    """Of a kernel of which nothing but a cell's end was seen."""
    if status is Status.BUILD_FAILED:
        return _Known.FAILS
    if status in ENDS:
        return _Known.BREAKS
    return _Known.UNKNOWN if status in (Status.INFRA_FAILED, Status.SKIPPED) else _Known.BOOTS
