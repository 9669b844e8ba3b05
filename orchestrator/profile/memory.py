# SPDX-License-Identifier: GPL-2.0-or-later
"""What a region loads and stores, and the lines of memory that it touches, as QEMU's plugin tells it. Pure.

No cache of real hardware is imitated: which of its sets a page falls into is the luck of the kernel's allocator. What
misses in one that has no sets is not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import InfraError
from orchestrator.model import MEMORY
from orchestrator.profile.costs import Decoder, Piece, size_of
from orchestrator.profile.relocation import Relocation
from orchestrator.profile.symbols import Symbols

FORMAT = 1  # of how it is told, beside what the plugin and the arch say: raise it when that changes
_NUMBER = "[0-9]{1,18}"
_HEADER = re.compile(rf"kmatrix-memory 1 {_NUMBER} {_NUMBER} ({_NUMBER}) ({_NUMBER}) ({_NUMBER})")
_TURNS = re.compile(rf"({_NUMBER}:{_NUMBER}( |$))*")
_ROW = re.compile(rf"[0-9a-f]{{1,16}}( {_NUMBER}){{{len(MEMORY)}}}")
MOST_TURNS = 4000  # places that end a turn; see the plugin
NEARLY = 1.01  # of the units of work: what may come on top in a pass, that is none of them


@dataclass(frozen=True)
class Accesses:
    """Of a region without interrupts. by_address: {address: numbers in the order of MEMORY}; turns: {lines touched
    in a turn of the workload's loop: turns}; device: accesses that went to no memory; unplaced: of which it is not
    known where they went."""

    by_address: Mapping[int, tuple[int, ...]]
    turns: Mapping[int, int]
    device: int = 0
    unplaced: int = 0

    @property
    def sums(self) -> dict[str, int]:
        """{one of MEMORY: of all of it}."""
        return _sums(self.by_address.values())

    @property
    def turn_count(self) -> int:
        """How many turns the region has."""
        return sum(self.turns.values())

    @property
    def median(self) -> int:
        """Lines that a turn touches, in the middle of all turns."""
        left = (self.turn_count + 1) // 2
        for lines, turns in sorted(self.turns.items()):
            left -= turns
            if left <= 0:
                return lines
        return 0

    def by_function(self, tables: Iterable[Symbols]) -> dict[str, dict[str, int]]:
        """{function: {one of MEMORY: by its instructions}}, under "" what no function is known of. A line is touched
        by whoever does so first, so that all functions together are the whole."""
        known, found = tuple(tables), dict[str, list[tuple[int, ...]]]()
        for address, numbers in self.by_address.items():
            name = next((name for name, _ in (table.at(address) for table in known) if name), "")
            found.setdefault(name, []).append(numbers)
        return {name: _sums(rows) for name, rows in found.items()}


def _sums(rows: Iterable[tuple[int, ...]]) -> dict[str, int]:
    columns = list(zip(*rows, strict=True)) or [()] * len(MEMORY)
    return {name: sum(column) for name, column in zip(MEMORY, columns, strict=True)}


def parse(text: str, relocation: Relocation) -> Accesses:
    """The plugin's file, by the addresses that were linked. InfraError when it is not whole, or not as the plugin
    writes it: whoever breaks out of a guest may have written it."""
    head, *rows = text.split("\n")
    words = _HEADER.fullmatch(head)
    if not words or len(rows) < 2 or rows.pop():
        raise InfraError("the plugin's account of memory is not there or not whole", kind="memory", log=text[:400])
    device, unplaced, lost = map(int, words.groups())
    if lost:
        raise InfraError(f"the plugin had no room for {lost} translations", kind="memory")
    bad = [row for row in rows[:1] if not _TURNS.fullmatch(row)] + [r for r in rows[1:] if not _ROW.fullmatch(r)]
    if bad:
        raise InfraError(f"the plugin's account of memory has a line {bad[0][:80]!r}", kind="memory")
    turns = {int(lines): int(count) for lines, _, count in (pair.partition(":") for pair in rows[0].split())}
    by_address: dict[int, tuple[int, ...]] = {}
    for row in rows[1:]:
        address, *numbers = row.split()
        place = relocation.linked(int(address, 16))
        before = by_address.get(place, (0,) * len(MEMORY))
        by_address[place] = tuple(n + int(number) for n, number in zip(before, numbers, strict=True))
    return Accesses(by_address, turns, device, unplaced)


def turns(pieces: Iterable[Piece], user: Symbols, units: float) -> list[int]:
    """Addresses of the workload's own code that are executed, but no more often than there are units of work. A turn
    of its loop ends where it comes to one of them again: inner loops, which run more often, end none.

    Of a loop that is one block, and takes a fault in each turn, all of it counts twice: where nothing else runs as
    often as there are units, it is taken for what it is.

    pieces: what ran in passes of so many units together.
    """
    found = Counter[int]()
    for address, count, code in pieces:
        if not user.around(address)[1]:
            continue
        at = address
        for one in code.split(","):
            found[at] += count
            at += size_of(one)
    most = NEARLY * units
    if not any(units / 2 <= n <= most for n in found.values()):
        most *= 2
    often = sorted((address for address, n in found.items() if n <= most), key=lambda a: (-found[a], a))
    return sorted(often[:MOST_TURNS])


def silent(pieces: Iterable[Piece], decode: Decoder, such: str, told: Accesses) -> dict[str, int]:
    """{name: executions} of instructions that fit the expression, whose first group is that, and of whose accesses
    nothing was told."""
    if not such:
        return {}
    fits, found = re.compile(such), Counter[str]()
    for address, count, code in pieces:
        at = address
        for one in code.split(","):
            if at not in told.by_address and (its := fits.fullmatch(_text(decode, one))):
                found[its[1]] += count
            at += size_of(one)
    return dict(found)


def _text(decode: Decoder, code: str) -> str:
    return next((text for _, text in decode.texts(bytes.fromhex(code))), "")


def unseen(found: Mapping[str, float], unit: str) -> str:
    """What a reader must know of what is not in an account. found: {mnemonic: executions per unit}; "" if nothing."""
    most: Sequence[tuple[str, float]] = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    names = [f"{count:.2f} {name}" for name, count in most if count >= 0.005]
    if not names:
        return ""
    return f"loads, stores and lines lack what QEMU does not tell: {', '.join(names)} a {unit}"
