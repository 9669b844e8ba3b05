# SPDX-License-Identifier: GPL-2.0-or-later
"""One boot of a cell, top to bottom: start the guest, push the workload, run it, decode what it printed."""

from __future__ import annotations

import asyncio
import math
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.build.guest_tools import Tool
from orchestrator.errors import InfraError, KernelBroke, KmatrixError, TimedOut, WorkloadFailed
from orchestrator.guest.command_line import Machine, Plugin
from orchestrator.guest.keys import Keys
from orchestrator.guest.qemu import Guest, guest
from orchestrator.guest.shell import Output, Shell
from orchestrator.measure import addresses, dialogue, noted, snapshots
from orchestrator.measure.dialogue import Dialogue
from orchestrator.measure.pace import Pace
from orchestrator.measure.passes import decode, told
from orchestrator.measure.provenance import key
from orchestrator.measure.session import keyed
from orchestrator.measure.snapshots import Snapshot, command_text
from orchestrator.measure.watch import Watch
from orchestrator.model import Boot, BootResult, Clock, KernelArtifact, Limits, Measure, PassSample, Provenance
from orchestrator.store import Store, sha256

MEASURE_CPU = "measure (CPU)"  # beside the stages: QEMU's CPU time while it measures
LOGIN = 10.0  # seconds in which a guest that took a login before must take another


@dataclass(frozen=True)
class Task:
    """All that one boot needs. folder gets the boot's files; tell is called with each stage's name."""

    boot: Boot
    machine: Machine  # its initrd is without keys
    tool: Tool
    provenance: Provenance
    measure: Measure  # as this workload needs it
    limits: Limits
    store: Store
    scratch: Path
    folder: Path
    tell: Callable[[str], None]
    notes: tuple[str, ...] = ()
    plugin: Plugin | None = None  # of the QEMU that counts
    blocks: Path | None = None  # the plugin that notes what of the kernel runs; None: nobody asks
    memory: bool = False  # is it asked what is loaded and stored?
    niceness: int = 0  # of its QEMU
    kernel: KernelArtifact | None = None  # whose symbols tell where a guest is that does not go on
    pace: Pace | None = None  # what such boots take; None: but for its limits it may take what it takes
    broken: dict[str, KmatrixError] = field(
        default_factory=dict
    )  # by snapshot, what making it ended with: all share it

    @property
    def dialogue(self) -> Dialogue:
        """What is said to the workload, and what it says."""
        return dialogue.of(self.boot.cell.workload, self.measure)


@dataclass
class _Stages:
    """Host seconds by stage; watch: who ends a guest that does not go on."""

    tell: Callable[[str], None]
    watch: Watch | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.tell(name)
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0) + time.monotonic() - start, 3)

    @asynccontextmanager
    async def watched(self, name: str, running: Guest, limit: float = math.inf) -> AsyncIterator[None]:
        """A stage of this guest. limit (s): at which somebody else ends it."""
        with self.stage(name):
            async with self.watch.during(name, running, limit) if self.watch else nullcontext():
                yield

    def learn(self) -> None:
        """All stages so far were well, and took what they take."""
        if self.watch:
            self.watch.learn()


def _stages(task: Task) -> _Stages:
    kernel, pace, cell = task.kernel, task.pace, task.boot.cell
    if kernel is None or pace is None:
        return _Stages(task.tell)
    skips_idle = task.measure.clock is Clock.ICOUNT and cell.workload.disk is None
    return _Stages(task.tell, Watch(cell.arch, cell.workload.name, kernel, pace, skips_idle))


async def measure(task: Task) -> BootResult:
    """All passes of one boot. Raises KernelBroke, WorkloadFailed, TimedOut or InfraError.

    Where all is exact, a boot is done once, warm-up included: its snapshot is kept, and the counted passes go on
    from there. Else, and on an arch that has no snapshots, the same guest goes on.
    """
    stages = _stages(task)
    own = task.scratch / task.boot.id.replace("/", "-")
    own.mkdir()
    try:
        result = await _measured(task, stages, own)
    finally:
        shutil.rmtree(own, ignore_errors=True)
    stages.learn()
    return result


async def once_more(task: Task, plugin: Plugin, folder: Path) -> BootResult:
    """A counted pass of the boot, from the same state, under a plugin; its files are in the folder."""
    one = replace(task.measure, passes=1)
    return await measure(replace(task, plugin=plugin, blocks=None, pace=None, measure=one, folder=folder))


async def _measured(task: Task, stages: _Stages, own: Path) -> BootResult:
    """own: a folder for what nobody needs afterwards."""
    if task.measure.exact(task.boot.cell.workload) and task.boot.cell.arch.snapshots:
        return await _restored(task, stages, own)
    initrd, made = await keyed(task.machine.initrd, own / "initramfs.cpio")
    async with (
        _plugin(task, own, began=True) as plugin,
        _started(task, replace(task.machine, initrd=initrd, plugin=plugin), task.folder) as running,
    ):
        await _prepare(running, task, made, stages)
        await running.console.say(task.dialogue.answer)
        output = await _count(running, task, made, stages)
    return await with_noted(task, _result(task, stages, output, running))


async def _restored(task: Task, stages: _Stages, own: Path) -> BootResult:
    """The counted passes, from a snapshot: a kept one, or one made for this alone. The way there is the same."""
    snapshot = await (_kept(task, stages, own) if task.measure.snapshots else _make(task, stages, own, own))
    (task.folder / "qemu.txt").write_text(snapshot.command)
    (task.folder / "console.log").write_text(snapshot.console)
    machine = replace(task.machine, initrd=snapshot.initrd, state=snapshot.state)
    try:
        async with (
            _plugin(task, own, began=not task.dialogue.warm) as plugin,
            _started(task, replace(machine, plugin=plugin), task.folder / "counted", task.dialogue.answer) as running,
        ):
            output = await _count(running, task, snapshot.keys, stages)
        if task.blocks and (snapshot.folder / noted.SEEN).is_file():
            noted.add_seen(snapshot.folder, task.folder)
    except InfraError:
        if task.measure.snapshots and not task.plugin:  # with one of those it was good before
            task.store.refuse(snapshots.KIND, snapshot.folder.name)  # it may be at fault: another try makes a new one
        raise
    return await with_noted(task, _result(task, stages, output, running))


async def _kept(task: Task, stages: _Stages, own: Path) -> Snapshot:
    """From the store; else made, as is one of which nobody noted what ran before it."""
    name = snapshots.key(task.machine, task.provenance, task.dialogue.started, task.boot.number)
    async with task.store.lock(f"snapshot-{name}"):
        if found := await snapshots.find(task.store, name):
            if not task.blocks or (found.folder / noted.SEEN).is_file():
                if task.pace:
                    task.pace.learn_old(found.seconds)
                return found
            task.store.refuse(snapshots.KIND, name)
        if name in task.broken:
            raise task.broken[name]
        try:
            with task.store.publish(snapshots.KIND, name) as folder:
                await _make(task, stages, folder, own)
        except (KernelBroke, TimedOut) as error:
            task.broken[name] = error
            raise
        snapshots.prune(task.store)
        done = await snapshots.find(task.store, name)
    if done is None:
        raise InfraError("the snapshot was gone as soon as it was made", kind="snapshot")
    return done


async def _make(task: Task, stages: _Stages, folder: Path, own: Path) -> Snapshot:
    """Boot, push, warm up, and save into the folder."""
    initrd, made = await keyed(task.machine.initrd, folder / "initramfs.cpio")
    notes = _notes(task, own)
    async with (
        notes.until_the_gate(folder) if notes else nullcontext(None) as plugin,
        _started(task, replace(task.machine, initrd=initrd, plugin=plugin), task.folder) as running,
    ):
        await _prepare(running, task, made, stages)
        with stages.stage("snapshot"):
            await running.save(folder / "state")
    command = command_text(running.argv)
    snapshot = Snapshot(folder, made, running.console.text, command, dict(stages.seconds))
    snapshots.write(snapshot)
    return snapshot


def _notes(task: Task, own: Path) -> noted.Notes | None:
    """What notes what runs, if somebody asks. own: a folder, in which it gets one for what it writes."""
    marks, raw = task.boot.cell.arch.marks, own.resolve() / "noted"
    if not (task.blocks and marks):
        return None
    raw.mkdir(exist_ok=True)
    known = addresses.places_of(task.kernel, task.boot.cell.arch).interrupts if task.kernel else ()
    return noted.Notes(task.blocks, task.tool.files, marks, raw, known)


def _plugin(task: Task, own: Path, began: bool = False) -> AbstractAsyncContextManager[Plugin | None]:
    """That of a QEMU that counted passes run in. began: the workload begins in it, and warms up, too."""
    notes = _notes(task, own)
    if task.plugin or not notes:
        return nullcontext(task.plugin)
    return notes.of_passes(task.folder, task.measure.warmup if began else 0, began)


@asynccontextmanager
async def _started(task: Task, machine: Machine, folder: Path, said: str = "") -> AsyncIterator[Guest]:
    """A guest; a kernel that broke is told even if the workload ended well."""
    folder.mkdir(exist_ok=True)
    async with guest(machine, task.limits, folder, said, task.niceness) as running:
        (folder / "qemu.txt").write_text(command_text(running.argv))
        yield running
    if broken := running.broken():  # after the last pass, or without an end: it was not a clean run
        raise broken


async def _prepare(running: Guest, task: Task, made: Keys, stages: _Stages) -> None:
    """Boot, push the workload, start it; until it has warmed up and waits at the gate."""
    async with stages.watched("boot", running, task.limits.ready):
        await running.ready()
    async with stages.watched("login", running):
        shell = await running.shell(made)
    try:
        async with stages.watched("push", running):
            await _push(running, shell, task)
            limit = task.limits.ready
            await running.during(shell.run(task.dialogue.launch, limit), limit, "did not start the workload", "push")
    finally:
        shell.close()
    async with stages.watched("warm-up", running, task.limits.work):
        await _until(running, task, running.console.gate, running.console.ended)
    if running.console.ended.is_set():
        output = await _fetch(running, task, made, stages)  # raises if it failed
        if task.dialogue.warm:
            _decoded(task, output)  # or is no result
        raise WorkloadFailed("the workload ended before its passes", kind="rubbish", log=output[-1000:])
    stages.learn()  # other kernels that boot meanwhile are measured by it


async def _count(running: Guest, task: Task, made: Keys, stages: _Stages) -> str:
    """The gate is open; when the workload has ended, what it printed."""
    before = running.cpu_seconds()
    async with stages.watched("measure", running, task.limits.work):
        await _until(running, task, running.console.ended)
    stages.seconds[MEASURE_CPU] = round(running.cpu_seconds() - before, 2)
    console = running.console.text
    if task.dialogue.by_console:
        return _well(task, dialogue.written(console), console)
    if output := dialogue.packed(console):
        return _well(task, output, console)
    return await _fetch(running, task, made, stages)


async def _until(running: Guest, task: Task, *events: asyncio.Event) -> None:
    """The first of what the console tells; else TimedOut."""

    async def first() -> None:
        waiting = [asyncio.create_task(event.wait()) for event in events]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()

    try:
        name = task.boot.cell.workload.name
        await running.during(first(), task.limits.work, f"did not finish {name}", "hang")
    except TimedOut as error:
        error.log = error.log or "the console is empty"
        raise


async def _fetch(running: Guest, task: Task, made: Keys, stages: _Stages) -> str:
    """What the workload printed. WorkloadFailed when it did not end well."""
    async with stages.watched("fetch", running):
        try:
            shell = await running.shell(made, LOGIN)
        except InfraError as error:
            what = f"the SSH connection was lost: no login after the passes ({error.message})"
            raise InfraError(what, kind="ssh_lost") from error
        try:
            limit = task.limits.ready
            fetched = shell.run(dialogue.FETCH, limit)
            output = await running.during(fetched, limit, "did not give the results", "fetch")
        finally:
            shell.close()
    return _well(task, output, running.console.text)


def _well(task: Task, output: Output, console: str) -> str:
    """What a workload that ended well printed."""
    if output.stderr:
        (task.folder / "work.err").write_text(output.stderr)
    if output.code:
        raise dialogue.failure(task.boot.cell.workload, output, console)
    return output.stdout


async def _push(running: Guest, shell: Shell, task: Task) -> None:
    """Copy the workload; the guest's own sha256 must be the host's."""
    limit = task.limits.ready
    for file, place in task.tool.pushed:
        await running.during(shell.push(file, place, limit), limit, "did not take the workload", "push")
        told = await running.during(shell.run(f"sha256sum {place}", limit), limit, "did not answer", "push")
        want, got = sha256(file), told.stdout.split(" ")[0]
        if got != want:
            raise InfraError(f"the workload arrived with sha256 {got}, sent was {want}", kind="push", log=told.stderr)


def _result(task: Task, stages: _Stages, output: str, running: Guest) -> BootResult:
    (task.folder / "work.out").write_text(output)
    its, passes = task.provenance, _decoded(task, output)
    return BootResult(
        number=task.boot.number,
        accel=task.machine.accel,
        qemu=its.machine.qemu,
        cpu=its.machine.cpu,
        command=tuple(running.argv),
        warmup=task.measure.warmup,
        passes=passes,
        kernel_key=its.kernel.key,
        workload_sha256=its.workload.program,
        seconds=stages.seconds,
        notes=(*task.notes, *running.notes),
        said=told(output, task.boot.cell.workload.metrics, passes),
        provenance=key(its),
    )


async def with_noted(task: Task, result: BootResult) -> BootResult:
    """With what hardware pays for in a counted pass, and calls of functions of which they are expected, if somebody
    noted what ran. What an earlier run has kept is told anew where other classes, or calls, are asked for by now."""
    if not (task.blocks and task.kernel):
        return result
    arch, files, called = task.boot.cell.arch, task.tool.files, task.boot.cell.workload.called
    known, classes = addresses.places_of(task.kernel, arch), noted.classes(arch)
    if result.classes != classes:
        units = result.passes[-1].units
        costs = await asyncio.to_thread(noted.costs, task.folder, arch, files, known, units)
        result = replace(result, costs=costs, classes=classes)
    if called:
        result = replace(result, calls=await asyncio.to_thread(noted.calls, task.folder, called, files, known))
    return result


def _decoded(task: Task, output: str) -> tuple[PassSample, ...]:
    return decode(output, task.boot.cell.workload.metrics, task.measure.warmup + task.measure.passes)
