# SPDX-License-Identifier: GPL-2.0-or-later
"""What hardware pays more for than an instruction: told by the bytes of what was executed, after the run. Pure.

An instruction is not a cycle, and no cycles are made up here: classes of instructions are counted. They are not the
same on two architectures (a counter of a CPU is an atomic where there is nothing better), so they are compared within
one only.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from orchestrator.model import UNDECODED, Arch, Costs
from orchestrator.profile.symbols import Symbols

LINE = 64  # bytes
PAGE = 4096  # bytes, the smallest of all arches
LONGEST = 15  # bytes of an instruction
EVERY = 2  # a line of code counts that runs in every second unit of work, or more often

Piece = tuple[int, int, str]  # address, how often, instructions from there on: hex, with commas between them


def size_of(code: str) -> int:
    """Of a piece's instructions, in bytes."""
    return (len(code) - code.count(",")) // 2


@dataclass(frozen=True)
class Told:
    """Of a region: {function: {class: executions}}, and how many lines of code it runs again and again."""

    functions: Mapping[str, Mapping[str, int]]
    code_lines: int

    @property
    def classes(self) -> dict[str, int]:
        """{class: executions} of all functions together; 0 of those that no function has any of."""
        found: Counter[str] = Counter()
        for row in self.functions.values():
            found.update(row)
        return found


class Decoder:
    """Of one arch. What was decoded once is known: regions run the same code again and again."""

    def __init__(self, its: Costs) -> None:
        self.its = its
        self._pattern = re.compile("|".join(f"(?P<{name}>{text})" for name, text in its.classes.items()))
        self._unknown = {bytes.fromhex(code): text for code, text in its.unknown.items()}
        self._known: dict[str, tuple[str, ...]] = {}

    @property
    def names(self) -> frozenset[str]:
        """Classes that the arch has."""
        return frozenset(self.its.classes) | {"exceptions"}

    @cached_property
    def _capstone(self) -> Any:
        import capstone  # it loads a library of its own

        mode = sum(getattr(capstone, f"CS_MODE_{name}") for name in self.its.modes)
        return capstone.Cs(getattr(capstone, f"CS_ARCH_{self.its.decoder}"), mode)

    def classes(self, code: str) -> tuple[str, ...]:
        """Of a piece's instructions that have one, in order; UNDECODED is one, too."""
        found = self._known.get(code)
        if found is None:
            found = self._known[code] = tuple(filter(None, map(self._class, code.split(","))))
        return found

    def texts(self, code: bytes) -> Iterator[tuple[int, str]]:
        """(offset, what it is) of instructions, up to the first that is none that is known."""
        at = 0
        while at < len(code):
            for address, size, mnemonic, operands in self._capstone.disasm_lite(code[at:], at):
                yield address, f"{mnemonic} {operands}".strip()
                at = address + size
            lacking = next((start for start in self._unknown if code.startswith(start, at)), None)
            if lacking is None:
                return
            yield at, self._unknown[lacking]
            at += len(lacking)

    def _class(self, code: str) -> str:
        text = next((text for _, text in self.texts(bytes.fromhex(code))), None)
        if text is None:
            return UNDECODED
        found = self._pattern.fullmatch(text)
        return (found.lastgroup or "") if found else ""


_decoders: dict[str, Decoder] = {}


def decoder(arch: Arch) -> Decoder | None:
    """The arch's, with all that it has decoded before; None where nothing is known of its instructions."""
    if arch.costs is None:
        return None
    known = _decoders.get(arch.name)
    if known is None or known.its is not arch.costs:
        known = _decoders[arch.name] = Decoder(arch.costs)
    return known


def told(
    decode: Decoder, pieces: Iterable[Piece], tables: Iterable[Symbols], entries: Collection[int], units: int
) -> Told:
    """Of what was executed, without interrupts. entries: addresses at which exceptions arrive; units: of work."""
    functions: dict[str, Counter[str]] = {}
    lines: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    known, arrivals = tuple(tables), sorted(entries)
    for address, count, code in pieces:
        start, name = _function(known, address)
        mine = functions.setdefault(name, Counter())
        end = address + size_of(code)
        kinds: Sequence[str] = decode.classes(code)
        if kinds[-1:] == (UNDECODED,) and -end % PAGE < LONGEST:
            *kinds, _ = kinds  # it crosses a page, as far as the translator had read it: whole it is elsewhere
        for kind in kinds:
            mine[kind] += count
        i = bisect_left(arrivals, address)
        if i < len(arrivals) and arrivals[i] < end:
            mine["exceptions"] += count
        for number in range((address - start) // LINE, (end - 1 - start) // LINE + 1):
            lines.setdefault((start, number), []).append((address, end, count))
    if decode.its.shared and decode.its.shared in functions:
        calls = sum(row["system_calls"] for row in functions.values())
        functions[decode.its.shared]["exceptions"] -= calls
    often = sum(EVERY * _most(rows, start + LINE * number) >= units for (start, number), rows in lines.items())
    return Told({name: dict(row) for name, row in functions.items() if row}, often)


def _function(tables: Iterable[Symbols], address: int) -> tuple[int, str]:
    """(start, name): lines are counted from there, as if each function began one, so that none of them moves because
    a function before it grew. (0, "") where no function is known."""
    for table in tables:
        found = table.around(address)
        if found[1]:
            return found
    return 0, ""


def _most(rows: Iterable[tuple[int, int, int]], line: int) -> int:
    """The count of the most executed byte of a line."""
    found = list(rows)
    points = {max(begin, line) for begin, _, _ in found}
    return max(sum(count for begin, end, count in found if begin <= point < end) for point in points)
