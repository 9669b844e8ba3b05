# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots on this machine: the guest image, the accelerator, one boot with its retries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.build import disk, initramfs
from orchestrator.build.guest_tools import Tool
from orchestrator.errors import InfraError, KmatrixError, ToolMissing
from orchestrator.events import Bus, Note, Progress, Stage, StageDone, StageFailed, StageStarted
from orchestrator.guest import accel
from orchestrator.guest.command_line import Machine
from orchestrator.guest.qemu import guest
from orchestrator.measure import profiled
from orchestrator.measure.boot import Task, measure
from orchestrator.measure.session import keyed
from orchestrator.model import Arch, Boot, BootResult, KernelArtifact, Limits, Measure, Workload
from orchestrator.runs import account_files
from orchestrator.runs.folder import RunFolder
from orchestrator.store import Store

QEMU_OVERHEAD_MIB = 300  # beside the guest's memory


@contextmanager
def stage(bus: Bus, store: Store, subject: str, name: Stage, timing: str) -> Iterator[None]:
    """Tell of a stage's start, with last time's duration as the estimate, and of its end."""
    known = store.recall("timings", timing)
    bus.emit(StageStarted(subject, name, float(known) if isinstance(known, int | float) else None))
    start = time.monotonic()
    try:
        yield
    except KmatrixError as error:
        bus.emit(StageFailed(subject, name, error.message, error.status))
        raise
    seconds = round(time.monotonic() - start, 3)
    bus.emit(StageDone(subject, name, seconds))
    with suppress(OSError):  # an estimate is not worth a result
        store.remember("timings", timing, seconds)


@dataclass
class Boots:
    """What all boots of a run share. scratch holds guest images with keys in them."""

    folder: RunFolder
    bus: Bus
    store: Store
    images: Path
    scratch: Path
    measure: Measure
    limits: Limits
    refresh: bool = False
    profile: bool = False  # the first boot of each cell gets an account of its instructions, too
    _probing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def image(self, arch: Arch) -> Path:
        """The guest image; each boot adds keys of its own."""
        return await initramfs.image(self.store, arch, self.images, self.refresh)

    async def boot(
        self, boot: Boot, kernel: KernelArtifact, initrd: Path, tool: Tool, niceness: int = 0
    ) -> BootResult:
        """Measure one boot, again after an infrastructure failure as often as retries says."""
        measure = self.measure.of(boot.cell.workload)
        choice = await self._accelerator(boot.cell.arch, measure, kernel, initrd)
        version = await accel.qemu_version(boot.cell.arch)
        task = Task(
            boot=boot,
            machine=await self._machine(boot.cell.arch, choice.accel, measure, kernel, initrd, boot.cell.workload),
            tool=tool,
            kernel_key=kernel.key,
            qemu=version,
            measure=measure,
            limits=self.limits,
            store=self.store,
            scratch=self.scratch,
            folder=self.folder.boot(boot.cell.id, boot.number),
            tell=lambda name: self.bus.emit(Progress(boot.id, Stage(name))),
            notes=(choice.note,) if choice.note else (),
            niceness=niceness,
        )
        result = self.folder.load_boot(boot.cell.id, boot.number)
        same = (kernel.key, tool.sha256, choice.accel, version)
        if result is None or (result.kernel_key, result.workload_sha256, result.accel, result.qemu) != same:
            result = await self._with_retries(boot, task)
            self.folder.save_boot(boot.cell.id, result)
        if self.profile and boot.number == 0:
            await self.profiled(task, kernel, result)
        return result

    async def profiled(self, task: Task, kernel: KernelArtifact, result: BootResult) -> None:
        """The cell's account; without it the cell is what it is, so what is kept is why there is none."""
        cell = task.boot.cell.id
        if why := profiled.impossible(task):
            account_files.refuse(self.folder, cell, why, "", possible=False)
            self.bus.emit(Note(task.boot.id, f"no profile: {why}"))
            return
        try:
            with stage(self.bus, self.store, f"{cell} profile", Stage.PROFILE, f"profile-{task.boot.id}"):
                await profiled.take(task, kernel, result)
        except KmatrixError as error:
            why = error.message + (f" ({error.hint})" if error.hint else "")
            account_files.refuse(self.folder, cell, why, error.log, possible=True)
            self.bus.emit(Note(task.boot.id, f"no profile: {why} {error.log}".strip()))
        else:
            account_files.accept(self.folder, cell)

    async def _with_retries(self, boot: Boot, task: Task) -> BootResult:
        for attempt in range(self.measure.retries + 1):
            try:
                with stage(self.bus, self.store, boot.id, Stage.MEASURE, f"boot-{boot.cell.arch.name}"):
                    return await measure(task)
            except (ToolMissing, InfraError) as error:
                if isinstance(error, ToolMissing) or attempt == self.measure.retries:
                    raise
                note = f"attempt {attempt + 1} failed and was repeated: {error.message}"
                self.bus.emit(Note(boot.id, note))
                task = replace(task, notes=(*task.notes, note))
        raise AssertionError("unreachable")

    async def _machine(
        self,
        arch: Arch,
        name: str,
        measure: Measure,
        kernel: KernelArtifact,
        initrd: Path,
        workload: Workload | None = None,
    ) -> Machine:
        memory = max(measure.memory_mib, workload.memory_mib if workload else 0)
        wanted = workload.disk if workload else None
        image = await disk.image(self.store, wanted) if wanted else None
        return Machine(arch, name, measure.clock, memory, measure.cpus, kernel.image, initrd, wanted, image)

    async def _accelerator(self, arch: Arch, measure: Measure, kernel: KernelArtifact, initrd: Path) -> accel.Choice:
        async def boots() -> None:
            limits = replace(self.limits, ready=accel.PROBE_SECONDS)
            folder = self.folder.path / "kvm-probe" / arch.name
            folder.mkdir(parents=True, exist_ok=True)
            image, _ = await keyed(initrd, self.scratch / f"probe-{arch.name}.cpio")
            machine = await self._machine(arch, "kvm", measure, kernel, image)
            async with guest(machine, limits, folder) as running:
                await running.ready()

        async with self._probing:
            return await accel.choose(arch, measure, self.store, boots)
