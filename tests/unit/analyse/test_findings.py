# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings: what is of a change, what the base says, too, and where it is."""

from __future__ import annotations

from orchestrator.analyse.findings import (
    BROKE,
    RAN,
    Ended,
    How,
    Observation,
    ReportRow,
    Watched,
    findings,
    new,
    not_compared,
    not_tried,
    watched,
)
from orchestrator.errors import BuildError, InfraError
from orchestrator.model import Comparison

PAIR = Comparison("unpatched", "patched")
FILES = {("unpatched", "patched"): {"mm/mincore.c"}}


def report(
    line: int = 210, message: str = "WARNING: bad unlock balance detected!", runs: str = "mincore"
) -> ReportRow:
    frames: list[list[str | int]] = [
        ["mmap_read_unlock", "include/linux/mmap_lock.h", 170],
        ["do_mincore", "mm/mincore.c", line],
        ["__do_sys_mincore", "mm/mincore.c", 260],
    ]
    return ReportRow(kind="lock_imbalance", message=message, place="", frames=frames, runs=runs, text="words")


def seen(kernel: str, *reports: ReportRow, arch: str = "s390x", lines: str = "locks", **ran: Ended) -> Watched:
    its = Observation(
        reports=list(reports), ran=ran or {"mincore": RAN}, failing=["mincore"], notes=[], boots=1, stored=False,
        linux="6.1.192", counts={},
    )  # fmt: skip
    return Watched(arch, kernel, lines, its)


def test_what_only_the_patched_kernel_says_is_of_the_change() -> None:
    (row,) = findings([seen("unpatched"), seen("patched", report())], [PAIR], FILES)
    assert new(row, [PAIR]) and row["kernels"] == ["patched"]
    assert (row["function"], row["where"]) == ("do_mincore", "mm/mincore.c:210")
    assert row["log"] == "debug/s390x/patched/locks/report-0.txt" and row["text"] == "words"


def test_what_the_base_says_too_is_known_wherever_its_line_is_now() -> None:
    (row,) = findings([seen("unpatched", report(200)), seen("patched", report(210))], [PAIR], FILES)
    assert row["kernels"] == ["unpatched", "patched"] and not new(row, [PAIR])


def test_what_is_of_the_change_comes_first_and_each_arch_has_its_own() -> None:
    other = report(message="BUG: sleeping function called from invalid context at mm/slab.h:1")
    rows = findings(
        [
            seen("unpatched", other),
            seen("patched", other, report()),
            seen("unpatched", arch="aarch64"),
            seen("patched", report(), arch="aarch64"),
        ],
        [PAIR],
        FILES,
    )
    assert [(row["arch"], new(row, [PAIR])) for row in rows] == [("s390x", True), ("aarch64", True), ("s390x", False)]


def test_one_place_is_one_finding_however_often_it_is_said() -> None:
    said = [report(), report(runs="mincore, allocation 1 fails")]
    (row,) = findings([seen("patched", *said), seen("patched", report(), lines="memory")], [PAIR], FILES)
    assert row["lines"] == ["locks", "memory"] and row["runs"] == ["mincore", "mincore, allocation 1 fails"]


def test_without_a_changed_file_it_is_where_the_kernel_says() -> None:
    told = ReportRow(**{**report(), "place": "mm/madvise.c:12"})
    (row,) = findings([seen("patched", told)], [PAIR], {})
    assert row["where"] == "mm/madvise.c:12"
    (row,) = findings([seen("patched", report())], [PAIR], {})
    assert row["where"] == "mm/mincore.c:210"


def test_a_workload_that_fails_in_the_patched_kernel_alone() -> None:
    broken = seen("patched", mincore=Ended(how=How.FAILED, why="mincore: wrong page"), brk=RAN)
    (row,) = findings([seen("unpatched"), broken], [PAIR], FILES)
    assert row["kind"] == "workload_failed" and "wrong page" in row["message"] and new(row, [PAIR])
    told = seen("patched", report(), mincore=BROKE)
    assert [row["kind"] for row in findings([told], [PAIR], FILES)] == ["lock_imbalance"]  # that says it already


def test_a_kernel_that_does_not_compile_is_a_finding_and_a_host_that_fails_is_none() -> None:
    error = BuildError("s390x/patched~locks does not compile: mm/mincore.c:12:3: error: no member")
    one = Watched("s390x", "patched", "locks", not_tried(error))
    (row,) = findings([seen("unpatched"), one], [PAIR], FILES)
    assert (row["kind"], row["where"]) == ("does_not_build", "mm/mincore.c:12")
    other = Watched("s390x", "patched", "locks", not_tried(InfraError("no room")))
    assert findings([other], [PAIR], FILES) == []
    assert watched([other])[0]["notes"] == ["it was not tried: no room"] and watched([other])[0]["boots"] == 0


def test_silence_says_what_it_rests_on() -> None:
    (row,) = watched([seen("patched", mincore=RAN, mseal=Ended(how=How.ABSENT, why="no mseal"))])
    assert row["ran"] == ["mincore"] and row["left_out"] == ["mseal: not there: no mseal"]


def failing(kernel: str, *reports: ReportRow, names: tuple[str, ...] = ("mincore",), **ran: Ended) -> Watched:
    one = seen(kernel, *reports, **ran)
    one.its["failing"] = list(names)
    return one


def test_a_base_that_did_not_come_to_its_end_is_no_silence() -> None:
    lost = Ended(how=How.ABSENT, why="the guest was lost")
    late = report(runs="mincore, allocation 2 fails")
    for base, its in (
        (seen("unpatched", mincore=lost), report()),
        (seen("unpatched", mincore=BROKE), report()),
        (failing("unpatched", names=()), late),
    ):
        (row,) = [
            one for one in findings([base, seen("patched", its)], [PAIR], FILES) if one["kernels"] == ["patched"]
        ]
        assert not new(row, [PAIR]) and not_compared(row, [PAIR])
    (row,) = findings([failing("unpatched"), failing("patched", late)], [PAIR], FILES)
    assert new(row, [PAIR]) and not not_compared(row, [PAIR])


def test_one_place_more_than_before_is_of_the_change() -> None:
    old, moved, added = report(100), report(107), report(250)
    rows = findings([seen("unpatched", old), seen("patched", moved, added)], [PAIR], FILES)
    first, known = rows
    assert new(first, [PAIR]) and first["where"] in ("mm/mincore.c:107", "mm/mincore.c:250")
    assert known["kernels"] == ["unpatched", "patched"] and not new(known, [PAIR])
    same = report(100)
    first, _ = findings([seen("unpatched", old), seen("patched", same, added)], [PAIR], FILES)
    assert first["where"] == "mm/mincore.c:250"
