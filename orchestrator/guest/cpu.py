# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether QEMU takes a CPU model, and what of it is not emulated: asked of QEMU before anything is built."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from orchestrator import proc
from orchestrator.errors import ConfigError, ToolMissing
from orchestrator.guest.command_line import firmware
from orchestrator.model import Arch

SECONDS = 30.0  # QEMU needs 0.1 on an idle host


async def check(arches: Iterable[Arch], accel: str) -> dict[str, list[str]]:
    """{arch: what QEMU warns of}. ConfigError with the words of each QEMU that does not start with its model."""
    asked = list(arches)
    answers = list(zip(asked, await asyncio.gather(*(_ask(arch, accel) for arch in asked)), strict=True))
    refused = [(arch, words) for arch, (taken, words) in answers if not taken]
    if refused:
        rows = [f"{arch.qemu} does not start with the CPU {arch.cpu[accel]}: {'; '.join(w)}" for arch, w in refused]
        commands = " and ".join(f"{arch.qemu} -cpu help" for arch, _ in refused)
        hint = f"cpu: of the matrix file names the model; those that there are: {commands}"
        raise ConfigError("\n".join(rows), hint=hint)
    return {arch.name: words for arch, (_, words) in answers}


async def _ask(arch: Arch, accel: str) -> tuple[bool, list[str]]:
    """Does QEMU start with it, and what it says. Who cannot be asked says nothing: the boots will."""
    try:
        code, said = await _start(arch, accel, ["-cpu", arch.cpu[accel]])
        anyway = (await _start(arch, accel, []))[1] if said else []  # of the machine, whatever its CPU
    except (ToolMissing, TimeoutError):
        return True, []
    own = [line for line in said if line not in anyway]
    return code == 0 or not own, _shorter(own)


async def _start(arch: Arch, accel: str, options: list[str]) -> tuple[int, list[str]]:
    """Start a guest and end it before its first instruction: the exit status, and QEMU's words."""
    base = [
        arch.qemu,
        *firmware(arch),
        "-nodefaults",
        "-no-user-config",
        "-M",
        arch.machine,
        "-accel",
        accel,
        *options,
    ]
    done = await proc.run([*base, "-display", "none", "-monitor", "stdio", "-S"], input=b"quit\n", timeout=SECONDS)
    name = f"{Path(arch.qemu).name}: "  # wherever it is
    said = [line.partition(name)[2].removeprefix("warning: ") for line in done.output.splitlines() if name in line]
    return done.code, said


def _shorter(words: Iterable[str]) -> list[str]:
    """QEMU has a line for each feature; what they say of it is said once."""
    table: dict[str, list[str]] = {}
    for line in words:
        what, _, feature = line.strip().rpartition(": ")
        table.setdefault(what, []).append(feature)
    return [f"{what}: {', '.join(features)}" if what else ", ".join(features) for what, features in table.items()]
