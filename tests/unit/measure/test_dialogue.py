# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said to a workload and what it says: alone, or in a library; and what it means."""

from __future__ import annotations

import base64
import gzip
import subprocess
import textwrap
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.errors import Absent, InfraError, WorkloadFailed
from orchestrator.guest.shell import Output
from orchestrator.measure import dialogue
from orchestrator.measure.dialogue import failure, packed, written
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


def packed_console(out: str = OUT, err: str = ERR, code: int = 0, between: str = "", size: int | None = None) -> str:
    whole = textwrap.wrap(base64.b64encode(gzip.compress((out + err).encode())).decode(), 76)
    lines = [*whole[:1], *between.splitlines(), *whole[1:]]
    sizes = f"{len(out.encode()) if size is None else size} {len(err.encode())}"
    return f"kmatrix: gate\nkmatrix: packed {code} {sizes}\n" + "\n".join([*lines, "kmatrix: ended", ""])


@pytest.mark.parametrize("out", [OUT, "", OUT * 1000 + "kmatrix: ended\nWARNING: CPU: 1\n"])
def test_a_program_of_its_own_is_read_from_the_console(out: str) -> None:
    assert packed(packed_console(out, code=3)) == Output(3, out, ERR)
    assert packed(packed_console("other\n") + packed_console(out)) == Output(0, out, ERR), "the last one counts"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kmatrix: gate\nkmatrix: ended\n",
        packed_console()[:-16],
        packed_console(size=3),
        packed_console("".join(map(chr, range(32, 999))), between="[ 1.2] a warning"),
        packed_console("".join(map(chr, range(32, 999))), between="abcd"),
        packed_console("0" * (2 << 20)),
        packed_console().replace("packed 0", "packed " + "9" * 5000),
    ],
)
def test_where_that_is_not_whole_or_too_long_somebody_logs_in(text: str) -> None:
    assert packed(text) is None


def test_what_a_guest_does_at_the_end_is_what_is_read(tmp_path: Path) -> None:
    """The start's own script, in a shell of this machine."""
    one = Workload("own", tmp_path, "", "page", ("time",), (), 64)
    its = replace(dialogue.of(one, Measure()), command="sh -c 'echo fine; echo BUG: >&2; exit 7'")
    script = its.launch.replace("/tmp/", f"{tmp_path}/").replace("/dev/console", f"{tmp_path}/console")
    script = (
        script.replace("setsid sh", "sh")
        .removesuffix(" &")
        .replace(">" + f"{tmp_path}/console", f">>{tmp_path}/console")
    )
    subprocess.run(["sh", "-c", script], check=True)
    assert packed((tmp_path / "console").read_text()) == Output(7, "fine\n", "BUG:\n")


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
