# SPDX-License-Identifier: GPL-2.0-or-later
"""What a library's program writes to the console of its workload, and what it says that is not there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.errors import Absent, InfraError, WorkloadFailed
from orchestrator.guest.shell import Output
from orchestrator.measure.boot import _failed, _written
from orchestrator.model import Status

OUT, ERR = '{"kmatrix":1,"done":1}\n', "ünd so\n"


def console(out: str = OUT, err: str = ERR, code: int = 0, more: str = "") -> str:
    sizes = f"{len(out.encode())} {len(err.encode())}"
    return (
        f"kmatrix: gate\nanon-write --passes 1\n\nkmatrix: result {code} {sizes}\n{out}{more}{err}\nkmatrix: ended\n"
    )


def test_output_and_errors_are_told_apart() -> None:
    assert _written(console()) == Output(0, OUT, ERR)
    assert _written(console(err="", code=139)) == Output(139, OUT, "")


def test_the_last_one_counts() -> None:
    """A workload may print what looks like one."""
    assert _written("kmatrix: result 0 3 0\nabc\n" + console()) == Output(0, OUT, ERR)


@pytest.mark.parametrize("text", ["", console()[:-12], console(more="[ 1.2] a warning\n")])
def test_what_is_not_whole_is_the_testbed_s_fault(text: str) -> None:
    with pytest.raises(InfraError):
        _written(text)


def workload(own: Any = None) -> Any:
    return cast(Any, SimpleNamespace(name="uffd-move", own=own))


def test_what_is_not_there_is_no_failure() -> None:
    error = _failed(workload(), Output(4, "", "noise\nthis kernel has no UFFDIO_MOVE\n"), "")
    assert isinstance(error, Absent) and error.message == "this kernel has no UFFDIO_MOVE"
    assert error.status is Status.SKIPPED and error.exit_code == 0


def test_other_ends_are() -> None:
    assert isinstance(_failed(workload(), Output(1, "", "page 3 is wrong\n"), ""), WorkloadFailed)
    assert isinstance(_failed(workload(own=object()), Output(4, "", "skipped\n"), ""), WorkloadFailed)
