# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's migration stream without what need not be told. Pure. Its format: migration/ram.c of QEMU."""

from __future__ import annotations

import re
import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

_PAGE = 4096  # bytes of memory in a record
_ZERO, _WHOLE, _END, _GOES_ON = 0x02, 0x08, 0x10, 0x20  # flags of a record, in the low bits of a page's address
_PART, _LAST, _FOOTER = 2, 3, b"\x7e"  # what a section of more memory begins with, and what all sections end with
_FIRST = re.compile(rb"\x01(.{4})\x03ram.{4}\0\0\0\x04", re.S)  # the first section of memory: its number; version 4
_ZEROS = re.compile(rb"(?:.{6}[\x00\x10\x20\x30\x40\x50\x60\x70\x80\x90\xa0\xb0\xc0\xd0\xe0\xf0]\x22\0)++", re.S)


def without_zeros(stream: bytes, memory: int) -> bytes:
    """The stream without records of pages of the guest's memory (of so many bytes) that are zero.

    Memory of a QEMU that starts is zero; told of a page that it is, QEMU looks, and so each of them has to be mapped:
    0.3 s for a GiB. A stream that is not as expected stays as it is.
    """
    first = _FIRST.search(stream, 0, _PAGE)
    if first is None:
        return stream
    try:
        at, ours = _blocks(stream, first.end(), memory)
        return b"".join(_Less(stream, first[1], ours).kept(at))
    except (struct.error, LookupError, ValueError):
        return stream


def _blocks(stream: bytes, at: int, memory: int) -> tuple[int, bytes]:
    """Where the list of blocks of memory ends, and the name, as it is written, of the one that has this size."""
    left, at, ours = _number(stream, at) // _PAGE * _PAGE, at + 8, b""
    while left > 0:
        name = _name(stream, at)
        size, at = _number(stream, at + len(name)), at + len(name) + 8
        left -= size
        ours = name if size == memory else ours
    if left or not ours:
        raise ValueError("no such block")
    return at, ours


@dataclass
class _Less:
    """number: of sections of memory; ours: the name of the block that is zero when QEMU starts. Raises ValueError,
    LookupError or struct.error where something else is meant."""

    stream: bytes
    number: bytes
    ours: bytes
    _block: bytes = b""  # whose page a record is
    _said: bytes = b""  # and whose the last one was that is kept
    _filled: set[int] = field(default_factory=set)  # pages of ours that were something else before

    def kept(self, at: int) -> Iterator[bytes]:
        """at: where the list of blocks has ended."""
        stream = self.stream
        more = re.compile(_FOOTER + rb".{4}(?=[\x02\x03]" + re.escape(self.number) + rb")", re.S)
        begun, at = 0, self._footer(at + 8)
        while True:
            if stream[at] not in (_PART, _LAST) or stream[at + 1 : at + 5] != self.number:  # of something else
                found = more.search(stream, at)
                if found is None:
                    break
                at = found.end()
            yield stream[begun : at + 5]
            begun = yield from self._records(at + 5)
            at = self._footer(begun + 8)
        yield stream[begun:]

    def _records(self, at: int) -> Generator[bytes, None, int]:
        """Of a section; where their end is told."""
        while True:
            at = self._behind_zeros(at)
            head, at = _number(self.stream, at), at + 8
            flags, page = head % _PAGE, head // _PAGE
            if flags == _END:
                return at - 8
            if not flags & _GOES_ON:
                self._block = _name(self.stream, at)
                at += len(self._block)
            body, at = at, at + {_ZERO: 1, _WHOLE: _PAGE}[flags & ~_GOES_ON]
            zero = flags & _ZERO and not self.stream[body]
            if self._block == self.ours:
                if zero and page not in self._filled:
                    continue
                self._filled.add(page)
            same = self._block == self._said
            yield struct.pack(">Q", head | _GOES_ON if same else head & ~_GOES_ON)
            yield self.stream[body:at] if same else self._block + self.stream[body:at]
            self._said = self._block

    def _behind_zeros(self, at: int) -> int:
        """Most records are of pages of ours that are zero, and were; many together are looked at in one go."""
        zeros = _ZEROS.match(self.stream, at) if self._block == self.ours else None
        if zeros and self._filled.isdisjoint(head // _PAGE for (head,) in struct.iter_unpack(">Qx", zeros[0])):
            return zeros.end()
        return at

    def _footer(self, at: int) -> int:
        """Where it ends."""
        if self.stream[at : at + 5] != _FOOTER + self.number:
            raise ValueError("a section does not end")
        return at + 5


def _number(stream: bytes, at: int) -> int:
    return int(struct.unpack_from(">Q", stream, at)[0])


def _name(stream: bytes, at: int) -> bytes:
    """With its length before it."""
    return stream[at : at + 1 + stream[at]]
