# SPDX-License-Identifier: GPL-2.0-or-later
"""One measurement, top to bottom: start the guest, push the workload, run it, decode what it printed."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import InfraError, TimedOut, WorkloadFailed
from orchestrator.guest.command_line import Machine
from orchestrator.guest.console import OUT_OF_MEMORY
from orchestrator.guest.keys import Keys
from orchestrator.guest.qemu import Guest, guest
from orchestrator.guest.shell import Output, Shell
from orchestrator.model import Boot, BootResult, Limits, Measure
from orchestrator.passes import decode
from orchestrator.store import sha256

REMOTE = "/tmp/workload"


@dataclass(frozen=True)
class Task:
    """All that one boot needs. folder gets the boot's files; tell is called with each stage's name."""

    boot: Boot
    machine: Machine
    binary: Path
    kernel_key: str
    qemu: str  # its version
    measure: Measure
    limits: Limits
    keys: Keys
    folder: Path
    tell: Callable[[str], None]
    notes: tuple[str, ...] = ()


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
            self.seconds[name] = round(time.monotonic() - start, 3)


async def measure(task: Task) -> BootResult:
    """Boot once, run all passes. Raises KernelBroke, WorkloadFailed, TimedOut or InfraError."""
    stages = _Stages(task.tell)
    passes = task.measure.warmup + task.measure.passes
    async with guest(task.machine, task.limits, task.folder) as running:
        (task.folder / "qemu.txt").write_text(shlex.join(running.argv) + "\n")
        with stages.stage("boot"):
            await running.ready()
        with stages.stage("login"):
            shell = await running.shell(task.keys)
        try:
            with stages.stage("push"):
                await _push(running, shell, task)
            with stages.stage("measure"):
                output = await _run(running, shell, task, passes)
        finally:
            shell.close()
    if broken := running.broken():  # after the last pass, or without an end: it was not a clean run
        raise broken
    (task.folder / "work.out").write_text(output.stdout)
    return BootResult(
        number=task.boot.number,
        accel=task.machine.accel,
        qemu=task.qemu,
        cpu=task.machine.arch.cpu[task.machine.accel],
        command=tuple(running.argv),
        warmup=task.measure.warmup,
        passes=decode(output.stdout, task.boot.cell.workload.metrics, passes),
        kernel_key=task.kernel_key,
        workload_sha256=sha256(task.binary),
        seconds=stages.seconds,
        notes=(*task.notes, *running.notes),
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
    workload = task.boot.cell.workload
    command = shlex.join([REMOTE, *workload.args, "--passes", str(passes)])
    limit = task.limits.work
    try:
        output = await running.during(shell.run(command, limit + 5), limit, f"did not finish {workload.name}", "hang")
    except TimedOut as error:
        error.log = error.log or "the console is empty"
        raise
    if output.code:
        raise _failed(workload.name, output, running.console.text)
    return output


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
