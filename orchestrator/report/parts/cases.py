# SPDX-License-Identifier: GPL-2.0-or-later
"""A matrix as test cases, for formats that know nothing else: cells, comparisons, expectations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.analyse.contract import (
    CellRow,
    ComparisonRow,
    ExpectationRow,
    FindingRow,
    MatrixReport,
    StaticRow,
    UnprofiledRow,
    WatchedRow,
)
from orchestrator.analyse.expect import kernels_of
from orchestrator.analyse.findings import of_report, open_questions, untried
from orchestrator.analyse.identical import spared
from orchestrator.analyse.needed import blameless
from orchestrator.analyse.static import warnings
from orchestrator.model import Status, Verdict
from orchestrator.report.parts import reach
from orchestrator.report.parts.rows import change, floor, judged, undecided
from orchestrator.report.parts.sentence import named


class Outcome(StrEnum):
    """How a case ended. ERROR: the testbed failed, not what it tests."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Case:
    """One test case; kind is cell, profile, static, comparison, expectation or a lane of findings; what says why."""

    arch: str
    workload: str
    kind: str
    name: str
    outcome: Outcome
    what: str = ""
    message: str = ""
    log: str = ""


SAME_KERNEL = "the kernel is the same as the one that it is compared with"
_CELLS = {
    Status.PASSED.value: Outcome.PASSED,
    Status.INFRA_FAILED.value: Outcome.ERROR,
    Status.SKIPPED.value: Outcome.SKIPPED,
}


def cases(report: MatrixReport) -> list[Case]:
    """All of them: cells first, in the matrix's order."""
    unblamed = blameless(report)
    return [
        *(_cell(cell, cell["id"] in unblamed) for cell in report["cells"]),
        *map(_unprofiled, report.get("unprofiled", ())),
        *(_watched(row, report) for row in report.get("watched", ())),
        *map(_warning, warnings(report)),
        *(_comparison(row, report) for row in report["comparisons"]),
        *map(_expectation, report["expectations"]),
    ]


def grouped(found: Iterable[Case], of: Callable[[Case], str]) -> dict[str, list[Case]]:
    """{what they have in common: the cases}, in the order in which they come."""
    groups: dict[str, list[Case]] = {}
    for case in found:
        groups.setdefault(of(case), []).append(case)
    return groups


def _cell(cell: CellRow, unblamed: bool) -> Case:
    """unblamed: the base fails with this config, which says nothing of a change."""
    why = cell["failure"] or {}
    outcome = Outcome.SKIPPED if unblamed else _CELLS.get(cell["status"], Outcome.FAILED)
    message = " - ".join(text for text in (why.get("message", ""), why.get("hint", "")) if text)
    message = message or (SAME_KERNEL if spared(cell) else "")
    log = why.get("log", "")
    return Case(cell["arch"], cell["workload"], "cell", cell["kernel"], outcome, why.get("kind", ""), message, log)


def _unprofiled(row: UnprofiledRow) -> Case:
    arch, kernel, workload = row["id"].split("/")
    outcome = Outcome.ERROR if row["possible"] else Outcome.SKIPPED
    return Case(arch, workload, "profile", kernel, outcome, "profile", row["why"], row["log"])


def _watched(row: WatchedRow, report: MatrixReport) -> Case:
    """Failed by what the base does not say; of which nobody knows whether the base says it, skipped; what could not
    be tried is the testbed's error."""
    mine = _of(row, of_report(report))
    open_ = [] if mine else _of(row, open_questions(report))
    outcome = Outcome.PASSED if not open_ and (row["boots"] or row["ran"]) else Outcome.SKIPPED
    outcome = Outcome.FAILED if mine else Outcome.ERROR if row in untried(report) else outcome
    mine = mine or open_
    message = "; ".join(f"{its['message']} {its['where']}".strip() for its in mine) or "; ".join(row["notes"])
    log = "\n\n".join(its.get("text", "") for its in mine)
    kind = mine[0]["kind"] if mine else ""
    return Case(row["arch"], row["lane"], row["lane"], f"{row['kernel']} {row['lines']}", outcome, kind, message, log)


def _warning(row: StaticRow) -> Case:
    """What the compiler says anew of a kernel that is measured: as a variant's."""
    name = f"{row['base']} to {row['new']} {row['function']}"
    return Case(row["arch"], "build", "static", name, Outcome.FAILED, row["kind"], row.get("text", ""))


def _of(row: WatchedRow, rows: Iterable[FindingRow]) -> list[FindingRow]:
    """What its kernel says."""
    return [
        its
        for its in rows
        if (its["arch"], its["lane"]) == (row["arch"], row["lane"])
        and row["kernel"] in its["kernels"]
        and row["lines"] in its.get("lines", ())
    ]


def _comparison(row: ComparisonRow, report: MatrixReport) -> Case:
    """Worse is a failure unless just that was expected; what could not be decided, or is not of the change, is
    skipped, not passed."""
    said = judged(row, report)
    outcome = Outcome.PASSED
    if row["verdict"] == Verdict.WORSE and said != {Verdict.AS_EXPECTED.value}:
        outcome = Outcome.FAILED
    elif (undecided(row) or row["verdict"] == Verdict.NOT_REACHED) and said != {Verdict.AS_EXPECTED.value}:
        outcome = Outcome.SKIPPED
    name = f"{named(row['workload'], row['metric'])} {row['base']} to {row['new']}"
    values = f"{row['per_unit_base']:.6g} to {row['per_unit_new']:.6g} {row['shown_unit']}".rstrip()
    message = f"{reach.verdict(row['verdict'])}: {change(row)}{floor(row)}, {values}; {row['why']}"
    return Case(row["arch"], row["workload"], "comparison", name, outcome, row["verdict"], message)


_EXPECTATIONS = {Verdict.AS_EXPECTED.value: Outcome.PASSED, Verdict.MISSING.value: Outcome.SKIPPED}


def _expectation(row: ExpectationRow) -> Case:
    kernel = " to ".join(kernels_of(row))
    name = f"{named(row['workload'], row['metric'])} {kernel} {row['kind']} {row['expected']:g}"
    claim = f" [{row['claim']}]" if row["claim"] else ""
    why = f"; {row['why']}" if "why" in row else ""
    measured = "nothing" if row["measured"] is None else f"{row['measured']:.6g}"
    message = f"measured {measured}, expected {row['kind']} {row['expected']:g}{claim}{why}"
    outcome = _EXPECTATIONS.get(row["verdict"], Outcome.FAILED)
    return Case(row["arch"], row["workload"], "expectation", name + claim, outcome, row["verdict"], message)


_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """Without the characters that XML has no way to write."""
    return _NOT_XML.sub("�", text)
