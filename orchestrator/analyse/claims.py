# SPDX-License-Identifier: GPL-2.0-or-later
"""Claims: each answered by the expectations that bear on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orchestrator.analyse.contract import CellRow, ClaimRow, ExpectationRow
from orchestrator.model import WATCHED, Claim, Expectation, Status, Verdict


def answer(
    claims: Iterable[Claim],
    expectations: Mapping[str, Sequence[Expectation]],
    judged: Sequence[ExpectationRow],
    cells: Sequence[CellRow],
) -> list[ClaimRow]:
    """One row per claim. expectations are by workload: they say which cells must have a result."""
    return [_answer(claim, expectations, judged, cells) for claim in claims]


def _answer(
    claim: Claim,
    expectations: Mapping[str, Sequence[Expectation]],
    judged: Sequence[ExpectationRow],
    cells: Sequence[CellRow],
) -> ClaimRow:
    names = {claim.id, *claim.same_as}
    wanted = [name for name, rows in expectations.items() if any(names & _ids(row.claim) for row in rows)]
    theirs = [
        cell for cell in cells if cell["workload"] in wanted and cell["arch"] in (claim.arches or [cell["arch"]])
    ]
    rows = [row for row in judged if names & _ids(row["claim"]) and row["arch"] in (claim.arches or [row["arch"]])]
    held = sum(row["verdict"] == Verdict.AS_EXPECTED for row in rows)
    seen = any(row["metric"].startswith(WATCHED) and claim.id in _ids(row["claim"]) for row in rows)
    complete = all(cell["status"] == Status.PASSED for cell in theirs)
    return ClaimRow(
        id=claim.id,
        text=claim.text,
        verdict=_verdict(claim, [row["verdict"] for row in rows], complete),
        held=held,
        judged=len(rows),
        workloads=sorted({row["workload"] for row in rows}),
        arches=list(dict.fromkeys(row["arch"] for row in rows)),
        beyond="" if seen else claim.beyond,
    )


def _ids(text: str) -> set[str]:
    """An expectation may name several claims: C1 C13."""
    return set(text.replace(",", " ").split())


def _verdict(claim: Claim, said: Sequence[str], complete: bool) -> str:
    """said: verdicts of the expectations that bear on it; complete: all its cells have a result."""
    if Verdict.NOT_AS_EXPECTED in said:
        return Verdict.NOT_AS_EXPECTED.value
    if not complete or Verdict.MISSING in said:
        return Verdict.MISSING.value
    if said:
        return Verdict.AS_EXPECTED.value
    return (Verdict.OUT_OF_REACH if claim.beyond else Verdict.MISSING).value
