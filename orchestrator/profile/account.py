# SPDX-License-Identifier: GPL-2.0-or-later
"""The account of one region: executed instructions and calls by function. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from orchestrator.errors import InfraError
from orchestrator.profile.costs import Piece
from orchestrator.profile.symbols import Symbols

_HEAD = "kmatrix-profile"


@dataclass(frozen=True)
class Counts:
    """What the plugin wrote: {address: (executed, of these in interrupts)}; counters is what it needed. code: the
    bytes of each instruction, in hex."""

    executed: dict[int, tuple[int, int]]
    counters: int
    code: dict[int, str] = field(default_factory=dict)

    @property
    def pieces(self) -> Iterator[Piece]:
        """(address, how often, bytes) of what was executed without interrupts."""
        for address, (executed, interrupt) in self.executed.items():
            if executed > interrupt and address in self.code:
                yield address, executed - interrupt, self.code[address]

    @property
    def total(self) -> int:
        """All instructions of the region."""
        return sum(executed for executed, _ in self.executed.values())


@dataclass(frozen=True)
class RegionAccount:
    """Of a whole region. functions: {name: (instructions, calls)} without what ran in interrupts."""

    functions: dict[str, tuple[int, int]]
    interrupts: int
    interrupt_count: int
    unattributed: int  # at addresses of no known function

    @property
    def total(self) -> int:
        """The sum of all of it."""
        return sum(n for n, _ in self.functions.values()) + self.interrupts + self.unattributed


@dataclass(frozen=True)
class Row:
    """An address that was executed; symbol is empty where none covers it, first: it is the symbol's."""

    address: int
    symbol: str
    first: bool
    count: int


def parse_counts(text: str) -> Counts:
    """The plugin's file. InfraError when it is not whole."""
    rows = text.splitlines()
    head = rows[0].split() if rows else []
    if len(head) != 6 or head[:2] != [_HEAD, "2"]:
        raise InfraError("the plugin's account is not there or not whole", kind="profile", log=text[:400])
    if int(head[5]):
        raise InfraError(f"the plugin had no counters left for {head[5]} translations", kind="profile")
    executed: dict[int, tuple[int, int]] = {}
    code: dict[int, str] = {}
    for address, count, interrupt, made in _lines(rows[1:]):
        before = executed.get(address, (0, 0))
        executed[address] = before[0] + count, before[1] + interrupt
        code[address] = made
    return Counts(executed, int(head[4]), code)


def _lines(rows: list[str]) -> Iterator[tuple[int, int, int, str]]:
    for row in rows:
        try:
            address, count, interrupt, code = row.split()
            yield int(address, 16), int(count), int(interrupt), f"{int(code, 16):0{len(code)}x}"
        except ValueError as error:
            raise InfraError(f"the plugin's account has a line {row!r}", kind="profile") from error


def by_function(
    counts: Counts, kernel: Symbols, user: Symbols, entries: Collection[int], stubs: Collection[str]
) -> RegionAccount:
    """Each address goes to one row. entries: where interrupts begin; stubs: functions that only lead there."""
    functions: dict[str, tuple[int, int]] = {}
    unattributed = in_path = 0
    for row in path_under_test(counts, kernel, user, stubs):
        in_path += row.count
        if row.symbol:
            before = functions.get(row.symbol, (0, 0))
            functions[row.symbol] = before[0] + row.count, before[1] + (row.count if row.first else 0)
        else:
            unattributed += row.count
    taken = sum(counts.executed.get(address, (0, 0))[0] for address in entries)
    return RegionAccount(functions, counts.total - in_path, taken, unattributed)


def path_under_test(counts: Counts, kernel: Symbols, user: Symbols, stubs: Collection[str]) -> Iterator[Row]:
    """What was executed in the path under test: interrupts, and the stubs that only lead there, left out."""
    for address, (executed, interrupt) in counts.executed.items():
        name, first = user.at(address)
        if not name:
            name, first = kernel.at(address)
        left = 0 if name in stubs else executed - interrupt
        if left:
            yield Row(address, name, first, left)
