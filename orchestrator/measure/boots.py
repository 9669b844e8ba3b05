# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots on this machine: the guest image, the accelerator, one boot, the account of its instructions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.analyse.findings import Ended, How, Observation
from orchestrator.analyse.selftests import Outcomes
from orchestrator.build import disk, initramfs, plugin
from orchestrator.build.guest_tools import Tool
from orchestrator.build.kernel import trusted
from orchestrator.build.selftests import Programs
from orchestrator.errors import InfraError, KmatrixError
from orchestrator.events import Bus, Note, Progress, Stage, StageDone, StageFailed, StageStarted
from orchestrator.guest import accel
from orchestrator.guest.command_line import Machine
from orchestrator.guest.qemu import guest
from orchestrator.measure import debugged, memory, pace, profiled, provenance, region, results, selftests, timings
from orchestrator.measure.boot import Task, measure, with_noted
from orchestrator.measure.session import keyed
from orchestrator.measure.trial import Trial
from orchestrator.model import (
    MEMORY,
    Arch,
    Boot,
    BootResult,
    KernelArtifact,
    Limits,
    Measure,
    Provenance,
    Testing,
    Watching,
    Workload,
)
from orchestrator.runs import account_files, debug_file, selftest_file
from orchestrator.runs.folder import RunFolder
from orchestrator.store import Store


@contextmanager
def stage(bus: Bus, store: Store, subject: str, name: Stage, timing: str) -> Iterator[None]:
    """Tell of a stage's start, with last time's duration as the estimate, and of its end."""
    bus.emit(StageStarted(subject, name, timings.recall(store, timing)))
    start = time.monotonic()
    try:
        yield
    except KmatrixError as error:
        if error.left_out:
            bus.emit(StageDone(subject, name, round(time.monotonic() - start, 3)))
            bus.emit(Note(subject, f"not there: {error.message}"))
        else:
            bus.emit(StageFailed(subject, name, error.message, error.status))
        raise
    seconds = round(time.monotonic() - start, 3)
    bus.emit(StageDone(subject, name, seconds))
    with suppress(OSError):  # an estimate is not worth a result
        store.remember(timings.KIND, timing, seconds)


@dataclass(frozen=True)
class Parts:
    """What a boot needs, once it is there. known: the cell's provenance before that; host: this machine, in words."""

    kernel: KernelArtifact
    initrd: Path
    tool: Tool
    known: Provenance
    host: str


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
    fresh: bool = False  # nothing is taken from the store of results
    reach: bool = False  # what of the kernel runs is noted
    memory: bool = False  # what is loaded and stored is told
    unsandboxed: bool = False  # whoever says so trusts every kernel
    _probing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _broken: dict[str, KmatrixError] = field(default_factory=dict)  # what shared guests ended with, by snapshot

    async def image(self, arch: Arch) -> Path:
        """The guest image; each boot adds keys of its own."""
        return await initramfs.image(self.store, arch, self.images, self.refresh)

    async def task(self, boot: Boot, parts: Parts, niceness: int = 0, notes: Sequence[str] = ()) -> Task:
        """All that the boot needs, and so all that its figures rest on. notes: of attempts before this one."""
        workload, arch = boot.cell.workload, boot.cell.arch
        mine = self.measure.of(workload)
        version = await accel.qemu_version(arch)
        accel.refuse_several(version, mine)
        vouched = trusted(boot.cell.kernel.patches)
        choice = await self._accelerator(arch, mine, parts.kernel, parts.initrd, vouched)
        machine = await self._machine(arch, choice.accel, mine, parts.kernel, parts.initrd, vouched, workload)
        exact = self.measure.exact(workload)
        host = "" if exact else parts.host
        booted = f"booted for these passes: QEMU cannot go on from a snapshot of {arch.name}"
        blocks = None
        if (self.reach or self.memory) and not region.uncounted(mine, arch.marks, arch.name):
            blocks = await self._blocks(version)
        rests_on = provenance.complete(parts.known, parts.kernel, parts.tool, machine, version, host)
        return Task(
            boot=boot,
            machine=machine,
            tool=parts.tool,
            provenance=rests_on,
            measure=mine,
            limits=self.limits,
            store=self.store,
            scratch=self.scratch,
            folder=self.folder.boot(boot.cell.id, boot.number),
            tell=lambda name: self.bus.emit(Progress(boot.id, Stage(name))),
            notes=(
                *((choice.note,) if choice.note else ()),
                *([booted] if exact and not arch.snapshots else []),
                *notes,
            ),
            memory=self.memory,
            niceness=niceness,
            blocks=blocks,
            kernel=parts.kernel,
            pace=pace.of(self.store, arch.name, rests_on),
            broken=self._broken,
        )

    async def _blocks(self, qemu: str) -> Path | None:
        """The plugin that notes what runs; without it figures are what they are, and what ran is not known."""
        try:
            return await plugin.plugin(self.store, qemu, plugin.BLOCKS)
        except InfraError as error:
            self.bus.emit(Note("reach", f"{error.message} {error.hint}".strip()))
            return None

    async def boot(self, task: Task) -> BootResult:
        """One boot's result: of an earlier start of this run, of the store where figures are exact, or measured.

        Whoever wants no snapshots wants a boot each time, and one that nobody goes on from again is not kept.
        """
        boot = task.boot
        repeats = self.measure.exact(boot.cell.workload) and self.measure.snapshots
        result = self.folder.load_boot(boot.cell.id, boot.number)
        if result is not None and same(result, task.provenance):
            return await self._whole(task, await with_noted(task, result), repeats)
        if repeats and not self.fresh and (found := await results.take(self.store, task)):
            found = await with_noted(task, found)
            self.folder.save_boot(boot.cell.id, found)
            if task.pace:
                task.pace.learn_old(found.seconds)
            return await self._whole(task, found, repeats)
        with stage(self.bus, self.store, boot.id, Stage.MEASURE, timings.of_boot(boot.cell.arch.name)):
            result = await measure(task)
        self.folder.save_boot(boot.cell.id, result)
        if repeats:
            results.keep(self.store, task, result)
        return await self._whole(task, result, repeats)

    async def _whole(self, task: Task, result: BootResult, repeats: bool) -> BootResult:
        """With what it loads and stores, if that is asked; else without, whoever asked before."""
        if not self.memory:
            return replace(
                result, costs={name: n for name, n in result.costs.items() if name not in MEMORY}, unseen=()
            )
        boot = task.boot
        if why := memory.impossible(task):
            if boot.number == 0:
                self.bus.emit(Note(boot.cell.id, f"what it loads and stores is not told: {why}"))
            return result
        if memory.known(task, result):
            return result
        with stage(self.bus, self.store, f"{boot.id} memory", Stage.PROFILE, f"memory-{boot.id}"):
            result = await memory.with_memory(task, result)
        self.folder.save_boot(boot.cell.id, result)
        if repeats and memory.known(task, result):
            results.keep(self.store, task, result)
        return result

    async def profiled(self, task: Task, kernel: KernelArtifact, result: BootResult) -> None:
        """The cell's account, of just what its figures are of; without it the cell is what it is, so what is kept is
        why there is none."""
        cell = task.boot.cell.id
        changed = "" if same(result, task.provenance) else "what it rests on is another by now"
        if self.memory and account_files.taken(self.folder, cell):  # all else is there, and stays
            with stage(self.bus, self.store, f"{cell} memory", Stage.PROFILE, f"memory-{task.boot.id}"):
                await profiled.add_memory(task, result, changed)
            return
        if why := profiled.impossible(task) or changed:
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

    async def watched(
        self, its: Watching, kernel: KernelArtifact, initrd: Path, tools: Mapping[str, Tool], niceness: int = 0
    ) -> Observation:
        """What a kernel that watches itself says while its workloads run. tools: of those that there are."""
        arch, folder = its.build.arch, self.folder.path / debug_file.place(its)
        lost = {one.name: debugged.left_out(one, one.name in tools) for one in its.workloads}
        workloads = tuple(one for one in its.workloads if not lost[one.name])
        machine = debugged.machine(arch, self.measure, workloads, kernel.image, initrd)
        trial = await self._trial(kernel, machine, its.of.patches, folder, niceness, debugged.MORE_TIME)
        task = debugged.Task(trial, workloads, tools)
        with stage(self.bus, self.store, its.id, Stage.DEBUG, timings.of_watching(arch.name, its.lines)):
            seen = await debugged.watched(task, self.fresh)
        out = {name: Ended(how=How.ABSENT, why=why) for name, why in lost.items() if why}
        return {**seen, "ran": {**seen["ran"], **out}}

    async def selftested(
        self,
        its: Testing,
        kernel: KernelArtifact,
        initrd: Path,
        programs: Programs,
        number: int,
        niceness: int = 0,
    ) -> Outcomes:
        """What the kernel's own tests come to in it."""
        build = its.build
        machine = selftests.machine(build.arch, its.selftests, kernel.image, initrd)
        folder = self.folder.path / selftest_file.place(build.id, number)
        trial = await self._trial(kernel, machine, build.kernel.patches, folder, niceness)
        task = selftests.Task(trial, programs, its.selftests, number)
        with stage(self.bus, self.store, build.id, Stage.SELFTEST, timings.of_selftests(build.arch.name)):
            return await selftests.tried(task, self.fresh)

    async def _trial(
        self,
        kernel: KernelArtifact,
        machine: Machine,
        patches: Sequence[Path],
        folder: Path,
        niceness: int,
        more_time: float = 1,
    ) -> Trial:
        """Sealed off as guests that are measured are. more_time: times the limit to become ready."""
        sealed = replace(machine, sealed=not self.unsandboxed, vouched=trusted(patches))
        limits = replace(self.limits, ready=self.limits.ready * more_time)
        qemu = await accel.qemu_version(machine.arch)
        return Trial(kernel, sealed, limits, self.store, self.scratch, folder, qemu, niceness)

    async def _machine(
        self,
        arch: Arch,
        name: str,
        measure: Measure,
        kernel: KernelArtifact,
        initrd: Path,
        vouched: bool,
        workload: Workload | None = None,
    ) -> Machine:
        memory = max(measure.memory_mib, workload.memory_mib if workload else 0)
        wanted = workload.disk if workload else None
        image = await disk.image(self.store, wanted) if wanted else None
        return Machine(
            arch, name, measure.clock, memory, measure.cpus, kernel.image, initrd, wanted, image,
            nodes=workload.nodes if workload else 1, sealed=not self.unsandboxed, vouched=vouched,
        )  # fmt: skip

    async def _accelerator(
        self, arch: Arch, measure: Measure, kernel: KernelArtifact, initrd: Path, vouched: bool
    ) -> accel.Choice:
        async def boots() -> None:
            limits = replace(self.limits, ready=accel.PROBE_SECONDS)
            folder = self.folder.path / "kvm-probe" / arch.name
            folder.mkdir(parents=True, exist_ok=True)
            image, _ = await keyed(initrd, self.scratch / f"probe-{arch.name}.cpio")
            machine = await self._machine(arch, "kvm", measure, kernel, image, vouched)
            async with guest(machine, limits, folder) as running:
                await running.ready()

        async with self._probing:
            return await accel.choose(arch, measure, self.store, boots)


def same(result: BootResult, now: Provenance) -> bool:
    """Is this result of just this? One of before provenance was kept says less."""
    if result.provenance:
        return result.provenance == provenance.key(now)
    its = (result.kernel_key, result.workload_sha256, result.accel, result.qemu)
    return its == (now.kernel.key, now.workload.program, now.machine.accel, now.machine.qemu)
