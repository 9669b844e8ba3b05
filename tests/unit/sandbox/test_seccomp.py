# SPDX-License-Identifier: GPL-2.0-or-later
"""The filter, in a small machine of the kind that Linux runs it on; and as the kernel takes it."""

from __future__ import annotations

import struct
import sys

import pytest

from orchestrator.sandbox import seccomp

REFUSED, ALLOWED = 0x00050000 | 95, 0x7FFF0000
X86_64, S390X = 0xC000003E, 0x80000016


def answer(abi: int, number: int, second: int = 0) -> int:
    """What classic BPF says of a system call."""
    rows = list(struct.iter_unpack("=HBBI", seccomp.program()))
    data = struct.pack("=IIQQQ", number, abi, 0, 0, second)
    value = at = 0
    while True:
        code, yes, no, k = rows[at]
        at += 1
        if code == 0x20:
            value = int.from_bytes(data[k : k + 4], sys.byteorder)
        elif code == 0x54:
            value &= k
        elif code == 0x06:
            return int(k)
        else:
            at += yes if (value == k if code == 0x15 else value >= k) else no


@pytest.mark.parametrize(("abi", "numbers"), seccomp.ABIS.items())
def test_what_fills_a_disk_at_once_is_refused(abi: int, numbers: tuple[int, int]) -> None:
    fallocate, ioctl = numbers
    assert answer(abi, fallocate) == answer(abi, 425) == REFUSED
    for size in (0x40300000, 0x402C0000, 0x80300000):
        assert {answer(abi, ioctl, size | what) for what in (0x5828, 0x582A, 0x5839)} == {REFUSED}


@pytest.mark.parametrize(("abi", "numbers"), seccomp.ABIS.items())
def test_all_else_is_allowed(abi: int, numbers: tuple[int, int]) -> None:
    fallocate, ioctl = numbers
    others = {*range(500)} - {fallocate, 425}
    assert {answer(abi, number) for number in others} == {ALLOWED}
    assert answer(abi, ioctl, 0x5401) == answer(abi, ioctl, 0x40305829) == ALLOWED  # TCGETS, and a neighbour
    assert answer(0x12345678, fallocate) == ALLOWED, "of a machine that nobody knows nothing is refused"


def test_an_abi_that_nobody_uses_gives_no_way_round() -> None:
    assert answer(X86_64, 0x40000000 | 285) == REFUSED and answer(S390X, 314) == REFUSED
