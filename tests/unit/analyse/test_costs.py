# SPDX-License-Identifier: GPL-2.0-or-later
"""What hardware pays for as metrics: noise, verdicts, what is expected of them, and the first sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.analyse.contract import MatrixReport
from orchestrator.analyse.expect import judge
from orchestrator.analyse.matrix import assemble, cell_row, exit_code
from orchestrator.analyse.reach import ReachFacts
from orchestrator.analyse.verify import verify
from orchestrator.collectors import known as collectors
from orchestrator.model import COSTS, CellResult, Comparison, Expectation
from orchestrator.report.parts.cases import Outcome, cases
from orchestrator.report.parts.sentence import headline
from tests.unit.conftest import BASE, NEW, cell, costly, with_costs

UNITS = 102400


def pair(base: dict[str, float], new: dict[str, float], change: str = "time") -> list[CellResult]:
    """Two cells whose times are the seed's, with so many costs in a pass."""
    sides = (("unpatched", BASE, base), ("patched", NEW if change == "time" else BASE, new))
    return [with_costs(cell("s390x", kernel, values), costs) for kernel, values, costs in sides]


def compared(*cells: CellResult, reach: ReachFacts | None = None) -> MatrixReport:
    return assemble(cells, [Comparison("unpatched", "patched")], {}, {}, {}, {}, reach=reach)


def verdicts(report: MatrixReport) -> dict[str, str]:
    return {row["metric"]: row["verdict"] for row in report["comparisons"] if row["metric"] in COSTS}


def test_a_boot_has_one_number_of_each_class_and_it_is_told_per_unit_of_work() -> None:
    report = costly()
    row = next(c for c in report["cells"] if c["id"] == "s390x/patched/shmem-write")
    assert row["metrics"]["atomics"] == {"unit": "1", "boots": [[512000.0], [512000.0]], "warmup": []}
    one = next(r for r in report["comparisons"] if r["metric"] == "atomics")
    assert (one["per_unit_base"], one["per_unit_new"], one["change"], one["verdict"]) == (4, 5, 0.25, "worse")
    lines = next(r for r in report["comparisons"] if r["metric"] == "code_lines")
    assert (lines["per_unit_base"], lines["per_unit_new"], lines["verdict"]) == (80, 79, "better")
    assert {r["arch"] for r in report["comparisons"] if r["metric"] in COSTS} == {"s390x"}  # nobody looked elsewhere


def test_a_cell_of_which_one_boot_was_not_looked_at_has_none() -> None:
    known = with_costs(cell("s390x", "patched", NEW), {"atomics": 4.0})
    assert "atomics" in cell_row(known, {})["metrics"]
    half = replace(known, boots=(known.boots[0], replace(known.boots[1], costs={})))
    assert "atomics" not in cell_row(half, {})["metrics"]


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        (4.0, "same"),
        (4.0035, "same"),  # what allocators have at hand
        (4.0041, "worse"),  # more than a thousandth
        (3.99, "better"),
    ],
)
def test_a_class_must_change_by_more_than_two_boots_may_differ_by(new: float, verdict: str) -> None:
    report = compared(*pair({"atomics": 4.0 * UNITS}, {"atomics": new * UNITS}))
    assert verdicts(report) == {"atomics": verdict}


def test_of_few_a_change_of_some_is_seen_and_of_boots_that_differ_less_is_known() -> None:
    assert verdicts(compared(*pair({"barriers": 0.0}, {"barriers": 49.0}))) == {"barriers": "same"}
    assert verdicts(compared(*pair({"barriers": 0.0}, {"barriers": 200.0}))) == {"barriers": "worse"}
    cells = pair({"barriers": 1000.0}, {"barriers": 1300.0})
    apart = replace(cells[0], boots=(cells[0].boots[0], replace(cells[0].boots[1], costs={"barriers": 1060.0})))
    assert verdicts(compared(apart, cells[1])) == {"barriers": "unclear"}  # boots 60 apart: ten times that is luck


def test_where_nothing_of_the_change_ran_a_class_says_nothing_of_it() -> None:
    row = {"arch": "s390x", "base": "unpatched", "new": "patched", "workload": "shmem-write", "ran": False}
    line = {
        "arch": "s390x", "base": "unpatched", "new": "patched", "file": "mm/a.c", "side": "added", "line": 3,
        "text": "", "state": "not_run", "workloads": {}, "option": None,
    }  # fmt: skip
    facts: ReachFacts = {"schema": 1, "lines": [line], "differing": [row], "unknown": []}  # type: ignore[list-item]
    report = compared(*pair({"atomics": 1000.0}, {"atomics": 3000.0}, "none"), reach=facts)
    assert verdicts(report) == {"atomics": "not_reached"}


def test_the_first_sentence_says_that_fewer_instructions_cost_more() -> None:
    said = headline(costly())
    worse, better = "shmem-write.atomics is worse on s390x (+25.00%)", "shmem-write.time is better"
    assert said.startswith(f"patched against unpatched: {worse}, although {better}"), said
    slower = headline(compared(*pair({"atomics": 2000.0}, {"atomics": 4000.0}, "none")))
    assert "although" not in slower and "atomics is worse" in slower


def test_a_check_of_which_a_class_grew_fails_and_so_does_its_case() -> None:
    report = costly()
    assert exit_code({**report, "run": {"kind": "check"}}) == 1  # type: ignore[typeddict-item]
    [case] = [one for one in cases(report) if "atomics" in one.name]
    assert case.outcome is Outcome.FAILED


def claim(metric: str, **values: float) -> Expectation:
    return Expectation(metric, "", values, {}, 0.01)


def test_what_is_expected_of_a_class_is_judged_where_somebody_looked() -> None:
    claims = [claim("atomics", unpatched=4, patched=4), claim("interlocked", patched=0)]
    report = costly()
    found = judge(claims, report["cells"], report["comparisons"])
    assert [(row["arch"], row["metric"], row["measured"], row["verdict"]) for row in found] == [
        ("s390x", "atomics", 4, "as_expected"),
        ("s390x", "atomics", 5, "not_as_expected"),
        ("s390x", "interlocked", None, "missing"),  # s390x of this report has no such class
    ]


def test_calls_are_judged_without_a_profile_by_what_was_noted() -> None:
    cells = [
        replace(one, boots=tuple(replace(boot, calls=calls) for boot in one.boots))
        for one, calls in zip(
            pair({}, {}), ({"up_read": 2.0 * UNITS, "gone": None}, {"up_read": 1.0 * UNITS}), strict=True
        )
    ]
    report = compared(*cells)
    assert report["cells"][0]["calls"] == {"up_read": [204800.0, 204800.0], "gone": [None, None]}
    claims = [claim("calls.up_read", unpatched=2, patched=2), claim("calls.gone", unpatched=0, patched=0)]
    found = judge(claims, report["cells"], report["comparisons"])
    assert [(row["metric"], row["kernel"], row["measured"], row["verdict"]) for row in found] == [
        ("calls.up_read", "unpatched", 2, "as_expected"),
        ("calls.up_read", "patched", 1, "not_as_expected"),
        ("calls.gone", "unpatched", 0, "not_as_expected"),
    ]
    assert "has no function gone" in found[-1]["why"]


def test_verify_holds_classes_against_each_other_where_both_sides_looked() -> None:
    report = costly()
    assert verify(report, report).same
    assert any(value.metric == "atomics" for value in verify(report, report).values)
    plain = [with_costs(one, {}) for one in pair({}, {})]
    unseen = compared(*plain)
    both = compared(*pair({"atomics": 4000.0}, {"atomics": 4000.0}))
    found = verify(both, unseen)
    assert found.same and not any(value.metric == "atomics" for value in found.values)
    more = compared(*pair({"atomics": 4000.0}, {"atomics": 4100.0}))
    assert [value.metric for value in verify(both, more).values if value.verdict == "off"] == ["atomics"]


def test_no_workload_tells_a_class_itself() -> None:
    assert all(collectors()[name].collect is None for name in COSTS)
