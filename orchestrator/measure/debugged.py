# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels that watch themselves: boot one, let workloads run in it, and keep what it says. Nothing is measured.

Each workload runs once as it is, and then some times with one allocation of its region failing. KASAN and lockdep say
one thing a boot, who hangs or panics does nothing more: the rest runs in another boot.
"""

from __future__ import annotations

import asyncio
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter

from orchestrator.analyse.findings import BOOTS, BROKE, DOWN, LOST, NO_END, RAN, Ended, How, Observation
from orchestrator.build.guest_tools import EMPTY_DISK, Tool, arguments
from orchestrator.collectors import known as collectors
from orchestrator.config.debug import MORE_MEMORY
from orchestrator.errors import InfraError, KernelBroke, KmatrixError, TimedOut, WorkloadFailed
from orchestrator.guest import reports
from orchestrator.guest.command_line import Machine
from orchestrator.guest.console import tail
from orchestrator.guest.qemu import Guest
from orchestrator.guest.reports import Report
from orchestrator.guest.shell import Output, Shell
from orchestrator.measure.passes import decode
from orchestrator.measure.report_places import decoded
from orchestrator.measure.trial import Trial
from orchestrator.model import Arch, Clock, Measure, Workload
from orchestrator.registry import numberless
from orchestrator.store import digest

FORMAT = 5  # of what is kept, and how it is come by and read
KIND = "debug"  # in the store, and in a run folder
MORE_TIME = 5  # times the limit for others, to become ready
NTH = (1, 2, 3, 5, 8)  # allocation of a workload's region that fails, one of them each time it runs
_QUIET, _PATIENCE = 0.05, 100  # seconds in which a console that has more to say says it; how often it gets them
_LOOK = 0.5  # seconds between two looks at the console of a workload that runs
_LATE = {"hang": 10.0, "lock_imbalance": 30.0, "deadlock": 30.0}  # seconds that it gets after that
_EXPLAIN = {*reports.DEADLY, *_LATE}  # kinds of reports after which a guest may end, or hang
_LACKS = 4  # exit status of a workload that does not find what it is about
_FEWER = "kmatrix: fewer allocations"  # as guest-tools/adapters/failing.c says it
_PLACE = "/tmp/workloads"
# All is said on the console; who waits for ten seconds hangs. Allocations that may wait can fail, too; a kernel
# without fault injection has no such files.
_PREPARE = f"""mkdir -p {_PLACE}
echo 8 >/proc/sys/kernel/printk
echo 10 >/proc/sys/kernel/hung_task_timeout_secs
mount -t debugfs debugfs /sys/kernel/debug
for what in failslab fail_page_alloc; do
    cd /sys/kernel/debug/$what || exit 9
    for name in ignore-gfp-wait ignore-gfp-highmem; do test ! -e $name || echo N >$name; done
    test ! -e min-order || echo 0 >min-order
    echo 0 >verbose
done
test -e /proc/self/fail-nth || exit 9"""
_LOCKDEP_OFF = "grep -qs 'debug_locks: *0' /proc/lockdep_stats"


@dataclass(frozen=True)
class Task:
    """What runs in which kernel. tools: by workload."""

    trial: Trial
    workloads: tuple[Workload, ...]
    tools: Mapping[str, Tool]

    @property
    def key(self) -> str:
        """Names all that the answer rests on."""
        what = [(Item(its).command, its.metrics, self.tools[its.name].sha256) for its in self.workloads]
        limits = self.trial.limits
        return digest(KIND, FORMAT, *self.trial.rests_on, what, (limits.ready, limits.work))


@dataclass(frozen=True)
class Item:
    """A workload to run; nth: the allocation of its region that fails, 0 for none."""

    workload: Workload
    nth: int = 0

    @property
    def name(self) -> str:
        """As the kernel is told."""
        return f"{self.workload.name}, allocation {self.nth} fails" if self.nth else self.workload.name

    @property
    def command(self) -> str:
        """What is started: one pass of it."""
        options = ["--phase", "0", "--warmup", "0", "--passes", "1"]
        name = self.workload.name
        fails = f"KM_FAIL={self.nth} " if self.nth else ""
        less = replace(self.workload, args=self.workload.watched_args or self.workload.args)
        return fails + shlex.join([f"{_PLACE}/{name}", *arguments(less, options, _program(name))])


@dataclass
class _Seen:
    """What came out so far."""

    reports: list[Report] = field(default_factory=list)
    ran: dict[str, Ended] = field(default_factory=dict)  # by workload
    failing: dict[str, None] = field(default_factory=dict)  # workloads of which allocations failed
    notes: list[str] = field(default_factory=list)
    counts: dict[str, dict[str, float]] = field(default_factory=dict)
    boots: int = 0
    faults: bool = True  # can the kernel make allocations fail?
    lockdep: bool = True  # is it on when a kernel has booted?
    enough: dict[str, int] = field(default_factory=dict)  # {workload: an allocation that there is not any more}
    whole: bool = True  # nothing ran out of time

    def note(self, text: str) -> None:
        """Once."""
        if text not in self.notes:
            self.notes.append(text)


def machine(arch: Arch, measure: Measure, workloads: Iterable[Workload], kernel: Path, initrd: Path) -> Machine:
    """One CPU under the instruction clock: a slow host makes nobody late."""
    most = max([measure.memory_mib, *(workload.memory_mib for workload in workloads)])
    memory = round(most * MORE_MEMORY)
    nodes = max([1, *(workload.nodes for workload in workloads)])
    return Machine(arch, "tcg", Clock.ICOUNT, memory, 1, kernel, initrd, nodes=nodes)


def left_out(workload: Workload, compiled: bool) -> str:
    """Why it does not run in such a guest; "" if it does."""
    if not compiled:
        return "it does not compile"
    if workload.cpus > 1:
        return "it needs several CPUs"
    return "it needs a disk that keeps its own time" if workload.disk else ""


async def watched(task: Task, fresh: bool = False) -> Observation:
    """What the kernel says of itself, from the store if the same was seen before. InfraError where the testbed
    fails; whatever the kernel does is an answer."""
    if not fresh and isinstance(known := task.trial.store.recall(KIND, task.key), dict):
        return TypeAdapter(Observation).validate_python({**known, "stored": True})
    seen = _Seen()
    items = [Item(its) for its in task.workloads]  # first: who lacks an allocation may leave something behind
    items += [Item(its, nth) for its in task.workloads if _has_regions(its) for nth in NTH]
    while seen.boots == 0 or items:
        items = await _boot(task, items, seen)
    found = Observation(
        reports=await decoded(task.trial.kernel, task.trial.arch, seen.reports),
        ran=seen.ran,
        failing=list(seen.failing),
        notes=seen.notes,
        boots=seen.boots,
        stored=False,
        linux=task.trial.kernel.linux,
        counts=seen.counts,
    )
    if seen.whole:
        task.trial.store.remember(KIND, task.key, found)
    return found


async def _boot(task: Task, items: Sequence[Item], seen: _Seen) -> list[Item]:
    """One guest: what it says is added to what was seen; returns what is left for another. InfraError if it does not
    come up without its kernel saying why."""
    folder = task.trial.place(seen.boots)
    guest = task.trial.guest(seen.boots, patient=True)
    seen.boots += 1
    left = list(items)
    try:
        async with guest as (running, shell):
            await _settled(running)
            await _prepare(task, running, shell, items, seen)
            while left and await _mark(task, running, shell, left[0], seen):
                if not await _run(task, running, shell, left.pop(0), seen):
                    break
                left = _possible(left, seen)
    except (KernelBroke, TimedOut, InfraError) as error:
        left = _after(error, items, left, _console(folder), seen)
    said = reports.reports(_console(folder))
    known = {_alike(report) for report in seen.reports} if seen.boots > 1 else set()
    seen.reports += [report for report in said if report.runs or _alike(report) not in known]
    return _possible(left, seen)


def _after(error: KmatrixError, items: Sequence[Item], left: list[Item], console: str, seen: _Seen) -> list[Item]:
    """What is left when a guest has ended before its end."""
    last = _last_mark(console)
    said = [report for report in reports.reports(console) if report.runs == last]
    explained, lost = any(report.kind in _EXPLAIN for report in said), isinstance(error, InfraError)
    seen.whole &= not lost and (explained or isinstance(error, KernelBroke))
    if not last and not said:  # it did not come up
        if seen.boots == 1:
            raise InfraError(error.message, kind=error.kind, log=error.log) from error
        if isinstance(error, KernelBroke):
            seen.reports.append(Report(BOOTS, error.message, "", (), "", tail(console, 40)))
        for name in dict.fromkeys(item.workload.name for item in left):
            seen.note(f"{name}: not looked at to the end: another guest did not come up ({error.message})")
            seen.ran.setdefault(name, DOWN)
        return []
    if not explained and not lost:  # it ended without a word of that
        seen.reports.append(Report(error.kind, error.message, "", (), last, tail(console, 40)))
    if lost:
        seen.note(f"{last or 'boot'}: the guest was lost: {error.message}")
    if not last:  # it does not get to its first workload: no other would
        for name in dict.fromkeys(item.workload.name for item in items):
            seen.ran.setdefault(name, DOWN)
        return []
    for item in items:
        if item.name == last and not item.nth:
            seen.ran.setdefault(item.workload.name, LOST if lost else BROKE)
    return [item for item in left if item.name != last]


def _alike(report: Report) -> tuple[str, str]:
    """What boots say again, each: numbers are of that boot."""
    return report.kind, numberless(report.message)


def _possible(items: Sequence[Item], seen: _Seen) -> list[Item]:
    """Allocations can fail where the kernel can do that, of what runs well otherwise, as long as there are any."""

    def can(item: Item) -> bool:
        name = item.workload.name
        more = item.nth < seen.enough.get(name, item.nth + 1)
        return seen.faults and more and seen.ran.get(name, RAN) == RAN

    return [item for item in items if not item.nth or can(item)]


def _has_regions(workload: Workload) -> bool:
    """Are they ours to begin?"""
    return workload.own is None


async def _prepare(task: Task, running: Guest, shell: Shell, items: Sequence[Item], seen: _Seen) -> None:
    """All programs into the guest, each file once; all that its kernel can say is said."""
    limit = task.trial.limits.ready
    if await _do(running, shell, _PREPARE, limit):
        seen.faults = False
        seen.note("this kernel cannot make allocations fail")
    if await _do(running, shell, _LOCKDEP_OFF, limit) == 0:
        seen.lockdep = False
        seen.note("its lockdep was off before any workload ran")
    places: dict[Path, str] = {}
    links = []
    for name in dict.fromkeys(item.workload.name for item in items):
        tool = task.tools[name]
        for path in tool.files:
            if path not in places:
                at = f"{_PLACE}/.file-{len(places)}"
                await running.during(shell.push(path, at, limit), limit, "did not take a workload", "push")
                places[path] = at
        if tool.disk and tool.disk not in places:
            await running.during(shell.push(tool.disk, EMPTY_DISK, limit), limit, "did not take a disk", "push")
            places[tool.disk] = EMPTY_DISK
        named = ((tool.runner, f"{_PLACE}/{name}"), (tool.program, _program(name)))
        links += [f"ln -s {places[path]} {shlex.quote(link)}" for path, link in named if path]
    await _do(running, shell, "; ".join(links) or "true", limit)


def _program(name: str) -> str:
    return f"{_PLACE}/{name}.program"


async def _do(running: Guest, shell: Shell, command: str, limit: float) -> int:
    done = await running.during(shell.run(command, limit), limit, "did not answer", "hang")
    return done.code


async def _mark(task: Task, running: Guest, shell: Shell, item: Item, seen: _Seen) -> bool:
    """The kernel is told what runs. False if it does not watch any more, and another one would."""
    off = f"{_LOCKDEP_OFF} && exit 9; " if seen.lockdep else ""
    mark = f"{off}echo '<2>{reports.MARK}{item.name}' >/dev/kmsg"
    spent = any(reports.spends(report) for report in reports.reports(running.console.text) if report.runs)
    return not spent and await _do(running, shell, mark, task.trial.limits.ready) != 9


async def _run(task: Task, running: Guest, shell: Shell, item: Item, seen: _Seen) -> bool:
    """One workload, one pass; is the guest there for another?"""
    name, limit = item.workload.name, task.trial.limits.work
    work = running.during(shell.run(item.command, limit), limit, f"did not finish {name}", "hang")
    working = asyncio.create_task(work)
    try:
        left = limit
        while not working.done() and left > 0:
            await asyncio.wait({working}, timeout=_LOOK)
            left = min(left - _LOOK, _patience(running, item))
        if not working.done():
            seen.ran.setdefault(name, NO_END)
            return False
        done = working.result()
    except WorkloadFailed as error:  # it printed too much
        seen.ran.setdefault(name, Ended(how=How.FAILED, why=error.message))
        return False
    finally:
        if not working.done():
            working.cancel()
            with suppress(asyncio.CancelledError, KmatrixError):
                await working
    await _settled(running)
    _ended(item, done, seen)
    if any(report.kind == "sleep_in_atomic" and report.runs == item.name for report in _reports(running)):
        await _do(running, shell, "sleep 1", task.trial.limits.ready)  # that is said once a second
    return True


def _ended(item: Item, done: Output, seen: _Seen) -> None:
    name = item.workload.name
    if item.nth and _FEWER in done.stderr:
        seen.enough[name] = min(item.nth, seen.enough.get(name, item.nth))
    elif item.nth:
        seen.failing[name] = None
    if item.nth:
        return
    words = (done.stderr.strip().splitlines() or [f"exit status {done.code}"])[-1]
    how = How.ABSENT if done.code == _LACKS else How.FAILED
    seen.ran[name] = Ended(how=how, why=words) if done.code else RAN
    if done.code == 0:
        try:
            seen.counts[name] = _counts(item.workload, done.stdout)
        except WorkloadFailed as error:
            seen.ran[name] = Ended(how=How.FAILED, why=error.message)


def _patience(running: Guest, item: Item) -> float:
    """Seconds that it gets from now on, if the kernel has said what may be its end."""
    late = [_LATE[report.kind] for report in _reports(running) if report.runs == item.name and report.kind in _LATE]
    return min(late, default=math.inf)


def _reports(running: Guest) -> tuple[Report, ...]:
    return reports.reports(running.console.text)


def _counts(workload: Workload, output: str) -> dict[str, float]:
    """Its counters, per unit of work."""
    sample = decode(output, workload.metrics, 1)[0]
    return {name: value / sample.units for name, value in sample.values.items() if collectors()[name].exact}


async def _settled(running: Guest) -> None:
    """All that was said is read."""
    for _ in range(_PATIENCE):
        size = len(running.console.text)
        await asyncio.sleep(_QUIET)
        if size == len(running.console.text):
            return


def _console(folder: Path) -> str:
    try:
        return (folder / "console.log").read_text(errors="replace").replace("\r", "")
    except OSError:
        return ""


def _last_mark(text: str) -> str:
    return text.rpartition(reports.MARK)[2].partition("\n")[0].strip() if reports.MARK in text else ""
