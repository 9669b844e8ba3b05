# SPDX-License-Identifier: GPL-2.0-or-later
"""binutils' objdump: the instructions of a vmlinux."""

from __future__ import annotations

from pathlib import Path

from orchestrator import proc
from orchestrator.errors import InfraError


async def instructions(vmlinux: Path, cross_prefix: str) -> str:
    """What it prints of the kernel's text: see profile.instructions.parse()."""
    program = f"{cross_prefix}objdump"
    done = await proc.run([program, "-d", "--no-show-raw-insn", "-j", ".text", str(vmlinux)])
    if done.code:
        raise InfraError(f"{program} failed", kind="reach", log=done.output[-2000:])
    return done.output
