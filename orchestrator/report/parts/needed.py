# SPDX-License-Identifier: GPL-2.0-or-later
"""What a change needs of its kernels' config, and what came of it, in lines that all formats share. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.analyse.contract import CellRow, MatrixReport, NeededRow
from orchestrator.analyse.needed import blameless, measured
from orchestrator.model import Status
from orchestrator.report.parts.words import listed

_BROKEN = {
    Status.BUILD_FAILED: "does not build",
    Status.KERNEL_BROKE: "breaks",
    Status.WORKLOAD_FAILED: "fails in {workload}",
    Status.TIMED_OUT: "does not end {workload} in time",
}


def needed_lines(report: MatrixReport) -> list[str]:
    """Which options are on in which kernels, what could not be had and why, and what broke with them."""
    return [*_had(measured(report)), *refused(report.get("needed", ())), *_failed(report)]


def _had(rows: Sequence[NeededRow]) -> list[str]:
    """Kernels of an option, each pair told once."""
    groups: dict[tuple[str | None, str | None, bool], list[NeededRow]] = {}
    for row in rows:
        groups.setdefault((row["with_base"], row["with_new"], row["own"]), []).append(row)
    lines = []
    for (base, new, own), its in groups.items():
        options = list(dict.fromkeys(row["option"] for row in its))
        names, are = listed(options), "are" if len(options) > 1 else "is"
        arches = listed(row["arch"] for row in its)
        lines.append(
            f"{names}, which the change adds, {are} on in {new} alone on {arches}: it is compared with {base}"
            if own
            else f"{names} {are} on in {base} and {new} on {arches}: their figures are of that config"
        )
    return lines


def refused(rows: Iterable[NeededRow]) -> list[str]:
    """CONFIG_X cannot be had on s390x: depends on PCI"""
    places: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if not row["with_new"]:
            places.setdefault((row["option"], row["why"]), []).append(row["arch"])
    return [f"{option} cannot be had on {listed(arches)}: {why}" for (option, why), arches in places.items()]


def _failed(report: MatrixReport) -> list[str]:
    """with CONFIG_SWAP it does not compile on s390x: mm/swapfile.c:7: error: ...; the base's own is told as that."""
    rows, unblamed = measured(report), blameless(report)
    bases = {(row["arch"], row["with_base"]) for row in rows if not row["own"]}
    lines: dict[str, None] = {}
    for cell in report["cells"]:
        place = (cell["arch"], cell["kernel"])
        mine = [row for row in rows if place in ((row["arch"], row["with_new"]), (row["arch"], row["with_base"]))]
        if not mine or cell["status"] not in _BROKEN or not cell["failure"]:
            continue
        if place in bases:
            said = f"{mine[0]['base']} itself {_how(cell)}: that says nothing of the change"
        elif cell["id"] in unblamed:
            continue
        else:
            said = f"it {_how(cell)}"
        lines[f"with {listed(options_of(report, *place))} {said}"] = None
    return list(lines)


def _how(cell: CellRow) -> str:
    """does not compile on s390x: mm/swapfile.c:7: error: ..."""
    why = cell["failure"] or {}
    build = f"{cell['arch']}/{cell['kernel']}"
    what, _, rest = why["message"].partition(": ")
    if why["kind"] == "compile" and rest and what.startswith(build):
        return f"{what.removeprefix(build).strip()} on {cell['arch']}: {rest}"
    return f"{_BROKEN[Status(cell['status'])].format(workload=cell['workload'])} on {cell['arch']}: {why['message']}"


def options_of(report: MatrixReport, arch: str, kernel: str) -> list[str]:
    """That are on in it because a change needs them, or has them itself."""
    rows = [row for row in measured(report) if not arch or row["arch"] == arch]
    own = [row for row in rows if row["own"] and row["with_new"] == kernel]
    names = {kernel, *(row["with_base"] for row in own)}
    needed = [row for row in rows if not row["own"] and {row["with_base"], row["with_new"]} & names]
    return list(dict.fromkeys(row["option"] for row in (*needed, *own)))


def titled(report: MatrixReport, base: str, new: str) -> tuple[str, str, str]:
    """What heads a table of two kernels, and its two columns: ", with CONFIG_SWAP", unpatched, patched."""
    for row in measured(report):
        if (row["with_base"], row["with_new"]) == (base, new):
            words = f", with {listed(options_of(report, '', new))}"
            return (words, base, f"with {row['option']}") if row["own"] else (words, row["base"], row["new"])
    return "", base, new
