# SPDX-License-Identifier: GPL-2.0-or-later
"""Two kernels that are the same but for what they say of themselves, on a machine of either byte order."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from orchestrator.profile.lines import Frame
from orchestrator.profile.sameness import How, Image, Order, Place, compare, explained

ALLOC, WRITE, EXEC = 2, 1, 4
TEXT, RODATA, BUGS, DEBUG, DATA = 0x1000, 0x3000, 0x5000, 0x6000, 0x7000
FILE = b"mm/memory.c\0"


@dataclass(frozen=True)
class Vmlinux:
    """A kernel as a test describes it. lines: of two BUG()s and a pr_debug()."""

    order: Order = "little"
    lines: tuple[int, int, int] = (100, 200, 300)
    code: bytes = bytes(range(256)) * 20
    data: bytes = b"data"
    build_id: bytes = b"a" * 20
    line_table: bytes = b"lines"
    symbols: Mapping[int, str] = field(default_factory=dict)
    names: bytes = b"names"
    note: bytes = b""  # another one
    bug: str = "own"  # how a BUG() names its file: from its field, from its entry, by its address, or not at all
    flags: int = 1
    begins: int = TEXT

    def write(self, path: Path) -> Image:
        """Sections with a header, a table of them, and nothing else."""
        note = self._pack("III", 4, 20, 3) + b"GNU\0" + self.build_id
        rodata = FILE.ljust(32, b"\0") + note + self.names.ljust(64, b"\0")
        sections = [
            (".text", 1, ALLOC | EXEC, TEXT, self.code),
            (".rodata", 1, ALLOC, RODATA, rodata),
            (".notes", 7, ALLOC, RODATA + 0x1000, note + self.note),
            ("__bug_table", 1, ALLOC | WRITE, BUGS, self._bug(0) + self._bug(1)),
            (".data", 1, ALLOC | WRITE, DEBUG, self._debug() + self.data),
            (".bss", 8, ALLOC | WRITE, DATA, b""),
            (".debug_line", 1, 0, 0, self.line_table),
        ]  # fmt: skip
        strings = b"\0" + b"".join(name.encode() + b"\0" for name, *_ in sections) + b".shstrtab\0"
        sections.append((".shstrtab", 3, 0, 0, strings))
        body, table = b"", bytes(64)
        for name, kind, flags, address, content in sections:
            at = strings.index(b"\0" + name.encode() + b"\0") + 1
            size = 16 if kind == 8 else len(content)
            table += self._pack("IIQQQQIIQQ", at, kind, flags, address, 64 + len(body), size, 0, 0, 1, 0)
            body += content
        data = 1 if self.order == "little" else 2
        head = b"\x7fELF" + bytes([2, data, 1]) + bytes(9)
        head += self._pack(
            "HHIQQQIHHHHHH",
            2,
            62,
            1,
            self.begins,
            0,
            64 + len(body),
            0,
            64,
            0,
            0,
            64,
            len(sections) + 1,
            len(sections),
        )
        path.write_bytes(head + body + table)
        symbols = {
            RODATA + 64: "kallsyms_names", RODATA + 80: "kallsyms_token_index", RODATA + 128: "after",
            DEBUG: "__start___dyndbg", DEBUG + 56: "__stop___dyndbg", **self.symbols,
        }  # fmt: skip
        return Image(path, "".join(f"{at:016x} D {name}\n" for at, name in sorted(symbols.items())))

    def _pack(self, form: str, *values: int) -> bytes:
        return struct.pack(("<" if self.order == "little" else ">") + form, *values)

    def _bug(self, number: int) -> bytes:
        line = self.lines[number]
        if self.bug == "far":
            return self._pack("QQHHI", TEXT, RODATA, line, self.flags, 0)
        start = BUGS + 12 * number
        to = RODATA - start - (4 if self.bug == "own" else 0) + (5000 if self.bug == "none" else 0)
        return self._pack("iiHH", TEXT - start, to, line, self.flags)

    def _debug(self) -> bytes:
        line = self.lines[2]
        word = line | 0x3F << 18 if self.order == "little" else line << 14 | 0x3F << 8
        return self._pack("QQQQIIQQ", RODATA, RODATA, RODATA, RODATA, word, 0, 1, 2)


@pytest.fixture(params=["little", "big"])
def kernel(request: pytest.FixtureRequest) -> Vmlinux:
    return Vmlinux(request.param)


def how(tmp_path: Path, base: Vmlinux, new: Vmlinux) -> How:
    """Where no place in code differs."""
    found = compare(base.write(tmp_path / "base"), new.write(tmp_path / "new"))
    assert not found.code and found.order == base.order
    return found.how


def test_build_ids_and_debug_information_do_not_count(tmp_path: Path, kernel: Vmlinux) -> None:
    """Not in the kernel's own note, nor in that of an image within it."""
    assert how(tmp_path, kernel, kernel) is How.SAME
    assert how(tmp_path, kernel, replace(kernel, build_id=b"b" * 20, line_table=b"other")) is How.SAME


@pytest.mark.parametrize("bug", ["own", "entry", "far"])
@pytest.mark.parametrize("lines", [(101, 200, 300), (100, 456, 300), (100, 200, 70000), (1, 2, 3)])
def test_lines_in_tables_are_told_from_all_else(
    tmp_path: Path, kernel: Vmlinux, bug: str, lines: tuple[int, int, int]
) -> None:
    kernel = replace(kernel, bug=bug)
    assert how(tmp_path, kernel, replace(kernel, lines=lines)) is How.LINES_ONLY
    assert how(tmp_path, kernel, replace(kernel, lines=lines, flags=3)) is How.DIFFERS
    assert how(tmp_path, kernel, replace(kernel, lines=lines, data=b"dat.")) is How.DIFFERS


def test_a_table_that_is_not_understood_is_compared_to_the_bit(tmp_path: Path, kernel: Vmlinux) -> None:
    kernel = replace(kernel, bug="none")
    assert how(tmp_path, kernel, kernel) is How.SAME
    assert how(tmp_path, kernel, replace(kernel, lines=(101, 200, 300))) is How.DIFFERS


def test_anything_that_is_loaded_counts(tmp_path: Path, kernel: Vmlinux) -> None:
    for changed in (
        replace(kernel, data=b"DATA"),
        replace(kernel, data=b"longer"),
        replace(kernel, names=b"other"),
        replace(kernel, note=b"Xen"),
        replace(kernel, begins=TEXT + 64),
    ):
        assert how(tmp_path, kernel, changed) is How.DIFFERS


def test_lines_of_initcalls_are_in_the_names_that_the_kernel_keeps(tmp_path: Path, kernel: Vmlinux) -> None:
    def named(line: int, function: str = "fault_around", names: bytes = b"names") -> Vmlinux:
        return replace(kernel, names=names, symbols={DATA: f"__initcall__kmod_memory__391_{line}_{function}7"})

    one = named(3817)
    assert how(tmp_path, one, named(3818, names=b"nomen")) is How.LINES_ONLY
    assert how(tmp_path, one, named(3818, "other", names=b"nomen")) is How.DIFFERS
    assert how(tmp_path, one, named(3817, names=b"nomen")) is How.DIFFERS, "what else would differ in them?"


def test_lines_in_code_are_what_the_compiler_says_they_are(tmp_path: Path, kernel: Vmlinux) -> None:
    """As the second argument of a call: a number of 16 bits, or a field of an instruction."""

    def with_word(word: int) -> Vmlinux:
        code = kernel.code[:100] + word.to_bytes(4, kernel.order) + kernel.code[104:]
        return replace(kernel, code=code)

    def told(old: int, new: int, lines: tuple[int, int], file: str = "mm/memory.c") -> bool:
        found = compare(with_word(old).write(tmp_path / "base"), with_word(new).write(tmp_path / "new"))
        assert found.how is How.LINES_ONLY and found.code
        base = {place.address: [Frame("f", "mm/memory.c", lines[0])] for place in found.code}
        now = {place.address: [Frame("f", file, lines[1])] for place in found.code}
        return explained(found.code, base, now, found.order)

    assert told(0x00001000, 0x00001001, (4098, 4099)), "a statement of several lines"
    assert told(0x52800002 | 900 << 5, 0x52800002 | 912 << 5, (900, 912)), "movz w2, #900"
    assert not told(0x00001000, 0x00001001, (4098, 4098)), "the line has not moved"
    assert not told(0x00001000, 0x00001001, (32, 33)), "a constant"
    assert not told(0x00001000, 0x00001002, (4098, 4099))
    assert not told(0x00001000, 0x10001001, (4098, 4099)), "more than the number differs"
    assert not told(0x00001000, 0x00001001, (4098, 4099), "mm/other.c")


def test_other_code_is_another_kernel(tmp_path: Path, kernel: Vmlinux) -> None:
    other = replace(kernel, code=kernel.code[:50] + b"\xff" + kernel.code[51:])
    found = compare(kernel.write(tmp_path / "base"), other.write(tmp_path / "new"))
    assert [place.address for place in found.code] == [TEXT + 50]
    assert not explained(found.code, {}, {}, found.order), "nothing is known of the address"
    found = compare(kernel.write(tmp_path / "base"), replace(kernel, code=bytes(5120)).write(tmp_path / "new"))
    assert len(found.code) > 1000 and not explained(found.code, {}, {}, found.order)
    whole = replace(kernel, code=bytes(40_000))
    found = compare(whole.write(tmp_path / "base"), replace(kernel, code=b"\1" * 40_000).write(tmp_path / "new"))
    assert found.how is How.DIFFERS and not found.code, "nobody looks at so many"


def test_one_place_is_looked_at_from_every_side() -> None:
    place = Place(0x1002, b"\xbe\x64\0\0\0\xe8", b"\xbe\x65\0\0\0\xe8", 1)  # mov $100, %esi; call
    frames = ({0x1002: [Frame("f", "a.c", 100)]}, {0x1002: [Frame("f", "a.c", 101)]})
    assert explained([place], *frames, "little")
    assert explained([place], *frames, "little", ({("b.c", 100)}, {("a.c", 300)}))
    assert not explained([place], *frames, "little", ((), {("a.c", 103)})), "that line may be the number's"
    assert not explained([place], *frames, "little", ({("a.c", 97)}, ()))
    assert explained([], {}, {}, "big")
