# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines over many runs: what is joined, where it is cut, which steps are found, and how seldom one is made up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from orchestrator.analyse.verdicts import ALPHA
from orchestrator.cli import app
from orchestrator.collectors import known as collectors
from orchestrator.history.entries import Point
from orchestrator.history.page import render
from orchestrator.history.steps import most_likely, runs_needed, steps
from orchestrator.history.store import History
from orchestrator.history.trends import CellTrend, trends
from orchestrator.runs.run import Run
from tests.unit.history.conftest import CELL, cell, nights, scale

TIME, FAULTS = collectors()["time"], collectors()["pgfault"]


def points(reports: Sequence[Any], folder: Path) -> list[Point]:
    with History(str(folder / "history.sqlite")) as history:
        for report in reports:
            history.record(Run(report, identity=report["run"], place=folder))
        return history.points()


def all_steps(found: Sequence[CellTrend]) -> list[tuple[str, str, str, float]]:
    """(cell, metric, the first run of the new level, relative change)"""
    return [
        (trend.cell, trend.metric, line.points[step.at].run.name, step.change or 0.0)
        for one in found
        for trend in one.trends
        for line in trend.lines
        for step in line.steps
    ]


def test_thirty_nights_with_one_step_of_a_thousandth(tmp_path: Path) -> None:
    """Found, dated to the night, and no other alarm in 24 lines."""
    reports = nights(30)
    for report in reports[17:]:
        scale(cell(report), 1.001)
    found = points(reports, tmp_path)
    [(name, metric, night, change)] = all_steps(trends(found))
    assert (name, metric, night) == (CELL, "time", "night17")
    assert change == pytest.approx(0.001, abs=5e-5)
    page = render(found)
    assert "30 runs from 2026-09-21 to 2026-10-20: 1 step<" in page
    assert "2026-10-08" in page and "source: git:000000000000 → git:000000000000" in page
    assert "+0.10%" in page


def test_every_line_is_joined_where_only_kernel_and_emulator_differ(tmp_path: Path) -> None:
    reports = nights(4)
    for report in reports[2:]:
        report["host"]["qemu"] = dict.fromkeys(report["host"]["qemu"], "10.0.13")
        for row in report["cells"]:
            row["qemu"] = "10.0.13"
        report["kernels"]["aarch64/patched"]["patches"] = {"a.patch": "0" * 64}
    found = trends(points(reports, tmp_path))
    assert len(found) == 6
    assert all(len(trend.lines) == 1 for one in found for trend in one.trends)


def changed(report: Any, what: str) -> None:
    if what == "compiler":
        report["kernels"]["aarch64/patched"]["compiler"] = "gcc 14"
    elif what == "kconfig":
        report["inputs"]["kconfig/aarch64/patched"]["sha256"] = "1" * 64
    elif what == "workload":
        report["inputs"]["guest-tools/shmem-write/main.c"]["sha256"] = "1" * 64
    elif what == "program":
        cell(report)["workload_sha256"] = "1" * 64
    elif what == "guest image":
        report["host"]["guest_image"]["aarch64"] = "another"
    elif what == "CPU":
        cell(report)["cpu"] = "max"
    else:
        report["measure"][what.removeprefix("measure.")] = 99


@pytest.mark.parametrize(
    "what",
    ["compiler", "kconfig", "workload", "program", "guest image", "CPU", "measure.warmup", "measure.memory_mib"],
)
def test_a_line_is_cut_with_its_reason(tmp_path: Path, what: str) -> None:
    """Also when a step comes with it: what lies on both sides is not compared."""
    reports = nights(5)
    for report in reports[3:]:
        changed(report, what)
        scale(cell(report), 1.5)
    recorded = points(reports, tmp_path)
    found = trends(recorded)
    mine = next(one for one in found if one.cell == CELL)
    [(point, why)] = mine.cuts
    assert point.run.name == "night3" and why[0].startswith(f"{what}: ") and len(why) == 1
    assert [len(line.points) for line in mine.trends[0].lines] == [3, 2]
    assert all_steps(found) == []
    assert f"run 4: {what}: " in render(recorded).replace("&#39;", "'")


def varying(reports: Sequence[Any]) -> Sequence[Any]:
    """As of a wall clock: no figure repeats."""
    for report in reports:
        for row in report["cells"]:
            row.update(exact=False, clock="wall")
    return reports


def test_a_line_that_varies_ends_with_the_machine_and_one_that_repeats_does_not(tmp_path: Path) -> None:
    """A second machine, 30 % faster, records into the same history; the name of one that is hired does not matter."""
    for name, reports, lines in (("repeats", nights(8), [8]), ("varies", varying(nights(8)), [4, 4])):
        for number, report in enumerate(reports):
            report["host"] |= {"cpu": "EPYC", "cores": 4, "memory_mib": 15990 + number}
        for report in reports[4:]:
            report["host"]["cpu"] = "Xeon"
        (tmp_path / name).mkdir()
        found = trends(points(reports, tmp_path / name))
        mine = next(one for one in found if one.cell == CELL)
        assert [len(line.points) for line in mine.trends[0].lines] == lines
        whys = [why for _, why in mine.cuts]
        assert whys == [("machine: EPYC, 4 cores, 16 GiB before, Xeon, 4 cores, 16 GiB now",)] * (len(lines) - 1)


def test_nights_of_two_matrix_files_are_two_lines(tmp_path: Path) -> None:
    """Their kernels have the same names, so their cells have the same ids."""
    reports = nights(12)
    for number, report in enumerate(reports):
        report["run"]["nights"] = ("stable", "unstable")[number % 2]
        scale(cell(report), 1 + number % 2)
    recorded = points(reports, tmp_path)
    found = trends(recorded)
    assert all_steps(found) == []
    assert [(one.nights, len(one.trends[0].lines[0].points)) for one in found if one.cell == CELL] == [
        ("stable", 6),
        ("unstable", 6),
    ]
    page = render(recorded)
    assert f"{CELL}, nights of stable" in page and f"{CELL}, nights of unstable" in page
    anchors = re.findall(r'section id="([^"]+)"', page)
    assert len(anchors) == len(set(anchors)) == 12
    assert "nights of" not in render(recorded[:24])


def test_what_was_there_before_is_a_cut_as_well(tmp_path: Path) -> None:
    reports = nights(3)
    changed(reports[1], "compiler")
    mine = next(one for one in trends(points(reports, tmp_path)) if one.cell == CELL)
    assert [len(line.points) for line in mine.trends[0].lines] == [1, 1, 1]


def test_a_night_that_failed_is_told_and_the_line_goes_on(tmp_path: Path) -> None:
    reports = nights(4)
    cell(reports[2]).update(status="kernel_broke", metrics={}, workload_sha256=None, cpu=None, accel=None)
    recorded = points(reports, tmp_path)
    mine = next(one for one in trends(recorded) if one.cell == CELL)
    assert [(p.run.name, p.status) for p in mine.failed] == [("night2", "kernel_broke")]
    assert [len(line.points) for line in mine.trends[0].lines] == [3]
    assert "run 3: kernel broke" in render(recorded)


def test_the_page_escapes_what_runs_say(tmp_path: Path) -> None:
    reports = nights(3)
    for report in reports[1:]:
        report["kernels"]["aarch64/patched"]["compiler"] = "<script>alert(1)</script>"
        scale(cell(report), 1.1)
    assert "<script" not in render(points(reports, tmp_path))


def test_checks_are_no_part_of_a_line(tmp_path: Path) -> None:
    reports = nights(4)
    for report in reports[2:]:
        report["run"]["kind"] = "check"
    points(reports, tmp_path)
    dates = {(): ("2026-09-21", "2026-09-22"), ("--kind", "check"): ("2026-09-23", "2026-09-24")}
    for options, (first, last) in dates.items():
        page, place = tmp_path / "page.html", tmp_path / "history.sqlite"
        done = CliRunner().invoke(app, ["history", "--history", str(place), "--html", str(page), *options])
        assert done.exit_code == 0 and f"<h1>2 runs from {first} to {last}" in page.read_text()


def test_a_page_of_nothing_says_so() -> None:
    assert "No run is recorded" in render([])


def exact(*values: float) -> list[list[list[float]]]:
    return [[[value], [value]] for value in values]


@pytest.mark.parametrize(("share", "found"), [(45e-6, 0), (60e-6, 1), (-60e-6, 1)])
def test_an_exact_time_steps_beyond_its_floor(share: float, found: int) -> None:
    line = exact(1000, 1000, 1000, *[1000 * (1 + share)] * 3)
    assert [step.at for step in steps(line, TIME, True)] == [3] * found


def test_an_exact_counter_steps_by_one() -> None:
    assert [step.at for step in steps(exact(5, 5, 6, 6, 5), FAULTS, True)] == [2, 4]


def test_a_slow_drift_of_exact_figures_is_found_when_it_has_left_the_floor() -> None:
    line = exact(*[1000 * (1 + 20e-6 * night) for night in range(10)])
    assert steps(line, TIME, True)


def test_a_run_whose_boots_disagree_is_no_step() -> None:
    line = [*exact(1000, 1000), [[1000], [1080]], *exact(1000)]
    assert steps(line, TIME, True) == []


def noisy(values: Any) -> list[list[list[float]]]:
    return [[[float(value)]] for value in values]


SHAPES = {
    "normal": lambda rng, size: rng.normal(100, 1, size),
    "skewed": lambda rng, size: 100 + rng.exponential(3, size),
    "outliers": lambda rng, size: 100 + rng.standard_t(1.5, size),
    "two humps": lambda rng, size: 100 + 5 * rng.integers(0, 2, size) + rng.normal(0, 0.3, size),
    "few values": lambda rng, size: 100.0 + rng.integers(0, 3, size),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [10, 30])
def test_false_alarms_stay_below_their_rate(shape: str, size: int) -> None:
    """Lines without a step: at most ALPHA show one, but for chance (3.3 standard errors: 1 in 2000 such tests)."""
    rng = np.random.default_rng(11)
    count = 2000 if shape != "few values" else 150  # ties: each line has a distribution of its own
    alarms = sum(bool(steps(noisy(SHAPES[shape](rng, size)), TIME, False)) for _ in range(count))
    assert alarms / count <= ALPHA + 3.3 * (ALPHA * (1 - ALPHA) / count) ** 0.5


def test_the_rate_is_that_of_a_whole_page() -> None:
    """20 lines a page: without sharing the level, two pages of three would show a step."""
    rng = np.random.default_rng(5)
    pages = 150
    wrong = sum(any(steps(noisy(rng.normal(100, 1, 30)), TIME, False, 20) for _ in range(20)) for _ in range(pages))
    assert wrong / pages <= ALPHA + 3.3 * (ALPHA * (1 - ALPHA) / pages) ** 0.5


def test_steps_of_noisy_figures_are_found_and_dated() -> None:
    """Two deviations, in the middle of 30 nights, among 20 lines."""
    rng = np.random.default_rng(3)
    found = [
        steps(noisy(np.r_[rng.normal(100, 1, 15), rng.normal(102.5, 1, 15)]), TIME, False, 20) for _ in range(100)
    ]
    assert sum(len(one) >= 1 for one in found) >= 90
    assert sum(bool(one) and abs(one[0].at - 15) <= 1 for one in found) >= 75


def test_two_steps_are_both_found() -> None:
    rng = np.random.default_rng(4)
    line = noisy(np.r_[rng.normal(100, 1, 14), rng.normal(110, 1, 14), rng.normal(95, 1, 14)])
    assert [step.at for step in steps(line, TIME, False)] == [14, 28]


def test_with_few_runs_nothing_can_be_told() -> None:
    assert steps(noisy([1, 1, 1, 9, 9, 9]), TIME, False) == []
    assert most_likely([1.0]) == (0, 1.0) and most_likely([2.0, 2.0, 2.0]) == (0, 1.0)
    assert runs_needed(ALPHA) == 8
    clear = [*[1 + i / 100 for i in range(4)], *[9 + i / 100 for i in range(4)]]
    assert [step.at for step in steps(noisy(clear), TIME, False)] == [4]


def test_the_same_data_give_the_same_answer() -> None:
    values = list(np.random.default_rng(1).normal(size=20))
    assert most_likely(values) == most_likely(values)
