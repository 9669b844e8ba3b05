# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a change ran, in every format."""

from __future__ import annotations

import json

import pytest

from orchestrator.analyse.contract import MatrixReport, NotBuiltRow, ReachRow
from orchestrator.report import html, junit, kcidb, ktap, mail, markdown, terminal
from orchestrator.report.b4check import RENDER as b4check
from orchestrator.report.json import RENDER as as_json
from orchestrator.report.parts import reach
from orchestrator.report.parts.sentence import headline
from orchestrator.runs.run import Run
from tests.unit.analyse.test_reach import RAN, facts, line, report
from tests.unit.conftest import BASE, NEW


def told(*lines: ReachRow, unknown: str = "") -> MatrixReport:
    return report(facts(*lines, unknown=unknown))


def needs(number: int, option: str) -> ReachRow:
    return {**line("s390x", number, "not_built"), "option": option}


SILENT = [line("s390x", number, "not_run") for number in (3, 4, 5, 9)]


def test_one_sentence_over_all() -> None:
    assert reach.sentence(told(*SILENT, RAN)) == "4 of 5 changed lines did not run: mm/rmap.c:3-5, mm/rmap.c:9"
    assert reach.sentence(told(RAN, line("s390x", 8, "not_code"))) == "the changed line ran"
    assert reach.sentence(told(RAN, {**RAN, "line": 8})) == "all 2 changed lines ran"
    assert reach.sentence(told(line("s390x", 8, "not_code"))) == reach.sentence(report(None)) == ""


def test_each_way_not_to_run_is_told_with_its_places() -> None:
    rows = [RAN, SILENT[0], line("s390x", 20, "boot_only"), needs(30, "CONFIG_SWAP"), needs(31, "CONFIG_SWAP")]
    removed = line("s390x", 3, "not_run", side="removed")
    assert reach.sentence(told(*rows, removed)) == (
        "2 of 6 changed lines did not run: mm/rmap.c:3, mm/rmap.c:3 (removed); 1 ran at boot only: mm/rmap.c:20; "
        "2 not built: mm/rmap.c:30-31 (needs CONFIG_SWAP)"
    )


def test_lines_of_other_architectures_are_left_out() -> None:
    theirs: ReachRow = {**line("s390x", 5, "not_built"), "file": "arch/arm/mm/fault.c"}
    lacking = NotBuiltRow(
        arch="s390x", base="unpatched", new="patched", file="arch/arm/mm/fault.c", side="added", lines=[5],
        option=None, why="other_arch",
    )  # fmt: skip
    whole: MatrixReport = {**told(RAN, theirs), "not_built": [lacking]}
    assert reach.sentence(told(RAN, theirs)).startswith("1 of 2 changed lines not built: arch/arm")
    assert reach.sentence(whole) == "the changed line ran" and reach.share(whole) == "1 of 1 changed line ran"
    assert reach.by_arch(told(RAN, theirs)) == ["s390x: of the changed lines 1 ran, 1 not built"]
    assert reach.by_arch(whole) == ["s390x: of the changed lines 1 ran"]
    assert reach.by_arch(told(line("s390x", 1, "not_code"))) == ["s390x: of the changed lines none is code"]


def test_many_places_are_cut_and_counted() -> None:
    rows = [line("s390x", number, "not_run") for number in range(1, 20, 2)]
    assert reach.sentence(told(*rows)).endswith("mm/rmap.c:1, mm/rmap.c:3, mm/rmap.c:5 and 7 more places")


def test_each_arch_is_told() -> None:
    assert reach.by_arch(told(*SILENT, RAN)) == ["s390x: of the changed lines 1 ran, 4 did not run"]
    assert reach.unknown(told(RAN, unknown="two CPUs")) == [
        "not known what of the change ran: s390x shmem-write: two CPUs"
    ]


@pytest.mark.parametrize("render", [terminal.RENDER, markdown.RENDER, mail.RENDER, html.RENDER])
def test_formats_for_people_carry_it(render: type[str]) -> None:
    """The sentence, and the verdict in words."""
    text = " ".join(render(Run(told(*SILENT))).split())
    assert "4 of 4 changed lines did not run: mm/rmap.c:3-5, mm/rmap.c:9." in text
    assert "not reached" in text and "no difference shown" not in text
    assert "changed line" not in render(Run(report(None)))


def test_the_headline_says_it_first() -> None:
    assert headline(told(*SILENT)) == "no line of the change ran in what was measured."
    assert headline(told(RAN)) == "no difference shown (4 comparisons)."
    moved = report(facts(*SILENT), BASE, NEW)
    assert "is better on s390x" in headline(moved) and "in 1 of 4 nothing that changed ran" in headline(moved)


def test_a_mail_keeps_to_its_width_and_offers_nothing() -> None:
    text = mail.RENDER(Run(told(*SILENT)))
    assert max(map(len, text.splitlines())) <= 75 and "Tested-by" not in text
    assert "1 of 1 changed line ran" in " ".join(mail.RENDER(Run(told(RAN))).split())  # beside the Tested-by:


def test_machines_are_warned() -> None:
    silent, fine = Run(told(*SILENT)), Run(told(RAN))
    assert {entry["status"] for entry in json.loads(b4check(silent))} == {"warn"}
    assert {entry["status"] for entry in json.loads(b4check(fine))} == {"pass"}
    assert junit.RENDER(silent).count("<skipped") == 4 and "not reached" in junit.RENDER(silent)
    assert "<skipped" not in junit.RENDER(fine)
    assert ktap.RENDER(silent).count("# SKIP not reached") == 4

    def compared(run: Run) -> set[str]:
        return {test["status"] for test in json.loads(kcidb.RENDER(run))["tests"] if test["path"].endswith(".change")}

    assert compared(silent) == {"DONE"} and compared(fine) == {"PASS"}


def test_json_has_all_of_it() -> None:
    found = json.loads(as_json(Run(told(*SILENT, RAN, unknown=""))))
    assert len(found["reach"]) == 5 and found["reach_summary"][0]["not_run"] == 4
    assert found["reach"][4] == {
        "arch": "s390x", "base": "unpatched", "new": "patched", "file": "mm/rmap.c", "line": 7, "side": "added",
        "state": "ran", "option": None, "workloads": {"shmem-write": 1.0},
    }  # fmt: skip
    assert {row["reached"] for row in found["comparisons"]} == {True}
