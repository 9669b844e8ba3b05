# SPDX-License-Identifier: GPL-2.0-or-later
"""What the plugin of blocks wrote: which code was executed in a workload's regions, and which ran at all. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orchestrator.errors import InfraError
from orchestrator.profile.costs import Piece
from orchestrator.profile.line_table import Executed
from orchestrator.profile.relocation import Relocation

_COUNTED, _SEEN = "kmatrix-blocks", "kmatrix-seen"
BYTES = f"{_COUNTED} 2 "  # how a file begins that has the bytes of each block
_WIDTHS = (3, 5)  # words of a block's line: before its bytes were kept, and since
_HEX = re.compile(r"[0-9a-f]+(,[0-9a-f]+)*")


@dataclass(frozen=True)
class Counted:
    """Executions in all counted regions together."""

    executed: Executed
    regions: int


def parse_counted(text: str, relocation: Relocation) -> Counted:
    """The plugin's `out`, by the addresses that were linked. InfraError when it is not whole."""
    regions, _, _ = _head(text, _COUNTED, 3)
    rows = ((int(row[0], 16), int(row[1], 16), int(row[2])) for row in _words(text, *_WIDTHS))
    return Counted(Executed.of(_linked(rows, relocation)), regions)


def parse_pieces(text: str, relocation: Relocation) -> tuple[list[Piece], int]:
    """The same with the bytes of each block, without what was executed in interrupts; and of how many
    regions. InfraError where it has no bytes: an older kmatrix made it."""
    regions, _, _ = _head(text, _COUNTED, 3)
    rows = ((int(row[0], 16), int(row[2]) - int(row[3]), row[4]) for row in _words(text, _WIDTHS[-1]))
    return [(relocation.linked(start), count, code) for start, count, code in rows if count], regions


def parse_seen(text: str, relocation: Relocation) -> Executed:
    """The plugin's `seen`, or several of them, one behind the other; all that ran counts as once."""
    first, *more = text.split(_SEEN)
    if first or not more:
        _head(text, _SEEN, 2)
    parts = [_SEEN + part for part in more]
    for part in parts:
        _head(part, _SEEN, 2)
    found = dict.fromkeys((row[0], row[1]) for part in parts for row in _words(part, 2))
    return Executed.of(_linked(((int(start, 16), int(end, 16), 1) for start, end in found), relocation))


def _linked(rows: Iterable[tuple[int, int, int]], relocation: Relocation) -> Iterator[tuple[int, int, int]]:
    for start, end, count in rows:
        first = relocation.linked(start)
        yield first, first + end - start, count


def _head(text: str, name: str, numbers: int) -> list[int]:
    words = text.partition("\n")[0].split()
    if words[:2] not in ([name, "1"], [name, "2"]) or len(words) != 2 + numbers or not text.endswith("\n"):
        raise InfraError("the plugin's blocks are not there or not whole", kind="reach", log=text[:400])
    found = [int(word) for word in words[2:]]
    if found[-1]:
        raise InfraError(f"the plugin had no room for {found[-1]} blocks", kind="reach")
    return found


def _words(text: str, *widths: int) -> Iterator[list[str]]:
    """Of each line behind the first."""
    for row in text.splitlines()[1:]:
        words = row.split(" ")
        if len(words) not in widths or not all(map(_HEX.fullmatch, words)):
            raise InfraError(f"the plugin's blocks have a line {row!r}", kind="reach")
        yield words
