# SPDX-License-Identifier: GPL-2.0-or-later
"""What is told of kernels that are the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.analyse.contract import ChangedRow, IdenticalRow, MatrixReport
from orchestrator.analyse.identical import spared, untried
from orchestrator.analyse.matrix import assemble, exit_code
from orchestrator.analyse.slice import about, sliced
from orchestrator.model import CellResult, Comparison, Status
from orchestrator.runs.load import load
from tests.unit import conftest as reports

CHAIN = [("base", "one"), ("one", "two"), ("two", "three"), ("base", "three")]


def cell(kernel: str, time: float = 0.0, clock: str = "icount") -> CellResult:
    """Measured if it took time."""
    made = reports.cell("s390x", kernel, {**reports.BASE, "time": time}, clock, boots=2 if time else 0)
    return made if time else replace(made, status=Status.SKIPPED, reason="identical")


def same(base: str, new: str, how: str = "same") -> IdenticalRow:
    return IdenticalRow(arch="s390x", base=base, new=new, how=how)


def matrix(*cells: CellResult, identical: list[IdenticalRow], changed: int | None = None) -> MatrixReport:
    rows = [] if changed is None else [ChangedRow(arch="s390x", base="base", new="one", code=3, built=changed)]
    pairs = [Comparison(*pair) for pair in CHAIN]
    made = assemble(cells, pairs, {}, {}, {}, {}, identical=identical, changed=rows)
    return {**made, "identical": identical, "changed": rows}


def told(report: MatrixReport) -> dict[tuple[str, str], tuple[str, str, float]]:
    """Of times."""
    return {
        (row["base"], row["new"]): (
            row["verdict"],
            row["reason"],
            round(row["per_unit_new"] - row["per_unit_base"], 3),
        )
        for row in report["comparisons"]
        if row["metric"] == "time"
    }


def test_figures_are_those_of_the_kernel_that_it_is_the_same_as() -> None:
    """However far away: base, one and two are the same, and three is not."""
    identical = [same("base", "one"), same("one", "two", "lines_only"), same("two", "three", "differs")]
    report = matrix(cell("base", 1024.0), cell("one"), cell("two"), cell("three", 2048.0), identical=identical)
    assert told(report) == {
        ("base", "one"): ("same", "identical", 0.0),
        ("one", "two"): ("same", "identical", 0.0),
        ("two", "three"): ("worse", "beyond_noise", 10.0),
        ("base", "three"): ("worse", "beyond_noise", 10.0),
    }
    assert [row["metrics"] == {} for row in report["cells"]] == [False, True, True, False], "they were not measured"
    assert [spared(row) for row in report["cells"]] == [False, True, True, False]
    assert not any(untried(row) for row in report["cells"]) and exit_code(report) == 0


def test_of_a_kernel_that_failed_there_are_no_figures() -> None:
    broken = replace(cell("base"), status=Status.KERNEL_BROKE, reason="")
    report = matrix(broken, cell("one"), cell("three", 2048.0), identical=[same("base", "one")])
    assert told(report) == {} and exit_code(report) == 3


def test_kernels_that_are_the_same_are_not_tested_against_each_other() -> None:
    """A wall clock, and few boots: no doubt, and no part of the correction."""
    report = matrix(cell("base", 1024.0, "wall"), cell("one", clock="wall"), identical=[same("base", "one")])
    times = [row for row in report["comparisons"] if row["metric"] == "time"]
    assert [(row["verdict"], row["p"], row["change"]) for row in times] == [("same", None, 0.0)]
    measured = matrix(cell("base", 1024.0, "wall"), cell("one", 1100.0, "wall"), identical=[same("base", "one")])
    assert [row["verdict"] for row in measured["comparisons"] if row["metric"] == "time"] == ["same"]


def test_a_kernel_that_was_not_tried_is_no_kernel_that_is_the_same() -> None:
    left = replace(cell("one"), reason="")
    report = matrix(cell("base", 1024.0), left, identical=[])
    assert untried(report["cells"][1]) and not spared(report["cells"][1]) and exit_code(report) == 3


@pytest.mark.parametrize(
    ("built", "verdict", "reached", "code"), [(0, "not_reached", False, 5), (1, "same", None, 0)]
)
def test_same_is_not_said_of_a_change_that_is_nowhere(built: int, verdict: str, reached: bool, code: int) -> None:
    report = matrix(cell("base", 1024.0), cell("one"), identical=[same("base", "one")], changed=built)
    assert {(row["verdict"], row["reached"]) for row in report["comparisons"]} == {(verdict, reached)}
    assert exit_code(report) == code


def test_what_moved_is_told_whatever_was_built() -> None:
    """Another config, say: the change itself is nowhere."""
    report = matrix(cell("base", 1024.0), cell("one", 2048.0), identical=[same("base", "one", "differs")], changed=0)
    assert told(report) == {("base", "one"): ("worse", "beyond_noise", 10.0)} and exit_code(report) == 5


def test_a_part_of_a_matrix_tells_of_its_own_kernels() -> None:
    report = reports.one_arch()
    part = sliced(report, ["s390x"])
    assert [row["how"] for row in part["identical"]] == ["differs"] and len(part["changed"]) == 1
    assert {row["arch"] for row in part["not_built"]} == {"s390x"}
    alone = sliced(report, select=["*/patched/*"])
    assert alone["identical"] == alone["changed"] == alone["not_built"] == [], "one of two kernels"
    assert about(report, ["patched"])["identical"] == report["identical"]
    assert about(report, ["unpatched"])["identical"] == [] and "identical" not in about(reports.good(), ["patched"])


@pytest.mark.parametrize("name", ["one_arch", "unbuilt"])
def test_it_is_all_in_matrix_json(tmp_path: Path, name: str) -> None:
    report = reports.ALL[name]()
    (tmp_path / "matrix.json").write_text(json.dumps(report))
    assert load(tmp_path / "matrix.json").report == report
