# SPDX-License-Identifier: GPL-2.0-or-later
"""Two runs side by side, cell by cell, with the statistics that a run has within itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.analyse.compare import compare
from orchestrator.analyse.contract import CellRow, ComparisonRow, MatrixReport
from orchestrator.analyse.differences import Difference, differences
from orchestrator.model import Status, Verdict

FIRST, SECOND = "in the first", "in the second"


@dataclass(frozen=True)
class Change:
    """One metric of a cell in both runs; row as within one run, base being the first."""

    cell: str
    row: ComparisonRow
    once: tuple[bool, bool]  # measured in a single pass, so without a spread
    causes: tuple[str, ...]  # inputs beside the kernel that differ, and may move it


@dataclass(frozen=True)
class Turned:
    """A cell whose end differs: passed, kernel_broke, or "" for not there at all."""

    cell: str
    first: str
    second: str

    @property
    def worse(self) -> bool:
        """It passed, and no longer does."""
        return self.first == Status.PASSED and self.second not in ("", Status.SKIPPED)


@dataclass(frozen=True)
class Compared:
    """The answer of `kmatrix compare`."""

    changes: tuple[Change, ...]
    turned: tuple[Turned, ...]
    differences: tuple[Difference, ...]

    @property
    def worse(self) -> bool:
        """Anything, beyond the noise."""
        return any(change.row["verdict"] == Verdict.WORSE for change in self.changes) or any(
            cell.worse for cell in self.turned
        )

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {"schema": 1, "worse": self.worse, **asdict(self)}


def compare_runs(first: MatrixReport, second: MatrixReport, words: tuple[str, str] = (FIRST, SECOND)) -> Compared:
    """Every metric of every cell that passed in both; the correction is over all of them that vary.

    The emulator's version is no reason not to compare: it must not matter, and `verify` sees to that. What else
    differs is told beside the figures.
    """
    old = {cell["id"]: cell for cell in first["cells"]}
    new = {cell["id"]: cell for cell in second["cells"]}
    both = [name for name in old if name in new]
    rows = compare([(_masked(old[name]), _masked(new[name])) for name in both])
    found = tuple(row for row in differences(first, second, words) if any(row.touches(name) for name in both))
    changes = [
        Change(name, row, (_once(old[name], row), _once(new[name], row)), _causes(name, row, found))
        for row in rows
        if (name := _cell(row))
    ]
    return Compared(tuple(changes), tuple(_turned(old, new)), found)


def _masked(cell: CellRow) -> CellRow:
    return CellRow(**{**cell, "qemu": None, "provenance": None})


def _cell(row: ComparisonRow) -> str:
    return f"{row['arch']}/{row['new']}/{row['workload']}"


def _once(cell: CellRow, row: ComparisonRow) -> bool:
    return sum(len(boot) for boot in cell["metrics"][row["metric"]]["boots"]) == 1


def _causes(cell: str, row: ComparisonRow, found: tuple[Difference, ...]) -> tuple[str, ...]:
    if row["verdict"] == Verdict.SAME:
        return ()
    return tuple(one.text for one in found if one.matters and not one.kernel and one.touches(cell))


def _turned(old: dict[str, CellRow], new: dict[str, CellRow]) -> Iterator[Turned]:
    for name in dict.fromkeys([*old, *new]):
        first, second = (str(table[name]["status"]) if name in table else "" for table in (old, new))
        if first != second:
            yield Turned(name, first, second)
