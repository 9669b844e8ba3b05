# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a kernel has the instructions of a line: from readelf's text of its line table, and addr2line's. Pure."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.profile.lines import Frame
from orchestrator.profile.names import whole
from orchestrator.profile.symbols import Symbols

_ENTRY = re.compile(r"DW_AT_(?:entry|low)_pc\s*: (?:\(\w+\) )?((?:0x)?[0-9a-f]+)\n")


@dataclass(frozen=True)
class Row:
    """Of the line table: instructions from start up to end are of this line; end is start where another line shares
    its only instruction."""

    file: str
    line: int
    start: int
    end: int


@dataclass(frozen=True)
class Table:
    """Rows of the files that were asked for, and where rows of any file start in their units, in order."""

    rows: tuple[Row, ...] = ()
    starts: Sequence[int] = ()
    files: frozenset[str] = frozenset()  # that were asked for


@dataclass(frozen=True)
class Span:
    """Instructions that belong to a line, in one of its copies.

    A copy is a place that the line was inlined into: the function that has its instructions, and the calls from
    there. own: they are made of the line; else of a function that was inlined where the line calls it.
    """

    start: int
    end: int
    copy: int
    own: bool


@dataclass(frozen=True)
class Spans:
    """{file: {line: its instructions}} of a kernel."""

    lines: Mapping[str, Mapping[int, Sequence[Span]]] = field(default_factory=dict)

    def of(self, file: str, line: int) -> Sequence[Span]:
        """Of one line; those made of it, or where there are none those of what it calls."""
        found = self.lines.get(file, {}).get(line, ())
        return [span for span in found if span.own] or found


def parse_table(text: str, files: Iterable[str]) -> Table:
    """What readelf -W --debug-dump=decodedline prints: blocks of rows, each under its file's name. Only units that
    have rows of these files are read.
    """
    asked = frozenset(files)
    wanted, rows, starts = [file for file in asked if f"{file}:\n" in text], list[Row](), set[int]()
    open_: list[tuple[str, int, int]] = []  # rows whose end is not known yet
    units = (unit for unit in text.split("\nCU: ") if any(f"{file}:\n" in unit for file in wanted))
    for block in (block for unit in units for block in unit.split("\n\n")):
        for file, line, address in _rows(block):
            if open_ and (address > open_[0][2] or line is None):
                rows += [Row(*one, max(address, one[2])) for one in open_]
                open_ = []
            if line is None:
                continue
            starts.add(address)
            if file in wanted and line:
                open_.append((file, line, address))
    rows += [Row(*one, one[2]) for one in open_]
    return Table(tuple(rows), sorted(starts), asked)


def all_rows(text: str) -> Iterator[Row]:
    """The same of all files: where rows start. Their ends are not told."""
    return (Row(file, line, address, address) for file, line, address in _rows(text) if line is not None)


def compiled_from(text: str, sources: Collection[str]) -> set[int]:
    """Where rows start of all that was compiled from these, whatever files the rows are of."""
    units = (unit for unit in text.split("\nCU: ") if posixpath.normpath(unit.partition(":\n")[0]) in sources)
    return {address for unit in units for _, line, address in _rows(unit) if line is not None}


def functions(addresses: Iterable[int], kernel: Symbols) -> set[tuple[int, int]]:
    """(start, end) of those that the addresses are in."""
    numbers = {bisect_right(kernel.starts, address) - 1 for address in addresses} - {-1}
    return {(kernel.starts[number], kernel.ends[number]) for number in numbers}


def _rows(text: str) -> Iterator[tuple[str, int | None, int]]:
    """(file, line, address) of rows, each under its file's name; line is None where a sequence ends."""
    names: dict[str, str] = {}
    file = ""
    for row in text.split("\n"):
        if row.endswith(":"):
            file = names.get(row) or names.setdefault(row, posixpath.normpath(row[:-1].removeprefix("CU: ")))
            continue
        parts = row.split(None, 3)
        if len(parts) > 2 and (parts[1] == "-" or parts[1].isdigit()):
            yield file, None if parts[1] == "-" else int(parts[1]), int(parts[2], 16)


Lines = Mapping[str, Sequence[tuple[int, int]]]  # {file: first and last lines}


def unseen(table: Table, lines: Lines) -> list[tuple[int, int]]:
    """Of these lines those without a row, in no function that has any: what is inlined there may be all of it."""
    rows: dict[str, set[int]] = {}
    for row in table.rows:
        rows.setdefault(row.file, set()).add(row.line)
    found: list[tuple[int, int]] = []
    for file, ranges in lines.items():
        seen = [one for one in ranges if any(one[0] <= line <= one[1] for line in rows.get(file, ()))]
        found += [one for one in ranges if not any(first <= one[0] and one[1] <= last for first, last in seen)]
    return found


def calls(text: str, ranges: Iterable[tuple[int, int]]) -> list[int]:
    """Where code begins that was inlined at such line numbers, of whatever file, by what readelf -W
    --debug-dump=info prints."""
    numbers = sorted({line for first, last in ranges for line in range(first, last + 1)})
    if not numbers:
        return []
    places = re.finditer(rf"DW_AT_call_line\s*: (?:\(\w+\) )?(?:{'|'.join(map(str, numbers))})\n", text)
    entries = (_ENTRY.search(text, text.rfind("(DW_TAG_", 0, place.start()), place.start()) for place in places)
    return sorted({int(entry[1], 16) for entry in entries if entry})


def asked(table: Table, lines: Lines, kernel: Symbols, calls: Sequence[int] = ()) -> list[int]:
    """Addresses whose frames tell all of these lines (file: first and last): starts of rows in the functions that
    have any of them, or such a call. A line that only calls what was inlined is known by the instructions of that."""
    near = (row for row in table.rows if any(first <= row.line <= last for first, last in lines.get(row.file, ())))
    found = set(calls)
    for first, end in functions([*(row.start for row in near), *calls], kernel):
        found.update(table.starts[bisect_left(table.starts, first) : bisect_left(table.starts, end)])
    return sorted(found)


def spans(table: Table, places: Mapping[int, tuple[Frame, ...]], kernel: Symbols) -> Spans:
    """places: the frames of what was asked()."""
    made = _Making()
    ends = {row.start: row.end for row in table.rows if row.end > row.start}
    for row in table.rows:
        if row.start in places:
            copy = made.copy(kernel.at(row.start)[0], places[row.start][1:])
            made.add(row.file, row.line, Span(row.start, max(row.end, row.start + 1), copy, own=True))
    wanted = table.files
    for address, frames in places.items():
        symbol = kernel.at(address)[0]
        for depth, frame in enumerate(frames):
            if depth and frame.file in wanted and frame.line:
                copy = made.copy(symbol, frames[depth + 1 :])
                end = ends.get(address, address + 1)
                made.add(frame.file, frame.line, Span(address, end, copy, own=False))
    return Spans(made.lines)


@dataclass
class _Making:
    lines: dict[str, dict[int, list[Span]]] = field(default_factory=dict)
    copies: dict[tuple[str, tuple[Frame, ...]], int] = field(default_factory=dict)

    def copy(self, symbol: str, callers: tuple[Frame, ...]) -> int:
        """The number of a copy; a function and the part of it that is seldom run are one."""
        return self.copies.setdefault((whole(symbol), callers), len(self.copies))

    def add(self, file: str, line: int, span: Span) -> None:
        self.lines.setdefault(file, {}).setdefault(line, []).append(span)


@dataclass(frozen=True)
class Executed:
    """How often code was executed: (start, end, how often) of blocks, each of which runs from start to end. They may
    overlap: several translations of the same code."""

    blocks: tuple[tuple[int, int, int], ...]
    longest: int = 0  # bytes

    @classmethod
    def of(cls, blocks: Iterable[tuple[int, int, int]]) -> Executed:
        """From blocks in any order."""
        found = tuple(sorted(block for block in blocks if block[2]))
        return cls(found, max((end - start for start, end, _ in found), default=0))

    def ran(self, start: int, end: int) -> bool:
        """Anything from start up to end?"""
        return bool(self._near(start, end))

    def most(self, start: int, end: int) -> int:
        """The count of the most executed instruction from start up to end."""
        near = self._near(start, end)
        points = {start, *(begin for begin, _, _ in near if begin > start)}
        return max((sum(count for b, e, count in near if b <= point < e) for point in points), default=0)

    def _near(self, start: int, end: int) -> list[tuple[int, int, int]]:
        low = bisect_left(self.blocks, (start - self.longest,))
        high = bisect_left(self.blocks, (end,))
        return [block for block in self.blocks[low:high] if block[1] > start]


def executions(found: Iterable[Span], executed: Executed) -> int:
    """How often a line ran.

    Of one copy of the line that is the most that any of its instructions ran: they are parts of one execution, so
    adding them up would count it as often as it has instructions, and a loop's head as its test, which runs once more
    than the body. Copies are added up, because an execution is in one of them. Where the compiler has doubled a line
    within a copy (unrolled loops, tails of its own for each way there) the count is that of the double that ran most;
    an instruction that repeats itself (x86's rep) counts each time. Of a line that is nothing but an inlined call, it
    is how often the call was entered: the first instruction that ran, in the order of addresses.
    """
    copies: dict[int, list[Span]] = {}
    for span in found:
        copies.setdefault(span.copy, []).append(span)
    return sum(_of_copy(mine, executed) for mine in copies.values())


def _of_copy(mine: Sequence[Span], executed: Executed) -> int:
    counts: Iterator[int] = (executed.most(span.start, span.end) for span in sorted(mine, key=lambda s: s.start))
    if all(span.own for span in mine):
        return max(counts)
    return next(filter(None, counts), 0)
