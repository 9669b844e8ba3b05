# SPDX-License-Identifier: GPL-2.0-or-later
"""Which lines of a change ran, by real guests; and that nothing which is measured notices that it is noted."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.model import COSTS
from tests.boot.conftest import LAB, Done, Kmatrix

ARCHES = ("x86_64", "aarch64", "s390x")
KERNELS = ("--select", "*/unpatched", "--select", "*/patched")
FAULT = {"x86_64": "arch/x86/mm/fault.c", "aarch64": "arch/arm64/mm/fault.c", "s390x": "arch/s390/mm/fault.c"}


@pytest.fixture(scope="module")
def noted(kmatrix_module: Kmatrix, ready: None) -> Done:
    done = kmatrix_module.run(LAB, *KERNELS)
    assert done.code == 0, done.out + done.err
    return done


@pytest.fixture(scope="module")
def lines(noted: Done) -> dict[tuple[str, str, str], list[Any]]:
    """Rows by arch, file and side."""
    table: dict[tuple[str, str, str], list[Any]] = {}
    for row in noted.json()["reach"]:
        table.setdefault((row["arch"], row["file"], row["side"]), []).append(row)
    return table


def states(rows: list[Any]) -> list[str]:
    return [row["state"] for row in rows]


@pytest.mark.parametrize("arch", ARCHES)
def test_what_a_fault_returns_ran_once_a_page(lines: dict[tuple[str, str, str], list[Any]], arch: str) -> None:
    for side in ("removed", "added"):
        (row,) = lines[arch, "mm/memory.c", side]
        assert row["state"] == "ran" and row["workloads"] == {"shmem-light": pytest.approx(1, abs=0.001)}


@pytest.mark.parametrize("arch", ARCHES)
def test_each_architecture_runs_its_own_handler(lines: dict[tuple[str, str, str], list[Any]], arch: str) -> None:
    """The condition and what it leads to; of the others nothing is built."""
    ran = [row for row in lines[arch, FAULT[arch], "added"] if row["state"] == "ran"]
    assert ran and all(row["workloads"]["shmem-light"] == pytest.approx(1, abs=0.001) for row in ran)
    for other in {*FAULT.values(), "arch/arm/mm/fault.c"} - {FAULT[arch]}:
        assert set(states(lines[arch, other, "added"])) == {"not_code", "not_built"}


@pytest.mark.parametrize("arch", ARCHES)
def test_what_no_write_of_a_page_gets_to_did_not_run(lines: dict[tuple[str, str, str], list[Any]], arch: str) -> None:
    """fixup_user_fault(), which only futexes come to."""
    rows = [row for row in lines[arch, "mm/gup.c", "added"] if 1384 <= row["line"] <= 1393]
    assert set(states(rows)) == {"not_code", "not_run"} and states(rows)[0] == "not_run"


def test_every_row_is_reached_and_the_places_that_were_not_are_told(noted: Done) -> None:
    found = noted.json()
    assert {row["reached"] for row in found["comparisons"]} == {True} and found["reach_unknown"] == []
    assert "changed lines did not run: " in noted.out and "mm/gup.c:" in noted.out
    summary = {row["arch"]: row for row in found["reach_summary"]}
    assert set(summary) == set(ARCHES) and all(row["ran"] >= 4 and row["not_run"] >= 4 for row in summary.values())


def test_figures_are_the_same_to_the_last_digit(noted: Done, kmatrix: Kmatrix) -> None:
    """From the same snapshots, without the plugin."""
    done = kmatrix.run(LAB, *KERNELS, "--no-reach")
    assert done.code == 0 and "reach" not in done.json(), done.out + done.err
    for cell in noted.json()["cells"]:
        others = {name: row for name, row in cell["metrics"].items() if name not in COSTS}
        assert done.cell(cell["id"])["metrics"] == others and "atomics" in cell["metrics"]
