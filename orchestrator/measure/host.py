# SPDX-License-Identifier: GPL-2.0-or-later
"""This machine: what it lacks, and facts of it that belong to a result."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
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
    return {
        "kmatrix": __version__,
        "machine": platform.machine(),
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cores": cores(),
        "memory_mib": memory_mib("MemTotal"),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "?"),
        "python": platform.python_version(),
        "qemu": {arch.name: await _or_missing(qemu_version(arch)) for arch in arches},
        "compiler": {arch.name: await _or_missing(compiler(arch.cross_prefix)) for arch in arches},
        "binutils": {arch.name: await _or_missing(binutils(arch.cross_prefix)) for arch in arches},
    }


async def _or_missing(question: object) -> str:
    try:
        return str(await question)  # type: ignore[misc]
    except KmatrixError as error:
        return error.message


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
