# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person or a program reads while a run goes on."""

import io
import json

import pytest
from rich.console import Console

from orchestrator.analyse.contract import MatrixReport
from orchestrator.events import Bus
from orchestrator.report.parts.rows import percent, value
from orchestrator.ui import Board, JsonLines, Lines

EMPTY = MatrixReport(
    schema=1, host={}, kernels={}, measure={}, cells=[], comparisons=[], expectations=[], claims=[], notes={}
)


def play(bus: Bus) -> None:
    bus.emit("stage", "s390x/patched", stage="build", estimate=200.4)
    bus.emit("done", "s390x/patched", stage="build", seconds=198.9)
    bus.emit("note", "s390x/patched/w#0", message="attempt 1 failed")
    bus.emit("failed", "s390x/patched/w#0", stage="measure", message="QEMU died (signal 9)", status="infra_failed")


def test_plain_lines_tell_what_started_how_long_it_takes_and_what_failed() -> None:
    out = io.StringIO()
    bus = Bus()
    bus.subscribe(Lines(Console(file=out, width=120), lambda: EMPTY))
    play(bus)
    rows = [row.split(" s  ", 1)[1] for row in out.getvalue().splitlines()]
    assert rows == [
        "s390x/patched: build started, about 200 s",
        "s390x/patched: build took 198.9 s",
        "s390x/patched/w#0: attempt 1 failed",
        "s390x/patched/w#0: measure failed: QEMU died (signal 9)",
    ]


def test_json_events_are_one_object_a_line() -> None:
    out = io.StringIO()
    bus = Bus()
    bus.subscribe(JsonLines(out))
    play(bus)
    rows = [json.loads(row) for row in out.getvalue().splitlines()]
    assert [row["kind"] for row in rows] == ["stage", "done", "note", "failed"]
    assert rows[1]["seconds"] == 198.9 and rows[0]["subject"] == "s390x/patched"


def test_the_board_shows_what_runs_and_what_is_left() -> None:
    bus, board, out = Bus(), Board(), io.StringIO()
    bus.subscribe(board)
    bus.emit("stage", "s390x/patched", stage="build", estimate=200.4)
    Console(file=out, width=100).print(board.render())
    assert "s390x/patched" in out.getvalue() and "about 200 s to go" in out.getvalue()


def test_a_view_that_fails_ends_no_run(capsys: pytest.CaptureFixture[str]) -> None:
    bus, seen = Bus(), []
    bus.subscribe(lambda event: (_ for _ in ()).throw(BrokenPipeError("gone")))
    bus.subscribe(lambda event: seen.append(event.kind))
    play(bus)
    assert len(seen) == 4 and capsys.readouterr().err.count("a view of the run ended") == 1


def test_figures_are_printed_with_the_digits_that_count() -> None:
    assert value(3339.93, 1, 0.0001, 1e6) == "3339.9 ±0.005%"
    assert value(2.0, 3, 0.0, 204800) == "2.000 ±0"
    assert value(0.0, 3, 2.0, 0) == "0.000 ±1 a pass"
    assert value(3339.93, 1, 0.0, 1e6, once=True) == "3339.9"
    assert percent(0.0194) == "1.9%" and percent(0.25) == "25%"
