# SPDX-License-Identifier: GPL-2.0-or-later
"""The Tested-by: line: when it may be offered, and as what. Nobody but a person signs."""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.analyse.contract import CellRow, MatrixReport
from orchestrator.analyse.identical import left_out
from orchestrator.analyse.matrix import exit_code
from orchestrator.analyse.needed import measured
from orchestrator.analyse.reach import silent
from orchestrator.analyse.slice import arches, sliced
from orchestrator.errors import EXIT_OK
from orchestrator.model import Reason, Verdict
from orchestrator.report.parts import reach
from orchestrator.report.parts.paper import WIDTH, ascii_only, paragraph
from orchestrator.report.parts.rows import undecided
from orchestrator.report.parts.taken import altered
from orchestrator.report.parts.words import listed

WHY = (
    "Everything passed and nothing was seen to get worse. "
    "To vouch for this, remove the leading #; kmatrix never signs."
)
NOBODY = "Your Name <you@example.org>"


def clean(report: MatrixReport) -> bool:
    """Everything passed, something was compared, all is as expected, nothing is worse or left undecided, and the
    change ran as far as that is known; and the patch was applied as it stands.

    A kernel that was not booted, because it is the same as another, was not tested.
    """
    rows = [row for row in report["comparisons"] if row["reason"] != Reason.IDENTICAL]
    return bool(
        exit_code(report) == EXIT_OK
        and rows
        and not silent(report)
        and not altered(report)
        and not any(row["verdict"] == Verdict.WORSE or undecided(row) for row in rows)
        and not any(claim["verdict"] == Verdict.NOT_AS_EXPECTED for claim in report["claims"])
    )


def where(report: MatrixReport) -> str:
    """s390x, aarch64 (TCG); also with CONFIG_SWAP; 23 of 37 changed lines ran. Without those where nothing of the
    change ran."""
    compared = {(row["arch"], row["new"]) for row in report["comparisons"] if row["reason"] != Reason.IDENTICAL}
    same = {*arches(report)} - {arch for arch, _ in compared}
    same |= {arch for arch in arches(report) if silent(sliced(report, [arch]))}
    accels = dict.fromkeys(cell["accel"] or "?" for cell in report["cells"] if _ran(cell, same))
    ran = reach.share(report)
    unknown = "; not known what ran" if not ran and report.get("reach_unknown") else ""
    tested = ", ".join(arch for arch in arches(report) if arch not in same)
    options = [row["option"] for row in measured(report) if (row["arch"], row["with_new"]) in compared]
    config = f"; also with {listed(options)}" if options else ""
    return f"{tested} ({', '.join(accels).upper()})" + config + (f"; {ran}" if ran else unknown)


def _ran(cell: CellRow, same: Collection[str]) -> bool:
    return cell["arch"] not in same and not left_out(cell)


def offer(report: MatrixReport, signer: str) -> list[str]:
    """The line behind a "#", so that no tool collects it; nothing unless all is clean."""
    if not clean(report):
        return []
    who = ascii_only(" ".join(signer.split())) or NOBODY
    line = f"# Tested-by: {who} # {where(report)}"
    name, _, address = who.rpartition(" ")
    long = [f"# Tested-by: {name} {address}"]
    if len(long[0]) > WIDTH:
        long = [f"# Tested-by: {name}", f"#  {address}"]
    lines = [line] if len(line) <= WIDTH else [*long, *paragraph(f"# {where(report)}", "#  ")]
    return [*paragraph(WHY), "", *lines]
