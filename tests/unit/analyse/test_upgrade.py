# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports of before a key was there say the same with it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.analyse.contract import MatrixReport
from orchestrator.analyse.matrix import assemble
from orchestrator.analyse.upgrade import upgraded
from orchestrator.model import CellResult, Comparison, Reason
from orchestrator.report import known
from orchestrator.runs.load import load
from orchestrator.runs.run import Run
from tests.unit import conftest as reports

ADDED = {"comparisons": ("reason", "reached"), "expectations": ("base", "new")}


def older(report: MatrixReport) -> Any:
    """As it was written before."""
    found: Any = copy.deepcopy(report)
    for table, keys in ADDED.items():
        for row in found[table]:
            for key in keys:
                del row[key]
    return found


def scattered(kernel: str, values: dict[str, float], apart: float, clock: str = "wall", boots: int = 8) -> CellResult:
    """Boots whose times lie so far apart, relatively."""
    made = reports.cell("s390x", kernel, values, clock, boots)
    for number, boot in enumerate(made.boots):
        boot.passes[0].values["time"] *= 1 + apart * (number * 5 % 8)  # type: ignore[index]
    return made


BASE, NEW = reports.BASE, reports.NEW
SIDES = {
    Reason.BEYOND_NOISE: (scattered("unpatched", BASE, 0.001), scattered("patched", NEW, 0.001)),
    Reason.NO_DIFFERENCE: (scattered("unpatched", BASE, 0.01), scattered("patched", BASE, 0.01)),
    Reason.MOVED: (scattered("unpatched", BASE, 0.001), scattered("patched", NEW, 0.001)),
    Reason.TOO_FEW_BOOTS: (scattered("unpatched", BASE, 0, boots=2), scattered("patched", NEW, 0, boots=2)),
    Reason.STATISTIC_FAILED: (
        scattered("unpatched", {**BASE, "time": float("inf")}, 0.0), scattered("patched", NEW, 0.001)
    ),
    Reason.NOT_COMPARABLE: (scattered("unpatched", BASE, 0, "icount"), scattered("patched", NEW, 0)),
}  # fmt: skip


@pytest.mark.parametrize("reason", SIDES)
def test_the_reason_is_found_in_the_words_of_then(reason: Reason) -> None:
    report = assemble(SIDES[reason], [Comparison("unpatched", "patched")], reports.SEED, {}, {}, {})
    assert reason in {row["reason"] for row in report["comparisons"]}
    assert upgraded(older(report)) == report


def test_words_that_nobody_knows_are_no_reason() -> None:
    report = older(reports.good())
    report["comparisons"][0]["why"] = "the moon was full"
    assert upgraded(report)["comparisons"][0]["reason"] == Reason.UNKNOWN


def test_a_change_is_of_two_kernels_and_a_figure_of_one() -> None:
    rows = upgraded(older(reports.good()))["expectations"]
    assert {(row["kernel"], row["base"], row["new"]) for row in rows} == {
        ("unpatched", "", "unpatched"), ("patched", "", "patched"), ("unpatched:patched", "unpatched", "patched"),
    }  # fmt: skip


OLD = sorted(set(reports.ALL) - {"one_arch", "unbuilt"})  # then nobody asked whether kernels are the same


@pytest.mark.parametrize("name", OLD)
@pytest.mark.parametrize("format", known())
def test_somebodys_older_matrix_json_is_told_alike(tmp_path: Path, name: str, format: str) -> None:
    """KCIDB's ids are among it: they stay what they were."""
    report = reports.ALL[name]()
    path = tmp_path / "matrix.json"
    path.write_text(json.dumps(older(report)))
    told, expected = known()[format](load(path)), known()[format](Run(report))
    if format == "json":  # whose keys come in the order of the contract
        assert json.loads(told) == json.loads(expected)
    else:
        assert told == expected


def test_no_verdict_is_read_out_of_words() -> None:
    report = reports.doubtful()
    for row in report["comparisons"]:
        row["why"] = "in other words"
    for format in ("terminal", "markdown", "html"):
        assert "cannot decide: too few boots" in " ".join(known()[format](Run(report)).split())
