# SPDX-License-Identifier: GPL-2.0-or-later
"""One boot of a cell, top to bottom: start the guest, push the workload, run it, decode what it printed."""

from __future__ import annotations

import asyncio
import re
import shlex
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator import snapshots
from orchestrator.build import initramfs
from orchestrator.errors import InfraError, TimedOut, WorkloadFailed
from orchestrator.guest import keys
from orchestrator.guest.command_line import Machine
from orchestrator.guest.console import OUT_OF_MEMORY
from orchestrator.guest.keys import Keys
from orchestrator.guest.qemu import Guest, guest
from orchestrator.guest.shell import Output, Shell
from orchestrator.model import Boot, BootResult, Clock, Limits, Measure
from orchestrator.passes import decode
from orchestrator.snapshots import Snapshot
from orchestrator.store import Store, sha256

REMOTE = "/tmp/workload"
SILENCE = 0.05  # seconds after the last word of a workload that starts: every packet has arrived


@dataclass(frozen=True)
class Task:
    """All that one boot needs. folder gets the boot's files; tell is called with each stage's name."""

    boot: Boot
    machine: Machine  # its initrd is without keys
    binary: Path
    kernel_key: str
    qemu: str  # its version
    measure: Measure  # as this workload needs it
    limits: Limits
    store: Store
    scratch: Path
    folder: Path
    tell: Callable[[str], None]
    notes: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """One CPU under the instruction clock, and no device that keeps its own time."""
        return self.measure.clock is Clock.ICOUNT and self.measure.cpus == 1 and self.machine.disk is None


@dataclass
class _Stages:
    """Host seconds by stage."""

    tell: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.tell(name)
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0) + time.monotonic() - start, 3)


async def measure(task: Task) -> BootResult:
    """All passes of one boot. Raises KernelBroke, WorkloadFailed, TimedOut or InfraError.

    Where all is exact, the boot is done once, warm-up included, and kept: each counted pass starts from that
    snapshot. Else all passes follow each other in one guest.
    """
    stages = _Stages(task.tell)
    if task.exact and task.measure.snapshots:
        return await _from_snapshot(task, stages)
    counts = (task.measure.warmup, task.measure.passes)
    initrd, made = await _keyed(task, task.scratch / f"{task.boot.id.replace('/', '-')}.cpio")
    async with _started(task, replace(task.machine, initrd=initrd), task.folder) as running:
        shell = await _prepared(running, task, made, stages)
        try:
            with stages.stage("measure"):
                output = await _run(running, shell, task, sum(counts))
        finally:
            shell.close()
    return _result(task, stages, [(output.stdout, sum(counts))], running.argv, running.notes)


async def _from_snapshot(task: Task, stages: _Stages) -> BootResult:
    snapshot = await _snapshot(task, stages)
    (task.folder / "qemu.txt").write_text(snapshot.command)
    (task.folder / "console.log").write_text(snapshot.console)
    machine = replace(task.machine, initrd=snapshot.initrd, state=snapshot.state)
    folder = task.folder / "counted"
    folder.mkdir(exist_ok=True)
    try:
        async with _started(task, machine, folder) as running:
            with stages.stage("login"):
                shell = await running.shell(snapshot.keys)
            try:
                with stages.stage("measure"):
                    output = await _run(running, shell, task, task.measure.passes)
            finally:
                shell.close()
    except InfraError:
        snapshots.discard(task.store, snapshot)  # it may be the snapshot: another try makes a new one
        raise
    warmup = [(snapshot.warmup, task.measure.warmup)] if task.measure.warmup else []
    outputs = [*warmup, (output.stdout, task.measure.passes)]
    return _result(task, stages, outputs, running.argv, running.notes)


async def _snapshot(task: Task, stages: _Stages) -> Snapshot:
    """From the store; else made."""
    args = (*task.boot.cell.workload.args, str(task.measure.warmup))
    name = snapshots.key(task.machine, task.qemu, task.kernel_key, task.binary, args, task.boot.number)
    async with task.store.lock(f"snapshot-{name}"):
        if found := snapshots.find(task.store, name):
            return found
        with task.store.publish(snapshots.KIND, name) as folder:
            await _make_snapshot(task, stages, folder)
        snapshots.prune(task.store)
        made = snapshots.find(task.store, name)
    if made is None:
        raise InfraError("the snapshot is gone as soon as it was made", kind="snapshot")
    return made


async def _make_snapshot(task: Task, stages: _Stages, folder: Path) -> None:
    initrd, made = await _keyed(task, folder / "initramfs.cpio")
    warmup = ""
    async with _started(task, replace(task.machine, initrd=initrd), task.folder) as running:
        shell = await _prepared(running, task, made, stages)
        try:
            if task.measure.warmup:
                with stages.stage("warm-up"):
                    warmup = (await _run(running, shell, task, task.measure.warmup)).stdout
        finally:
            shell.close()
        if warmup:
            decode(warmup, task.boot.cell.workload.metrics, task.measure.warmup)  # rubbish is not kept
        with stages.stage("snapshot"):
            await running.save(folder / "state")
    command = snapshots.command_text(running.argv)
    snapshots.write(Snapshot(folder, made, warmup, running.console.text, command, dict(stages.seconds)))


async def _keyed(task: Task, out: Path) -> tuple[Path, Keys]:
    """The guest image with new keys in it."""
    made = keys.make()
    return await initramfs.with_files(task.machine.initrd, made.guest_files, out), made


@asynccontextmanager
async def _started(task: Task, machine: Machine, folder: Path) -> AsyncIterator[Guest]:
    """A guest; a kernel that broke is told even if the workload ended well."""
    async with guest(machine, task.limits, folder) as running:
        (folder / "qemu.txt").write_text(snapshots.command_text(running.argv))
        yield running
    if broken := running.broken():  # after the last pass, or without an end: it was not a clean run
        raise broken


async def _prepared(running: Guest, task: Task, made: Keys, stages: _Stages) -> Shell:
    """Booted, logged in, the workload pushed."""
    with stages.stage("boot"):
        await running.ready()
    with stages.stage("login"):
        shell = await running.shell(made)
    try:
        with stages.stage("push"):
            await _push(running, shell, task)
    except BaseException:
        shell.close()
        raise
    return shell


def _result(
    task: Task, stages: _Stages, outputs: list[tuple[str, int]], argv: list[str], notes: list[str]
) -> BootResult:
    """outputs are what the workload printed, with the number of passes that each must hold."""
    (task.folder / "work.out").write_text("".join(text for text, _ in outputs))
    metrics = task.boot.cell.workload.metrics
    return BootResult(
        number=task.boot.number,
        accel=task.machine.accel,
        qemu=task.qemu,
        cpu=task.machine.arch.cpu[task.machine.accel],
        command=tuple(argv),
        warmup=task.measure.warmup,
        passes=tuple(sample for text, passes in outputs for sample in decode(text, metrics, passes)),
        kernel_key=task.kernel_key,
        workload_sha256=sha256(task.binary),
        seconds=stages.seconds,
        notes=(*task.notes, *notes),
    )


async def _push(running: Guest, shell: Shell, task: Task) -> None:
    """Copy the workload; the guest's own sha256 must be the host's."""
    limit = task.limits.ready
    await running.during(shell.push(task.binary, REMOTE, limit), limit, "did not take the workload", "push")
    told = await running.during(shell.run(f"sha256sum {REMOTE}", limit), limit, "did not answer", "push")
    want, got = sha256(task.binary), told.stdout.split(" ")[0]
    if got != want:
        raise InfraError(f"the workload arrived with sha256 {got}, sent was {want}", kind="push", log=told.stderr)


async def _run(running: Guest, shell: Shell, task: Task, passes: int) -> Output:
    """All passes. Under the instruction clock the workload waits at the gate until the connection is silent."""
    workload = task.boot.cell.workload
    icount = task.measure.clock is Clock.ICOUNT
    options = ["--gate", "/dev/console"] if icount else ["--phase", "0"]
    command = shlex.join([REMOTE, *workload.args, *options, "--passes", str(passes)])
    limit = task.limits.work
    at_gate = asyncio.Event()
    loop = asyncio.get_running_loop()
    opening = asyncio.create_task(_open_gate(running, at_gate))
    try:
        work = shell.run(command, limit + 5, lambda text: loop.call_soon_threadsafe(at_gate.set))
        output = await running.during(work, limit, f"did not finish {workload.name}", "hang")
    except TimedOut as error:
        error.log = error.log or "the console is empty"
        raise
    finally:
        opening.cancel()
    if output.code:
        raise _failed(workload.name, output, running.console.text)
    return output


async def _open_gate(running: Guest, at_gate: asyncio.Event) -> None:
    await at_gate.wait()
    await asyncio.sleep(SILENCE)
    await running.console.say("\n")


def _failed(name: str, output: Output, console: str) -> WorkloadFailed:
    killed = OUT_OF_MEMORY.search(console)
    if killed:
        rows = [row for row in console.splitlines() if re.search("out of memory|oom|Killed process", row, re.I)]
        return WorkloadFailed(
            f"the guest ran out of memory and killed {killed['name']}",
            kind="guest_oom",
            hint="raise measure.memory_mib in matrix.yaml or memory_mib in the workload's file",
            log="\n".join(rows[-10:]),
        )
    how = f"with exit status {output.code}" if output.code > 0 else "by a signal"
    last = output.stderr.strip().splitlines()[-1:] or ["it said nothing"]
    return WorkloadFailed(
        f"{name} ended {how}: {last[0]}",
        kind="workload",
        hint="the workload's own words are in the log",
        log=output.stderr[-2000:],
    )
