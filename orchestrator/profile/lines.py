# SPDX-License-Identifier: GPL-2.0-or-later
"""Executed instructions by line of source, as the compiler's line tables have it. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_PLACE = re.compile(r"(.+):(\d+)(?: \(discriminator \d+\))?$")


@dataclass(frozen=True)
class Frame:
    """A place in the source. The first of an address is where its instruction is from, the next where that was
    inlined, and so on. line is 0 where debug information tells none (assembly)."""

    function: str
    file: str
    line: int


@dataclass
class Lines:
    """lines: {file: {line: (own, whole)}}: whole counts what was inlined at that line, too, own does not.

    functions: {(function, file)}: whatever it was inlined into. unlined: instructions without a line. costs: {file:
    {line: {class: executions}}}, with what was inlined there.
    """

    lines: dict[str, dict[int, tuple[int, int]]] = field(default_factory=dict)
    functions: dict[tuple[str, str], int] = field(default_factory=dict)
    unlined: int = 0
    costs: dict[str, dict[int, dict[str, int]]] = field(default_factory=dict)


def parse_places(output: str) -> dict[int, tuple[Frame, ...]]:
    """What addr2line -a -f -i prints: {address: its frames}."""
    found: dict[int, tuple[Frame, ...]] = {}
    address, function = 0, ""
    for row in output.splitlines():
        if row.startswith("0x"):
            address, function = int(row, 16), ""
            found[address] = ()
        elif not function:
            function = row
        else:
            found[address] += (_frame(function, row),)
            function = ""
    return found


def _frame(function: str, place: str) -> Frame:
    known = _PLACE.fullmatch(place)
    if known is None or not int(known[2]) or known[1].startswith("?"):
        return Frame(function, "", 0)
    return Frame(function, posixpath.normpath(known[1]), int(known[2]))


def by_line(
    executed: Iterable[tuple[int, str, int]],
    places: Mapping[int, tuple[Frame, ...]],
    classes: Mapping[int, str] | None = None,
) -> Lines:
    """executed: (address, symbol, how often). Where no line is known the symbol is the function. classes: of costs,
    by address, where an instruction has one."""
    made = Lines()
    for address, symbol, count in executed:
        frames = [frame for frame in places.get(address, ()) if frame.line]
        key = (frames[0].function, frames[0].file) if frames else (symbol, "")
        made.functions[key] = made.functions.get(key, 0) + count
        made.unlined += 0 if frames else count
        for file, line in dict.fromkeys((frame.file, frame.line) for frame in frames):
            table = made.lines.setdefault(file, {})
            own, whole = table.get(line, (0, 0))
            first = (file, line) == (frames[0].file, frames[0].line)
            table[line] = own + count * first, whole + count
            if classes and (cost := classes.get(address)):
                costs = made.costs.setdefault(file, {}).setdefault(line, {})
                costs[cost] = costs.get(cost, 0) + count
    return made
