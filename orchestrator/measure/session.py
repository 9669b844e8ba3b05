# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest to work in: booted with keys of its own, and logged in to. Nothing is measured there."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from orchestrator.build import initramfs
from orchestrator.build.kernel import trusted
from orchestrator.guest import keys
from orchestrator.guest.command_line import Machine
from orchestrator.guest.keys import Keys
from orchestrator.guest.qemu import Guest, guest
from orchestrator.guest.shell import Shell
from orchestrator.model import Build, Clock, KernelArtifact, Limits, Matrix
from orchestrator.paths import IMAGES
from orchestrator.store import Store


@asynccontextmanager
async def session(
    build: Build, kernel: KernelArtifact, matrix: Matrix, store: Store, folder: Path, unsandboxed: bool = False
) -> AsyncIterator[tuple[Guest, Shell]]:
    """Boot the kernel (wall clock, TCG) and log in; the guest is gone when the block ends.

    folder gets console.log and qemu.stderr. unsandboxed: whoever says so trusts the kernel. Raises what a boot does:
    KernelBroke, TimedOut, InfraError, ToolMissing.
    """
    with store.scratch() as scratch:
        base = await initramfs.image(store, build.arch, IMAGES)
        measure = matrix.measure
        machine = Machine(
            build.arch, "tcg", Clock.WALL, measure.memory_mib, measure.cpus, kernel.image, base,
            sealed=not unsandboxed, vouched=trusted(build.kernel.patches),
        )  # fmt: skip
        async with booted(machine, matrix.limits, folder, scratch) as (running, shell):
            yield running, shell


@asynccontextmanager
async def booted(
    machine: Machine, limits: Limits, folder: Path, scratch: Path, niceness: int = 0, patient: bool = False
) -> AsyncIterator[tuple[Guest, Shell]]:
    """The machine with keys of its own, ready and logged in to. scratch: its image is there meanwhile; folder and
    patient: see guest(). Raises what a boot does."""
    with tempfile.TemporaryDirectory(dir=scratch) as own:
        initrd, made = await keyed(machine.initrd, Path(own) / "initramfs.cpio")
        mine = replace(machine, initrd=initrd)
        async with (
            guest(mine, limits, folder, niceness=niceness, patient=patient) as running,
            entered(running, made) as shell,
        ):
            yield running, shell


@asynccontextmanager
async def entered(running: Guest, made: Keys) -> AsyncIterator[Shell]:
    """Ready, and logged in to."""
    await running.ready()
    shell = await running.shell(made)
    try:
        yield shell
    finally:
        shell.close()


async def keyed(base: Path, out: Path) -> tuple[Path, Keys]:
    """The guest image base with new keys in it, written to out; and the keys."""
    made = keys.make()
    return await initramfs.with_files(base, made.guest_files, out), made
