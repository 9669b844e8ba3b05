# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong, in every format; and what silence rests on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.analyse.contract import FindingRow, MatrixReport, WatchedRow
from orchestrator.analyse.matrix import exit_code
from orchestrator.analyse.slice import sliced
from orchestrator.report import html, junit, ktap, mail, markdown, terminal
from orchestrator.report.b4check import RENDER as b4check
from orchestrator.report.parts import findings, grid
from orchestrator.report.parts.signoff import offer
from orchestrator.runs.run import Run
from tests.unit.conftest import EVIL, good
from tests.unit.report.conftest import Page


def finding(arch: str, *kernels: str, **more: Any) -> FindingRow:
    row = FindingRow(
        lane="debug", arch=arch, kind="lock_imbalance", where="mm/mincore.c:210", kernels=list(kernels),
        message="WARNING: bad unlock balance detected!", log=f"debug/{arch}/patched/locks/report-0.txt",
        function="do_mincore", lines=["locks"], runs=["mincore"], text=f"WARNING: bad unlock balance\n{EVIL}",
    )  # fmt: skip
    row.update(more)  # type: ignore[typeddict-item]
    return row


def watched(arch: str, kernel: str, **more: Any) -> WatchedRow:
    row = WatchedRow(
        lane="debug", arch=arch, kernel=kernel, lines="locks", ran=["mincore", "brk"], failed=[], failing=["brk"],
        left_out=[], notes=[], boots=1, linux="6.1.192", counts={},
    )  # fmt: skip
    row.update(more)  # type: ignore[typeddict-item]
    return row


def compiled(lines: str, **more: Any) -> WatchedRow:
    row = watched("x86_64", "patched", lane="variant", lines=lines, ran=["mm/mincore.o"], boots=0)
    row.update(more)  # type: ignore[typeddict-item]
    return row


def told(rows: list[FindingRow], *looked: WatchedRow) -> MatrixReport:
    both = [watched(arch, kernel) for arch in ("aarch64", "s390x") for kernel in ("unpatched", "patched")]
    return {**good(), "findings": rows, "watched": [*both, *looked]}


WRONG = told([finding("aarch64", "patched"), finding("s390x", "patched")])
KNOWN = told([finding("s390x", "unpatched", "patched")])
SILENT = told([])
ERROR = finding(
    "i386", "patched", lane="variant", kind="error", where="mm/mincore.c:12", message="no such member",
    lines=["32 bits"], text="",
)  # fmt: skip
WARNING: FindingRow = {**ERROR, "kind": "warning", "message": "unused variable", "lines": ["W=1"]}


def text(report: MatrixReport) -> str:
    return " ".join(terminal.RENDER(Run(report)).split())


def test_what_only_the_patched_kernel_says_is_the_first_thing_that_is_told() -> None:
    assert exit_code(WRONG) == 3
    said = mail.RENDER(Run(WRONG))
    assert said.startswith("patched is wrong on aarch64 and s390x (lock imbalance in do_mincore,\nmm/mincore.c:210)")
    assert "| WARNING: bad unlock balance" in said and "Tested-by" not in said
    assert "aarch64 and s390x, patched: lock imbalance in do_mincore" in text(WRONG)


def test_what_the_base_says_too_is_no_fault_of_the_patch() -> None:
    assert exit_code(KNOWN) == exit_code(good())
    assert "known on the base, too: s390x, unpatched and patched: lock imbalance" in text(KNOWN)
    assert "wrong" not in mail.RENDER(Run(KNOWN)).partition("\n\n")[0]


def test_silence_says_what_was_looked_at() -> None:
    said = text(SILENT)
    assert (
        "watching their locks: booted, and ran 2 workloads, 1 of them also with allocations that fail: nothing"
        in said
    )
    assert not findings.lines(good())


def test_a_file_that_does_not_compile_elsewhere_and_a_new_warning() -> None:
    broken, warned = told([ERROR], compiled("32 bits"), compiled("no SWAP")), told([WARNING], compiled("W=1"))
    assert (exit_code(broken), exit_code(warned)) == (3, 1)
    assert mail.RENDER(Run(broken)).startswith("patched does not compile in 32 bits (mm/mincore.c:12);")
    assert "32 bits (i386), patched: mm/mincore.c:12: error: no such member" in text(broken)
    assert "1 object compiled without a new word in: no SWAP" in text(broken)
    assert "patched brings a warning in W=1" in mail.RENDER(Run(warned)) and not offer(warned, "")


def test_what_was_not_looked_at_is_named() -> None:
    lost = compiled("clang", ran=[], notes=["clang is not installed"])
    assert "not compiled in clang: clang is not installed" in text(told([], lost))
    out = watched("s390x", "patched", left_out=["mseal: not there: no mseal"], notes=["cannot make allocations fail"])
    said = text(told([], out))
    assert "left out: mseal: not there: no mseal" in said and "cannot make allocations fail" in said


@pytest.mark.parametrize("report", [WRONG, KNOWN, SILENT, told([ERROR], compiled("32 bits"))])
def test_every_format_takes_it(report: MatrixReport) -> None:
    run = Run(report)
    for its in (terminal, markdown, mail, junit, ktap, html):
        assert its.RENDER(run)
    assert all(ord(c) < 128 for c in mail.RENDER(run))
    assert max(map(len, mail.RENDER(run).splitlines())) <= 75


def test_pages_show_the_words_and_run_none_of_them() -> None:
    page = html.RENDER(Run(WRONG))
    Page(page)
    assert findings.TITLE in page and "bad unlock balance" in page and "<script>alert(1)" not in page


def test_machines_fail_by_it() -> None:
    assert 'name="patched locks"' in junit.RENDER(Run(WRONG)) and "<failure" in junit.RENDER(Run(WRONG))
    assert "not ok" in ktap.RENDER(Run(WRONG)) and "not ok" not in ktap.RENDER(Run(SILENT))
    assert {entry["status"] for entry in json.loads(b4check(Run(WRONG)))} == {"fail"}


def test_what_is_the_same_in_several_variants_is_one_line_with_all_of_them() -> None:
    twice: list[FindingRow] = [{**ERROR, "arch": "x86_64", "lines": [name]} for name in ("no SWAP", "allnoconfig")]
    report = told(twice, compiled("no SWAP"), compiled("allnoconfig"))
    assert "no SWAP and allnoconfig (x86_64), patched: mm/mincore.c:12: error" in text(report)
    assert "does not compile in no SWAP and allnoconfig" in " ".join(mail.RENDER(Run(report)).split())


def test_a_part_of_a_run_keeps_what_is_its_own_and_what_is_of_all() -> None:
    report = told(
        [finding("aarch64", "patched"), finding("s390x", "patched"), ERROR], compiled("32 bits", arch="i386")
    )
    part = sliced(report, ["s390x"])
    assert [row["arch"] for row in part["findings"]] == ["s390x", "i386"]
    assert {row["arch"] for row in part["watched"]} == {"s390x", "i386"}


def test_all_that_was_asked_is_one_picture() -> None:
    report = told([finding("aarch64", "patched"), ERROR], compiled("32 bits", arch="i386"), compiled("no SWAP"))
    (shown,) = grid.grids(report)
    assert shown.heads == ("aarch64", "s390x", "elsewhere")
    rows = {name: [text for text, _ in squares] for name, squares in shown.rows}
    assert rows["builds"] == rows["boots"] == ["yes", "yes", "-"]
    assert rows["locks"] == ["1 finding", "silent (2)", "-"] and rows["compiles"] == ["-", "-", "1 of 2"]
    assert "lines ran" not in rows, "nobody looked"
    assert ["compiles", "-", "-", "1", "of", "2"] in [row.split() for row in mail.RENDER(Run(report)).splitlines()]
    assert "| locks | 1 finding | silent (2) | - |" in markdown.RENDER(Run(report))
    assert "Is it right: unpatched to patched" in text(report)
    assert grid.grids(good()) == []


BROKEN_TEST = finding(
    "s390x", "patched", lane="selftest", kind="test_fails", where="tools/testing/selftests/vm/mremap_test",
    message="mremap_test: 5KB mremap: passed before, failed now", lines=["selftests"], runs=["mremap_test"],
    log="selftests/s390x/patched/0/mremap_test.txt", silent=["unpatched"],
)  # fmt: skip
STYLE = finding(
    "all", "patched", lane="static", kind="warning", where="mm/mincore.c:12", message="WARNING: too long (LONG_LINE)",
    lines=["checkpatch"], runs=[], text="",
)  # fmt: skip


def own_tests(kernel: str, **more: Any) -> WatchedRow:
    row = watched("s390x", kernel, lane="selftest", lines="selftests", ran=["gup_test -u"], boots=1, failing=[])
    row.update(more)  # type: ignore[typeddict-item]
    return row


def test_a_test_of_the_kernel_s_own_that_fails_now() -> None:
    left = ["hmm-tests: a module", "migration: two nodes"]
    report = told([BROKEN_TEST], own_tests("unpatched"), own_tests("patched", failed=["mremap_test"], left_out=left))
    assert "patched fails its test mremap_test on s390x" in " ".join(mail.RENDER(Run(report)).split())
    assert "s390x, patched: test mremap_test: 5KB mremap: passed before, failed now" in text(report)
    assert "s390x/patched: 1 of 2 tests of its own pass, 1 fail (mremap_test)" in text(report)
    assert "s390x/patched: 2 left out (hmm-tests, migration)" in text(report)
    (shown,) = grid.grids(report)
    assert dict(shown.rows)["selftests"] == (("-", "plain"), ("1 fail now", "bad"))
    assert exit_code(report) == 3 and "<failure" in junit.RENDER(Run(report))


def test_tests_that_come_out_as_before_say_so() -> None:
    (shown,) = grid.grids(told([], own_tests("unpatched"), own_tests("patched")))
    assert dict(shown.rows)["selftests"] == (("-", "plain"), ("as before (1 pass)", "good"))


def test_a_script_s_warning_is_a_warning_and_of_no_architecture() -> None:
    looked = [watched("all", "patched", lane="static", lines=name, ran=["0001.patch"], boots=0, failing=[])
              for name in ("checkpatch", "kernel-doc")]  # fmt: skip
    report = told([STYLE], *looked)
    assert exit_code(report) == 1
    assert "checkpatch, patched: mm/mincore.c:12: WARNING: too long (LONG_LINE)" in text(report)
    assert "nothing is said by kernel-doc" in text(report)
    (shown,) = grid.grids(report)
    assert shown.heads == ("aarch64", "s390x")
    assert {entry["status"] for entry in json.loads(b4check(Run(report)))} == {"warn"}


def test_what_nobody_knows_of_the_base_is_no_silence() -> None:
    row = finding("s390x", "patched", silent=[])
    report = told([row])
    assert "said, and nobody knows whether the base says it, too: s390x, patched: lock imbalance" in text(report)
    assert "known on the base" not in text(report) and exit_code(report) == 1
    (shown,) = grid.grids(report)
    assert dict(shown.rows)["locks"] == (("silent (2)", "good"), ("not compared", "bad"))
    (shown,) = grid.grids(told([], own_tests("unpatched", ran=[]), own_tests("patched")))
    assert dict(shown.rows)["selftests"] == (("-", "plain"), ("not compared (1 pass)", "bad"))


def test_what_compiles_with_neither_kernel_is_not_told_as_compiled() -> None:
    said = text(
        told([], compiled("no SMP", failed=["mm/nommu.o"]), compiled("W=1", notes=["CONFIG_A of the change on"]))
    )
    assert "in no SMP: mm/nommu.o compiles with neither kernel" in said
    assert "in W=1: CONFIG_A of the change on" in said and "not compiled in" not in said


def test_a_changed_source_that_no_variant_builds_is_named() -> None:
    mincore, other = "mm/mincore.c: not built there", "fs/odd.c: not built there"
    here = compiled("W=1", left_out=[other])
    there = compiled("no SWAP", ran=[], left_out=[mincore, other], notes=["nothing of the change is built there"])
    absent = compiled("clang", ran=[], notes=["clang is not installed"])
    said = text(told([], here, there, absent))
    assert "compiled in none of them: fs/odd.c" in said and "mm/mincore.c" not in said
    assert "in none of them" not in text(told([], compiled("W=1"), there))
