# SPDX-License-Identifier: GPL-2.0-or-later
"""Are two kernels the same, whatever they say of themselves? Reads their vmlinux; no process.

What is loaded counts, but for build ids, and for line numbers of the source where code carries them: tables of BUG()
and WARN(), of dynamic debug, names of initcalls among the kernel's own symbols, and numbers in instructions.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Literal

from orchestrator.profile.lines import Frame

_ALLOC, _EXECUTED = 0x2, 0x4  # sh_flags
_BUILD_ID = re.compile(rb"(?:\x04\0\0\0\x14\0\0\0\x03\0\0\0|\0\0\0\x04\0\0\0\x14\0\0\0\x03)GNU\0.{20}", re.S)
_SOURCE = re.compile(rb"[\w./+-]+\.[chS]\0")
_INITCALL = re.compile(r"(__initcall__kmod_\w+?__\d+)_\d+_")
_KALLSYMS = {
    "kallsyms_addresses", "kallsyms_offsets", "kallsyms_relative_base", "kallsyms_num_syms", "kallsyms_names",
    "kallsyms_markers", "kallsyms_token_table", "kallsyms_token_index", "kallsyms_seqs_of_names",
}  # fmt: skip
_NEAR = 15  # lines that a statement may reach over
_MOST = 4000  # differing places in code that are looked at one by one
_BLOCK = 4096


class How(StrEnum):
    """How two kernels are the same."""

    SAME = "same"
    LINES_ONLY = "lines_only"
    DIFFERS = "differs"


Order = Literal["little", "big"]


@dataclass(frozen=True)
class Image:
    """A kernel as it was linked."""

    vmlinux: Path
    system_map: str


@dataclass(frozen=True)
class Place:
    """Bytes of code that differ, with those around them."""

    address: int  # of the first one that differs
    base: bytes
    new: bytes
    before: int  # how many of the bytes are before that one


@dataclass(frozen=True)
class Found:
    """how: if every one of the places in code turns out to be a line number: see explained()."""

    how: How
    order: Order
    code: tuple[Place, ...] = ()


@dataclass(frozen=True)
class _Section:
    name: str
    address: int
    size: int
    kind: str
    flags: int
    data: bytes = field(compare=False)


class _Loaded:
    """What of a vmlinux is loaded."""

    def __init__(self, image: Image) -> None:
        from elftools.elf.elffile import ELFFile  # takes a while, and is not needed before

        with image.vmlinux.open("rb") as file:
            elf = ELFFile(file)
            self.order: Order = "little" if elf.little_endian else "big"
            self.begins = elf["e_entry"]
            self.segments = [
                tuple(segment[name] for name in ("p_vaddr", "p_paddr", "p_filesz", "p_memsz", "p_flags"))
                for segment in elf.iter_segments()
                if segment["p_type"] == "PT_LOAD"
            ]
            self.sections = [
                _Section(
                    section.name, section["sh_addr"], section["sh_size"], section["sh_type"], section["sh_flags"],
                    b"" if section["sh_type"] == "SHT_NOBITS" else section.data(),
                )
                for section in elf.iter_sections()
                if section["sh_flags"] & _ALLOC
            ]  # fmt: skip

    def bytes_at(self, address: int, most: int = 200) -> bytes:
        """b"" where nothing is loaded."""
        for section in self.sections:
            if section.data and section.address <= address < section.address + section.size:
                return section.data[address - section.address :][:most]
        return b""


@dataclass(frozen=True)
class _Table:
    """Entries with a line number in each: where it is in them, and which of its bits are it."""

    start: int
    end: int
    entry: int
    at: int
    mask: bytes


def compare(base: Image, new: Image) -> Found:
    """Of one arch. Where code differs, DIFFERS is said only if no place in it could be a line number."""
    one, other = _Loaded(base), _Loaded(new)
    if (one.sections, one.order, one.begins, one.segments) != (
        other.sections, other.order, other.begins, other.segments
    ):  # fmt: skip
        return Found(How.DIFFERS, one.order)
    tables = [*_bug_tables(one), *_dynamic_debug(one, base.system_map)]
    names = _names(base.system_map, new.system_map)
    how, code = How.SAME, list[Place]()
    for a, b in zip(one.sections, other.sections, strict=True):
        left, right = (_BUILD_ID.sub(lambda its: bytes(len(its[0])), its) for its in (a.data, b.data))
        if left == right:
            continue
        how = How.LINES_ONLY
        left, right = (_without_lines(its, a.address, tables, names) for its in (left, right))
        places = list(_places(left, right, a.address, _MOST - len(code) + 1))
        if places and (not a.flags & _EXECUTED or len(code) + len(places) > _MOST):
            return Found(How.DIFFERS, one.order)
        code += places
    return Found(how, one.order, tuple(code))


def _without_lines(data: bytes, address: int, tables: Sequence[_Table], names: tuple[int, int]) -> bytes:
    end, made = address + len(data), bytearray(data)
    for table in tables:
        if address <= table.start and table.end <= end:
            for entry in range(table.start + table.at - address, table.end - address, table.entry):
                for i, mask in enumerate(table.mask):
                    made[entry + i] &= ~mask & 0xFF
    if address <= names[0] < names[1] <= end:
        made[names[0] - address : names[1] - address] = bytes(names[1] - names[0])
    return bytes(made)


def _places(left: bytes, right: bytes, address: int, most: int) -> Iterator[Place]:
    """Where they differ; bytes within one word are one place."""
    found, last = 0, -_BLOCK
    for block in range(0, len(left), _BLOCK):
        if left[block : block + _BLOCK] == right[block : block + _BLOCK]:
            continue
        for at in range(block, min(block + _BLOCK, len(left))):
            if left[at] == right[at] or at - last < 4:
                continue
            last, start = at, max(0, at - 3)
            yield Place(address + at, left[start : at + 4], right[start : at + 4], at - start)
            if (found := found + 1) >= most:
                return


def _bug_tables(loaded: _Loaded) -> Iterator[_Table]:
    """struct bug_entry: where, (a format,) the file, the line, flags. Its layout is what makes all files be files."""
    for section in loaded.sections:
        if section.name == "__bug_table" and section.size:
            for (entry, file, width), own in product(
                ((12, 4, 4), (16, 8, 4), (24, 8, 8), (32, 16, 8)), (True, False)
            ):
                if section.size % entry == 0 and _files(loaded, section, entry, file, width, own):
                    yield _Table(section.address, section.address + section.size, entry, file + width, b"\xff\xff")
                    return


def _files(loaded: _Loaded, section: _Section, entry: int, file: int, width: int, own: bool) -> bool:
    """Does each entry point at a name? width 4: as a distance, from the field itself if own, else from the entry."""
    for at in range(0, section.size, entry * max(1, section.size // entry // 64)):
        field_ = section.data[at + file : at + file + width]
        value = int.from_bytes(field_, loaded.order, signed=width == 4)
        start = section.address + at + (file if own else 0) if width == 4 else 0
        if not _SOURCE.match(loaded.bytes_at(start + value)):
            return False
    return True


def _dynamic_debug(loaded: _Loaded, system_map: str) -> Iterator[_Table]:
    """struct _ddebug: four pointers, then 18 bits of line, class and flags; a static key if the kernel has those."""
    start, end = (_address(system_map, name) for name in ("__start___dyndbg", "__stop___dyndbg"))
    if not start or not end or start >= end:
        return
    mask = (0x3FFFF if loaded.order == "little" else 0x3FFFF << 14).to_bytes(4, loaded.order)
    for entry in (56, 40):
        if (end - start) % entry == 0 and all(_debugged(loaded, at) for at in range(start, end, entry)):
            yield _Table(start, end, entry, 32, mask)
            return


def _debugged(loaded: _Loaded, address: int) -> bool:
    """Is this an entry? Its pointers are there, or come with the relocations."""
    data = loaded.bytes_at(address, 40)
    file, word = (int.from_bytes(data[at : at + size], loaded.order) for at, size in ((16, 8), (32, 4)))
    line = word & 0x3FFFF if loaded.order == "little" else word >> 14
    return line > 0 and (file == 0 or bool(_SOURCE.match(loaded.bytes_at(file))))


def _names(base: str, new: str) -> tuple[int, int]:
    """Where the kernel keeps its symbols' names, if only the lines of initcalls differ in those; else (0, 0)."""
    if base == new or _INITCALL.sub(r"\1_", base) != _INITCALL.sub(r"\1_", new):
        return 0, 0
    rows = [(int(row[0], 16), row[2]) for row in map(str.split, base.splitlines()) if len(row) == 3]
    tables = [i for i, (_, name) in enumerate(rows) if name in _KALLSYMS]
    if not tables:
        return 0, 0
    after = (address for address, name in rows[tables[-1] :] if name not in _KALLSYMS)
    return rows[tables[0]][0], next(after, 0)


def _address(system_map: str, name: str) -> int:
    found = re.search(rf"^([0-9a-f]+) \w {name}$", system_map, re.M)
    return int(found[1], 16) if found else 0


Lines = Collection[tuple[str, int]]  # file and number


def explained(
    code: Sequence[Place],
    base: Mapping[int, Sequence[Frame]],
    new: Mapping[int, Sequence[Frame]],
    order: Order,
    changed: tuple[Lines, Lines] = ((), ()),
) -> bool:
    """Is each of these a line of the source, which moved as the line of its own instruction did? base and new: what
    is at their addresses, innermost first. changed: lines of code of either source that the other does not have; a
    number beside one of those may be what was changed, and explains nothing."""
    return all(
        _is_line(place, base.get(place.address, ()), new.get(place.address, ()), order, changed) for place in code
    )


def _is_line(
    place: Place, base: Sequence[Frame], new: Sequence[Frame], order: Order, changed: tuple[Lines, Lines]
) -> bool:
    pairs = [
        (a, b)
        for a, b in zip(base, new, strict=False)
        if a.file == b.file and a.line and a.line != b.line and not any(map(_beside, (a, b), changed))
    ]
    words = list(_words(place, order))
    return any(abs(old - a.line) <= _NEAR and now - old == b.line - a.line for a, b in pairs for old, now in words)


def _beside(frame: Frame, lines: Lines) -> bool:
    return any(file == frame.file and abs(line - frame.line) <= _NEAR for file, line in lines)


def _words(place: Place, order: Order) -> Iterator[tuple[int, int]]:
    """Every pair of numbers that the bytes may hold, whole or as a field of an instruction, so that nothing else of
    them differs."""
    for start in range(place.before + 1):
        one, other = (int.from_bytes(its[start : start + 4], order) for its in (place.base, place.new))
        beyond = place.base[:start] == place.new[:start] and place.base[start + 4 :] == place.new[start + 4 :]
        for shift, width in product(range(17), (8, 12, 16, 32)):
            mask = (1 << width) - 1
            if beyond and one & ~(mask << shift) == other & ~(mask << shift):
                yield (one >> shift) & mask, (other >> shift) & mask
