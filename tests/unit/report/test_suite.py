# SPDX-License-Identifier: GPL-2.0-or-later
"""Many workloads in a few lines: how many moved, by how much, and whose tables say nothing more."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest

from orchestrator.analyse.contract import ComparisonRow, MatrixReport
from orchestrator.analyse.suite import suite
from orchestrator.report.parts import chosen
from orchestrator.report.parts.suite import FEW, folded, lines, shown


def row(workload: str, metric: str, base: float, new: float, verdict: str) -> ComparisonRow:
    change = new / base - 1 if base else None
    return cast(ComparisonRow, {
        "arch": "s390x", "base": "unpatched", "new": "patched", "workload": workload, "metric": metric,
        "per_unit_base": base, "per_unit_new": new, "change": change, "verdict": verdict,
    })  # fmt: skip


def report(*rows: ComparisonRow, expected: str = "") -> MatrixReport:
    expectations = [{"workload": expected, "metric": "time"}] if expected else []
    made: Any = {"comparisons": list(rows), "expectations": expectations, "suite": suite(rows)}
    return cast(MatrixReport, made)


MOVED = [row("toggle", "time", 100, 110, "worse"), row("toggle", "pgfault", 1, 1, "same")]
STILL = [row(name, metric, 50, 50, "same") for name in ("a", "b") for metric in ("time", "pgfault")]
OTHER = [row("c", "time", 50, 50, "not_reached"), row("c", "pgfault", 1, 2, "worse")]


def test_what_moved_is_counted_by_time_alone() -> None:
    (found,) = suite([*MOVED, *STILL, *OTHER])
    assert {name: found[name] for name in ("better", "worse", "same", "unclear", "not_reached")} == {
        "better": 0, "worse": 1, "same": 2, "unclear": 0, "not_reached": 1,
    }  # fmt: skip
    assert found["mean_log_ratio"] == pytest.approx(math.log(1.1) / 4)


def test_one_cell_is_no_suite() -> None:
    assert suite(MOVED) == []


def test_tables_that_say_nothing_more_are_folded() -> None:
    its = report(*MOVED, *STILL, *OTHER)
    assert folded(its, "unpatched", "patched") == ["a", "b"]
    told = {(workload, metric) for _, _, workload, metric in shown(its)}
    assert told == {("toggle", "time"), ("c", "time"), ("c", "pgfault")}
    said = "\n".join(lines(its))
    assert "time of 4 arch x workload: 1 worse, 2 same, 1 not reached" in said
    assert "from +0.00% to +9.53%" in said and "most up: toggle on s390x +10.00%" in said
    assert "moved nowhere: a and b" in said


def test_a_workload_of_which_something_is_expected_is_shown() -> None:
    assert folded(report(*MOVED, *STILL, *OTHER, expected="a"), "unpatched", "patched") == ["b"]


def test_few_workloads_are_all_shown() -> None:
    few = report(*MOVED, *STILL)
    assert len({r["workload"] for r in few["comparisons"]}) == FEW
    assert folded(few, "unpatched", "patched") == [] and lines(few) == [] and len(shown(few)) == 6


def test_why_is_told_once_for_all_architectures() -> None:
    rows = [
        {"arch": "x86_64", "workload": "move", "why": "runs f() once per unit", "functions": ["f"], "control": False},
        {"arch": "s390x", "workload": "move", "why": "runs it elsewhere", "functions": [], "control": False},
        {"arch": "x86_64", "workload": "null", "why": "", "functions": [], "control": True},
    ]
    left = {"others": [f"w{i}" for i in range(chosen.MOST + 2)], "unrun": ["mm/a.c:g"], "account": "Linux 6.1"}
    made: Any = {"chosen": rows, "not_chosen": left}
    said = chosen.of_report(made)
    assert said[:3] == [
        "chosen, by what runs of Linux 6.1:",
        "move: runs f() once per unit on x86_64",
        "as controls, which run nothing of it: null",
    ]
    assert "and 2 more; --workload" in said[3] and said[4] == "no workload runs mm/a.c:g"
    assert chosen.of_report(cast(MatrixReport, {})) == []
