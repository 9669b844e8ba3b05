# SPDX-License-Identifier: GPL-2.0-or-later
"""Symbols: which function an address belongs to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Symbol, SymbolTableSection

from orchestrator.config.elf import MAGIC
from orchestrator.errors import InfraError
from orchestrator.profile.names import is_part, stem

_File = tuple[Path, int, int]  # its size, and when it was changed
_TEXT = "tTwW"
_ABSOLUTE = "aA"  # no address of anything
USER = "user:"  # before the names of the workload's own functions
RUNNER = USER + "runner:"  # the same of the program that starts a workload which does not measure itself


@dataclass(frozen=True)
class Symbols:
    """Functions in address order. A name is empty where there is no code.

    local: {start: the address that every call comes by}, of functions that a call from near skips the start of.
    """

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    names: tuple[str, ...]
    local: Mapping[int, int] = field(default_factory=dict)

    def at(self, address: int) -> tuple[str, bool]:
        """The function's name, empty if there is none, and whether this is the instruction that counts its calls."""
        start, name = self.around(address)
        return name, bool(name) and address == self.called(start)

    def around(self, address: int) -> tuple[int, str]:
        """(start, name) of the function; (0, "") if there is none."""
        i = bisect_right(self.starts, address) - 1
        return (0, "") if i < 0 or address >= self.ends[i] else (self.starts[i], self.names[i])

    def called(self, start: int) -> int:
        """The first instruction that all calls of the function execute."""
        return self.local.get(start, start)

    def entries(self, function: str) -> tuple[int, ...]:
        """Where it is called, whatever the compiler made of its name; entering a part is a call only where nothing
        but parts is left."""
        mine = [(name, start) for name, start in zip(self.names, self.starts, strict=True) if stem(name) == function]
        whole = [start for name, start in mine if not is_part(name)] or [start for _, start in mine]
        return tuple(map(self.called, whole))

    def find(self, name: str) -> tuple[int, int]:
        """(first, end) address of a function. KeyError if there is none."""
        for start, end, known in zip(self.starts, self.ends, self.names, strict=True):
            if known == name:
                return start, end
        raise KeyError(name)


def in_order(ranges: Iterable[tuple[int, int, str]], local: Mapping[int, int] | None = None) -> Symbols:
    """From (first, end, name) in any order."""
    rows = sorted(ranges)
    return Symbols(tuple(r[0] for r in rows), tuple(r[1] for r in rows), tuple(r[2] for r in rows), local or {})


def preferred(names: Iterable[str]) -> str:
    """Of several names for one address, always the same: the plainest."""
    return min(names, key=lambda name: (len(name) - len(name.lstrip("_")), len(name), name))


def of_kernel(
    system_map: str, outside: Mapping[str, tuple[int, int]], local: Mapping[int, int] | None = None
) -> Symbols:
    """From System.map, which has no sizes: a function lasts until the next symbol. outside: code that it lacks."""
    table = _table(system_map)
    starts = sorted(table)
    ends = [*starts[1:], starts[-1] + 1] if starts else []
    rows = [(start, end, preferred(table[start])) for start, end in zip(starts, ends, strict=True) if table[start]]
    return in_order([*rows, *((first, end, name) for name, (first, end) in outside.items())], local)


def _table(system_map: str) -> dict[int, list[str]]:
    """{address: names of functions there}, none where something else begins."""
    table: dict[int, list[str]] = {}
    for row in system_map.splitlines():
        address, kind, name = row.split()
        if kind not in _ABSOLUTE:
            found = table.setdefault(int(address, 16), [])
            found += [name] if kind in _TEXT else []
    return table


def local_entries(program: Path) -> dict[int, int]:
    """{function's start: its local entry} of an ELF file; empty where the machine's ABI knows none."""
    with program.open("rb") as file:
        elf = ELFFile(file)
        table = elf.get_section_by_name(".symtab")
        return _local(elf, table.iter_symbols()) if isinstance(table, SymbolTableSection) else {}


def of_programs(runner: Path, program: Path | None = None) -> Symbols:
    """Of all that a workload is: one program with markers, or one that starts another.

    The other one's code has no names if it is a script, stripped, or at an address that the guest chooses. InfraError
    where both have code at the same addresses.
    """
    files = ((path, path.stat().st_size, path.stat().st_mtime_ns) for path in (runner, program) if path)
    return _of_programs(*files)


@lru_cache(maxsize=16)  # of each boot the same are asked
def _of_programs(known: _File, other_known: _File | None = None) -> Symbols:
    """Files as they are."""
    runner, program = known[0], other_known and other_known[0]
    if program is None:
        return _named(_load(runner), USER)
    first = _load(runner)
    other = _load(program) if program.read_bytes()[: len(MAGIC)] == MAGIC else None
    if other is None or not other.fixed:
        return _named(first, RUNNER)
    if any(start < end2 and start2 < end for start, end in first.ranges for start2, end2 in other.ranges):
        hint = "link it elsewhere (-Wl,-Ttext-segment=), or as a PIE"
        where = f"{first.ranges[0][0]:#x}"
        raise InfraError(f"{program.name} is at the addresses of what starts it, {where}", kind="profile", hint=hint)
    pair = (_named(first, RUNNER), _named(other, USER))
    rows = (row for each in pair for row in zip(each.starts, each.ends, each.names, strict=True))
    return in_order(rows, {**first.local, **other.local})


@dataclass(frozen=True)
class _Program:
    """A static program. fixed: at the addresses that the file says; ranges: where it is loaded then."""

    symbols: tuple[Symbol, ...]
    fixed: bool
    ranges: tuple[tuple[int, int], ...]
    local: Mapping[int, int]


def _load(path: Path) -> _Program:
    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            table = elf.get_section_by_name(".symtab")
            loaded = [segment for segment in elf.iter_segments() if segment["p_type"] == "PT_LOAD"]
            found = tuple(table.iter_symbols()) if isinstance(table, SymbolTableSection) else ()
            return _Program(
                found,
                elf["e_type"] == "ET_EXEC",
                tuple((segment["p_vaddr"], segment["p_vaddr"] + segment["p_memsz"]) for segment in loaded),
                _local(elf, found),
            )
    except ELFError as error:
        raise InfraError(f"{path.name} is no ELF program: {error}", kind="profile") from error


def code_at(path: Path, start: int, end: int) -> bytes:
    """What an ELF file has at these addresses, as far as it has."""
    with path.open("rb") as file:
        for segment in ELFFile(file).iter_segments():
            first = segment["p_vaddr"]
            if segment["p_type"] == "PT_LOAD" and first <= start < first + segment["p_filesz"]:
                content: bytes = segment.data()
                return content[start - first : end - first]
    return b""


def _local(elf: ELFFile, symbols: Iterable[Symbol]) -> dict[int, int]:
    """Of the one ABI that has them (64-bit ELF V2): st_other says how far behind its start a function is called by
    those that share its table of contents."""
    if elf["e_machine"] != "EM_PPC64":
        return {}
    skips = ((s["st_value"], ((1 << s["st_other"]["local"]) >> 2) << 2) for s in symbols)
    return {start: start + skip for start, skip in skips if skip}


def _named(program: _Program, prefix: str) -> Symbols:
    """Sizes are the ELF file's, up to the next one where it has none."""
    names: dict[int, list[str]] = {}
    sizes: dict[int, int] = {}
    for symbol in program.symbols:
        if symbol["st_info"]["type"] in ("STT_FUNC", "STT_GNU_IFUNC") and symbol["st_value"]:
            names.setdefault(symbol["st_value"], []).append(symbol.name)
            sizes[symbol["st_value"]] = max(symbol["st_size"], sizes.get(symbol["st_value"], 0))
    starts = sorted(names)
    following = dict(pairwise([*starts, 0]))
    rows = (
        (start, start + sizes[start] if sizes[start] else following[start], prefix + preferred(names[start]))
        for start in starts
    )
    return in_order(rows, program.local)


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


def executed(system_map: str, ran: Iterable[Callable[[int, int], bool]]) -> set[str]:
    """All names of functions that anything ran in, by any of these (start, end)."""
    table, asked = _table(system_map), list(ran)
    starts = sorted(table)
    return {
        name
        for start, end in pairwise([*starts, starts[-1] + 1])
        if table[start] and any(one(start, end) for one in asked)
        for name in table[start]
    }
