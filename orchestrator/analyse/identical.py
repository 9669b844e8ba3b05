# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels that are the same: what is told of one that was therefore not measured. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orchestrator.analyse.contract import CellRow, IdenticalRow, MatrixReport
from orchestrator.analyse.needed import blameless
from orchestrator.model import ABSENT, IDENTICAL, Status

DIFFERS, LINES_ONLY = "differs", "lines_only"  # how an IdenticalRow says it
Pairs = frozenset[tuple[str, str, str]]  # arch, base, new


def pairs(rows: Iterable[IdenticalRow]) -> Pairs:
    """Those that are the same."""
    return frozenset((row["arch"], row["base"], row["new"]) for row in rows if row["how"] != DIFFERS)


def spared(cell: CellRow) -> bool:
    """Was it left out because its kernel is the same as another one?"""
    return cell.get("reason") == IDENTICAL


def absent(cell: CellRow) -> bool:
    """Does its kernel or machine not have what it measures?"""
    return cell.get("reason") == ABSENT


def left_out(cell: CellRow) -> bool:
    """Is there a reason not to measure it, as these two? That is no failure."""
    return bool(cell.get("reason"))


def untried(cell: CellRow) -> bool:
    """Is it still to be measured?"""
    return cell["status"] == Status.SKIPPED and not left_out(cell)


def statuses(report: MatrixReport) -> set[str]:
    """How cells ended that were to be measured, but for failures that say nothing of a change."""
    unblamed = blameless(report)
    return {cell["status"] for cell in report["cells"] if not left_out(cell) and cell["id"] not in unblamed}


def with_figures(cells: Sequence[CellRow], same: Pairs) -> list[CellRow]:
    """The cells; those that were spared with all that was measured of the kernel that theirs is the same as."""
    table = {(cell["arch"], cell["kernel"], cell["workload"]): cell for cell in cells}
    bases: dict[tuple[str, str], list[str]] = {}
    for arch, base, new in sorted(same):
        bases.setdefault((arch, new), []).append(base)
    return [_measured(cell, table, bases) if spared(cell) else cell for cell in cells]


def _measured(
    cell: CellRow, table: Mapping[tuple[str, str, str], CellRow], bases: Mapping[tuple[str, str], Sequence[str]]
) -> CellRow:
    seen, waiting = {cell["kernel"]}, [cell["kernel"]]
    while waiting:
        for base in bases.get((cell["arch"], waiting.pop()), ()):
            found = table.get((cell["arch"], base, cell["workload"]))
            if found and not spared(found):
                return {**found, "id": cell["id"], "kernel": cell["kernel"]}
            if base not in seen:
                seen.add(base)
                waiting.append(base)
    return cell
