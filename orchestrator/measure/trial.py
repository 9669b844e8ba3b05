# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel that is tried in guests of its own: nothing is measured, what it does is the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.guest.command_line import Machine, qemu_argv
from orchestrator.guest.qemu import Guest
from orchestrator.guest.shell import Shell
from orchestrator.measure import provenance
from orchestrator.measure.session import booted
from orchestrator.model import Arch, KernelArtifact, Limits
from orchestrator.store import Store, digest, sha256


@dataclass(frozen=True)
class Trial:
    """machine: its image is the guest image without keys; qemu: its version; folder: gets a folder for each boot."""

    kernel: KernelArtifact
    machine: Machine
    limits: Limits
    store: Store
    scratch: Path
    folder: Path
    qemu: str
    niceness: int = 0

    @property
    def arch(self) -> Arch:
        """Of the machine."""
        return self.machine.arch

    @property
    def rests_on(self) -> tuple[object, ...]:
        """All that its answers rest on, but what runs in it."""
        command = digest(qemu_argv(provenance.nowhere(self.machine), 0, 1))
        return (sha256(self.kernel.image), self.machine.initrd.parent.name), self.qemu, command

    def place(self, boot: int) -> Path:
        """Where a boot's console is; made if missing."""
        folder = self.folder / f"boot-{boot}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @asynccontextmanager
    async def guest(self, boot: int, patient: bool = False) -> AsyncIterator[tuple[Guest, Shell]]:
        """Booted and logged in. patient: see guest.qemu.guest(). Raises what a boot does."""
        made = booted(self.machine, self.limits, self.place(boot), self.scratch, self.niceness, patient)
        async with made as (running, shell):
            yield running, shell
