# SPDX-License-Identifier: GPL-2.0-or-later
"""What kernels differ by before anything runs, in words that all formats share. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrator.analyse.contract import MatrixReport, PairRow, StaticRow
from orchestrator.analyse.static import OTHERS, change
from orchestrator.model import StaticKind
from orchestrator.registry import counted
from orchestrator.report.parts.paper import paragraph
from orchestrator.report.parts.words import listed

MOST = 5  # of each kind that are named in a line
MAIL_MOST, MAIL_LINES = 3, 8
PAGE_MOST = 300  # rows of the page's table
TITLE = "Before anything runs"
_NONE = "-"


@dataclass(frozen=True)
class Shown:
    """A row of a table, as text."""

    arch: str
    pair: str
    kind: str
    name: str
    base: str
    new: str
    change: str
    text: str


def lines(report: MatrixReport, most: int = MOST) -> list[tuple[str, str]]:
    """(line, tone), one for each kind; architectures of which the same is said share it. [] where nobody looked, or
    nothing differs."""
    rows = report.get("static", [])
    several = len({(row["base"], row["new"]) for row in rows}) > 1
    said: dict[tuple[str, str, str], list[str]] = {}
    for kind, words in _WORDS.items():
        for (arch, base, new), mine in _by_pair([row for row in rows if row["kind"] == kind]).items():
            pair = f", {base} to {new}" if several else ""
            for text in words(mine, most):
                said.setdefault((pair, text, _TONES.get(kind, "plain")), []).append(arch)
    return [
        *((f"{listed(arches)}{pair}: {text}", tone) for (pair, text, tone), arches in said.items()),
        *((line, "plain") for line in _left_out(report)),
    ]


def mail(report: MatrixReport) -> list[str]:
    """At most MAIL_LINES, the title among them."""
    rows = [row for text, _ in lines(report, MAIL_MOST) for row in paragraph(text, "  ", "    ")]
    if len(rows) > MAIL_LINES - 1:
        rows = [*rows[: MAIL_LINES - 2], "  ... (all of it: kmatrix report --format html)"]
    return [f"{TITLE}, exact, in bytes:", *rows] if rows else []


def table(report: MatrixReport) -> tuple[list[Shown], int]:
    """Rows for a page, and how many more there are."""
    rows = report.get("static", [])
    return [_shown(row) for row in rows[:PAGE_MOST]], max(0, len(rows) - PAGE_MOST)


def _shown(row: StaticRow) -> Shown:
    warning = row["kind"] == StaticKind.WARNING
    text = "; ".join(filter(None, (row.get("text", ""), row.get("file", ""))))
    return Shown(
        arch=row["arch"],
        pair=f"{row['base']} to {row['new']}",
        kind=row["kind"],
        name=row["function"],
        base="" if warning else _number(row["base_value"]),
        new="" if warning else _number(row["new_value"]),
        change="" if warning else f"{change(row):+}",
        text=text,
    )


def _number(value: int | None) -> str:
    return _NONE if value is None else str(value)


def _by_pair(rows: Sequence[StaticRow]) -> dict[tuple[str, str, str], list[StaticRow]]:
    found: dict[tuple[str, str, str], list[StaticRow]] = {}
    for row in rows:
        found.setdefault(_pair(row), []).append(row)
    return found


def _pair(row: PairRow) -> tuple[str, str, str]:
    return row["arch"], row["base"], row["new"]


def _warnings(rows: Sequence[StaticRow], most: int) -> list[str]:
    shown = [f"the compiler warns anew: {row['function']}: {row.get('text', '')}" for row in rows[:most]]
    more = len(rows) - most
    return [*shown, *([f"and {more} more new warnings"] if more > 0 else [])]


def _sizes(rows: Sequence[StaticRow], most: int) -> list[str]:
    """code +88 in 3 functions: foo +80 (100 to 180), bar +8 (20 to 28)"""
    total = sum(map(change, rows))
    number = len(rows) - 1 if rows[-1]["function"] == OTHERS else len(rows)
    over = "more than " if number < len(rows) else ""
    return [f"code {total:+} in {over}{counted(number, 'function')}: {_some(rows, most)}"]


def _stack(rows: Sequence[StaticRow], most: int) -> list[str]:
    return [f"stack frames: {_some(rows, most)}"]


def _layouts(rows: Sequence[StaticRow], most: int) -> list[str]:
    return [f"layout: {_some(rows, most, moved=True)}"]


def _sections(rows: Sequence[StaticRow], most: int) -> list[str]:
    named = ", ".join(f"{row['function']} {change(row):+}" for row in rows[:most])
    return [f"sections: {named}{_more(rows, most)}"]


_WORDS: dict[str, Callable[[Sequence[StaticRow], int], list[str]]] = {
    StaticKind.WARNING.value: _warnings,
    StaticKind.SIZE.value: _sizes,
    StaticKind.STACK.value: _stack,
    StaticKind.LAYOUT.value: _layouts,
    StaticKind.SECTION.value: _sections,
}
_TONES = {StaticKind.WARNING.value: "bad"}


def _some(rows: Sequence[StaticRow], most: int, moved: bool = False) -> str:
    return ", ".join(_one(row, moved) for row in rows[:most]) + _more(rows, most)


def _more(rows: Sequence[StaticRow], most: int) -> str:
    return f" and {len(rows) - most} more" if len(rows) > most else ""


def _one(row: StaticRow, moved: bool) -> str:
    """foo +80 (100 to 180); foo new (36); struct page.lru moved (8 to 16)"""
    base, new, note = row["base_value"], row["new_value"], row.get("text", "")
    said = f", {note}" if note else ""
    if base is None or new is None:
        return f"{row['function']} {'new' if base is None else 'gone'} ({base if new is None else new}{said})"
    if moved and "." in row["function"]:
        return f"{row['function']} moved ({base} to {new}{said})"
    if base == new:
        return f"{row['function']} {base}{said}"
    return f"{row['function']} {new - base:+} ({base} to {new}{said})"


def _left_out(report: MatrixReport) -> list[str]:
    """One line per reason."""
    where: dict[str, list[str]] = {}
    for row in report.get("static_left_out", ()):
        where.setdefault(row["why"], []).append(row["arch"])
    return [f"{listed(arches)}: not looked at: {why}" for why, arches in where.items()]
