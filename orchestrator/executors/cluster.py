# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines that come and go, by dask.distributed: each step is a task, done by whichever worker can.

The order of steps is ours (loop.py), as on one machine; dask has the workers, what each has room for, and what
becomes of a step whose worker vanishes: another one does it. What is small, and ties a run together, is done here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.config.steps import QEMU_OVERHEAD_MIB, Results, Want
from orchestrator.errors import InfraError, KmatrixError
from orchestrator.events import Event, Note
from orchestrator.executors import Runner as AnyRunner
from orchestrator.executors import worker
from orchestrator.executors.joining import Join, dask
from orchestrator.executors.loop import attempted, in_order, internal
from orchestrator.executors.parcel import packed, unpacked
from orchestrator.executors.worker import Delivery, Order, Settings
from orchestrator.measure.runner import Runner
from orchestrator.model import Step, StepKind

# What is done by workers: it takes a processor. All else ties the run together, and is done where its folder is.
AWAY = frozenset(
    {StepKind.KERNEL, StepKind.BOOT, StepKind.PROFILE, StepKind.DEBUG, StepKind.VARIANT, StepKind.SELFTEST}
)
NOBODY = 120.0  # seconds that a step waits for a worker that can do it, before that is told
RECONNECT = 300.0  # seconds that a scheduler may be away
AT_ONCE = 256  # steps that are given out: each has the whole plan with it
MOST = 5  # times that a step is begun again because its worker could not do it
CORE, BUILD, WALL, MEMORY = "core", "build", "wall", "memory"  # resources of workers


@dataclass
class Cluster:
    """join: how to get there; guest_mib: of the largest guest."""

    join: Join
    guest_mib: int
    _client: Any = None
    _unfit: set[str] = field(default_factory=set)  # workers that have other tools
    _built: dict[str, str] = field(default_factory=dict)  # {arch: the worker that has its tree}
    _listen: Callable[[], None] = lambda: None
    _number: int = 0
    _wall: str = ""  # the worker that has all that goes by the clock on the wall
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def run(self, steps: Sequence[Step], runner: AnyRunner) -> Results:
        """See Executor."""
        assert isinstance(runner, Runner)
        return await self._run(steps, runner)

    async def _run(self, steps: Sequence[Step], runner: Runner) -> Results:
        run = f"{os.getpid()}-{os.urandom(4).hex()}"
        work = packed((runner.plan, _settings(runner)), runner.store)
        if shared := runner.store.shared:
            await asyncio.to_thread(shared.settled)

        async def one(step: Step, results: Results) -> object:
            if step.kind not in AWAY:
                return await attempted(step, results, runner, runner.store.root)
            try:
                if runner.has(step):
                    return None
                async with self._places:
                    return await self._away(run, work, step, _needed(step, results), runner)
            except KmatrixError as error:
                return error
            except Exception as error:
                return internal(error)

        async with self._connected(run, runner):
            return await in_order([apart(step) for step in steps], {}, one)

    @asynccontextmanager
    async def _connected(self, run: str, runner: Runner) -> AsyncIterator[None]:
        """Events of workers are the run's; when it is left early, whatever is done for it ends."""
        distributed = dask()
        try:
            self._client = await distributed.Client(
                self.join.address, security=self.join.security(), asynchronous=True, timeout=30, set_as_default=False
            )
            self._client._timeout = RECONNECT  # that of becoming connected again, after which it gives up for good
        except (OSError, TimeoutError) as error:
            hint = "is kmatrix scheduler running, and is this its file?"
            raise InfraError(f"no scheduler at {self.join.address}: {error}", kind="cluster", hint=hint) from error

        def tell(told: tuple[float, bytes]) -> None:
            event: Event = unpacked(told[1], runner.store)
            runner.bus.emit(event)

        self._listen = lambda: self._client.subscribe_topic(worker.topic(run), tell)
        try:
            self._listen()
            yield
        finally:
            with suppress(Exception):
                await asyncio.wait_for(self._client.run(worker.stopped, run, on_error="ignore"), 40)
            with suppress(Exception):
                await asyncio.wait_for(self._client.close(), 10)

    async def _away(self, run: str, work: bytes, step: Step, results: Results, runner: Runner) -> object:
        """Done by a worker; by another one if that cannot."""
        order = packed(Order(step, results, _files(step, runner)), runner.store)
        if shared := runner.store.shared:  # a worker asks for what is in it at once
            await asyncio.to_thread(shared.settled)
        lost = 0
        while lost < MOST:
            told = await self._asked(run, work, order, step, runner)
            if told is None:
                lost += 1  # nobody knows what became of it
                continue
            data, at = told
            found: Delivery = unpacked(data, runner.store)
            for text in found.told:
                runner.bus.emit(Note("shared store", text))
            if found.unfit:
                self._unfit.add(at)
                runner.bus.emit(Note(at, f"this worker does nothing for this run: {found.unfit}"))
                continue
            if step.kind is StepKind.KERNEL:
                self._built[step.subject.partition("/")[0]] = at
            if WALL in _wants(step, self.guest_mib):
                self._wall = at
            return self._home(step, found, runner)
        raise InfraError(f"{step.id}: no worker could do it", kind="cluster", hint="see what workers print")

    def _home(self, step: Step, found: Delivery, runner: Runner) -> object:
        """What was made is the run's, if it is of what the run is of."""
        try:
            runner.agrees(found.provenance)
            if runner.takes(step, found.result):
                for name, content in found.files.items():
                    runner.folder.write_bytes(name, content)
        except KmatrixError as error:
            return error
        return found.result

    async def _asked(
        self, run: str, work: bytes, order: bytes, step: Step, runner: Runner
    ) -> tuple[bytes, str] | None:
        """A worker's answer, and which it was; None if the scheduler forgot about it."""
        self._number += 1
        key = f"{step.id} {run} {self._number}"
        where = await self._where(step)
        future = self._client.submit(
            worker.done, run, key, work, order, key=key, pure=False, priority=-step.priority,
            resources=_wants(step, self.guest_mib), **where,
        )  # fmt: skip
        try:
            waited = asyncio.create_task(self._patience(step, future, where, runner))
            try:
                data = await future
            finally:
                waited.cancel()
            at: Mapping[str, Sequence[str]] = {}
            with suppress(Exception):
                at = await self._client.who_has([future])
            return (data, next(iter(at.get(key, ())), "")) if data else None
        except asyncio.CancelledError:
            future.release()
            raise
        except Exception as error:
            if not _lost(error) and self._client.status == "running":
                raise
            runner.bus.emit(Note(step.id, f"begun again: {type(error).__name__}: {error}"[:200]))
            await self._back()
            return None

    async def _where(self, step: Step) -> dict[str, Any]:
        """Which workers: not those that are unfit; best the one that built for this arch before."""
        best = self._built.get(step.subject.partition("/")[0]) if step.kind is StepKind.KERNEL else None
        wall = self._wall if WALL in _wants(step, self.guest_mib) else ""
        if not (self._unfit or wall):
            return {"workers": [best], "allow_other_workers": True} if best else {}
        there = await self._there()
        if wall and wall not in there:
            text = "the worker that measured by the clock on the wall is gone, and another machine is not like it"
            raise InfraError(text, kind="cluster", hint="measure it again as a whole: --fresh")
        if there and not (fit := [wall] if wall else [at for at in there if at not in self._unfit]):
            raise InfraError("all workers have other compilers or another QEMU than this run", kind="cluster")
        return {"workers": fit, "allow_other_workers": False} if there else {}

    async def _there(self) -> Mapping[str, Any]:
        """{address: worker}, of all; {} where the scheduler does not say."""
        with suppress(Exception):
            found: Mapping[str, Any] = (await self._client.scheduler.identity())["workers"]
            return found
        return {}

    async def _patience(self, step: Step, future: Any, where: Mapping[str, Any], runner: Runner) -> None:
        """Says so when nobody can do it."""
        while True:
            await asyncio.sleep(NOBODY)
            there = await self._there()
            if where.get("allow_other_workers") is False and not {*where["workers"]} & {*there}:
                await future.cancel(force=True)  # those that could have are gone: others are asked
                return
            if there:
                wants = _wants(step, self.guest_mib)
                able = [
                    its for its in there.values() if all(its["resources"].get(k, 0) >= n for k, n in wants.items())
                ]
                if not able:
                    lacks = ", ".join(f"{n:g} {what}" for what, n in wants.items())
                    runner.bus.emit(Note(step.id, f"waits for a worker with {lacks}: of {len(there)} none has it"))

    async def _back(self) -> None:
        """Until the scheduler is there again. InfraError after a while."""
        for _ in range(int(RECONNECT)):
            if self._client.status == "running":
                self._listen()  # a new scheduler does not know of it
                return
            if self._client.status == "closed":
                break
            await asyncio.sleep(1)
        raise InfraError("the scheduler is away", kind="cluster", hint="run --resume goes on with what is done")


def _needed(step: Step, results: Results) -> Results:
    """What a worker must have of what a step waits for: that it comes after others is no need of them."""
    names = [*step.inputs]
    if step.kind is StepKind.DEBUG:
        names.append(step.after[0])  # its own kernel, whatever became of it
    found = {name: results[name] for name in names}
    if step.kind is StepKind.VARIANT:  # one kernel tells which objects include a header
        base = step.subject.partition("/")[2].partition("..")[0]
        like = [name for name in results if name.startswith("kernel ") and name.endswith(f"/{base}")]
        found |= {name: results[name] for name in like[:1]}
    return found


def apart(step: Step) -> Step:
    """Kernels of one arch wait for each other because they share a tree; each machine has trees of its own, so those
    that watch themselves, which are of other configs, need not wait."""
    arch, lines = step.subject.partition("/")[0], step.subject.partition("~")[2]
    return replace(step, locks=(f"make {arch} {lines}",)) if step.kind is StepKind.KERNEL and lines else step


def _lost(error: BaseException) -> bool:
    """Is it dask's trouble, not the step's? Then nothing is known of the step."""
    distributed = dask()
    from concurrent.futures import CancelledError

    return isinstance(error, (CancelledError, OSError, distributed.KilledWorker, TimeoutError))


def _settings(runner: Runner) -> Settings:
    builder = runner.builder
    return Settings(
        profile=runner.profile, fresh=runner.fresh, reach=runner.reach, memory=runner.memory, refresh=builder.refresh,
        unsandboxed=builder.unsandboxed, timeout=builder.timeout, ccache_gib=builder.ccache_gib,
        disk_gib=builder.disk_gib, tools=worker.tools(runner.host),
    )  # fmt: skip


def _wants(step: Step, guest_mib: int) -> dict[str, float]:
    """Of a worker's resources."""
    if step.kind in (StepKind.KERNEL, StepKind.VARIANT):
        return {BUILD: 1}
    wall = {WALL: 1} if step.priority in (Want.PROMPT, Want.ALONE) else {}
    return {CORE: 1, MEMORY: guest_mib + QEMU_OVERHEAD_MIB, **wall}


def _files(step: Step, runner: Runner) -> Mapping[str, bytes]:
    """What tells a worker that all or a part of a step was done before: results of the cell's boots."""
    if step.kind not in (StepKind.BOOT, StepKind.PROFILE):
        return {}
    cell = step.subject.partition("#")[0]
    top = runner.folder.path
    found = [*(top / "cells" / cell).glob("*.json"), *(top / "cells" / cell).glob("boot-*/result.json")]
    return {str(path.relative_to(top)): path.read_bytes() for path in found}
