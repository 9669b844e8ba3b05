# SPDX-License-Identifier: GPL-2.0-or-later
"""What the plugin of blocks wrote: which code was executed in a workload's regions, and which ran at all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orchestrator.errors import InfraError
from orchestrator.profile.line_table import Executed
from orchestrator.profile.relocation import Relocation

_COUNTED, _SEEN = "kmatrix-blocks", "kmatrix-seen"


@dataclass(frozen=True)
class Counted:
    """Executions in all counted regions together."""

    executed: Executed
    regions: int


def parse_counted(text: str, relocation: Relocation) -> Counted:
    """The plugin's `out`, by the addresses that were linked. InfraError when it is not whole."""
    regions, _, _ = _head(text, _COUNTED, 3)
    return Counted(Executed.of(_linked(_rows(text, 3), relocation)), regions)


def parse_seen(text: str, relocation: Relocation) -> Executed:
    """The plugin's `seen`, or several of them, one behind the other; all that ran counts as once."""
    first, *more = text.split(_SEEN)
    if first or not more:
        _head(text, _SEEN, 2)
    parts = [_SEEN + part for part in more]
    for part in parts:
        _head(part, _SEEN, 2)
    found = dict.fromkeys(row for part in parts for row in _rows(part, 2))
    return Executed.of(_linked(((start, end, 1) for start, end in found), relocation))


def _linked(rows: Iterable[tuple[int, ...]], relocation: Relocation) -> Iterator[tuple[int, int, int]]:
    for start, end, count in rows:
        first = relocation.linked(start)
        yield first, first + end - start, count


def _head(text: str, name: str, numbers: int) -> list[int]:
    words = text.partition("\n")[0].split()
    if words[:2] != [name, "1"] or len(words) != 2 + numbers or not text.endswith("\n"):
        raise InfraError("the plugin's blocks are not there or not whole", kind="reach", log=text[:400])
    found = [int(word) for word in words[2:]]
    if found[-1]:
        raise InfraError(f"the plugin had no room for {found[-1]} blocks", kind="reach")
    return found


def _rows(text: str, size: int) -> Iterator[tuple[int, ...]]:
    for row in text.splitlines()[1:]:
        words = row.split()
        try:
            start, end, *count = words
            if len(words) != size:
                raise ValueError(row)
            yield int(start, 16), int(end, 16), *map(int, count)
        except ValueError as error:
            raise InfraError(f"the plugin's blocks have a line {row!r}", kind="reach") from error
