# SPDX-License-Identifier: GPL-2.0-or-later
"""Compilers: which one an arch uses, and exactly which version it is."""

from __future__ import annotations

from orchestrator import proc
from orchestrator.errors import InfraError

_versions: dict[str, str] = {}


async def compiler(cross_prefix: str) -> str:
    """The first line of the compiler's --version, asked once."""
    return await _version(f"{cross_prefix}gcc")


async def binutils(cross_prefix: str) -> str:
    """The same of the assembler and the linker, which come in another package."""
    return "; ".join([await _version(f"{cross_prefix}{name}") for name in ("as", "ld")])


async def tools(cross_prefix: str) -> list[str]:
    """All that a kernel's bits depend on."""
    return [await compiler(cross_prefix), await binutils(cross_prefix)]


async def _version(name: str) -> str:
    if name not in _versions:
        done = await proc.run([name, "--version"])
        if done.code:
            raise InfraError(f"{name} --version failed", log=done.output)
        _versions[name] = done.output.splitlines()[0]
    return _versions[name]
