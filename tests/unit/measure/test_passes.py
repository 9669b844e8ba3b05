# SPDX-License-Identifier: GPL-2.0-or-later
"""What a workload prints, and rubbish."""

import json

import pytest

from orchestrator.errors import WorkloadFailed
from orchestrator.measure.passes import decode, told

METRICS = ("pgfault", "minflt", "majflt", "time")


def line(number: int = 0, **changes: object) -> str:
    vmstat = {"pgfault": [5, 105], "nr_free": [9, 7]}
    fields = {
        "kmatrix": 1,
        "pass": number,
        "units": 50,
        "time_ns": 1500,
        "minflt": 100,
        "majflt": 0,
        "vmstat": vmstat,
    }
    return json.dumps({**fields, **changes})


DONE = json.dumps({"kmatrix": 1, "done": 2})


def test_two_passes() -> None:
    one, two = decode("\n".join([line(0), line(1), DONE]), METRICS, 2)
    assert one == two and one.units == 50
    assert one.values == {"pgfault": 100, "minflt": 100, "majflt": 0, "time": 1.5}
    assert one.vmstat == {"pgfault": 100, "nr_free": -2}


def test_memory_of_a_cgroup_of_its_own() -> None:
    """Only a workload that has one tells it."""
    memory = {"anon": [4096, 0], "pgfault": [1, 3]}
    one, two = decode("\n".join([line(n, memory_stat=memory) for n in (0, 1)] + [DONE]), METRICS, 2)
    assert one.memory_stat == two.memory_stat == {"anon": -4096, "pgfault": 2}
    assert [sample.memory_stat for sample in decode("\n".join([line(0), line(1), DONE]), METRICS, 2)] == [{}, {}]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "0 of 2"),
        (line(0) + "\n" + DONE, "1 of 2"),
        (line(0) + "\n" + line(1), "2 of 2"),
        ("Segmentation fault", "not a result line"),
        ('{"kmatrix": 2}', "not a result line"),
        ("[1]", "not a result line"),
        (line(0, units=0) + "\n" + DONE, "0 units"),
        (line(0, vmstat=3) + "\n" + DONE, "vmstat"),
        (line(0) + "\n" + line(1, vmstat={"pgfault": [5, 105]}) + "\n" + DONE, "differ"),
        (line(0, memory_stat=3) + "\n" + DONE, "memory_stat"),
        (line(0) + "\n" + line(1, memory_stat={"anon": [5, 105]}) + "\n" + DONE, "differ"),
        (line(0, time_ns="nan") + "\n" + line(1) + "\n" + DONE, "impossible"),
        ("[" * 100_000, "not a result line"),
        (line(0, minflt="many") + "\n" + DONE, "lacks"),
        ('{"kmatrix": 1, "pass": 0}' + "\n" + DONE, "lacks"),
    ],
)
def test_rubbish_is_told(text: str, says: str) -> None:
    with pytest.raises(WorkloadFailed, match=says) as caught:
        decode(text, METRICS, 2)
    assert caught.value.kind == "rubbish"


def test_a_counter_that_this_kernel_lacks_is_no_metric_and_is_told() -> None:
    gone = {"nr_free": [9, 7]}
    text = "\n".join([line(0, vmstat=gone), line(1, vmstat=gone), DONE])
    samples = decode(text, (*METRICS, "written"), 2)
    assert [list(sample.values) for sample in samples] == [["minflt", "majflt", "time"]] * 2
    assert told(text, (*METRICS, "written"), samples) == (
        "no pgfault: this kernel does not count it",
        "no written: this kernel does not count it",
    )


def test_what_the_workload_itself_must_tell_is_not_a_kernels() -> None:
    with pytest.raises(WorkloadFailed, match="lacks"):
        decode("\n".join([line(0), line(1), DONE]), ("stall",), 2)


def test_notes_come_with_the_last_line() -> None:
    noted = json.dumps({"kmatrix": 1, "done": 1, "notes": ["no lists", "bell\x07"]})
    text = line(0) + "\n" + noted + "\n"
    assert told(text, METRICS, decode(text, METRICS, 1)) == ("no lists", "bell")
    assert told(line(0) + "\n" + DONE, METRICS, ()) == ()


@pytest.mark.parametrize("notes", ["text", [1], {"a": "b"}, None])
def test_notes_that_are_none_are_rubbish(notes: object) -> None:
    text = line(0) + "\n" + json.dumps({"kmatrix": 1, "done": 1, "notes": notes})
    with pytest.raises(WorkloadFailed, match="no list of notes"):
        told(text, METRICS, ())
