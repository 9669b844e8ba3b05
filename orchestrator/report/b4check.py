# SPDX-License-Identifier: GPL-2.0-or-later
"""What `b4 review` shows of a check: a JSON array, one entry per arch (b4's docs, "CI check integration")."""

from __future__ import annotations

import json

from orchestrator.analyse.contract import MatrixReport
from orchestrator.analyse.findings import of_report, only_warnings, open_questions, untried
from orchestrator.analyse.identical import statuses
from orchestrator.analyse.matrix import unreached, without_account
from orchestrator.analyse.needed import blameless
from orchestrator.analyse.reach import nothing_ran, silent
from orchestrator.analyse.slice import arches, planned_pairs, sliced
from orchestrator.analyse.static import warnings
from orchestrator.model import Status, Verdict
from orchestrator.report import PLAIN, Telling
from orchestrator.report import mail as reply
from orchestrator.report.parts.rows import undecided
from orchestrator.report.parts.sentence import headline
from orchestrator.runs.run import Run


def RENDER(run: Run, telling: Telling = PLAIN) -> str:
    """[{tool, status: pass, warn or fail, summary, details}]; [] says nothing."""
    return json.dumps(entries(run), indent=1) + "\n"


def entries(run: Run) -> list[dict[str, str]]:
    """One column of b4's table per arch; details is the reply, without what a person would sign."""
    nothing = unreached(run.report) or nothing_ran(run.report)
    found = []
    for arch in arches(run.report):
        part = sliced(run.report, [arch])
        text = reply.RENDER(Run(part, reproduce=run.reproduce), offered=False)
        entry = {
            "tool": f"kmatrix-{arch}",
            "status": status(part, nothing),
            "summary": headline(part),
            "details": text,
        }
        entry |= {"url": run.page} if run.page else {}
        found.append(entry)
    return found


def status(report: MatrixReport, nothing: bool = False) -> str:
    """fail: a compared kernel broke or something is worse. warn: it could not be told, or is not as expected, or
    nothing of the change ran, or the compiler warns anew. nothing: on any arch; where a kernel is the same, that
    alone counts."""
    patched = {new for _, new in planned_pairs(report)}
    bases = {base for base, _ in planned_pairs(report)} - patched
    unblamed = blameless(report)
    mine = [cell for cell in report["cells"] if cell["kernel"] not in bases and cell["id"] not in unblamed]
    ours = {Status.PASSED.value, Status.INFRA_FAILED.value, Status.SKIPPED.value}
    rows = report["comparisons"]
    worse = any(row["verdict"] == Verdict.WORSE for row in rows)
    found = of_report(report)
    if worse or not only_warnings(found) or any(cell["status"] not in ours for cell in mine):
        return "fail"
    whole = statuses(report) <= {Status.PASSED} and not without_account(report)
    lost = any(row["verdict"] == Verdict.NOT_AS_EXPECTED for row in report["expectations"])
    asked = [*found, *open_questions(report), *untried(report)]
    told = whole and rows and not lost and not asked and not any(map(undecided, rows))
    return "pass" if told and not silent(report) and not nothing and not warnings(report) else "warn"
