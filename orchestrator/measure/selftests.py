# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel runs the tests of its own source: one guest, one test after the other, each from the same settings.

One CPU under the instruction clock, so that what differs between two kernels is not the host's load. What breaks the
kernel, or has no end, costs its guest; the rest runs in another.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter

from orchestrator.analyse.selftests import LOST, SURVIVES, Outcomes
from orchestrator.build.selftests import Programs
from orchestrator.errors import InfraError, KernelBroke, KmatrixError, TimedOut, WorkloadFailed
from orchestrator.guest import ktap
from orchestrator.guest.command_line import Machine
from orchestrator.guest.qemu import Guest
from orchestrator.guest.shell import Output, Shell
from orchestrator.measure.trial import Trial
from orchestrator.model import Arch, Clock, Outcome, Selftest, Selftests
from orchestrator.registry import counted
from orchestrator.store import digest

FORMAT = 5  # of what is kept, and how it is come by and read
KIND = "selftested"  # in the store
MOST_WORDS = 40  # lines that are kept of what a test printed
_PLACE = "/tmp/tests"
_KUNIT = "/sys/kernel/debug/kunit"  # results of what ran when the kernel booted, where it is built
_HUGE = "/sys/kernel/mm/hugepages/*"  # without it no page is huge
_ROOM = 6_000  # characters of a test's words
_PREPARE = f"""mkdir -p {_PLACE} /tmp/huge
mount -t debugfs debugfs /sys/kernel/debug
mount -t hugetlbfs none /tmp/huge
echo 268435456 >/proc/sys/kernel/shmmax
echo 4194304 >/proc/sys/kernel/shmall
true"""
# Each begins with the huge pages that it wants and no others, and in a folder of its own.
_ONE = """echo 3 >/proc/sys/vm/drop_caches
size=$(sed -n 's/^Hugepagesize: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo)
test -z "$size" || echo $(({huge} * 1024 / size)) >/proc/sys/vm/nr_hugepages
rm -rf /tmp/work /tmp/huge/*
mkdir /tmp/work && cd /tmp/work && ln -s /tmp/huge huge
{command} 2>&1"""
_RESULTS = f"cat {_KUNIT}/*/results 2>/dev/null"


@dataclass(frozen=True)
class Task:
    """Which kernel runs which tests. number: how often it was done before."""

    trial: Trial
    programs: Programs
    selftests: Selftests
    number: int

    @property
    def key(self) -> str:
        """Names all that the answer rests on."""
        return digest(KIND, FORMAT, *self.trial.rests_on, self.programs.key, self.selftests, self.number)


@dataclass
class _Came:
    """What came out so far."""

    outcomes: dict[str, dict[str, str]] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    boots: int = 0
    late: set[str] = field(default_factory=set)  # tests that get another chance: the host may have been slow
    whole: bool = True  # no test was ended by the wall's clock


def machine(arch: Arch, selftests: Selftests, kernel: Path, initrd: Path) -> Machine:
    """One CPU, one node."""
    return Machine(arch, "tcg", Clock.ICOUNT, selftests.memory_mib, 1, kernel, initrd)


async def tried(task: Task, fresh: bool = False) -> Outcomes:
    """What each test came to, from the store if the same was seen before. InfraError where the testbed fails;
    whatever the kernel does is an answer."""
    if not fresh and isinstance(known := task.trial.store.recall(KIND, task.key), dict):
        return TypeAdapter(Outcomes).validate_python({**known, "boots": 0})
    tests, left_out = _chosen(task)
    came = _Came(left_out=left_out)
    while tests or came.boots == 0:
        tests = await _boot(task, tests, came)
    seen = Outcomes(
        outcomes=came.outcomes, words=came.words, took=came.took, left_out=came.left_out,
        places=dict(task.programs.places), notes=came.notes, boots=came.boots, linux=task.trial.kernel.linux,
    )  # fmt: skip
    if came.whole:
        task.trial.store.remember(KIND, task.key, seen)
    return seen


def _chosen(task: Task) -> tuple[list[Selftest], dict[str, str]]:
    """Those that are started, and why others are not."""
    every = [test for program in task.programs.files for test in task.selftests.of(program)]
    left = {test.name: test.left_out for test in every if test.left_out}
    lost = {name: why for name, why in task.programs.missing.items() if task.selftests.of(name)}
    left |= {name: f"it cannot be built: {why}" for name, why in lost.items()}
    return [test for test in every if not test.left_out], left


async def _boot(task: Task, tests: Sequence[Selftest], came: _Came) -> list[Selftest]:
    """One guest; returns what is left for another. InfraError if the first one does not come up."""
    guest = task.trial.guest(came.boots)
    came.boots += 1
    left, begun = list(tests), False
    try:
        async with guest as (running, shell):
            left = await _prepare(task, running, shell, tests, came)
            begun = True
            while left:
                begins = time.monotonic()
                _ended(left[0], await _run(running, shell, left[0]), came)
                came.took[left[0].name] = round(time.monotonic() - begins, 1)
                del left[0]
    except (KernelBroke, TimedOut, WorkloadFailed, InfraError) as error:
        if not begun and came.boots == 1:
            raise InfraError(error.message, kind=error.kind, log=error.log) from error
        came.whole &= isinstance(error, KernelBroke | WorkloadFailed)
        if not begun:
            came.left_out |= {test.name: f"{LOST}: another did not come up ({error.message})" for test in left}
            came.notes.append(
                f"{counted(len(left), 'test')} not run: another guest did not come up ({error.message})"
            )
            return []
        if left:
            left += _after(left.pop(0), error, came)
    return left


async def _prepare(
    task: Task, running: Guest, shell: Shell, tests: Sequence[Selftest], came: _Came
) -> list[Selftest]:
    """All programs into the guest; what KUnit said when it booted. Those that have here what they need."""
    limit = task.trial.limits.ready
    await _do(running, shell, _PREPARE, limit)
    files = sorted({need for test in tests if (need := _need(test))})
    looks = [f"set -- {need}; test -e $1 || echo {shlex.quote(need)}" for need in files]
    lacking = (await _do(running, shell, "; ".join(looks) or "true", limit)).stdout.splitlines()
    for test in tests:
        if _need(test) in lacking:
            came.left_out[test.name] = f"this guest has no {_need(test)}"
    tests = [test for test in tests if test.name not in came.left_out]
    for program in dict.fromkeys(test.program for test in tests):
        push = shell.push(task.programs.files[program], _at(program), limit)
        await running.during(push, limit, "did not take a test", "push")
    if came.boots == 1:
        _kunit(await _do(running, shell, _RESULTS, limit), came)
    return list(tests)


def _need(test: Selftest) -> str:
    """A file of the guest's, or several by a pattern."""
    return test.needs or (_HUGE if test.hugetlb_mib else "")


def _kunit(done: Output, came: _Came) -> None:
    """Nothing where it is not built."""
    found = ktap.outcomes(done.stdout, 0)
    if len(found) > 1:
        failed = Outcome.FAILED in found.values()
        came.outcomes["KUnit"] = {part: str(how) for part, how in found.items()}
        came.outcomes["KUnit"][""] = str(Outcome.FAILED if failed else Outcome.PASSED)
        came.words["KUnit"] = _words(done.stdout)


def _at(program: str) -> str:
    return f"{_PLACE}/{program.replace('/', '-')}"


async def _do(running: Guest, shell: Shell, command: str, limit: float) -> Output:
    return await running.during(shell.run(command, limit), limit, "did not answer", "hang")


async def _run(running: Guest, shell: Shell, test: Selftest) -> Output:
    words = shlex.join([_at(test.program), *test.args])
    command = _ONE.format(huge=test.hugetlb_mib, command=words)
    work = shell.run(command, test.seconds)
    return await running.during(work, test.seconds, f"did not end {test.name}", "hang")


def _ended(test: Selftest, done: Output, came: _Came) -> None:
    came.outcomes[test.name] = {part: str(how) for part, how in ktap.outcomes(done.stdout, done.code).items()}
    came.words[test.name] = _words(done.stdout)


def _after(test: Selftest, error: KmatrixError, came: _Came) -> list[Selftest]:
    """It cost the guest: it failed, if that was not the testbed's fault; who is late is tried once more."""
    if isinstance(error, InfraError):
        came.left_out[test.name] = f"{LOST}: {error.message}"
        return []
    if isinstance(error, TimedOut) and test.name not in came.late:
        came.late.add(test.name)
        return [replace(test, seconds=2 * test.seconds)]
    came.outcomes[test.name] = dict.fromkeys(("", SURVIVES), str(Outcome.FAILED))
    came.words[test.name] = _words("\n".join((error.message, error.log)))
    return []


def _words(text: str) -> str:
    return "\n".join(text.replace("\r", "").splitlines()[-MOST_WORDS:])[-_ROOM:]
