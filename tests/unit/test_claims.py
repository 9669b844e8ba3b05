# SPDX-License-Identifier: GPL-2.0-or-later
"""Claims are answered by the expectations that bear on them."""

from __future__ import annotations

from typing import Any, cast

from orchestrator.analyse.claims import answer
from orchestrator.analyse.contract import CellRow, ExpectationRow
from orchestrator.model import Claim, Expectation

MINE = {"w": [Expectation("pgfault", "", {"a": 1.0}, {}, 0.1, claim="C1 C13"), Expectation("time", "", {}, {}, 0.1)]}


def row(arch: str, verdict: str, claim: str = "C1 C13") -> ExpectationRow:
    return cast(ExpectationRow, {"arch": arch, "workload": "w", "claim": claim, "verdict": verdict})


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


def test_a_cell_without_a_result_leaves_its_claim_open() -> None:
    rows = [row("s390x", "as_expected")]
    assert verdict(Claim("C1", "x"), rows, [cell("s390x"), cell("x86_64", "kernel_broke")])[0] == "missing"
    assert verdict(Claim("C1", "x", arches=("s390x",)), rows, [cell("s390x"), cell("x86_64", "skipped")])[0] == (
        "as_expected"
    )
