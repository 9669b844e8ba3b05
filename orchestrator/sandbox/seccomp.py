# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls that a build in the sandbox has no use of: with them a disk is full before anybody can look.

fallocate() takes as much of it as one asks for, at once; so do old ioctls of XFS that every file system answers, and
io_uring can do it, too. Whoever calls them is told that they are not supported, and writes instead.
"""

from __future__ import annotations

import os
import struct
import sys

# {the kernel's name of an ABI: numbers of fallocate and ioctl}; a machine runs programs of an older one, too.
ABIS = {
    0xC000003E: (285, 16),  # x86_64
    0x40000003: (324, 54),  # i386
    0xC00000B7: (47, 29),  # aarch64
    0x40000028: (352, 54),  # arm
    0x80000016: (314, 54),  # s390x
    0x00000016: (314, 54),  # s390
    0xC00000F3: (47, 29),  # riscv64
    0xC0000015: (309, 54),  # ppc64le
}
IO_URING_SETUP = 425  # everywhere
X32 = 0x40000000  # of an ABI of x86_64 that nobody uses, and of no other number
RESERVE = (0x5828, 0x582A, 0x5839)  # FS_IOC_RESVSP, RESVSP64 and ZERO_RANGE, but for their argument's size
_LOAD, _AND, _IS, _FROM, _END = 0x20, 0x54, 0x15, 0x35, 0x06
_NUMBER, _ABI = 0, 4  # where it is in what a filter sees
_SECOND = 24 if sys.byteorder == "little" else 28
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 95  # EOPNOTSUPP


def program() -> bytes:
    """As --seccomp of bubblewrap reads it: classic BPF, eight bytes an instruction."""
    rows: list[tuple[int, int, int, int]] = [(_LOAD, 0, 0, _ABI)]
    for abi, (fallocate, ioctl) in ABIS.items():
        block = [
            (_LOAD, 0, 0, _NUMBER),
            (_IS, 8, 0, fallocate),
            (_IS, 7, 0, IO_URING_SETUP),
            (_FROM, 6, 0, X32),
            (_IS, 0, 6, ioctl),
            (_LOAD, 0, 0, _SECOND),
            (_AND, 0, 0, 0xFFFF),
            *((_IS, 2 - place, 1 if place == 2 else 0, number) for place, number in enumerate(RESERVE)),
            (_END, 0, 0, _REFUSE),
            (_END, 0, 0, _ALLOW),
        ]
        rows += [(_IS, 0, len(block), abi), *block]
    rows.append((_END, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *row) for row in rows)


def file() -> int:
    """A descriptor that it is read from; whoever asked closes it."""
    made = os.memfd_create("kmatrix-seccomp")
    os.write(made, program())
    os.lseek(made, 0, os.SEEK_SET)
    return made
