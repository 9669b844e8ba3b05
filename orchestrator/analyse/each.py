# SPDX-License-Identifier: GPL-2.0-or-later
"""Of a series that was checked patch by patch: does each step build everywhere, and did each run? Pure."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.analyse.contract import MatrixReport
from orchestrator.analyse.identical import untried
from orchestrator.model import Status


def unbuilt(report: MatrixReport, steps: Mapping[str, str]) -> dict[str, list[str]] | None:
    """{kernel: arches on which it does not build}. steps: {kernel: what it is called}. None: not all were tried."""
    cells = [cell for cell in report["cells"] if cell["kernel"] in steps]
    if not cells or any(untried(cell) for cell in cells):
        return None
    lost = [cell for cell in cells if cell["status"] == Status.BUILD_FAILED]
    return {
        kernel: list(dict.fromkeys(cell["arch"] for cell in lost if cell["kernel"] == kernel))
        for kernel in steps
        if any(cell["kernel"] == kernel for cell in lost)
    }


def silent(report: MatrixReport, steps: Mapping[str, str]) -> list[str]:
    """Kernels of whose own step no line ran anywhere, of which it is known; a step of no code is none of them."""
    pairs = {(row["base"], row["new"]) for row in report["comparisons"] if row["new"] in steps}
    found = []
    for base, new in sorted(pairs, key=lambda pair: list(steps).index(pair[1])):
        rows = [r for r in report["comparisons"] if (r["base"], r["new"]) == (base, new) and "reached" in r]
        code = any((r["base"], r["new"]) == (base, new) and r["code"] for r in report.get("changed", ()))
        if rows and code and all(row.get("reached") is False for row in rows):
            found.append(new)
    return found


def lines(report: MatrixReport, steps: Mapping[str, str]) -> list[str]:
    """each of the 3 patches builds on aarch64 and s390x; or which does not; and which never ran."""
    lost = unbuilt(report, steps)
    rows = [f"each of the {len(steps)} steps builds on {', '.join(_arches(report))}"] if lost == {} else []
    for kernel, its in (lost or {}).items():
        where = ", ".join(its)
        rows.append(f"with {steps[kernel]} as the last it does not build on {where}: a bisection would stop there")
    never = (steps[kernel] for kernel in silent(report, steps))
    return [*rows, *(f"{name}: none of its lines ran in what was measured" for name in never)]


def _arches(report: MatrixReport) -> list[str]:
    return list(dict.fromkeys(cell["arch"] for cell in report["cells"]))
