# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of steps, wherever each is done: what is ready starts, what needs what has failed ends the same way."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from orchestrator.config.steps import Results, failed, ready
from orchestrator.errors import InfraError, KmatrixError, ToolMissing
from orchestrator.executors import Runner
from orchestrator.model import Step
from orchestrator.runs.folder import disk_error

Done = Callable[[Step, Results], Awaitable[object]]  # what a step gives, or the error that it ends with


async def in_order(steps: Sequence[Step], places: Mapping[str, int], done: Done) -> Results:
    """See Executor. places: {lane: how many of its steps at a time}; done: does one."""
    results: dict[str, object] = {}
    waiting, running, changed = list(steps), dict[str, Step](), asyncio.Event()

    async def one(step: Step) -> None:
        wanted = {name: results[name] for name in (*step.inputs, *step.after)}
        results[step.id] = await done(step, wanted)
        del running[step.id]
        changed.set()

    async with asyncio.TaskGroup() as group:
        while True:
            _settle(waiting, results)
            for step in ready(waiting, running.values(), results, places):
                waiting.remove(step)
                running[step.id] = step
                group.create_task(one(step))
            if not running:
                break
            changed.clear()
            await changed.wait()
    if waiting:
        raise InfraError(f"{waiting[0].id} waits for what never ends", kind="internal", hint="please report it")
    return results


def _settle(waiting: list[Step], results: dict[str, object]) -> None:
    """What needs what has failed ends the same way, and so does what needs that."""
    settled = True
    while settled:
        settled = False
        for step in list(waiting):
            error = failed(step, results)
            if error is not None:
                waiting.remove(step)
                results[step.id] = error
                settled = True


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
