# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels whose config followed a patch: which kernels they stand for, and whose failures theirs are. Pure."""

from __future__ import annotations

from orchestrator.analyse.contract import MatrixReport, NeededRow
from orchestrator.model import Status

_BROKEN = {Status.BUILD_FAILED, Status.KERNEL_BROKE, Status.WORKLOAD_FAILED, Status.TIMED_OUT}


def stands_for(report: MatrixReport) -> dict[str, str]:
    """{kernel: the one whose source it has}: lines of the one are lines of the other."""
    rows = report.get("needed", ())
    found = {row["with_new"]: row["new"] for row in rows if row["with_new"]}
    return {**found, **{row["with_base"]: row["base"] for row in rows if row["with_base"] and not row["own"]}}


def measured(report: MatrixReport) -> list[NeededRow]:
    """Options that were had."""
    return [row for row in report.get("needed", ()) if row["with_new"]]


def blameless(report: MatrixReport) -> set[str]:
    """Ids of cells that failed because the base does, too, with an option on: the patch is not to blame, and how it
    does with that option is not known."""
    ends = {cell["id"]: cell["status"] for cell in report["cells"]}
    found: set[str] = set()
    for row in sorted(measured(report), key=lambda row: row["own"]):  # whose base may be among the others
        for cell in report["cells"]:
            if (cell["arch"], cell["kernel"]) != (row["arch"], row["with_new"]):
                continue
            base = f"{row['arch']}/{row['with_base']}/{cell['workload']}"
            if base in found or (not row["own"] and ends.get(base) in _BROKEN):
                found |= {name for name in (base, cell["id"]) if ends.get(name) in _BROKEN}
    return found
