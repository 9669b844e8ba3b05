# SPDX-License-Identifier: GPL-2.0-or-later
"""What a worker of a cluster does: a step of somebody's run, in a run folder of its own, whose files go back.

On the event loop of its main thread: QEMU and compilers are ended with the thread that starts them.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.build import toolchain
from orchestrator.build.kernel import Builder
from orchestrator.errors import InfraError, KmatrixError
from orchestrator.events import Bus, Event
from orchestrator.executors.loop import attempted
from orchestrator.executors.parcel import packed, unpacked
from orchestrator.measure.host import cores, facts
from orchestrator.measure.runner import Runner
from orchestrator.model import Plan, Provenance, Step, StepKind
from orchestrator.paths import IMAGES
from orchestrator.runs.folder import RunFolder
from orchestrator.store import Store

LOOK = 1.0  # seconds between two looks whether a step is still wanted
TIDY = 600.0  # seconds after which a cache is made smaller, if it must be; and for which what was used stays
_UNWANTED = ("cancelled", "released", "forgotten")  # states of a task that nobody waits for


@dataclass(frozen=True)
class Settings:
    """How the run goes about it: see Runner and Builder. tools: see tools(), of whoever asks; what differs from them
    makes other kernels, or other digits."""

    profile: bool
    fresh: bool
    reach: bool
    memory: bool
    refresh: bool
    unsandboxed: bool
    timeout: float
    ccache_gib: int
    disk_gib: float
    tools: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Order:
    """A step, what it needs, and files of the run that tell what was done before."""

    step: Step
    results: Mapping[str, object]
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Delivery:
    """What came of it. files: of the run folder; unfit: why another worker has to do all of this run, "" it is done;
    elsewhere: why another one has to do this step."""

    result: object = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    provenance: Mapping[str, Provenance] = field(default_factory=dict)
    unfit: str = ""
    elsewhere: str = ""


@dataclass(frozen=True)
class _Known:
    """What all steps of a run share."""

    plan: Plan
    settings: Settings
    builder: Builder
    host: Mapping[str, Any]


_known: dict[str, _Known] = {}
_working: dict[str, set[asyncio.Task[Any]]] = {}  # by run


async def done(run: str, key: str, work: bytes, order: bytes) -> tuple[bytes, list[str]]:
    """A step of a run, for dask: a Delivery, packed, and what is to be told of the store. key: the task's; work:
    (Plan, Settings) and order: Order, packed likewise."""
    task = asyncio.current_task()
    assert task is not None
    _working.setdefault(run, set()).add(task)
    unwanted = asyncio.create_task(_unwanted(task, key))
    store = Store()
    try:
        with store.in_use():
            sent = packed(await _done(run, work, order, store), store)
            if store.shared is None:
                return sent, []
            await store.shared.all_sent()  # whoever gets it may ask for what is in it at once
            return sent, store.shared.tell()
    except asyncio.CancelledError:
        return b"", []  # nobody waits for it
    except (OSError, KmatrixError) as error:  # what a step ends with is its result: this is the machine's
        return packed(Delivery(elsewhere=str(error)), store), []
    finally:
        unwanted.cancel()
        _working[run].discard(task)


async def stopped(run: str) -> None:
    """Whatever is done for a run ends, guests and compilers first."""
    tasks = list(_working.get(run, ()))
    for task in tasks:
        task.cancel()
    await asyncio.wait([asyncio.create_task(asyncio.sleep(0)), *tasks], timeout=30)


async def tidied(gib: float) -> None:
    """For as long as the worker is there: its cache stays within this, looked at when nothing is being done."""
    while True:
        await asyncio.sleep(TIDY)
        if not any(_working.values()):
            await asyncio.to_thread(Store().prune, gib, time.time() - TIDY)


async def _done(run: str, work: bytes, order: bytes, store: Store) -> Delivery:
    known = await _of_run(run, work, store)
    try:
        its = await asyncio.to_thread(unpacked, order, store)  # what it is of may have to be fetched
    except InfraError as error:
        return Delivery(elsewhere=error.message)
    if unfit := _unfit(its.step.subject.partition("/")[0], known):
        return Delivery(unfit=unfit)
    if lacks := await _lacks(its.step, known.plan):
        return Delivery(elsewhere=lacks)
    with store.scratch() as scratch:
        folder = RunFolder(scratch / "run")
        for name, content in its.files.items():
            folder.write_bytes(name, content)
        bus = Bus()
        bus.subscribe(_Teller(run))
        settings = known.settings
        runner = Runner(
            known.plan, folder, bus, store, IMAGES, known.builder, profile=settings.profile, fresh=settings.fresh,
            reach=settings.reach, memory=settings.memory,
        )  # fmt: skip
        runner.on(known.host)
        (scratch / "guests").mkdir()
        with runner.guests(scratch / "guests"):
            result = await attempted(its.step, its.results, runner, store.root)
        return Delivery(result, _files(folder.path, its.files), runner.rests_on)


async def _of_run(run: str, work: bytes, store: Store) -> _Known:
    if run not in _known:
        plan, settings = await asyncio.to_thread(unpacked, work, store)
        builder = Builder(
            store, cores(), settings.timeout, settings.ccache_gib, settings.refresh, settings.unsandboxed,
            settings.disk_gib,
        )  # fmt: skip
        arches = {build.arch.name: build.arch for build in plan.builds}
        host = await facts(arches.values())
        while len(_known) > 8:
            _known.pop(next(iter(_known)))
        _known[run] = _Known(plan, settings, builder, host)
    return _known[run]


def _unfit(arch: str, known: _Known) -> str:
    wanted = known.settings.tools.get(arch)
    mine = tools(known.host).get(arch)
    if wanted is None or mine is None or mine == wanted:
        return ""
    return "; ".join(
        f"{have} where the run has {want}" for have, want in zip(mine, wanted, strict=True) if have != want
    )


async def _lacks(step: Step, plan: Plan) -> str:
    """What a variant is compiled with, and this machine does not have."""
    name = step.subject.rpartition("/")[0]
    variant = next((its for its in plan.variants if step.kind is StepKind.VARIANT and its.name == name), None)
    if variant is None:
        return ""
    try:
        await toolchain.compiler(variant.arch.cross_prefix)
    except KmatrixError as error:
        return error.message
    lost = variant.program and shutil.which(variant.program) is None
    return f"{variant.program} is not installed" if lost else ""


def tools(host: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """{arch: (compiler, assembler and linker, QEMU)} of a machine's facts."""
    its = ("compiler", "binutils", "qemu")
    return {arch: tuple(str(host[name][arch]) for name in its) for arch in host["compiler"]}


def _files(folder: Path, before: Mapping[str, bytes]) -> dict[str, bytes]:
    """What is new."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
            name, content = str(path.relative_to(folder)), path.read_bytes()
            if before.get(name) != content:
                found[name] = content
    return found


@dataclass(frozen=True)
class _Teller:
    """Events go to whoever asked, as they happen."""

    run: str

    def __call__(self, event: Event) -> None:
        from distributed import get_worker

        with contextlib.suppress(ValueError):
            get_worker().log_event(topic(self.run), packed(event, Store()))


def topic(run: str) -> str:
    """Under which a run's events are told."""
    return f"kmatrix-{run}"


async def _unwanted(task: asyncio.Task[Any], key: str) -> None:
    """Whoever asked has gone, or wants it no more: then it ends, too."""
    from distributed import get_worker

    worker = get_worker()
    while True:
        await asyncio.sleep(LOOK)
        state = worker.state.tasks.get(key)
        if state is None or state.state in _UNWANTED:
            task.cancel()
            return
