# SPDX-License-Identifier: GPL-2.0-or-later
"""What a cluster would take: the real graph, in the real order (loop.py), on machines that are only counted.

Time jumps to whenever something happens. A machine has a guest for each core and one build at a time, to which guests
yield. What it lacks it takes from the shared store. It dies now and then; what it was doing is begun on another one.

    python -m orchestrator.executors.simulation --machines 1 10 100 1000 --plot makespan.png
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import random
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from orchestrator.arches import known as arches
from orchestrator.config import debug, matrix_file
from orchestrator.config.plan import plan as make_plan
from orchestrator.config.steps import Results, graph
from orchestrator.config.workloads import library
from orchestrator.executors.cluster import AWAY, apart
from orchestrator.executors.loop import in_order
from orchestrator.model import Plan, Step, StepKind
from orchestrator.paths import GUEST_TOOLS, MATRIX

T = TypeVar("T")
BUILD = 2  # cores that a build takes, as it was measured


@dataclass(frozen=True)
class Takes:
    """Seconds, as they were measured on two cores (README.md here); MiB of what others take."""

    kernel: float = 400.0  # the first of a config on a machine
    another: float = 40.0  # a patched one, where the tree is there
    debug_kernel: float = 540.0
    boot: float = 12.0
    profile: float = 15.0
    watched: float = 75.0
    selftest: float = 190.0
    variant: float = 7.0
    here: float = 0.2  # what the one who asks does himself
    source: float = 60.0
    kernel_mib: float = 65.0
    result_mib: float = 2.0
    order: float = 0.004  # of the scheduler's time, and of his who asks, for each step
    machine_mibs: float = 110.0  # a network of 1 Gbit/s
    store_mibs: float = 1100.0  # the shared store's


@dataclass
class _Machine:
    number: int
    cores: int
    free: int
    building: bool = False
    has: set[str] = field(default_factory=set)
    trees: set[str] = field(default_factory=set)
    doing: set[asyncio.Task[Any]] = field(default_factory=set)
    up: bool = True

    @property
    def crowd(self) -> float:
        """How much longer a guest takes for what else is done there."""
        return max(1.0, (self.cores - self.free + BUILD * self.building) / self.cores)


@dataclass(frozen=True)
class Told:
    """One simulation. makespan, critical: seconds; moved: GiB from and to the store; again: steps that were begun
    again; busy: the share of the cores' time that was used."""

    machines: int
    makespan: float
    critical: float
    moved: float
    again: int
    busy: float


@dataclass
class Cluster:
    """machines: how many; days: between two deaths of one; away: seconds until it is back."""

    takes: Takes
    machines: int
    cores: int = 4
    days: float = 1.0
    away: float = 120.0
    seed: int = 1
    moved: float = 0.0
    again: int = 0
    used: float = 0.0

    async def run(self, steps: Sequence[Step]) -> float:
        """Seconds that it takes."""
        self._all = [_Machine(n, self.cores, self.cores) for n in range(self.machines)]
        self._waiting: list[tuple[int, int, asyncio.Future[_Machine], Step]] = []
        self._count = 0
        self._asking, self._streams = (
            asyncio.Lock(),
            asyncio.Semaphore(max(1, round(self.takes.store_mibs / self.takes.machine_mibs))),
        )
        chance = random.Random(self.seed)
        deaths = [asyncio.create_task(self._dies(machine, random.Random(chance.random()))) for machine in self._all]
        try:
            await in_order([apart(step) for step in steps], {}, self._done)
        finally:
            for death in deaths:
                death.cancel()
        return asyncio.get_running_loop().time()

    async def _done(self, step: Step, results: Results) -> object:
        async with self._asking:
            await asyncio.sleep(self.takes.order)
        if step.kind not in AWAY:
            await asyncio.sleep(seconds(step, self.takes, True))
            return step.id
        while True:
            machine = await self._place(step)
            work = asyncio.create_task(self._work(step, machine))
            machine.doing.add(work)
            try:
                await asyncio.wait({work})
            finally:
                machine.doing.discard(work)
                self._leave(step, machine)
            if not work.cancelled():
                return step.id
            self.again += 1

    async def _work(self, step: Step, machine: _Machine) -> None:
        for name in _needs(step):
            if name not in machine.has:
                await self._move(self.takes.kernel_mib)
                machine.has.add(name)
        tree = _tree(step)
        nominal = seconds(step, self.takes, tree in machine.trees)
        await asyncio.sleep(nominal * (1.0 if step.kind is StepKind.KERNEL else machine.crowd))
        if step.kind is StepKind.KERNEL:
            machine.trees.add(tree)
            machine.has.add(step.subject)
            await self._move(self.takes.kernel_mib)
        else:
            await self._move(self.takes.result_mib)
        self.used += nominal * (BUILD if step.kind is StepKind.KERNEL else 1)

    async def _move(self, mib: float) -> None:
        async with self._streams:
            self.moved += mib
            await asyncio.sleep(mib / self.takes.machine_mibs)

    async def _place(self, step: Step) -> _Machine:
        """A machine that has room, best one that has what is needed; the most urgent step first."""
        future: asyncio.Future[_Machine] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._waiting, (step.priority, self._count, future, step))
        self._match()
        return await future

    def _match(self) -> None:
        left = []
        while self._waiting:
            entry = heapq.heappop(self._waiting)
            machine = self._free(entry[3])
            if machine is None:
                left.append(entry)
                continue
            machine.building |= entry[3].kind is StepKind.KERNEL
            machine.free -= entry[3].kind is not StepKind.KERNEL
            entry[2].set_result(machine)
        for entry in left:
            heapq.heappush(self._waiting, entry)

    def _free(self, step: Step) -> _Machine | None:
        if step.kind is StepKind.KERNEL:
            able = [m for m in self._all if m.up and not m.building]
            return max(able, key=lambda m: (_tree(step) in m.trees, m.free), default=None)
        able = [m for m in self._all if m.up and m.free > 0]
        return max(able, key=lambda m: (m.free > 1, _needs(step) <= m.has, m.free), default=None)

    def _leave(self, step: Step, machine: _Machine) -> None:
        if step.kind is StepKind.KERNEL:
            machine.building = False
        machine.free += step.kind is not StepKind.KERNEL
        self._match()

    async def _dies(self, machine: _Machine, chance: random.Random) -> None:
        while True:
            await asyncio.sleep(chance.expovariate(1 / (self.days * 86_400)))
            machine.up = False
            machine.has, machine.trees = set(), set()
            for task in list(machine.doing):
                task.cancel()
            await asyncio.sleep(self.away)
            machine.up = True
            self._match()


def _tree(step: Step) -> str:
    """Which build a kernel is made in: of an arch, and a config."""
    return step.subject.partition("/")[0] + step.subject.partition("~")[2]


def _needs(step: Step) -> set[str]:
    """Kernels that must be where it is done."""
    return {name.partition(" ")[2] for name in step.inputs if name.startswith("kernel ")}


def seconds(step: Step, takes: Takes, tree: bool) -> float:
    """That a step takes; tree: on a machine that has built such a kernel before."""
    match step.kind:
        case StepKind.KERNEL:
            first = takes.debug_kernel if "~" in step.subject else takes.kernel
            return takes.another if tree else first
        case StepKind.SOURCE:
            return takes.source
        case StepKind.BOOT:
            return takes.boot
        case StepKind.PROFILE:
            return takes.profile
        case StepKind.DEBUG:
            return takes.watched
        case StepKind.SELFTEST:
            return takes.selftest
        case StepKind.VARIANT:
            return takes.variant
    return takes.here


def critical(steps: Sequence[Step], takes: Takes) -> float:
    """Seconds of the longest chain of steps that wait for each other, on as many machines as one likes: every kernel
    is a machine's first."""
    ends: dict[str, float] = {}
    for step in _sorted(steps):
        begins = max((ends[name] for name in (*step.inputs, *step.after)), default=0.0)
        ends[step.id] = begins + seconds(step, takes, False)
    return max(ends.values())


def _sorted(steps: Sequence[Step]) -> list[Step]:
    done, left, found = set[str](), list(steps), list[Step]()
    while left:
        now = [step for step in left if {*step.inputs, *step.after} <= done]
        found += now
        done |= {step.id for step in now}
        left = [step for step in left if step.id not in done]
    return found


def nightly(architectures: int = 6, workloads: int = 50, kernels: int = 3) -> Plan:
    """A full night: two kernels beside a base, compared with it, and both of debug's builds of each."""
    own = [*arches().values()]
    named = [own[n].name if n < len(own) else f"more-{n}" for n in range(architectures)]
    all_of_them = [replace(own[n % len(own)], name=name) for n, name in enumerate(named)]
    names = [*library(GUEST_TOOLS)][:workloads]
    base = matrix_file.load(MATRIX, chosen=names)
    first = base.kernels[0]
    table = tuple(replace(first, name=f"kernel-{n}") for n in range(kernels))
    lines = {arch.name: base.config.lines[own[0].name] for arch in all_of_them}
    builds = debug.configs(debug.BUILDS, [own[0].name])
    watching = tuple(replace(its, lines=dict.fromkeys(lines, its.lines[own[0].name])) for its in builds)
    pairs = tuple(replace(base.comparisons[0], base="kernel-0", new=kernel.name) for kernel in table[1:])
    return make_plan(
        replace(
            base, arches=tuple(all_of_them), kernels=table, comparisons=pairs, debug=watching, claims=(),
            config=replace(base.config, lines=lines),
        )
    )  # fmt: skip


class Jumping(asyncio.SelectorEventLoop):
    """Where nothing is to be done, it is later."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        """Seconds since it began."""
        return self._now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self._now = max(self._now, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run where time jumps."""
    with asyncio.Runner(loop_factory=Jumping) as runner:
        return runner.run(work)


def simulated(plan: Plan, machines: int, takes: Takes = Takes(), **how: Any) -> Told:
    """A plan on so many machines."""
    steps = graph(plan, profile=True)
    cluster = Cluster(takes, machines, **how)
    makespan = at_once(cluster.run(steps))
    busy = cluster.used / (makespan * machines * cluster.cores)
    return Told(machines, makespan, critical(steps, takes), cluster.moved / 1024, cluster.again, busy)


def rows(told: Sequence[Told]) -> list[str]:
    """A table in Markdown."""
    head = ["| machines | takes | of the critical path | moved | begun again | busy |", "|---|---|---|---|---|---|"]
    return head + [
        f"| {one.machines} | {_time(one.makespan)} | {one.makespan / one.critical:.2f} | {one.moved:.0f} GiB "
        f"| {one.again} | {one.busy:.0%} |"
        for one in told
    ]


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 7200 else f"{seconds / 60:.0f} min"


def drawn(told: Mapping[str, Sequence[Told]], file: Path) -> None:
    """Makespan by machines, a line for each case, and the critical path."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for name, its in told.items():
        axes.plot([one.machines for one in its], [one.makespan / 60 for one in its], marker="o", label=name)
    path = next(iter(told.values()))[0].critical / 60
    axes.axhline(path, linestyle=":", color="grey", label=f"critical path, {path:.0f} min")
    axes.set(xscale="log", yscale="log", xlabel="machines of 4 cores", ylabel="minutes", title="A full night")
    axes.legend()
    figure.savefig(file)
    pyplot.close(figure)


def main() -> None:
    """Prints a table; --plot draws it."""
    words = argparse.ArgumentParser(prog="simulation", description=(__doc__ or "").splitlines()[0])
    words.add_argument("--machines", type=int, nargs="+", default=[1, 3, 10, 30, 100, 300, 1000])
    words.add_argument("--plot", type=Path)
    given = words.parse_args()
    plan = nightly()
    steps = graph(plan, profile=True)
    print(f"{len(steps)} steps, critical path {_time(critical(steps, Takes()))}")
    cases = {"each dies once a day": 1.0, "each dies every hour": 1 / 24}
    told = {name: [simulated(plan, n, days=days) for n in given.machines] for name, days in cases.items()}
    for name, its in told.items():
        print("\n".join(["", f"{name}:", "", *rows(its)]))
    if given.plot:
        drawn(told, given.plot)


if __name__ == "__main__":
    main()
