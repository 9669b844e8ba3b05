# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is given which step: dask's own scheduler and workers, in this process; what a worker does is a pause."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.config.steps import Results, Want
from orchestrator.errors import DiskFull, InfraError, KmatrixError
from orchestrator.events import Bus, Note
from orchestrator.executors import cluster, machines, worker
from orchestrator.executors.cluster import Cluster
from orchestrator.executors.joining import Join, dask
from orchestrator.executors.loop import in_order
from orchestrator.executors.machines import _kept
from orchestrator.executors.parcel import unpacked
from orchestrator.executors.resources import BUILD, CORE, MEMORY, WALL
from orchestrator.executors.worker import Delivery
from orchestrator.model import Step, StepKind
from orchestrator.runs.folder import RunFolder
from orchestrator.store import Store

pytest.importorskip("distributed")


@dataclass
class Shop:
    """Workers by name with what they have, what they did, and how long that takes; what one of them does instead."""

    folder: Path
    workers: dict[str, dict[str, float]]
    seconds: Callable[[str], float] = lambda _: 0.05
    instead: Callable[[str], object] = lambda _: None
    began: list[tuple[str, str]] = field(default_factory=list)  # step, worker
    ended: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    async def one(self, run: str, work: bytes, order: bytes, store: Store) -> Delivery:
        from distributed import get_worker

        step, name = unpacked(order, store).step, str(get_worker().name)
        self.instead(name)
        self.began.append((step.id, name))
        await asyncio.sleep(self.seconds(step.id))
        self.ended.append(step.id)
        return Delivery("done")

    def run(self, steps: Sequence[Step], monkeypatch: pytest.MonkeyPatch, meanwhile: Any = None) -> Results:
        """As for a run, but that its steps are those."""
        monkeypatch.setenv("HOME", str(self.folder))
        monkeypatch.setattr(worker, "_done", self.one)
        monkeypatch.setattr(cluster, "_settings", lambda runner: None)
        monkeypatch.setattr(cluster, "_files", lambda step, runner: {})
        bus = Bus()
        bus.subscribe(lambda event: self.told.append(str(event) if isinstance(event, Note) else ""))
        runner: Any = SimpleNamespace(
            plan=SimpleNamespace(variants=()), store=Store(), bus=bus, folder=RunFolder(self.folder / "run"),
            has=lambda step: False, agrees=lambda _: None, takes=lambda *_: True,
        )  # fmt: skip

        async def all_of_it() -> Results:
            distributed = dask()
            logging.getLogger("distributed").setLevel(logging.CRITICAL)
            quiet = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
            async with distributed.Scheduler(host="127.0.0.1", port=0, **quiet) as its:
                there = {
                    name: await distributed.Worker(
                        its.address, nthreads=4, resources=has, name=name, memory_limit=0,
                        local_directory=str(self.folder), **quiet,
                    )
                    for name, has in self.workers.items()
                }  # fmt: skip
                extra = asyncio.create_task(meanwhile(its, there)) if meanwhile else None
                try:
                    return await Cluster(Join(its.address), 100)._run(steps, runner)
                finally:
                    if extra:
                        await extra
                    for one in there.values():
                        await one.close()

        return asyncio.run(asyncio.wait_for(all_of_it(), 60))


def boot(name: str, want: Want = Want.NOTHING, after: tuple[str, ...] = ()) -> Step:
    return Step(StepKind.BOOT, name, after=after, priority=want)


HAS = {CORE: 1.0, BUILD: 1.0, MEMORY: 4000.0}


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), DiskFull("the disk is full", kind="disk")]
)
def test_a_worker_whose_disk_is_full_takes_no_step_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def sick(name: str) -> None:
        if name == "sick-1":
            raise error

    shop = Shop(tmp_path, {"sick-1": HAS, "well-2": HAS}, instead=sick)
    results = shop.run([boot(f"x/k/w#{n}") for n in range(8)], monkeypatch)
    assert not [its for its in results.values() if isinstance(its, KmatrixError)]
    assert {name for _, name in shop.began} == {"well-2"}
    assert any("is done by another worker" in text for text in shop.told)


def test_where_all_are_sick_it_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sick(name: str) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    [ended] = Shop(tmp_path, {"a-1": HAS, "b-2": HAS}, instead=sick).run([boot("x/k/w#0")], monkeypatch).values()
    assert isinstance(ended, InfraError) and "Read-only file system" in ended.message


def test_the_clock_on_the_wall_is_of_one_machine_and_keeps_nobody_from_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has = {**HAS, CORE: 2.0, WALL: 1.0}
    shop = Shop(tmp_path, {"one-1": has, "two-2": has}, seconds=lambda step: 0.3 if "wall" in step else 0.05)
    walls = [boot(f"x/{kernel}/wall#{n}", Want.PROMPT) for n in range(2) for kernel in ("base", "patched")]
    shop.run([*walls, *(boot(f"x/k/w#{n}") for n in range(6))], monkeypatch)
    assert len({name for step, name in shop.began if "wall" in step}) == 1
    others = [step for step in shop.ended[:7] if "wall" not in step]
    assert len(others) == 6, "they were done beside the first of them"


def test_a_wall_that_is_started_again_is_the_same_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(tmp_path, {"host-1": {**HAS, WALL: 1.0}}, seconds=lambda step: 0.2)

    async def again(scheduler: Any, there: dict[str, Any]) -> None:
        while len(shop.ended) < 1:  # noqa: ASYNC110 (what ends it is no event)
            await asyncio.sleep(0.02)
        old = there.pop("host-1")
        await old.close()
        there["host-2"] = await dask().Worker(
            scheduler.address, nthreads=4, resources={**HAS, WALL: 1.0}, name="host-2", memory_limit=0,
            dashboard=False, dashboard_address="127.0.0.1:0", local_directory=str(tmp_path),
        )  # fmt: skip

    results = shop.run([boot(f"x/k/wall#{n}", Want.PROMPT) for n in range(4)], monkeypatch, again)
    assert {*results.values()} == {"done"}, results
    assert {name for _, name in shop.began} == {"host-1", "host-2"}


def test_a_kernel_does_not_wait_for_the_worker_that_has_its_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """y's is at z, which takes long, when y/new may begin: the other one, which is free, takes it."""
    seconds = {"kernel y/base": 0.1, "kernel x/base": 0.5, "kernel z/base": 2.0, "kernel y/new": 0.1}
    after = {"kernel z/base": ("kernel y/base",), "kernel y/new": ("kernel x/base",)}
    steps = [Step(StepKind.KERNEL, name.partition(" ")[2], after=after.get(name, ())) for name in seconds]
    shop = Shop(tmp_path, {"a-1": HAS, "b-2": HAS}, seconds=lambda step: seconds[step])
    monkeypatch.setattr(cluster, "KernelArtifact", str)  # "done" is one
    shop.run(steps, monkeypatch)
    assert shop.ended.index("kernel y/new") < shop.ended.index("kernel z/base"), shop.began


def test_no_step_waits_at_a_busy_worker_beside_one_that_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that builds can boot beside that, but dask takes it for the busier one."""
    kernels = {"kernel y/a": 2.0, "kernel y/b": 2.0, "kernel x/a": 0.3}
    first, second = boot("x/a/w#0"), boot("x/a/w#1", after=("kernel x/a",))
    shop = Shop(
        tmp_path,
        {"builds-1": {**HAS, BUILD: 3.0}, "boots-2": {**HAS, BUILD: 0.0}},
        lambda step: kernels.get(step, 1.5),
    )
    monkeypatch.setattr(cluster, "KernelArtifact", str)
    shop.run([*(Step(StepKind.KERNEL, name.partition(" ")[2]) for name in kernels), first, second], monkeypatch)
    assert dict(shop.began)[first.id] == "boots-2" and dict(shop.began)[second.id] == "builds-1", shop.began


def test_steps_that_begin_together_are_shared_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    has = {**HAS, CORE: 4.0}
    for workers in ({"a-1": has, "b-2": has}, {"a-1": has, "b-2": has, "unfit-3": has}):
        shop = Shop(tmp_path, workers, lambda step: 1.0, lambda name: _sick() if name == "unfit-3" else None)
        before = [boot("x/k/first#0")]
        shop.run([*before, *(boot(f"x/k/w#{n}", after=("boot x/k/first#0",)) for n in range(8))], monkeypatch)
        first = [name for step, name in shop.began if "/w#" in step][:8]
        assert {name: first.count(name) for name in ("a-1", "b-2")} == {"a-1": 4, "b-2": 4}, shop.began


def test_who_is_there_is_asked_once_for_all_that_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred machines have hundreds of steps, each of which looks whether its worker is still there."""
    asked, there = 0, Cluster._there

    async def counted(self: Cluster) -> Any:
        nonlocal asked
        asked += 1
        return await there(self)

    monkeypatch.setattr(cluster, "GONE", 0.2)
    monkeypatch.setattr(Cluster, "_there", counted)
    shop = Shop(tmp_path, {"a-1": {**HAS, CORE: 32.0, MEMORY: 99_999.0}}, lambda step: 2.0)
    shop.run([boot(f"x/k/w#{n}") for n in range(32)], monkeypatch)
    assert len(shop.began) == 32 and asked < 32 * 2 + 60, "else it would be 320 for that"


def _sick() -> None:
    raise OSError(errno.EROFS, "Read-only file system")


def test_a_worker_without_room_for_a_guest_gets_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by stealing, and not when the one that had a step is gone."""
    big, small = {**HAS, CORE: 4.0}, {**HAS, CORE: 4.0, MEMORY: 50.0}

    async def dies(scheduler: Any, there: dict[str, Any]) -> None:
        while len(shop.began) < 6:  # noqa: ASYNC110 (what ends it is no event)
            await asyncio.sleep(0.02)
        await there["big-1"].close()

    monkeypatch.setattr(cluster, "GONE", 0.2)
    shop = Shop(tmp_path, {"big-1": big, "big-2": big, "small-3": small}, lambda step: 0.7)
    results = shop.run([boot(f"x/k/w#{n}") for n in range(10)], monkeypatch, dies)
    assert {*results.values()} == {"done"} and len(results) == 10, results
    assert {name for _, name in shop.began} == {"big-1", "big-2"}, shop.began


def test_a_variant_has_the_kernel_of_its_own_arch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "KernelArtifact", str)
    results: Results = {
        "source s": 1,
        "kernel x86_64/base": InfraError("no", kind="x"),
        "kernel s390x/base": "theirs",
        "kernel aarch64/base": "own",
        "kernel aarch64/new": "no base",
    }
    variants: Any = [SimpleNamespace(name="64 KiB pages", arch=SimpleNamespace(name="aarch64"))]
    step = Step(StepKind.VARIANT, "64 KiB pages/base..new", inputs=("source s",))
    assert {*cluster._needed(step, results, variants)} == {"source s", "kernel aarch64/base"}
    elsewhere: Any = [SimpleNamespace(name="64 KiB pages", arch=SimpleNamespace(name="arm"))]
    assert {*cluster._needed(step, results, elsewhere)} == {"source s", "kernel s390x/base"}


@pytest.mark.parametrize(("ends", "times"), [("kill -SEGV $$", machines.QUICK), ("echo why >&2; exit 4", 1)])
def test_who_keeps_workers_is_started_again_when_killed_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ends: str, times: int
) -> None:
    monkeypatch.setattr(machines, "AGAIN", 0.25)  # a busy machine is slow to start a shell
    said: list[str] = []
    with (tmp_path / "log").open("wb") as log:
        asyncio.run(asyncio.wait_for(_kept(["sh", "-c", f"echo tried; {ends}"], log, said.append), 30))
    assert said.count("tried") == times and len(said) == 2 * times
    assert said[-1] == f"there are no workers any more: {'why' if times == 1 else ''}"


def test_in_order_is_what_it_is_given() -> None:
    """The harness is not what makes the order: without places all that is ready starts at once."""

    async def done(step: Step, results: Results) -> object:
        return step.id

    steps = [boot("a/k/w#0"), boot("b/k/w#0")]
    assert [*asyncio.run(in_order(steps, {}, done))] == [step.id for step in steps]
