# SPDX-License-Identifier: GPL-2.0-or-later
"""Claims are answered by the expectations that bear on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.analyse.claims import answer
from orchestrator.analyse.contract import CellRow, ExpectationRow
from orchestrator.analyse.matrix import assemble
from orchestrator.config import matrix_file
from orchestrator.model import CellResult, Claim, Comparison, Expectation
from orchestrator.report import known as formats
from orchestrator.runs.run import Run
from tests.unit import conftest as reports

MINE = {"w": [Expectation("pgfault", "", {"a": 1.0}, {}, 0.1, claim="C1 C13"), Expectation("time", "", {}, {}, 0.1)]}


def row(arch: str, verdict: str, claim: str = "C1 C13", metric: str = "pgfault") -> ExpectationRow:
    return cast(ExpectationRow, {"arch": arch, "workload": "w", "metric": metric, "claim": claim, "verdict": verdict})


def cell(arch: str, status: str = "passed") -> CellRow:
    return cast(CellRow, {"arch": arch, "workload": "w", "status": status})


def verdict(claim: Claim, rows: list[ExpectationRow], cells: list[CellRow]) -> tuple[Any, ...]:
    (done,) = answer([claim], MINE, rows, cells)
    return done["verdict"], done["held"], done["judged"]


BOTH = [cell("s390x"), cell("x86_64")]


def test_all_that_bears_on_a_claim_must_hold() -> None:
    good, bad = row("s390x", "as_expected"), row("x86_64", "not_as_expected")
    assert verdict(Claim("C1", "x"), [good, good], BOTH) == ("as_expected", 2, 2)
    assert verdict(Claim("C1", "x"), [good, bad], BOTH) == ("not_as_expected", 1, 2)
    assert verdict(Claim("C13", "x"), [good], BOTH) == ("as_expected", 1, 1)


def test_a_claim_may_rest_on_others_and_on_some_architectures() -> None:
    rows = [row("s390x", "as_expected"), row("x86_64", "not_as_expected"), row("s390x", "not_as_expected", "C4")]
    assert verdict(Claim("C6", "x", same_as=("C1",), arches=("s390x",)), rows, BOTH) == ("as_expected", 1, 1)
    assert verdict(Claim("C6", "x", same_as=("C1", "C4"), arches=("s390x",)), rows, BOTH) == ("not_as_expected", 1, 2)


def test_without_evidence_a_claim_is_missing_or_out_of_reach() -> None:
    assert verdict(Claim("C9", "x"), [], BOTH)[0] == "missing"
    assert verdict(Claim("C8", "x", beyond="needs a device"), [], BOTH)[0] == "out_of_reach"


def test_kernels_that_watch_themselves_reach_what_is_beyond_others() -> None:
    claim = Claim("C5", "x", beyond="no lockdep")
    (open_,) = answer([claim], MINE, [row("s390x", "as_expected", "C5")], BOTH)
    (closed,) = answer([claim], MINE, [row("s390x", "as_expected", "C5", "watched.reports")], BOTH)
    assert (open_["beyond"], closed["beyond"]) == ("no lockdep", "")
    its = Claim("C6", "x", same_as=("C5",), beyond="gmap")
    (other,) = answer([its], MINE, [row("s390x", "as_expected", "C5", "watched.reports")], BOTH)
    assert other["beyond"] == "gmap"


def test_a_cell_without_a_result_leaves_its_claim_open() -> None:
    rows = [row("s390x", "as_expected")]
    assert verdict(Claim("C1", "x"), rows, [cell("s390x"), cell("x86_64", "kernel_broke")])[0] == "missing"
    assert verdict(Claim("C1", "x", arches=("s390x",)), rows, [cell("s390x"), cell("x86_64", "skipped")])[0] == (
        "as_expected"
    )


BEYOND = Claim("C6", "gmap", same_as=("C1",), arches=("s390x",), beyond="needs KVM in the guest")


@pytest.mark.parametrize("name", ["terminal", "markdown", "mail", "html"])
def test_what_goes_beyond_reach_is_never_simply_as_expected(name: str) -> None:
    mine = Expectation("pgfault", "", {"patched": 1.0}, {}, 0.1, claim="C1")
    cells = [reports.cell("s390x", "patched", reports.NEW)]
    report = assemble(cells, [], {"shmem-write": [mine]}, {}, {}, {}, [Claim("C1", "one fault"), BEYOND])
    text = " ".join(formats()[name](Run(report)).split())
    assert "as expected, as far as reached (1 of 1)" in text and "as expected (1 of 1)" in text


SEED = matrix_file.load(Path(__file__).parents[3] / "matrix.yaml", "seed")


def seed(change: float) -> dict[str, str]:
    """The verdicts of claims on time, and of our own band, for a change on aarch64."""
    after = {**reports.NEW, "time": reports.BASE["time"] * (1 + change)}
    cells: list[CellResult] = [
        reports.cell("aarch64", "unpatched", reports.BASE), reports.cell("aarch64", "patched", after)
    ]  # fmt: skip
    pairs = [Comparison("unpatched", "patched")]
    expected = {"shmem-write": SEED.workloads[0].expectations}
    report = assemble(cells, pairs, expected, {}, {}, {}, SEED.claims)
    claims = {row["id"]: row["verdict"] for row in report["claims"] if row["id"] in ("C2", "C13")}
    (own,) = [e["verdict"] for e in report["expectations"] if e["metric"] == "time" and not e["claim"]]
    return {**claims, "own": own}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (569396.40 / 650980.20 - 1, {"C2": "as_expected", "C13": "as_expected", "own": "not_as_expected"}),
        (-0.15, {"C2": "as_expected", "C13": "as_expected", "own": "as_expected"}),
        (-0.09, {"C2": "not_as_expected", "C13": "not_as_expected", "own": "not_as_expected"}),
        (-0.17, {"C2": "not_as_expected", "C13": "as_expected", "own": "not_as_expected"}),
    ],
    ids=["the mail's", "ours", "less", "more"],
)
def test_the_mails_own_figure_is_what_it_claims(change: float, said: dict[str, str]) -> None:
    assert seed(change) == said
