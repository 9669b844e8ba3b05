# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing reassures without evidence: what is gone, was not tried, is not compared, or would have been missed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.analyse.contract import MatrixReport, StaticRow, WatchedRow
from orchestrator.analyse.findings import DOWN, RAN, Ended, How, Observation, Watched, findings, not_tried
from orchestrator.analyse.findings import LOST as GUEST_LOST
from orchestrator.analyse.findings import watched as looked_at
from orchestrator.analyse.matrix import assemble, exit_code
from orchestrator.analyse.runs import compare_runs
from orchestrator.analyse.selftests import LOST, Outcomes, Tried, facts
from orchestrator.analyse.slice import sliced, without
from orchestrator.errors import (
    EXIT_FAILED,
    EXIT_INFRA,
    EXIT_OK,
    EXIT_UNEXPECTED,
    EXIT_UNREACHED,
    InfraError,
    KernelBroke,
)
from orchestrator.model import CellResult, Comparison, Expectation, Failure, Status
from orchestrator.registry import figure
from orchestrator.report import Telling, b4check, kcidb, mail, markdown
from orchestrator.report.parts import findings as words
from orchestrator.report.parts import grid
from orchestrator.report.parts.cases import Outcome, cases
from orchestrator.report.parts.paper import folded, paragraph
from orchestrator.report.parts.rows import rows
from orchestrator.report.parts.sentence import headline
from orchestrator.report.parts.signoff import clean, offer
from orchestrator.runs.run import Run
from tests.unit import conftest as reports
from tests.unit.report.test_findings import finding, own_tests, watched

PAIR = Comparison("unpatched", "patched")
BASE, NEW = reports.BASE, reports.NEW


def absent(arch: str, kernel: str) -> CellResult:
    its = reports.cell(arch, kernel, NEW, boots=0)
    return replace(its, status=Status.SKIPPED, reason="absent", failure=Failure("absent", "no mseal()"))


def same(arch: str) -> list[CellResult]:
    return [reports.cell(arch, kernel, BASE) for kernel in ("unpatched", "patched")]


def matrix(*cells: CellResult, **more: Any) -> MatrixReport:
    return reports.matrix(*cells, expected=False, **more)


def statuses(report: MatrixReport) -> dict[str, str]:
    return {entry["tool"]: entry["status"] for entry in b4check.entries(Run(report))}


def test_what_a_patch_takes_away_is_a_failure_of_it() -> None:
    gone = matrix(*same("aarch64"), reports.cell("s390x", "unpatched", BASE), absent("s390x", "patched"))
    assert exit_code(gone) == EXIT_FAILED and "shmem-write fails with patched on s390x" in headline(gone)
    assert not offer(gone, "") and statuses(gone) == {"kmatrix-aarch64": "pass", "kmatrix-s390x": "fail"}
    cell = next(row for row in gone["cells"] if row["id"] == "s390x/patched/shmem-write")
    assert cell["failure"] and "as it is with unpatched: no mseal()" in cell["failure"]["message"]
    assert {its.outcome for its in cases(gone) if its.kind == "cell" and its.arch == "s390x"} == {
        Outcome.PASSED, Outcome.FAILED,
    }  # fmt: skip
    before = matrix(*same("aarch64"), *same("s390x"))
    assert compare_runs(before, gone).worse


def test_what_is_nowhere_is_no_failure_and_no_evidence() -> None:
    nowhere = [absent("s390x", kernel) for kernel in ("unpatched", "patched")]
    some = matrix(*same("aarch64"), *nowhere)
    assert exit_code(some) == EXIT_OK and "# aarch64 (TCG)" in " ".join(offer(some, ""))
    none = matrix(*nowhere, built={"s390x": 4}, same={"s390x": "differs"})
    assert exit_code(none) == EXIT_UNREACHED and not offer(none, "")


def test_a_finding_is_of_the_patch_also_where_no_figure_is() -> None:
    broken = matrix(reports.cell("s390x", "unpatched", BASE), reports.failed("s390x", "patched"))
    row = finding("s390x", "patched", kind="use_after_free", silent=["unpatched"], lines=["memory"])
    looked = [watched("s390x", kernel, lines="memory") for kernel in ("unpatched", "patched")]
    report: MatrixReport = {**broken, "findings": [row], "watched": looked}
    assert not any("known on the base" in line for line, _ in words.lines(report))
    assert "use after free" in headline(report) and dict(grid.grids(report)[0].rows)["memory"][0][1] == "bad"
    part = sliced(report, ["s390x"])
    assert not any("known on the base" in line for line, _ in words.lines(part))


def not_done(kernel: str) -> list[WatchedRow]:
    """In a guest that did not come up."""
    failed = not_tried(InfraError("the guest did not become ready in 600 s", kind="timeout"))
    return looked_at([Watched("s390x", kernel, "memory", failed)])


@pytest.mark.parametrize(
    "looked",
    [
        [watched("s390x", "unpatched", lines="memory"), *not_done("patched")],
        [own_tests("unpatched"), own_tests("patched", ran=[], boots=0, notes=["they could not be run: no guest"])],
    ],
)
def test_what_was_asked_and_not_tried_is_no_silence(looked: list[WatchedRow]) -> None:
    report: MatrixReport = {**reports.good(), "findings": [], "watched": looked}
    assert exit_code(report) == EXIT_INFRA and not offer(report, "") and statuses(report)["kmatrix-s390x"] == "warn"
    assert "could not be tried on s390x" in headline(report)


def seen(ran: dict[str, Ended]) -> Observation:
    return Observation(
        reports=[], ran=ran, failing=[], notes=[], boots=1, stored=False, linux="6.1", counts={}
    )  # fmt: skip


def test_a_kernel_that_breaks_before_it_says_a_word_is_a_finding() -> None:
    error = InfraError("the guest reset", kind="reset")
    error.__cause__ = KernelBroke("the guest reset")
    pair = [
        Watched("s390x", "unpatched", "memory", seen({"mincore": RAN})),
        Watched("s390x", "patched", "memory", not_tried(error)),
    ]
    (row,) = findings(pair, [PAIR], {})
    assert (row["kind"], row["kernels"], row.get("silent")) == ("does_not_boot", ["patched"], ["unpatched"])
    report: MatrixReport = {**reports.good(), "findings": [row], "watched": looked_at(pair)}
    assert exit_code(report) == EXIT_FAILED


def test_a_watching_kernel_that_lacks_what_its_base_has_is_a_finding() -> None:
    gone = Ended(how=How.ABSENT, why="no mseal()")
    pair = [
        Watched("s390x", "unpatched", "locks", seen({"mseal": RAN, "brk": gone})),
        Watched("s390x", "patched", "locks", seen({"mseal": gone, "brk": gone})),
    ]
    (row,) = findings(pair, [PAIR], {})
    assert "mseal is not there any more: no mseal()" in row["message"] and row["kernels"] == ["patched"]


def test_what_nobody_can_compare_passes_nowhere() -> None:
    looked = [watched(arch, kernel) for arch in ("aarch64", "s390x") for kernel in ("unpatched", "patched")]
    report: MatrixReport = {
        **reports.good(), "findings": [finding("s390x", "patched", silent=[])], "watched": looked,
    }  # fmt: skip
    assert exit_code(report) == EXIT_UNEXPECTED and "nobody knows whether the base has it" in headline(report)
    assert statuses(report)["kmatrix-s390x"] == "warn"
    outcomes = {its.name: its.outcome for its in cases(report) if its.kind == "debug" and its.arch == "s390x"}
    assert outcomes == {"patched locks": Outcome.SKIPPED, "unpatched locks": Outcome.PASSED}


def test_kcidb_has_findings_as_tests() -> None:
    row = finding("s390x", "patched", silent=["unpatched"])
    report: MatrixReport = {**reports.good(), "findings": [row], "watched": []}
    tests = json.loads(kcidb.RENDER(Run(report)))["tests"]
    (its,) = [test for test in tests if ".debug." in test["path"]]
    assert its["status"] == "FAIL" and "mm/mincore.c:210" in its["comment"] and its["log_excerpt"]


def test_what_moved_is_said_where_nothing_of_the_change_is_built() -> None:
    cells = reports.cell("s390x", "unpatched", NEW), reports.cell("s390x", "patched", BASE)
    report = reports.matrix(*cells, expected=False, built={"s390x": 0}, same={"s390x": "differs"})
    said = headline(report)
    assert "is worse on s390x" in said and "built on s390x" in said


def test_a_part_has_its_own_suite() -> None:
    report: MatrixReport = {
        **matrix(
            *same("aarch64"), *same("x86_64"),
            reports.cell("s390x", "unpatched", NEW), reports.cell("s390x", "patched", BASE),
        ),
        "suite": [],
    }  # fmt: skip
    (whole,) = sliced(report)["suite"]
    assert (whole["worse"], whole["same"]) == (1, 2)
    (part,) = sliced(report, ["aarch64", "x86_64"])["suite"]
    assert (part["worse"], part["same"]) == (0, 2)


def test_what_is_expected_of_the_base_excuses_nothing() -> None:
    its = Expectation("pgfault", "", {"unpatched": 1.0}, {}, 0.01)
    cells = [reports.cell("s390x", "unpatched", NEW), reports.cell("s390x", "patched", BASE)]
    report = assemble(cells, [PAIR], {"shmem-write": [its]}, {}, {}, {"boots": 2, "passes": 1, "clock": "icount"})
    (row,) = [row for row in rows(report) if row.metric.startswith("pgfault")]
    assert (row.verdict, row.tone) == ("worse", "bad")


def test_the_grid_says_what_is_undecided_and_that_nothing_ran() -> None:
    looked = [watched("s390x", kernel, ran=[]) for kernel in ("unpatched", "patched")]
    report: MatrixReport = {**reports.doubtful(), "findings": [], "watched": looked}
    squares = {name: its[0][0] for name, its in grid.grids(report)[0].rows}
    assert "undecided" in squares["figures"] and squares["locks"] == "booted only"
    assert "undecided" in mail.RENDER(Run(report))


def outcomes(kernel: str, tests: dict[str, str], lost: list[str]) -> Tried:
    its = Outcomes(
        outcomes={name: {"": how} for name, how in tests.items()}, words={}, took={}, places={}, notes=[], boots=2,
        left_out=dict.fromkeys(lost, f"{LOST}: another did not come up (the kernel broke)"), linux="6.1",
    )  # fmt: skip
    return Tried("s390x", kernel, (its,))


def lost_tests() -> MatrixReport:
    """Of the kernel's own tests one ran, then the guest was lost, and no other came up."""
    tried = [
        outcomes("unpatched", dict.fromkeys("abc", "passed"), []),
        outcomes("patched", {"a": "passed"}, ["b", "c"]),
    ]
    found = facts(tried, [PAIR])
    return {**reports.good(), "findings": found["findings"], "watched": found["watched"]}


def lost_workloads() -> MatrixReport:
    """Likewise, of workloads in a kernel that watches itself."""
    ran = {"mincore": RAN, "brk": RAN, "mseal": RAN}
    pair = [
        Watched("s390x", "unpatched", "locks", seen(ran)),
        Watched("s390x", "patched", "locks", seen({"mincore": RAN, "brk": GUEST_LOST, "mseal": DOWN})),
    ]
    return {**reports.good(), "findings": findings(pair, [PAIR], {}), "watched": looked_at(pair)}


@pytest.mark.parametrize(("report", "what"), [(lost_tests(), "2 tests of"), (lost_workloads(), "2 workloads of")])
def test_what_was_lost_on_the_way_is_no_silence(report: MatrixReport, what: str) -> None:
    assert exit_code(report) == EXIT_INFRA and not offer(report, "")
    assert what in headline(report) and "could not be tried on s390x" in headline(report)
    assert statuses(report) == {"kmatrix-aarch64": "pass", "kmatrix-s390x": "warn"}
    assert Outcome.ERROR in {its.outcome for its in cases(report) if its.arch == "s390x"}
    (row,) = [its for name, its in grid.grids(report)[0].rows if name in ("locks", "selftests")]
    assert row[1][1] == "bad" and "silent" not in row[1][0] and "as before" not in row[1][0]


def test_a_new_warning_of_the_compiler_is_told_everywhere() -> None:
    its = StaticRow(
        arch="s390x", base="unpatched", new="patched", kind="warning", function="mm/mincore.c:210", base_value=None,
        new_value=None, text="unused variable",
    )  # fmt: skip
    report: MatrixReport = {**reports.good(), "static": [its]}
    assert exit_code(report) == EXIT_UNEXPECTED and not offer(report, "")
    assert headline(report).startswith("the compiler warns anew of patched (mm/mincore.c:210)")
    (case,) = [case for case in cases(report) if case.kind == "static"]
    assert (case.outcome, case.message) == (Outcome.FAILED, "unused variable")


def test_what_the_patch_mends_is_told_as_that() -> None:
    looked = [watched("s390x", kernel) for kernel in ("unpatched", "patched")]
    gone: MatrixReport = {
        **reports.good(),
        "watched": looked,
        "findings": [finding("s390x", "unpatched", silent=["patched"])],
    }
    assert any(line.startswith("not said by patched any more: s390x, unpatched: ") for line, _ in words.lines(gone))
    unseen: MatrixReport = {**gone, "findings": [finding("s390x", "unpatched", silent=[])]}
    assert any(line.startswith("said by the base alone: ") for line, _ in words.lines(unseen))
    both: MatrixReport = {**gone, "findings": [finding("s390x", "unpatched", "patched")]}
    assert any(line.startswith("known on the base, too: ") for line, _ in words.lines(both))
    assert dict(grid.grids(both)[0].rows)["locks"][1] == ("1 known", "plain")


def test_the_first_sentence_leads_with_the_largest() -> None:
    def slower(workload: str, much: float) -> list[CellResult]:
        there = {**BASE, "time": BASE["time"] * much}
        both = [("unpatched", BASE), ("patched", there)]
        return [
            replace(reports.cell("s390x", kernel, its), id=f"s390x/{kernel}/{workload}", workload=workload)
            for kernel, its in both
        ]

    report = matrix(*slower("little", 1.001), *slower("much", 1.05), *slower("more", 1.01))
    assert "much.time is worse on s390x (+5.00%), and so are 2 more rows" in headline(report)


def test_who_was_not_measured_is_told_by_how_much() -> None:
    gone = replace(
        reports.failed("s390x", "patched", Status.SKIPPED, "not_run"), id="s390x/patched/other", workload="other"
    )
    said = headline(matrix(*same("s390x"), gone))
    assert "patched with other was not measured on s390x" in said and "patched was not" not in said


def test_a_part_vouches_for_nothing_that_the_whole_does_not() -> None:
    bad = [reports.cell("s390x", "unpatched", NEW), reports.cell("s390x", "patched", BASE)]
    whole = matrix(*same("aarch64"), *bad)
    part = sliced(whole, ["aarch64"])
    assert offer(part, "") and not clean(whole)
    telling = Telling(without(whole, part), vouched=clean(whole))
    said = mail.RENDER(Run(part), telling)
    assert "Tested-by" not in said and "measured in this run, but not shown here: s390x" in said


def test_what_is_not_shown_is_named() -> None:
    cells = [
        replace(its, id=f"{its.arch}/{its.kernel}/{name}", workload=name) for name in "ab" for its in same("s390x")
    ]
    whole = matrix(*cells, *same("aarch64"))
    assert without(whole, sliced(whole, (), ["s390x/*/a"])) == ("aarch64", "b", "shmem-write")
    assert without(whole, sliced(whole, (), ["*/*/a", "aarch64/*"])) == ("b",)
    assert without(whole, sliced(whole, (), ["s390x/*/a", "s390x/patched/b", "aarch64/*"])) == ("s390x/unpatched/b",)
    assert without(whole, whole) == ()


def test_no_share_of_nothing() -> None:
    its = Expectation("majflt", "", {}, {"s390x": 0.0}, 0.05, "unpatched", "patched")

    def held(before: float, now: float) -> dict[str, Any]:
        pair = [
            reports.cell("s390x", kernel, {**BASE, "majflt": number})
            for kernel, number in (("unpatched", before), ("patched", now))
        ]
        how = {"boots": 2, "passes": 1, "clock": "icount"}
        report = assemble(pair, [PAIR], {"shmem-write": [its]}, {}, {}, how)
        json.dumps(report, allow_nan=False)
        (row,) = report["expectations"]
        return dict(row)

    assert (held(0, 0)["verdict"], held(0, 0)["measured"]) == ("as_expected", 0)
    assert (held(0, 5)["verdict"], held(0, 5)["measured"]) == ("not_as_expected", None)
    assert "nothing of it before" in held(0, 5)["why"]


@pytest.mark.parametrize(
    ("number", "digits", "sign", "said"),
    [(0.00024, 3, "+", "+0.00024"), (0.0, 3, "+", "+0.000"), (-0.0004, 2, "", "-0.00040"), (1.5, 2, "", "1.50")],
)
def test_what_is_there_is_never_shown_as_nothing(number: float, digits: int, sign: str, said: str) -> None:
    assert figure(number, digits, sign) == said


def test_nothing_of_a_stranger_s_is_taken_for_a_trailer() -> None:
    padding = "x" * 30
    lines = paragraph(f"- {padding} {padding} Reviewed-by: Somebody Else <else@example.org> and more words", "", "  ")
    assert any(line.startswith("  Reviewed-by:") for line in lines), lines
    said = folded([*lines, "Cc: <stable@vger.kernel.org>", "shmem-write.time: 12"])
    assert (
        not [line for line in said if re.match(r"\s*(Reviewed-by|Cc):", line)] and said[-1] == "shmem-write.time: 12"
    )


def test_a_grid_that_is_too_wide_is_told_by_architecture() -> None:
    looked = [
        watched(arch, kernel, lines=name)
        for arch in ("aarch64", "s390x")
        for kernel in ("unpatched", "patched")
        for name in ("locks", "a build with a name that is rather long for a column of a mail")
    ]
    report: MatrixReport = {**reports.good(), "findings": [], "watched": looked}
    lines = grid.mail(report)
    assert max(map(len, lines)) <= 75 and any(line.startswith("  s390x: builds yes, boots yes") for line in lines)


def test_markdown_shows_a_stranger_s_words_as_they_are() -> None:
    evil = "<img src=https://example.org/x> ![x](https://example.org) @someone | `x`"
    report: MatrixReport = {**reports.good(), "notes": {"shmem-write": evil}}
    said = markdown.RENDER(Run(report))
    assert evil not in said and "<img" not in said and "![x]" not in said and "@someone" not in said
