# SPDX-License-Identifier: GPL-2.0-or-later
"""This machine: what it lacks, and facts of it that belong to a result."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

from orchestrator import __version__, doctor
from orchestrator.build.toolchain import binutils, compiler
from orchestrator.errors import KmatrixError, ToolMissing
from orchestrator.guest.accel import qemu_version
from orchestrator.model import Arch


def check_host() -> None:
    """All missing things at once, before anything is started."""
    lacking = [need for need in doctor.missing() if not need.arch]  # an arch's own are told where they are used
    if lacking:
        raise ToolMissing(
            f"missing on this host: {', '.join(need.name for need in lacking)}",
            hint=f"{doctor.install_command(lacking)} (kmatrix doctor says what each is for)",
        )


async def facts(arches: Iterable[Arch]) -> dict[str, object]:
    """Machine, system, and the versions of what measures: by arch where they differ."""
    its = list(arches)
    qemu, compilers, assemblers = await asyncio.gather(
        _of_each(its, qemu_version),
        _of_each(its, lambda arch: compiler(arch.cross_prefix)),
        _of_each(its, lambda arch: binutils(arch.cross_prefix)),
    )
    return {
        "kmatrix": __version__,
        "machine": platform.machine(),
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cores": cores(),
        "memory_mib": memory_mib("MemTotal"),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "?"),
        "python": platform.python_version(),
        "qemu": qemu,
        "compiler": compilers,
        "binutils": assemblers,
    }


async def _of_each(arches: Sequence[Arch], ask: Callable[[Arch], Awaitable[object]]) -> dict[str, str]:
    """{arch: the answer, or why there is none}"""

    async def answer(arch: Arch) -> str:
        try:
            return str(await ask(arch))
        except KmatrixError as error:
            return error.message

    return dict(zip((arch.name for arch in arches), await asyncio.gather(*map(answer, arches)), strict=True))


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))


def memory_mib(field: str = "MemAvailable") -> int:
    """A line of /proc/meminfo in MiB."""
    words = _field("/proc/meminfo", field).split()
    return int(words[0]) // 1024 if words else 0


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
