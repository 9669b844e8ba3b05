# SPDX-License-Identifier: GPL-2.0-or-later
"""binutils' readelf: what a vmlinux says of its source."""

from __future__ import annotations

from pathlib import Path

from orchestrator import proc
from orchestrator.errors import InfraError


async def line_table(vmlinux: Path, cross_prefix: str) -> str:
    """Its line table: see profile.line_table.parse_table()."""
    return await _dump(vmlinux, cross_prefix, "decodedline")


async def functions(vmlinux: Path, cross_prefix: str) -> str:
    """Its functions, and what was inlined in them: see profile.line_table.calls()."""
    return await _dump(vmlinux, cross_prefix, "info")


async def sizes(vmlinux: Path, cross_prefix: str) -> str:
    """Its sections and symbols: see profile.sizes."""
    return await _told(vmlinux, cross_prefix, "--sections", "--symbols", kind="static")


async def _dump(vmlinux: Path, cross_prefix: str, what: str) -> str:
    return await _told(vmlinux, cross_prefix, f"--debug-dump={what}", kind="reach")


async def _told(vmlinux: Path, cross_prefix: str, *asked: str, kind: str) -> str:
    program = f"{cross_prefix}readelf"
    done = await proc.run([program, "-W", *asked, str(vmlinux)])
    if done.code:
        raise InfraError(f"{program} failed", kind=kind, log=done.output[-2000:])
    return done.output
