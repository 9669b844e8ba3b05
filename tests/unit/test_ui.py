# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person or a program reads while a run goes on."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

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
from orchestrator.model import CellResult, Failure, Status
from orchestrator.report.parts.rows import percent, value
from orchestrator.ui import Board, JsonLines, Lines

EMPTY = MatrixReport(
    schema=1, host={}, kernels={}, measure={}, cells=[], comparisons=[], expectations=[], claims=[], notes={}
)


def play(bus: Bus) -> None:
    bus.emit(StageStarted("s390x/patched", Stage.BUILD, 200.4))
    bus.emit(StageDone("s390x/patched", Stage.BUILD, 198.9))
    bus.emit(Note("s390x/patched/w#0", "attempt 1 failed"))
    bus.emit(StageFailed("s390x/patched/w#0", Stage.MEASURE, "QEMU died (signal 9)", Status.INFRA_FAILED))


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


PASSED = CellResult("a/k/w", "a", "k", "w", Status.PASSED, None, "icount", "page")
BROKE = replace(PASSED, status=Status.KERNEL_BROKE, failure=Failure("panic", "it broke"))


@pytest.mark.parametrize(
    ("event", "printed"),
    [
        (StageStarted("a/k", Stage.BUILD), {"kind": "stage", "stage": "build", "estimate": None}),
        (Progress("a/k/w#0", Stage.WARM_UP), {"kind": "progress", "stage": "warm-up"}),
        (StageDone("a/k", Stage.BUILD, 1.5), {"kind": "done", "stage": "build", "seconds": 1.5}),
        (
            StageFailed("a/k/w#0", Stage.MEASURE, "gone", Status.TIMED_OUT),
            {"kind": "failed", "stage": "measure", "message": "gone", "status": "timed_out"},
        ),
        (
            KernelsCompared("a/k", "base", "same", True, (("mm/a.c", "CONFIG_A"),)),
            {
                "kind": "identical",
                "base": "base",
                "how": "same",
                "spared": True,
                "left_out": [["mm/a.c", "CONFIG_A"]],
            },
        ),
        (KernelKnown("a/k", True, "6.1.192"), {"kind": "kernel", "cached": True, "linux": "6.1.192"}),
        (Note("profile", "words"), {"kind": "note", "message": "words"}),
        (FirstAnswer("first answer", "boots"), {"kind": "note", "message": "boots"}),
        (
            CellEnded("a/k/w", PASSED, True),
            {"kind": "cell", "result": {"status": "passed", "failure": None}, "resumed": True, "stored": False},
        ),
        (
            CellEnded("a/k/w", BROKE),
            {
                "kind": "cell",
                "result": {
                    "status": "kernel_broke",
                    "failure": {"kind": "panic", "message": "it broke", "hint": "", "log": ""},
                },
                "resumed": False,
                "stored": False,
            },
        ),
    ],
)
def test_what_other_programs_read_of_each_kind_of_event(event: Event, printed: dict[str, object]) -> None:
    """A contract: keys may be added."""
    out = io.StringIO()
    JsonLines(out)(replace(event, time=12.3456))
    assert json.loads(out.getvalue()) == {"time": 12.346, "subject": event.subject, **printed}


def test_the_board_shows_what_runs_and_what_is_left() -> None:
    bus, board, out = Bus(), Board(), io.StringIO()
    bus.subscribe(board)
    bus.emit(StageStarted("s390x/patched", Stage.BUILD, 200.4))
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
