# SPDX-License-Identifier: GPL-2.0-or-later
"""Two runs side by side: with the statistics of one run, and with what differs in what went in."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator.analyse.runs import Change, Compared, compare_runs
from orchestrator.analyse.upgrade import upgraded
from orchestrator.cli import app

REFERENCE = Path(__file__).parents[2] / "reference/matrix-0.4.0.json"
CELL = "s390x/patched/shmem-write"


@pytest.fixture
def first() -> Any:
    return upgraded(json.loads(REFERENCE.read_text()))


@pytest.fixture
def second(first: Any) -> Any:
    return copy.deepcopy(first)


def cell(report: Any) -> Any:
    return next(row for row in report["cells"] if row["id"] == CELL)


def scale(report: Any, factor: float) -> None:
    row = cell(report)["metrics"]["time"]
    row["boots"] = [[value * factor for value in boot] for boot in row["boots"]]


def change(answer: Compared, metric: str = "time") -> Change:
    return next(one for one in answer.changes if (one.cell, one.row["metric"]) == (CELL, metric))


def test_the_same_run_is_the_same(first: Any, second: Any) -> None:
    answer = compare_runs(first, second)
    assert len(answer.changes) == 24 and not answer.worse and not answer.differences and not answer.turned
    assert {one.row["verdict"] for one in answer.changes} == {"same"}


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1 + 40e-6, "same"), (1 + 60e-6, "worse"), (1 - 60e-6, "better"), (1.001, "worse")]
)
def test_exact_times_have_a_floor_of_50_ppm(first: Any, second: Any, factor: float, verdict: str) -> None:
    scale(second, factor)
    answer = compare_runs(first, second)
    assert change(answer).row["verdict"] == verdict
    assert answer.worse == (verdict == "worse")
    assert sum(one.row["verdict"] != "same" for one in answer.changes) == (verdict != "same")


def test_one_fault_more_is_worse(first: Any, second: Any) -> None:
    row = cell(second)["metrics"]["pgfault"]
    row["boots"] = [[value + 1 for value in boot] for boot in row["boots"]]
    assert change(compare_runs(first, second), "pgfault").row["verdict"] == "worse"


def vary(report: Any, factor: float, seed: int, boots: int) -> None:
    """All cells as under a wall clock: 1 % of noise between boots; the one cell slower by a factor."""
    draw = random.Random(seed)
    for row in report["cells"]:
        row["exact"], row["clock"] = False, "wall"
        middle = row["metrics"]["time"]["boots"][0][0] * (factor if row["id"] == CELL else 1)
        row["metrics"] = {"time": {"unit": "us", "warmup": [], "boots": []}}
        row["metrics"]["time"]["boots"] = [[middle * draw.gauss(1, 0.01)] for _ in range(boots)]


def test_figures_that_vary_are_tested_and_corrected_over_the_runs(first: Any, second: Any) -> None:
    vary(first, 1, 1, 8)
    vary(second, 1.2, 2, 8)
    answer = compare_runs(first, second)
    found = change(answer).row
    assert found["verdict"] == "worse" and found["p"] is not None and found["p_corrected"] is not None
    assert found["p_corrected"] == pytest.approx(min(1, found["p"] * 6))
    assert sum(one.row["verdict"] == "worse" for one in answer.changes) == 1


def test_too_few_boots_are_no_verdict(first: Any, second: Any) -> None:
    vary(first, 1, 1, 2)
    vary(second, 1.2, 2, 2)
    answer = compare_runs(first, second)
    assert {one.row["verdict"] for one in answer.changes} == {"unclear"} and not answer.worse


def test_what_differs_is_said_and_a_verdict_says_so(first: Any, second: Any) -> None:
    second["kernels"]["s390x/patched"]["compiler"] = "gcc 14"
    scale(second, 1.001)
    answer = compare_runs(first, second)
    [row] = answer.differences
    assert row.text.startswith("compiler of s390x/patched: ") and row.text.endswith("gcc 14 in the second")
    assert change(answer).causes == (row.text,)


def test_another_kernel_is_told_apart_from_other_inputs(first: Any, second: Any) -> None:
    second["kernels"]["s390x/patched"]["source"] = "git:1234"
    scale(second, 1.001)
    answer = compare_runs(first, second)
    assert [row.kernel for row in answer.differences] == [True] and change(answer).causes == ()


def test_the_emulators_version_is_no_reason_not_to_compare(first: Any, second: Any) -> None:
    for row in second["cells"]:
        row["qemu"] = "10.0.13"
    assert {one.row["verdict"] for one in compare_runs(first, second).changes} == {"same"}


def test_what_the_cells_of_two_runs_rest_on_is_no_reason_either(first: Any, second: Any) -> None:
    """It is told beside the figures."""
    for report, image in ((first, "one"), (second, "two")):
        for row in report["cells"]:
            parts = {"workload": {"args": []}, "machine": {"disk": "", "command": image}, "format": 1}
            row["provenance"] = {"kernel": {"key": image}, **parts, "guest_image": image}
    assert {one.row["verdict"] for one in compare_runs(first, second).changes} == {"same"}


@pytest.mark.parametrize("field", ["clock", "cpu", "accel", "workload_sha256", "units"])
def test_what_is_not_comparable_gets_no_verdict(first: Any, second: Any, field: str) -> None:
    cell(second)[field] = 1 if field == "units" else "another"
    found = change(compare_runs(first, second)).row
    assert found["verdict"] == "unclear" and found["why"] == f"not comparable: {field} differ"


def test_a_cell_that_no_longer_passes_is_worse(first: Any, second: Any) -> None:
    cell(second).update(status="kernel_broke", metrics={})
    answer = compare_runs(first, second)
    assert answer.worse and [(row.cell, row.first, row.second) for row in answer.turned] == [
        (CELL, "passed", "kernel_broke")
    ]
    assert not compare_runs(second, first).worse


def test_a_cell_that_is_not_there_is_told_and_is_not_worse(first: Any, second: Any) -> None:
    second["cells"] = [row for row in second["cells"] if row["id"] != CELL]
    answer = compare_runs(first, second)
    assert not answer.worse and [row.second for row in answer.turned] == [""]


def test_the_verb_takes_paths_and_numbers(first: Any, second: Any, tmp_path: Path) -> None:
    scale(second, 1.001)
    (tmp_path / "second.json").write_text(json.dumps(second))
    options = ["--history", str(tmp_path / "history.sqlite")]
    shell = CliRunner()
    assert shell.invoke(app, ["history", "import", str(REFERENCE), *options]).exit_code == 0
    done = shell.invoke(app, ["compare", "1", str(tmp_path / "second.json"), *options])
    assert done.exit_code == 1 and "+0.1%" in done.output and "1 worse" in done.output
    done = shell.invoke(app, ["compare", "1", str(REFERENCE), "--select", "s390x", "--json", *options])
    assert done.exit_code == 0 and len(json.loads(done.output)["changes"]) == 8
    done = shell.invoke(app, ["compare", "7", str(REFERENCE), *options])
    assert "no run 7" in str(done.exception)
