# SPDX-License-Identifier: GPL-2.0-or-later
"""A state without the pages that are zero anyway: what a QEMU that starts with it has is the same, byte for byte."""

from __future__ import annotations

import struct
from random import Random

import pytest

from orchestrator.guest.stream import without_zeros

PAGE = 4096
MEMORY = 64  # pages of the guest's own
ROM = 16  # of another block, which does not start as zero
SIZES = {b"some.ram": MEMORY, b"some.rom": ROM}
NUMBER = struct.pack(">I", 2)
OTHER = struct.pack(">I", 8)
CONTENT = {b"some.ram": bytes(PAGE), b"some.rom": b"\xff" * PAGE}  # that a page has when QEMU starts


def named(name: bytes) -> bytes:
    return bytes([len(name)]) + name


def section(kind: int, number: bytes, body: bytes) -> bytes:
    return bytes([kind]) + number + body + b"\x7e" + number


def records(random: Random, count: int, last: bytes) -> tuple[bytes, bytes]:
    """Pages as QEMU writes them: the name of a block only where it is another than that of the record before."""
    body = b""
    for _ in range(count):
        name = random.choice([last or b"some.ram", *SIZES])
        address = random.randrange(SIZES[name]) * PAGE
        zero = random.random() < 0.7
        head = address | (0x02 if zero else 0x08) | (0x20 if name == last else 0)
        body += struct.pack(">Q", head) + (b"" if name == last else named(name))
        body += random.choice([b"\0", b"\0", b"\x5a"]) if zero else random.randbytes(PAGE)
        last = name
    return body + struct.pack(">Q", 0x10), last


def stream(seed: int, other: bool) -> bytes:
    """With the sections of a machine; other: some of what is no memory, between them."""
    random = Random(seed)
    blocks = b"".join(named(name) + struct.pack(">Q", pages * PAGE) for name, pages in SIZES.items())
    first = struct.pack(">Q", sum(SIZES.values()) * PAGE | 0x04) + blocks + struct.pack(">Q", 0x10)
    head = b"QEVM\0\0\0\3\x07\0\0\0\4some"
    text = head + section(1, NUMBER, named(b"ram") + struct.pack(">II", 0, 4) + first)
    last = b""
    for kind in (2, 2, 2, 3):
        if other:
            text += section(kind, OTHER, random.randbytes(40))
        body, last = records(random, random.randrange(60), last)
        text += section(kind, NUMBER, body)
    return text + section(4, struct.pack(">I", 9), b"\x05timer" + random.randbytes(100)) + b"\0"


def loaded(text: bytes) -> tuple[dict[tuple[bytes, int], bytes], int]:
    """What memory holds when QEMU has read it; and how many pages it was told of."""
    memory = {(name, page): CONTENT[name] for name, pages in SIZES.items() for page in range(pages)}
    told, name = 0, b""
    at = text.index(b"\x7e" + NUMBER) + 5
    while at < len(text):
        if text[at] not in (2, 3):
            break
        if text[at + 1 : at + 5] == OTHER:
            at += 5 + 40 + 5
            continue
        at += 5
        while True:
            (head,) = struct.unpack_from(">Q", text, at)
            at += 8
            if head & 0x10:
                break
            if not head & 0x20:
                name = text[at + 1 : at + 1 + text[at]]
                at += 1 + text[at]
            size = 1 if head & 0x02 else PAGE
            memory[name, head // PAGE] = text[at : at + size] * (PAGE // size)
            at += size
            told += 1
        assert text[at : at + 5] == b"\x7e" + NUMBER
        at += 5
    return memory, told


@pytest.mark.parametrize("other", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_memory_is_the_same_and_less_is_told(seed: int, other: bool) -> None:
    before = stream(seed, other)
    after = without_zeros(before, MEMORY * PAGE)
    first, all_pages = loaded(before)
    second, pages = loaded(after)
    assert first == second
    assert len(after) < len(before)
    assert pages < all_pages
    assert after[after.index(b"timer") :] == before[before.index(b"timer") :]


def test_what_is_not_understood_stays_as_it_is() -> None:
    text = stream(1, other=False)
    assert without_zeros(text, 2 * MEMORY * PAGE) is text  # no block of that size
    first = text.index(b"some.ram", 200)  # that of the first record
    strange = text[: first - 2] + b"\x44" + text[first - 1 :]  # flags that nobody knows
    assert without_zeros(strange, MEMORY * PAGE) is strange
    for kept in range(0, len(text) - 200, 97):  # cut off in the middle of memory
        cut = text[:kept]
        assert without_zeros(cut, MEMORY * PAGE) == cut or cut.endswith(b"\x7e" + NUMBER)


@pytest.mark.parametrize("text", [b"", b"QEVM", b"\0" * 10000, b"\x01" * 10000])
def test_no_stream_is_no_stream(text: bytes) -> None:
    assert without_zeros(text, PAGE) is text
