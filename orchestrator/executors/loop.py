# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of steps, wherever each is done: what is ready starts, what needs what has failed ends the same way."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path

from orchestrator.config.steps import Results, failed, ready
from orchestrator.errors import InfraError, KmatrixError, ToolMissing
from orchestrator.executors import Runner
from orchestrator.model import Step
from orchestrator.runs.folder import disk_error

Done = Callable[[Step, Results], Awaitable[object]]  # what a step gives, or the error that it ends with


async def in_order(steps: Sequence[Step], places: Mapping[str, int], done: Done) -> Results:
    """See Executor. places: {lane: how many of its steps at a time}; done: does one."""
    waits = _Waiting(steps)
    running, changed = dict[str, Step](), asyncio.Event()

    async def one(step: Step) -> None:
        wanted = {name: waits.results[name] for name in (*step.inputs, *step.after)}
        waits.ended(step, await done(step, wanted))
        del running[step.id]
        changed.set()

    async with asyncio.TaskGroup() as group:
        while True:
            for step in ready(list(waits.able.values()), running.values(), waits.results, places):
                waits.begins(step)
                running[step.id] = step
                group.create_task(one(step))
            if not running:
                break
            changed.clear()
            await changed.wait()
    if waits.left:
        first = next(iter(waits.left.values()))
        raise InfraError(f"{first.id} waits for what never ends", kind="internal", hint="please report it")
    return waits.results


class _Waiting:
    """Steps that have not begun. When one ends, only those that wait for it are looked at: there may be thousands."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.results: dict[str, object] = {}
        self.left = {step.id: step for step in steps}
        self._order = {step.id: number for number, step in enumerate(steps)}
        self._behind: dict[str, list[str]] = {}
        for step in steps:
            for name in {*step.inputs, *step.after, *step.unless}:
                self._behind.setdefault(name, []).append(step.id)
        self.able: dict[str, Step] = {}  # all that they wait for has ended; in the order of the graph
        self._look(list(self.left))

    def begins(self, step: Step) -> None:
        """It waits no more."""
        del self.left[step.id], self.able[step.id]

    def ended(self, step: Step, result: object) -> None:
        """What needs what has failed ends the same way, and so does what needs that."""
        self.results[step.id] = result
        self._look(self._behind.get(step.id, ()))

    def _look(self, names: Iterable[str]) -> None:
        to_do = list(names)
        grown = False
        while to_do:
            step = self.left.get(to_do.pop())
            if step is None:
                continue
            if (error := failed(step, self.results)) is not None:
                del self.left[step.id]
                self.able.pop(step.id, None)
                self.results[step.id] = error
                to_do += self._behind.get(step.id, ())
            elif step.id not in self.able and all(n in self.results for n in (*step.inputs, *step.after)):
                self.able[step.id] = step
                grown = True
        if grown:
            self.able = dict(sorted(self.able.items(), key=lambda entry: self._order[entry[0]]))


async def attempted(step: Step, results: Results, runner: Runner, root: Path = Path()) -> object:
    """What it gives, or the error that it ends with; again after a failure of the testbed, as often as it says. root:
    whose disk is full where an error does not say it."""
    failures: list[KmatrixError] = []
    while True:
        try:
            return await runner(step, results, failures)
        except InfraError as error:
            if isinstance(error, ToolMissing) or len(failures) == step.retries:
                return error
            failures.append(error)
        except KmatrixError as error:
            return error
        except OSError as error:
            known = disk_error(error, Path(error.filename or root))
            return known if isinstance(known, KmatrixError) else internal(error)
        except Exception as error:
            return internal(error)


def internal(error: BaseException) -> InfraError:
    """A fault of ours: told as such, with the traceback, and nothing else is stopped by it."""
    trace = "".join(traceback.format_exception(error))
    return InfraError(f"internal error: {error!r}", kind="internal", hint="please report it", log=trace[-3000:])
