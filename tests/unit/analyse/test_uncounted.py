# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kernel does not count is not there: no zero, no failure, and no answer to an expectation."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from orchestrator.analyse.contract import ExpectationRow, MatrixReport
from orchestrator.analyse.matrix import assemble, exit_code
from orchestrator.model import BootResult, CellResult, Claim, Comparison, Expectation, PassSample, Status
from orchestrator.report import known as formats
from orchestrator.runs.folder import cell_from
from orchestrator.runs.run import Run

NOTE = "no pgfault: this kernel does not count it"
PAIR = Comparison("old", "new")
ABSOLUTE = Expectation("pgfault", "", {"old": 2.0, "new": 1.0}, {}, 0.0, claim="C1")
RELATIVE = Expectation("pgfault", "", {}, {"aarch64": -0.5}, 0.0, "old", "new", claim="C1")
TIME = Expectation("time", "", {}, {"aarch64": 0.0}, 0.1, "old", "new", claim="C1")


def cell(kernel: str, *metrics: str, said: tuple[str, ...] = (), arch: str = "aarch64") -> CellResult:
    sample = PassSample(10, dict.fromkeys(metrics, 20.0), {})
    boots = [
        BootResult(n, "tcg", "7.2", "max", (), 0, (sample, sample), "k", "w", {}, (f"only {n}",), said=said)
        for n in range(2)
    ]
    name = f"{arch}/{kernel}/shmem-write"
    return CellResult(
        name, arch, kernel, "shmem-write", Status.PASSED, None, "icount", "page", "9.1.0", tuple(boots)
    )  # fmt: skip


def report(*cells: CellResult, expected: tuple[Expectation, ...] = ()) -> MatrixReport:
    claims = [Claim("C1", "it halves")]
    return assemble(cells, [PAIR], {"shmem-write": expected}, {}, {}, {}, claims)


def verdicts(made: MatrixReport) -> list[tuple[str, str, float | None]]:
    return [(row["new"], row["verdict"], row["measured"]) for row in made["expectations"]]


def test_it_is_no_metric_of_the_cell_and_compared_with_nothing() -> None:
    made = report(cell("old", "pgfault", "time"), cell("new", "time", said=(NOTE,)))
    old, new = made["cells"]
    assert set(old["metrics"]) == {"pgfault", "time"} and set(new["metrics"]) == {"time"}
    assert [row["metric"] for row in made["comparisons"]] == ["time"]
    assert exit_code(made) == 0


def test_an_expectation_on_it_is_missing_and_says_why() -> None:
    made = report(cell("old", "pgfault", "time"), cell("new", "time"), expected=(ABSOLUTE, RELATIVE, TIME))
    assert verdicts(made) == [
        ("new", "missing", None),
        ("old", "as_expected", 2.0),
        ("new", "missing", None),
        ("new", "as_expected", 0.0),
    ]
    lost: list[ExpectationRow] = [row for row in made["expectations"] if row["verdict"] == "missing"]
    assert {row["why"] for row in lost} == {"pgfault: not counted by aarch64/new"}
    assert made["claims"][0]["verdict"] == "missing" and exit_code(made) == 0
    for render in formats().values():
        assert "pgfault: not counted by aarch64/new" in " ".join(render(Run(made)).split()) or render in (
            formats()["b4check"], formats()["kcidb"],
        )  # fmt: skip


def test_what_does_not_hold_outranks_what_is_missing() -> None:
    wrong = replace(TIME, change={"aarch64": -0.5})
    made = report(cell("old", "time"), cell("new", "time"), expected=(ABSOLUTE, wrong))
    assert [row["verdict"] for row in made["expectations"]] == ["missing", "missing", "not_as_expected"]
    assert made["claims"][0]["verdict"] == "not_as_expected" and exit_code(made) == 1


def test_an_expectation_of_another_linux_is_not_missing() -> None:
    made = report(cell("old", "time"), cell("new", "time"), expected=(replace(ABSOLUTE, linux="<6.4"),))
    assert made["expectations"] == []


def test_a_note_of_the_workload_is_told_once_a_cell() -> None:
    settled = "the allocator's lists of Movable pages could not be settled: why"
    made = report(
        cell("old", "time", said=(settled,)),
        cell("new", "time", said=(settled, "x")),
        cell("new", "time", said=(settled,), arch="s390x"),
    )
    assert made["cells"][1]["notes"] == [settled, "x", "boot 0: only 0", "boot 1: only 1"]
    assert made["notes"] == {"shmem-write": f"{settled} (aarch64/old, aarch64/new, s390x/new); x (aarch64/new)"}


@pytest.mark.parametrize("name", ["terminal", "markdown", "html", "mail", "json"])
def test_a_note_of_the_workload_is_in_the_reports(name: str) -> None:
    made = report(cell("old", "time", said=("sid has other lists",)), cell("new", "time"))
    assert "sid has other lists (aarch64/old)" in " ".join(formats()[name](Run(made)).split())


def test_what_a_workload_said_is_kept_with_the_boot() -> None:
    made = cell("old", "time", said=("one", "two"))
    kept = json.loads(json.dumps(asdict(made)))
    assert cell_from(kept) == made
    for boot in kept["boots"]:  # as results of before it was kept are
        del boot["said"]
    assert [boot.said for boot in cell_from(kept).boots] == [(), ()]
