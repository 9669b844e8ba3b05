# SPDX-License-Identifier: GPL-2.0-or-later
"""Two cells' accounts by line and function of the source, set side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NotRequired

from typing_extensions import TypedDict

from orchestrator.model import CODE_LINES, COST_CLASSES, MEDIAN, MEMORY, REPEATED, UNDECODED
from orchestrator.profile.cell_account import CellAccount
from orchestrator.profile.names import stem
from orchestrator.series import diff

_COMPILED = (".c", ".h")  # line tables tell these; of assembly nothing is known, and all else has no instructions


class SourceLine(TypedDict):
    """A line of a hunk; sign is "-", "+" or " ". Numbers and instructions are None in a kernel that lacks it.

    Instructions, per unit of work, are those made of the line, with what was inlined there. 0.0: none was executed.
    costs: classes that it has any of, and by how much they changed, likewise.
    """

    sign: str
    base_line: int | None
    new_line: int | None
    text: str
    base_instructions: float | None
    new_instructions: float | None
    change: float
    costs: NotRequired[dict[str, CostRow]]


class CostRow(TypedDict):
    """Executions of a class per unit of work, interrupts left out."""

    base: float
    new: float
    change: float


class SourceHunk(TypedDict):
    """Lines of one file that the kernels differ by, and those around them."""

    file: str
    lines: list[SourceLine]


class SourceFunction(TypedDict):
    """A function as the source has it: its instructions wherever it was inlined. file is "" where none is known."""

    name: str
    file: str
    base_instructions: float
    new_instructions: float
    change: float


def source_hunks(base: CellAccount, new: CellAccount, text: str) -> list[SourceHunk]:
    """Accounts of cells (whole regions); those of the diff's hunks that a compiler makes instructions of."""
    return [
        SourceHunk(file=hunk.file, lines=[_line(line, hunk.file, base, new) for line in hunk.lines])
        for hunk in diff.hunks(text)
        if hunk.file.endswith(_COMPILED)
    ]


def _line(line: diff.Line, file: str, base: CellAccount, new: CellAccount) -> SourceLine:
    before = _executed(base, file, line.old) if line.old else None
    after = _executed(new, file, line.new) if line.new else None
    made = SourceLine(
        sign=line.sign,
        base_line=line.old or None,
        new_line=line.new or None,
        text=line.text,
        base_instructions=before,
        new_instructions=after,
        change=(after or 0.0) - (before or 0.0),
    )
    if found := cost_rows(*(_costs(*its) for its in ((base, file, line.old), (new, file, line.new)))):
        made["costs"] = found
    return made


def _costs(account: CellAccount, file: str, line: int) -> dict[str, float]:
    found = (account.line_costs or {}).get(file, {}).get(line, {})
    return {name: count / account.units for name, count in found.items()}


def cost_rows(base: Mapping[str, float], new: Mapping[str, float]) -> dict[str, CostRow]:
    """Of classes that either has."""
    known = (*COST_CLASSES, REPEATED, UNDECODED, CODE_LINES, *MEMORY, MEDIAN)
    names = [name for name in known if name in base or name in new]
    pairs = {name: (base.get(name, 0.0), new.get(name, 0.0)) for name in names}
    return {name: CostRow(base=old, new=now, change=now - old) for name, (old, now) in pairs.items()}


def _executed(account: CellAccount, file: str, line: int) -> float:
    _, whole = (account.lines or {}).get(file, {}).get(line, (0, 0))
    return whole / account.units


def source_functions(base: CellAccount, new: CellAccount) -> list[SourceFunction]:
    """In order of their change's size; matched by name stem and file."""
    before, after = _by_function(base), _by_function(new)
    rows = [_function(key, before.get(key, 0.0), after.get(key, 0.0)) for key in {**before, **after}]
    return sorted(rows, key=lambda row: (-abs(row["change"]), row["name"], row["file"]))


def _by_function(account: CellAccount) -> dict[tuple[str, str], float]:
    table: dict[tuple[str, str], float] = {}
    for name, file, count in account.source_functions:
        key = (stem(name), file)
        table[key] = table.get(key, 0.0) + count / account.units
    return table


def _function(key: tuple[str, str], base: float, new: float) -> SourceFunction:
    name, file = key
    return SourceFunction(name=name, file=file, base_instructions=base, new_instructions=new, change=new - base)


def lines_unknown(accounts: Iterable[CellAccount], diff: str | None) -> str:
    """Why lines of the change are not known; "" if they are."""
    why = next((account.lines_why for account in accounts if account.lines_why), "")
    return why or ("" if diff is not None else "the two kernels are not of one source")
