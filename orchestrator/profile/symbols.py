# SPDX-License-Identifier: GPL-2.0-or-later
"""Symbols: which function an address belongs to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from orchestrator.errors import InfraError
from orchestrator.profile.names import stem

_TEXT = "tTwW"
_ABSOLUTE = "aA"  # no address of anything
USER = "user:"  # before the names of the workload's own functions


@dataclass(frozen=True)
class Symbols:
    """Functions in address order. A name is empty where there is no code."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    names: tuple[str, ...]

    def at(self, address: int) -> tuple[str, bool]:
        """The function's name, empty if there is none, and whether this is its first instruction."""
        i = bisect_right(self.starts, address) - 1
        if i < 0 or address >= self.ends[i]:
            return "", False
        return self.names[i], address == self.starts[i]

    def find(self, name: str) -> tuple[int, int]:
        """(first, end) address of a function. KeyError if there is none."""
        for start, end, known in zip(self.starts, self.ends, self.names, strict=True):
            if known == name:
                return start, end
        raise KeyError(name)


def build(ranges: Iterable[tuple[int, int, str]]) -> Symbols:
    """From (first, end, name) in any order."""
    rows = sorted(ranges)
    return Symbols(tuple(r[0] for r in rows), tuple(r[1] for r in rows), tuple(r[2] for r in rows))


def preferred(names: Iterable[str]) -> str:
    """Of several names for one address, always the same: the plainest."""
    return min(names, key=lambda name: (len(name) - len(name.lstrip("_")), len(name), name))


def kernel(system_map: str, outside: Mapping[str, tuple[int, int]]) -> Symbols:
    """From System.map, which has no sizes: a function lasts until the next symbol. outside: code that it lacks."""
    table: dict[int, list[str]] = {}
    for row in system_map.splitlines():
        address, kind, name = row.split()
        if kind not in _ABSOLUTE:
            found = table.setdefault(int(address, 16), [])
            found += [name] if kind in _TEXT else []
    starts = sorted(table)
    ends = [*starts[1:], starts[-1] + 1] if starts else []
    rows = [(start, end, preferred(table[start])) for start, end in zip(starts, ends, strict=True) if table[start]]
    return build([*rows, *((first, end, name) for name, (first, end) in outside.items())])


def program(path: Path) -> Symbols:
    """Of a static program; sizes are the ELF file's, up to the next one where it has none."""
    try:
        with path.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            symbols = list(table.iter_symbols()) if isinstance(table, SymbolTableSection) else []
    except ELFError as error:
        raise InfraError(f"{path.name} is no ELF program: {error}", kind="profile") from error
    names: dict[int, list[str]] = {}
    sizes: dict[int, int] = {}
    for symbol in symbols:
        if symbol["st_info"]["type"] in ("STT_FUNC", "STT_GNU_IFUNC") and symbol["st_value"]:
            names.setdefault(symbol["st_value"], []).append(symbol.name)
            sizes[symbol["st_value"]] = max(symbol["st_size"], sizes.get(symbol["st_value"], 0))
    starts = sorted(names)
    following = dict(zip(starts, [*starts[1:], 0], strict=True))
    return build(
        (start, start + sizes[start] if sizes[start] else following[start], USER + preferred(names[start]))
        for start in starts
    )


def lacking(names: Iterable[str], *tables: Symbols) -> list[str]:
    """Those of the names that no function has, whatever the compiler made of it (foo.isra.0 is foo)."""
    known = {stem(name) for table in tables for name in table.names}
    return [name for name in dict.fromkeys(names) if stem(name) not in known]


def addresses(system_map: str, wanted: Iterable[str]) -> dict[str, int]:
    """{symbol: address} of the code that any of these globs names."""
    globs = list(wanted)
    rows = (row.split() for row in system_map.splitlines())
    return {
        name: int(address, 16)
        for address, kind, name in rows
        if kind in _TEXT and any(fnmatchcase(name, glob) for glob in globs)
    }
