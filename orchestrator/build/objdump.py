# SPDX-License-Identifier: GPL-2.0-or-later
"""binutils' objdump: the instructions of a vmlinux."""

from __future__ import annotations

from pathlib import Path

from orchestrator import proc
from orchestrator.errors import InfraError


async def instructions(vmlinux: Path, cross_prefix: str, stretch: tuple[int, int] | None = None) -> str:
    """What it prints of the kernel's text: see profile.instructions.parse(). stretch: first address, and end."""
    program = f"{cross_prefix}objdump"
    bounds = [f"--start-address={stretch[0]}", f"--stop-address={stretch[1]}"] if stretch else []
    done = await proc.run([program, "-d", "--no-show-raw-insn", "-j", ".text", *bounds, str(vmlinux)])
    if done.code:
        raise InfraError(f"{program} failed", kind="reach", log=done.output[-2000:])
    return done.output
