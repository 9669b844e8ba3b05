# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person sees while it runs: a live table on a terminal, plain lines elsewhere, or JSON events."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from orchestrator.analyse.contract import MatrixReport
from orchestrator.events import Bus, Event
from orchestrator.model import CellResult
from orchestrator.report.parts.rows import rows

Reporter = Callable[[], MatrixReport]


@contextmanager
def show(bus: Bus, reporter: Reporter, json_events: bool, quiet: bool = False) -> Iterator[None]:
    """Subscribe the right view for standard output; reporter gives the matrix as far as it is known."""
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
    """One JSON object an event."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        data = {key: _plain(value) for key, value in event.data.items()}
        row = {"time": round(event.time, 3), "kind": event.kind, "subject": event.subject, **data}
        self._out.write(json.dumps(row, default=str) + "\n")
        self._out.flush()


def _plain(value: object) -> object:
    if isinstance(value, CellResult):
        return {
            "status": value.status,
            "failure": dataclasses.asdict(value.failure) if value.failure else None,
        }
    return value


class Lines:
    """A line for what ended; a comparison's lines as soon as both of its cells are there."""

    def __init__(self, console: Console, reporter: Reporter) -> None:
        self._console, self._reporter = console, reporter
        self._start = time.time()
        self._shown: set[tuple[str, str, str, str]] = set()

    def __call__(self, event: Event) -> None:
        handler = getattr(self, f"_{event.kind}", None)
        if handler:
            handler(event)

    def _say(self, event: Event, text: str, style: str = "") -> None:
        stamp = Text(f"{event.time - self._start:6.1f} s  ", style="dim")
        self._console.print(stamp.append(Text(text, style=style)), soft_wrap=True)

    def _stage(self, event: Event) -> None:
        if event.data["stage"] in ("build", "source"):
            estimate = float(str(event.data.get("estimate") or 0))
            about = f", about {estimate:.0f} s" if estimate >= 1 else ""
            self._say(event, f"{event.subject}: {event.data['stage']} started{about}")

    def _done(self, event: Event) -> None:
        self._say(event, f"{event.subject}: {event.data['stage']} took {float(str(event.data['seconds'])):.1f} s")

    def _kernel(self, event: Event) -> None:
        if event.data["cached"]:
            self._say(event, f"{event.subject}: kernel is in the cache", "dim")

    def _note(self, event: Event) -> None:
        self._say(event, f"{event.subject}: {event.data['message']}", "yellow")

    def _failed(self, event: Event) -> None:
        self._say(event, f"{event.subject}: {event.data['stage']} failed: {event.data['message']}", "red")

    def _cell(self, event: Event) -> None:
        result: Any = event.data["result"]
        again = " (from the earlier start)" if event.data["resumed"] else ""
        self._say(
            event,
            f"{event.subject}: {result.status.replace('_', ' ')}{again}",
            "" if result.failure is None else "red",
        )
        for row in rows(self._reporter()):
            key = (row.arch, row.workload, row.metric, row.new)
            if key not in self._shown:
                self._shown.add(key)
                text = f"{row.arch} {row.workload}: {row.metric} {row.base_text} -> {row.new_text}"
                self._say(event, f"{text}  {row.change}  {row.verdict}", "bold")


class Board:
    """What is under way, since when, and how long it may take."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[str, float, float | None]] = {}
        self._start = time.time()
        self._cells = 0

    def __call__(self, event: Event) -> None:
        if event.kind == "stage":
            known = event.data.get("estimate")
            estimate = float(str(known)) if known else None
            self._running[event.subject] = (str(event.data["stage"]), event.time, estimate)
        elif event.kind == "progress" and event.subject in self._running:
            _, start, estimate = self._running[event.subject]
            self._running[event.subject] = (str(event.data["stage"]), start, estimate)
        elif event.kind in ("done", "failed"):
            self._running.pop(event.subject, None)
        elif event.kind == "cell":
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
