# SPDX-License-Identifier: GPL-2.0-or-later
"""As much of an ELF file as says for which machine it is, and what it needs. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAGIC = b"\x7fELF"
_EXECUTABLE, _SHARED = 2, 3  # e_type
_INTERP = 3  # p_type
_ORDER = {1: "<", 2: ">"}
_HEADER = {1: "HHIIIIIHHH", 2: "HHIQQQIHHH"}  # by class, from e_type to e_phnum
_SEGMENT = {1: "IIIII", 2: "IIQQQQ"}  # by class, from p_type to p_filesz


@dataclass(frozen=True)
class Elf:
    """machine: (class, data, e_machine) as in an arch's record. interpreter: "" for a static program."""

    machine: tuple[int, int, int]
    program: bool  # not an object file, not a core dump
    interpreter: str


def read(content: bytes) -> Elf:
    """Of a file's content that starts with MAGIC. ValueError if it is damaged."""
    try:
        width, data = content[4], content[5]
        order = _ORDER[data]
        fields = struct.unpack_from(order + _HEADER[width], content, 16)
        kind, machine, start, size, count = fields[0], fields[1], fields[4], fields[8], fields[9]
        segments = [struct.unpack_from(order + _SEGMENT[width], content, start + i * size) for i in range(count)]
    except (IndexError, KeyError, OverflowError, struct.error) as error:
        raise ValueError("damaged ELF file") from error
    offset, length = (1, 4) if width == 1 else (2, 5)
    found = [row for row in segments if row[0] == _INTERP]
    name = content[found[0][offset] : found[0][offset] + found[0][length]].rstrip(b"\0") if found else b""
    return Elf((width, data, machine), kind in (_EXECUTABLE, _SHARED), name.decode(errors="replace"))
