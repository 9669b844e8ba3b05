# SPDX-License-Identifier: GPL-2.0-or-later
"""binutils' addr2line: from addresses of a vmlinux to lines of its source."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from orchestrator import proc
from orchestrator.errors import InfraError


async def places(vmlinux: Path, cross_prefix: str, addresses: Iterable[int]) -> str:
    """What it prints of all of them, in one call: each address, then function and file:line, inlined ones first."""
    program = f"{cross_prefix}addr2line"
    asked = "".join(f"{address:#x}\n" for address in addresses)
    done = await proc.run([program, "-a", "-f", "-i", "-e", str(vmlinux)], input=asked.encode())
    if done.code:
        raise InfraError(f"{program} failed", kind="profile", log=done.output[-2000:])
    return done.output
