# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines that come and go, by dask.distributed: each step is a task, done by whichever worker can.

The order of steps is ours (loop.py), as on one machine; dask has the workers, what each has room for, and what
becomes of a step whose worker vanishes: another one does it. What is small, and ties a run together, is done here.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.config.steps import Results, step_id
from orchestrator.errors import InfraError, KmatrixError
from orchestrator.events import Event, Note
from orchestrator.executors import Runner as AnyRunner
from orchestrator.executors import worker
from orchestrator.executors.joining import Join, dask
from orchestrator.executors.loop import attempted, in_order, internal
from orchestrator.executors.parcel import packed, unpacked
from orchestrator.executors.places import Places
from orchestrator.executors.resources import BUILD, BUILDS, CORE, WALL, can, gate, places_of, wanted
from orchestrator.executors.worker import Delivery, Order, Settings
from orchestrator.measure.runner import Runner
from orchestrator.model import KernelArtifact, Step, StepKind, Variant

# What is done by workers: it takes a processor. All else ties the run together, and is done where its folder is.
AWAY = frozenset(
    {StepKind.KERNEL, StepKind.BOOT, StepKind.PROFILE, StepKind.DEBUG, StepKind.VARIANT, StepKind.SELFTEST}
)
NOBODY = 120.0  # seconds that a step waits for a worker that can do it, before that is told
GONE = 2.0  # seconds between two looks whether those are there that alone were asked
AWAY_FOR = 60.0  # seconds that one worker may be away which alone can do a step
RECONNECT = 300.0  # seconds that a scheduler may be away which others have started
MOST = 5  # times that a step is begun again because its worker could not do it
_AWAY, _RESUME = "the scheduler is away", "run --resume goes on with what is done"


@dataclass
class Cluster:
    """join: how to get there; guest_mib: of the largest guest; patience: seconds that the scheduler may be away."""

    join: Join
    guest_mib: int
    patience: float = RECONNECT
    _client: Any = None
    # Workers by their names: one that lost the scheduler for a while has another address.
    _unfit: set[str] = field(default_factory=set)  # those that have other tools
    _built: dict[str, str] = field(default_factory=dict)  # {arch: the one that has its tree}
    _listen: Callable[[], None] = lambda: None
    _number: int = 0
    _wall: str = ""  # the one that has all that goes by the clock on the wall
    _order: dict[str, int] = field(default_factory=dict)  # {step: its number}
    _given: dict[str, str] = field(default_factory=dict)  # {task: to whom}, of what is being done
    _looked: tuple[float, asyncio.Task[Mapping[str, Any] | None]] | None = None  # when, who is there

    async def run(self, steps: Sequence[Step], runner: AnyRunner) -> Results:
        """See Executor."""
        assert isinstance(runner, Runner)
        return await self._run(steps, runner)

    async def _run(self, steps: Sequence[Step], runner: Runner) -> Results:
        run = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._order = {step.id: number for number, step in enumerate(steps)}
        work = packed((runner.plan, _settings(runner)), runner.store)
        if shared := runner.store.shared:
            await shared.all_sent()

        places = Places(self._room)

        async def one(step: Step, results: Results) -> object:
            if step.kind not in AWAY:
                return await attempted(step, results, runner, runner.store.root)
            try:
                if runner.has(step):
                    return None
                async with places.one(gate(wanted(step, self.guest_mib)), self._turn(step)):
                    return await self._away(run, work, step, _needed(step, results, runner.plan.variants), runner)
            except KmatrixError as error:
                return error
            except Exception as error:
                return internal(error)

        async with self._connected(run, runner), places.kept():
            return await in_order([apart(step) for step in steps], {}, one)

    @asynccontextmanager
    async def _connected(self, run: str, runner: Runner) -> AsyncIterator[None]:
        """Events of workers are the run's; when it is left early, whatever is done for it ends."""
        distributed = dask()
        try:
            self._client = await distributed.Client(
                self.join.address, security=self.join.security(), asynchronous=True, timeout=30, set_as_default=False
            )
            # That of becoming connected again, after which it gives up for good.
            self._client._timeout = self.patience
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
            await shared.all_sent()
        lost, why, failed = 0, "", set[str]()
        while lost < MOST:
            answer = await self._asked(run, work, order, step, runner, failed)
            if answer is None:
                lost += 1  # nobody knows what became of it
                continue
            found: Delivery = await asyncio.to_thread(unpacked, answer.data, runner.store)
            for text in answer.told:
                runner.bus.emit(Note("shared store", text))
            if found.unfit:
                self._unfit.add(answer.at)
                runner.bus.emit(Note(answer.at, f"this worker does nothing for this run: {found.unfit}"))
                continue
            failed.add(answer.at)
            why = found.elsewhere or (found.result.message if isinstance(found.result, InfraError) else "")
            if why and await self._others(step, failed):  # the fault may be of that machine
                lost += 1
                runner.bus.emit(Note(answer.at, f"{step.id} is done by another worker: {why}"))
                continue
            if found.elsewhere:
                break
            if isinstance(found.result, KernelArtifact):
                self._built[step.subject.partition("/")[0]] = answer.at
            if WALL in wanted(step, self.guest_mib):  # one of them at a time: see Places
                self._wall = self._wall or _machine(answer.at)
            return self._home(step, found, runner)
        if step.kind is StepKind.VARIANT:  # what nobody has is told as here, where it may be
            return await attempted(step, results, runner, runner.store.root)
        told = f"{step.id}: no worker could do it{why and ': '}{why}"
        raise InfraError(told, kind="cluster", hint="see what workers print")

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
        self, run: str, work: bytes, order: bytes, step: Step, runner: Runner, failed: Collection[str]
    ) -> _Answer | None:
        """Of a worker that has not failed at it; None if the scheduler forgot about it."""
        if self._client.status == "closed":
            raise InfraError(_AWAY, kind="cluster", hint=_RESUME)
        self._number += 1
        key = f"{step.id} {run} {self._number}"
        where = await self._where(step, failed)
        if len(where) == 1:
            [self._given[key]] = where
        future = self._client.submit(
            worker.done, run, key, work, order, key=key, pure=False, priority=-self._turn(step),
            resources=wanted(step, self.guest_mib), workers=where or None,
        )  # fmt: skip
        try:
            waited = asyncio.create_task(self._patience(step, future, where, runner))
            try:
                data, told = await future
            finally:
                waited.cancel()
            at = ""
            with suppress(Exception):
                address = next(iter((await self._client.who_has([future])).get(key, ())), "")
                at = _names(await self._there() or {}).get(address, "")
            return _Answer(data, told, at) if data else None
        except asyncio.CancelledError:
            future.release()
            raise
        except Exception as error:
            if not _lost(error) and self._client.status == "running":
                raise
            runner.bus.emit(Note(step.id, f"begun again: {type(error).__name__}: {error}"[:200]))
            await self._back()
            return None
        finally:
            self._given.pop(key, None)

    def _turn(self, step: Step) -> float:
        """The lowest is first: as on one machine, by what is wanted most, then in the order of the graph."""
        return step.priority + self._order[step.id] / (len(self._order) + 1)

    async def _room(self) -> Mapping[str, float]:
        """{what: how many steps that need it}, of the workers that are there."""
        there = [
            places_of(its, self.guest_mib)
            for its in (await self._there() or {}).values()
            if its["name"] not in self._unfit
        ]
        return {WALL: 1} | {what: sum(its[what] for its in there) for what in (BUILD, CORE)}

    async def _where(self, step: Step, failed: Collection[str]) -> Sequence[str]:
        """Which workers alone; none: any that can. Not those that are unfit or have failed at it. One that has room
        now, best the one that built for this arch: dask does not look whether what a step needs is taken, and has it
        wait beside an idle one.

        Never as a mere wish: then dask does not look either whether a worker has what the step needs.
        """
        wants = wanted(step, self.guest_mib)
        there = await self._there()
        if self._wall and WALL in wants:
            return await self._only(self._wall, there)
        if not there:
            return []
        names = _names(there)
        fit = [at for at, name in names.items() if name not in self._unfit]
        if not fit:
            raise InfraError("all workers have other compilers or another QEMU than this run", kind="cluster")
        left = [at for at in fit if names[at] not in failed] or fit
        what, busy = BUILD if BUILD in wants else CORE, await self._busy()
        free = [
            at for at in left if places_of(there[at], self.guest_mib)[what] > busy[at][what] and can(there[at], wants)
        ]
        if free:
            built = self._built.get(step.subject.partition("/")[0], "") if step.kind is StepKind.KERNEL else ""
            left = [min(free, key=lambda at: (names[at] != built, busy[at].total()))]
        return left if len(left) < len(there) else []

    async def _busy(self) -> Mapping[str, Counter[str]]:
        """{address: {gate: steps}} that workers have been given, by this run or another. Whoever gives one more
        before anything else is waited for is sure of it."""
        known: dict[str, str] = {}
        with suppress(Exception):
            known = {str(key): at for at, keys in (await self._client.processing()).items() for key in keys}
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for key, at in (self._given | known).items():
            found[at][BUILD if key.partition(" ")[0] in BUILDS else CORE] += 1
        return found

    async def _only(self, machine: str, there: Mapping[str, Any] | None) -> Sequence[str]:
        """The worker of this machine, which may just be coming back."""
        for _ in range(int(AWAY_FOR)):
            known = (there or {}).items()
            if at := [its for its, one in known if _machine(one["name"]) == machine and WALL in one["resources"]]:
                return at
            await asyncio.sleep(1)
            there = await self._there()
        text = "the worker that measured by the clock on the wall is gone, and another machine is not like it"
        raise InfraError(text, kind="cluster", hint="measure it again as a whole: --fresh")

    async def _others(self, step: Step, failed: Collection[str]) -> bool:
        """Is there a worker that could do it and has not tried?"""
        there, wants = await self._there() or {}, wanted(step, self.guest_mib)
        wall = self._wall if WALL in wants else ""
        left = [its for its in there.values() if its["name"] not in (*failed, *self._unfit) and can(its, wants)]
        return bool(left) and not wall

    async def _there(self) -> Mapping[str, Any] | None:
        """{address: worker}, of all; None where the scheduler does not say."""
        with suppress(Exception):
            found: Mapping[str, Any] = (await self._client.scheduler.identity())["workers"]
            return found
        return None

    async def _lately(self) -> Mapping[str, Any] | None:
        """Likewise, as of a moment ago: asked for once, for all steps that look."""
        now = asyncio.get_running_loop().time()
        if self._looked is None or now - self._looked[0] > GONE / 2:
            self._looked = now, asyncio.create_task(self._there())
        return await asyncio.shield(self._looked[1])

    async def _patience(self, step: Step, future: Any, where: Collection[str], runner: Runner) -> None:
        """Others are asked when those are gone that alone were; says so when nobody can do it."""
        wants = wanted(step, self.guest_mib)
        lacks = ", ".join(f"{n:g} {what}" for what, n in wants.items())
        bound = {*where}
        looks = itertools.count(1)
        while True:
            await asyncio.sleep(GONE if bound else NOBODY)
            there = await self._lately()
            if there is None:
                continue
            if bound and not bound & {*there}:
                await future.cancel(force=True)
                return
            if bound and next(looks) % int(NOBODY / GONE):
                continue
            fit = [its for its in there.values() if its["name"] not in self._unfit]
            if not any(can(its, wants) for its in fit):
                what = f"of {len(fit)} none has it" if fit else "there is none"
                runner.bus.emit(Note(step.id, f"waits for a worker with {lacks}: {what}"))

    async def _back(self) -> None:
        """Until the scheduler is there again. InfraError after a while."""
        for _ in range(int(self.patience)):
            if self._client.status == "running":
                self._listen()  # a new scheduler does not know of it
                return
            if self._client.status == "closed":
                break
            await asyncio.sleep(1)
        raise InfraError(_AWAY, kind="cluster", hint=_RESUME)


@dataclass(frozen=True)
class _Answer:
    """A worker's: a Delivery, packed; what is to be told of the store; its name, "" if that is not known."""

    data: bytes
    told: Sequence[str]
    at: str


def _names(there: Mapping[str, Any]) -> dict[str, str]:
    """{address: name}"""
    return {address: str(its["name"]) for address, its in there.items()}


def _machine(worker: object) -> str:
    """Of a worker's name, which ends with its process: one that is started again is on the same machine."""
    return str(worker).rpartition("-")[0]


def _needed(step: Step, results: Results, variants: Iterable[Variant] = ()) -> Results:
    """What a worker must have of what a step waits for: that it comes after others is no need of them."""
    names = [*step.inputs]
    if step.kind is StepKind.DEBUG:
        names.append(step.after[0])  # its own kernel, whatever became of it
    found = {name: results[name] for name in names}
    if step.kind is StepKind.VARIANT:  # one kernel tells which objects include a header, best one of its own arch
        name, _, pair = step.subject.rpartition("/")
        base = pair.partition("..")[0]
        own = {step_id(StepKind.KERNEL, f"{its.arch.name}/{base}") for its in variants if its.name == name}
        like = [
            name
            for name, its in results.items()
            if isinstance(its, KernelArtifact)
            and name.startswith(f"{StepKind.KERNEL} ")
            and name.endswith(f"/{base}")
        ]
        found |= {name: results[name] for name in sorted(like, key=lambda name: name not in own)[:1]}
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


def _files(step: Step, runner: Runner) -> Mapping[str, bytes]:
    """What tells a worker that all or a part of a step was done before: results of the cell's boots, and what was
    noted of them."""
    if step.kind not in (StepKind.BOOT, StepKind.PROFILE):
        return {}
    cell = step.subject.partition("#")[0]
    top = runner.folder.path
    place = top / "cells" / cell
    found = [path for its in ("*.json", "boot-*/result.json", "boot-*/*.gz") for path in place.glob(its)]
    return {str(path.relative_to(top)): path.read_bytes() for path in found}
