# SPDX-License-Identifier: GPL-2.0-or-later
"""Compilers: which one an arch uses, and exactly which version it is."""

from __future__ import annotations

from orchestrator import proc
from orchestrator.errors import InfraError

_versions: dict[str, str] = {}


async def compiler(cross_prefix: str) -> str:
    """The first line of the compiler's --version, asked once."""
    name = f"{cross_prefix}gcc"
    if name not in _versions:
        done = await proc.run([name, "--version"])
        if done.code:
            raise InfraError(f"{name} --version failed", log=done.output)
        _versions[name] = done.output.splitlines()[0]
    return _versions[name]
