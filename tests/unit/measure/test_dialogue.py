# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said to a workload and what it says: alone, or in a library; and what it means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.errors import Absent, InfraError, WorkloadFailed
from orchestrator.guest.shell import Output
from orchestrator.measure import dialogue
from orchestrator.measure.dialogue import failure, written
from orchestrator.model import Clock, Measure, ProgramKind, Status, Workload

OUT, ERR = '{"kmatrix":1,"done":1}\n', "ünd so\n"


def console(out: str = OUT, err: str = ERR, code: int = 0, more: str = "") -> str:
    sizes = f"{len(out.encode())} {len(err.encode())}"
    return (
        f"kmatrix: gate\nanon-write --passes 1\n\nkmatrix: result {code} {sizes}\n{out}{more}{err}\nkmatrix: ended\n"
    )


def test_output_and_errors_are_told_apart() -> None:
    assert written(console()) == Output(0, OUT, ERR)
    assert written(console(err="", code=139)) == Output(139, OUT, "")


def test_the_last_one_counts() -> None:
    """A workload may print what looks like one."""
    assert written("kmatrix: result 0 3 0\nabc\n" + console()) == Output(0, OUT, ERR)


@pytest.mark.parametrize("text", ["", console()[:-12], console(more="[ 1.2] a warning\n")])
def test_what_is_not_whole_is_the_testbed_s_fault(text: str) -> None:
    with pytest.raises(InfraError):
        written(text)


def workload(own: Any = None) -> Any:
    return cast(Any, SimpleNamespace(name="uffd-move", own=own))


def test_what_is_not_there_is_no_failure() -> None:
    error = failure(workload(), Output(4, "", "noise\nthis kernel has no UFFDIO_MOVE\n"), "")
    assert isinstance(error, Absent) and error.message == "this kernel has no UFFDIO_MOVE"
    assert error.status is Status.SKIPPED and error.exit_code == 0


def test_other_ends_are() -> None:
    assert isinstance(failure(workload(), Output(1, "", "page 3 is wrong\n"), ""), WorkloadFailed)
    theirs, marked = (SimpleNamespace(kind=kind) for kind in (ProgramKind.SOURCE, ProgramKind.MARKERS))
    assert isinstance(failure(workload(own=theirs), Output(4, "", "skipped\n"), ""), WorkloadFailed)
    assert isinstance(failure(workload(own=marked), Output(4, "", "no such thing\n"), ""), Absent)


def test_a_library_is_started_without_a_workload_and_told_at_the_gate() -> None:
    """So that a guest at the gate is that of all of them."""
    measure, folder = Measure(warmup=3, passes=2), Path("w")
    one = Workload("anon-write", folder, "", "page", ("time",), ("--mib", "4"), 64)
    alone, shared = dialogue.of(one, measure), dialogue.of(replace(one, area="faults"), measure)
    assert (alone.warm, alone.by_console, alone.answer) == (True, False, "2\n")
    assert "--warmup 3" in alone.command and alone.started == ("--mib", "4", "3")
    assert (shared.warm, shared.by_console) == (False, True)
    assert shared.answer == "anon-write --mib 4 --warmup 3 --passes 2\n" and "anon-write" not in shared.launch
    assert dialogue.of(replace(one, area="faults", name="other"), measure).started == shared.started
    by_wall_clock = dialogue.of(replace(one, area="faults"), replace(measure, clock=Clock.WALL))
    assert "--phase 0" in by_wall_clock.answer and by_wall_clock.launch == shared.launch
