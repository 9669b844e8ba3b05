# SPDX-License-Identifier: GPL-2.0-or-later
"""binutils' readelf: the line table of a vmlinux."""

from __future__ import annotations

from pathlib import Path

from orchestrator import proc
from orchestrator.errors import InfraError


async def line_table(vmlinux: Path, cross_prefix: str) -> str:
    """What it prints of all of it: see profile.line_table.parse_table()."""
    program = f"{cross_prefix}readelf"
    done = await proc.run([program, "-W", "--debug-dump=decodedline", str(vmlinux)])
    if done.code:
        raise InfraError(f"{program} failed", kind="reach", log=done.output[-2000:])
    return done.output
