# SPDX-License-Identifier: GPL-2.0-or-later
"""Which step comes when, with a runner that does nothing and a clock that jumps: runs of hours in milliseconds."""

from __future__ import annotations

import asyncio
import errno
import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from orchestrator.config import debug, matrix_file, variants
from orchestrator.config.plan import plan as make_plan
from orchestrator.config.steps import builds_only, graph, lanes, pairs, ready
from orchestrator.errors import BuildError, DiskFull, Identical, InfraError, KernelBroke, KmatrixError, ToolMissing
from orchestrator.executors import Executor, Runner
from orchestrator.executors.local import Local
from orchestrator.executors.simulation import at_once
from orchestrator.model import Comparison, Plan, Step, StepKind
from orchestrator.paths import GUEST_TOOLS

T = TypeVar("T")
ROOT = GUEST_TOOLS.parent
TAKES = {
    "source": 20.0,
    "kernel": 200.0,
    "image": 8.0,
    "tool": 1.0,
    "compare": 0.0,
    "static": 7.0,
    "boot": 10.0,
    "profile": 15.0,
    "cell": 0.0,
}


@dataclass
class Fake:
    """Takes its time, gives the step's id, or what it is told to raise, each once."""

    takes: Mapping[str, float] = field(default_factory=dict)  # by id or kind
    raises: dict[str, list[BaseException]] = field(default_factory=dict)  # by id
    began: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    tries: dict[str, list[Sequence[KmatrixError]]] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)

    async def __call__(self, step: Step, results: Mapping[str, object], failures: Sequence[KmatrixError]) -> object:
        assert set(results) == {*step.inputs, *step.after}, "a step gets what it waits for, and nothing else"
        now = asyncio.get_running_loop().time
        self.began.setdefault(step.id, now())
        self.tries.setdefault(step.id, []).append(tuple(failures))
        try:
            await asyncio.sleep(self.takes.get(step.id, {**TAKES, **self.takes}[step.kind]))
        except asyncio.CancelledError:
            self.cancelled.append(step.id)
            raise
        self.ended[step.id] = now()
        if self.raises.get(step.id):
            raise self.raises[step.id].pop(0)
        return step.id

    def order(self, kind: str) -> list[str]:
        """Subjects, as they began."""
        mine = [name for name in sorted(self.began, key=lambda name: self.began[name]) if name.startswith(f"{kind} ")]
        return [name.partition(" ")[2] for name in mine]

    def together(self, names: Sequence[str]) -> int:
        """How many of these were under way at most."""
        return max(sum(self.began[n] <= self.began[m] < self.ended[n] for n in names) for m in names)


def the_plan(text: str = "", select: Sequence[str] = ()) -> Plan:
    """As if throttle waited for a disk by a wall clock."""
    matrix = matrix_file.from_text(text, ROOT / "matrix.yaml") if text else matrix_file.load(ROOT / "matrix.yaml")
    waiting = [replace(w, clock="wall", waits=True) if w.name == "throttle" else w for w in matrix.workloads]
    return make_plan(replace(matrix, workloads=tuple(waiting)), select)


def run(plan: Plan, fake: Fake, places: Mapping[str, int] | None = None, **how: Any) -> Mapping[str, object]:
    """On 2 cores with much memory."""
    executor: Executor = Local(places or lanes(plan, how.get("first", ""), 2, 64_000))
    runner: Runner = fake
    return at_once(executor.run(graph(plan, **how), runner))


SMALL = """\
arches: [aarch64, s390x]
workloads: [shmem-write]
sources: {a: {debian: linux-source-6.1}, b: {debian: linux-source-6.12}}
kernels: {base: {source: a}, new: {source: b}}
compare: [{base: base, new: new}]
measure: {boots: 2}
"""
MIXED = SMALL.replace("[shmem-write]", "[shmem-write, throttle, contention]").replace("[aarch64, s390x]", "[aarch64]")


def test_all_of_it_is_done_once() -> None:
    fake = Fake()
    done = run(the_plan(), fake)
    assert set(done) == set(fake.began) and all(len(tries) == 1 for tries in fake.tries.values())
    assert all(done[name] == name for name in done)


def test_nothing_begins_before_what_it_waits_for() -> None:
    plan, fake = the_plan(MIXED), Fake()
    run(plan, fake, profile=True)
    for step in graph(plan, profile=True):
        for name in (*step.inputs, *step.after):
            assert fake.ended[name] <= fake.began[step.id], (name, step.id)


def test_sources_one_at_a_time_and_kernels_of_an_arch_one_after_the_other() -> None:
    plan, fake = the_plan(SMALL), Fake()
    run(plan, fake)
    assert fake.together(["source a", "source b"]) == 1
    for arch in ("aarch64", "s390x"):
        assert fake.together([f"kernel {arch}/base", f"kernel {arch}/new"]) == 1
    assert fake.together([f"kernel {b.id}" for b in plan.builds]) == 2, "arches side by side"
    nice = {step.subject: step.niceness for step in builds_only(plan)}
    assert (nice["s390x/base"], nice["aarch64/base"]) == (0, 10), "the arch with the least to compile comes first"


def test_a_cell_is_measured_while_other_kernels_are_built() -> None:
    plan, fake = the_plan(), Fake()
    run(plan, fake)
    assert fake.order("kernel")[:2] == ["x86_64/patched", "aarch64/patched"], "fewest patches first"
    assert fake.began["boot x86_64/patched/shmem-write#0"] == fake.ended["kernel x86_64/patched"] == 220
    assert fake.ended["cell x86_64/patched/shmem-write"] < fake.ended["kernel x86_64/unpatched"]


def test_boots_go_forwards_and_backwards_where_all_kernels_are_there() -> None:
    fake = Fake({"kernel": 0.0, "source": 0.0})
    run(the_plan(SMALL, ["aarch64/*"]), fake, {"nothing": 1})
    assert fake.order("boot") == [
        f"aarch64/{which}" for which in ("base/shmem-write#0", "new/shmem-write#0", "new/shmem-write#1",
                                         "base/shmem-write#1")
    ]  # fmt: skip


def test_memory_bounds_how_many_guests_there_are() -> None:
    plan = the_plan(SMALL)
    assert lanes(plan, "", 8, 1300 * 3)["nothing"] == 2  # 1324 MiB each
    assert lanes(plan, "", 2, 64_000)["nothing"] == 2 and lanes(plan, "", 2, 100)["nothing"] == 1
    assert lanes(the_plan(MIXED), "", 8, 1324 * 6)["nothing"] == 3, "two kinds share it"
    fake = Fake({"kernel": 0.0})
    run(plan, fake, lanes(plan, "", 8, 1324 * 2))
    assert fake.together([f"boot {boot.id}" for boot in plan.boots]) == 2


def test_a_first_answer_comes_before_all_else() -> None:
    plan, fake = the_plan(), Fake()
    run(plan, fake, first="patched")
    assert {step.niceness for step in graph(plan, "patched") if step.kind is StepKind.KERNEL} == {0}
    answers = [f"boot {arch}/patched/shmem-write#0" for arch in ("x86_64", "aarch64", "s390x")]
    last = max(fake.ended[f"kernel {arch}/patched"] for arch in ("x86_64", "aarch64", "s390x"))
    others = [f"boot {boot.id}" for boot in plan.boots if f"boot {boot.id}" not in answers]
    assert all(fake.began[name] >= last for name in others)
    assert fake.began[answers[0]] == fake.ended["kernel x86_64/patched"], "a place of its own"


def test_a_first_answer_does_not_wait_for_places_of_others() -> None:
    plan = the_plan()
    steps = graph(plan, "patched")
    busy = [step for step in steps if step.lane == "nothing"][:2]
    ended = [step.id for step in steps if step.kind is not StepKind.BOOT]
    found = ready([step for step in steps if step.lane == "first"], busy, ended, {"first": 1, "nothing": 2})
    assert [step.subject for step in found] == ["x86_64/patched/shmem-write#0"]


def test_wall_clocks_wait_for_builds_and_those_that_compute_for_all_else_one_at_a_time() -> None:
    plan, fake = the_plan(MIXED), Fake({"kernel aarch64/new": 500.0})
    run(plan, fake)
    boots = {name: [f"boot {b.id}" for b in plan.boots if b.cell.workload.name == name] for name in
             ("shmem-write", "throttle", "contention")}  # fmt: skip
    built = max(fake.ended[f"kernel {build.id}"] for build in plan.builds)
    assert min(fake.began[name] for name in boots["shmem-write"]) < built
    assert min(fake.began[name] for name in boots["throttle"]) >= built
    assert fake.together([*boots["throttle"], *boots["shmem-write"]]) > fake.together(boots["throttle"]) >= 2
    before = max(fake.ended[name] for name in (*boots["shmem-write"], *boots["throttle"]))
    assert min(fake.began[name] for name in boots["contention"]) >= before
    assert fake.together(boots["contention"]) == 1
    nice = {step.subject.split("/")[2].partition("#")[0]: step.niceness for step in graph(plan) if step.lane}
    assert nice == {"shmem-write": 5, "throttle": 0, "contention": 0}, "who wants nothing yields"


def test_a_kernel_that_does_not_build_ends_its_cells_and_nothing_else() -> None:
    plan, error = the_plan(SMALL), BuildError("it does not compile")
    fake = Fake(raises={"kernel s390x/new": [error]})
    done = run(plan, fake)
    assert {name for name, result in done.items() if result is error} == {
        "kernel s390x/new", "compare s390x/base..new",
        "boot s390x/new/shmem-write#0", "boot s390x/new/shmem-write#1",
    }  # fmt: skip
    assert not [name for name in fake.began if name.startswith("boot s390x/new")]
    assert "cell s390x/new/shmem-write" in fake.began, "it is told"


def test_a_source_that_is_not_there_ends_what_is_made_of_it() -> None:
    error = InfraError("no mirror")
    done = run(the_plan(SMALL), Fake(raises={"source a": [error]}))
    failed = {name for name, result in done.items() if result is error}
    assert {"kernel aarch64/base", "kernel s390x/base"} < failed and not any("/new" in name for name in failed)


CHAIN = SMALL.replace(
    "{base: {source: a}, new: {source: b}}",
    """
  base: {source: a}
  one: {source: a, patches: [one.patch]}
  two: {source: a, patches: [one.patch, two.patch]}
""",
).replace("[{base: base, new: new}]", "[{base: base, new: one}, {base: one, new: two}, {base: base, new: two}]")


@pytest.fixture
def chain(tmp_path: Path) -> Plan:
    for name in ("one", "two"):
        (tmp_path / f"{name}.patch").write_text("")
    return make_plan(matrix_file.from_text(CHAIN, tmp_path / "matrix.yaml"))


def test_a_kernel_that_is_the_same_as_another_is_not_booted_and_nothing_else_is_lost(chain: Plan) -> None:
    same = Identical("the kernel is the same as base")
    fake = Fake(raises={"compare s390x/base..one": [same]})
    done = run(chain, fake)
    booted = {name.split()[1].rpartition("/")[0] for name in fake.began if name.startswith("boot ")}
    assert booted == {f"{a}/{k}" for a in ("aarch64", "s390x") for k in ("base", "one", "two")} - {"s390x/one"}
    assert done["boot s390x/one/shmem-write#1"] is same and "cell s390x/one/shmem-write" in fake.began
    assert len([name for name in fake.began if name.startswith("compare ")]) == 6


def test_nobody_waits_for_a_base_that_is_built_later_or_failed(chain: Plan) -> None:
    plan = replace(chain, comparisons=(Comparison("two", "base"), Comparison("base", "one")))
    assert [pair.id for pair in pairs(plan) if not pair.spares] == ["aarch64/two..base", "s390x/two..base"]
    fake = Fake(raises={"kernel s390x/base": [BuildError("no")], "compare s390x/two..base": [Identical("same")]})
    run(plan, fake)
    assert fake.began["boot aarch64/base/shmem-write#0"] == fake.ended["kernel aarch64/base"]
    assert "boot s390x/one/shmem-write#0" in fake.began, "it is measured all the same"
    selected = [pair.id for pair in pairs(replace(chain, builds=chain.builds[:1]))]
    assert selected == [], "the other kernel is not asked for"


def test_a_cell_that_failed_is_not_booted_again() -> None:
    broke = KernelBroke("panic")
    name = "aarch64/base/shmem-write"
    fake = Fake({"kernel": 0.0}, {f"boot {name}#0": [broke]})
    done = run(the_plan(SMALL, ["aarch64/*"]), fake, {"nothing": 1})
    assert f"boot {name}#1" not in fake.began and done[f"boot {name}#1"] is broke
    assert done["boot aarch64/new/shmem-write#1"] == "boot aarch64/new/shmem-write#1"


def test_a_cells_further_boots_wait_for_its_first_and_go_as_soon_as_it_has_failed() -> None:
    """However many places there are, and whatever else they wait for."""
    broke, name = KernelBroke("panic"), "aarch64/new/shmem-write"
    plan = the_plan(SMALL.replace("boots: 2", "boots: 4"), ["aarch64/*"])
    fake = Fake(
        {"kernel": 0.0, f"boot {name}#0": 5.0, "boot aarch64/base/shmem-write#0": 50.0}, {f"boot {name}#0": [broke]}
    )
    done = run(plan, fake, {"nothing": 8})
    assert [done[f"boot {name}#{number}"] for number in range(4)] == [broke] * 4
    assert [boot for boot in fake.order("boot") if boot.startswith(name)] == [f"{name}#0"]
    assert fake.ended[f"cell {name}"] == fake.ended[f"boot {name}#0"], "told at once"
    assert fake.together([f"boot aarch64/base/shmem-write#{number}" for number in range(1, 4)]) == 3
    fake = Fake({"kernel": 0.0}, {f"boot {name}#2": [broke]})
    assert run(plan, fake, {"nothing": 1})[f"boot {name}#3"] is broke


def test_a_boot_that_is_dropped_waits_for_nothing() -> None:
    """As those of a wall clock, which wait for all else."""
    broke, name = KernelBroke("panic"), "aarch64/base/contention"
    plan = the_plan(MIXED.replace("[shmem-write, throttle, contention]", "[contention, throttle]"))
    fake = Fake({"kernel": 0.0}, {f"boot {name}#0": [broke]})
    run(plan, fake)
    last = max(fake.ended[boot] for boot in fake.ended if boot.startswith("boot "))
    assert fake.ended[f"cell {name}"] == fake.ended[f"boot {name}#0"] < last


def test_the_testbeds_failure_is_repeated_as_often_as_it_says_and_told() -> None:
    plan = the_plan(SMALL.replace("boots: 2", "boots: 1, retries: 2"), ["aarch64/*"])
    first, second = InfraError("QEMU died"), InfraError("again")
    name = "boot aarch64/new/shmem-write#0"
    fake = Fake(raises={name: [first, second]})
    assert run(plan, fake)[name] == name
    assert fake.tries[name] == [(), (first,), (first, second)]
    fake = Fake(raises={name: [first, second, first]})
    assert run(plan, fake)[name] is first and len(fake.tries[name]) == 3


@pytest.mark.parametrize("error", [KernelBroke("panic"), ToolMissing("no QEMU"), BuildError("no")])
def test_no_other_failure_is_repeated(error: KmatrixError) -> None:
    name = "boot aarch64/new/shmem-write#0"
    fake = Fake(raises={name: [error]})
    assert run(the_plan(SMALL), fake)[name] is error and len(fake.tries[name]) == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ValueError("oh"), "internal"), (OSError(errno.ENOSPC, "full"), "disk_full"), (OSError(1, "no"), "internal")],
)
def test_a_fault_of_ours_is_told_and_stops_nothing_else(error: BaseException, kind: str) -> None:
    done = run(the_plan(SMALL), Fake(raises={"tool aarch64/shmem-write": [error]}))
    result = done["tool aarch64/shmem-write"]
    assert isinstance(result, DiskFull if kind == "disk_full" else InfraError) and result.kind == kind
    assert done["cell s390x/new/shmem-write"] == "cell s390x/new/shmem-write"


@pytest.mark.parametrize("moment", [5.0, 100.0, 225.0, 235.0])
def test_an_interruption_ends_all_that_is_under_way(moment: float) -> None:
    plan, fake = the_plan(SMALL), Fake()

    async def interrupted() -> None:
        async with asyncio.timeout(moment):
            await Local(lanes(plan, "", 2, 64_000)).run(graph(plan), fake)

    with pytest.raises(TimeoutError):
        at_once(interrupted())
    assert sorted(fake.cancelled) == sorted(set(fake.began) - set(fake.ended)) != []
    assert all(began <= moment for began in fake.began.values())


def test_what_ended_before_is_not_booted_again_but_told() -> None:
    plan, fake = the_plan(SMALL), Fake()
    ended = {"aarch64/base/shmem-write", "aarch64/new/shmem-write"}
    run(plan, fake, ended=ended)
    assert {name.partition("#")[0] for name in fake.order("boot")} == {
        "s390x/base/shmem-write",
        "s390x/new/shmem-write",
    }
    assert {f"cell {name}" for name in ended} < set(fake.began) and fake.began["cell aarch64/new/shmem-write"] == 0


def test_a_profile_follows_its_cells_first_boot_and_the_cell_waits_for_it() -> None:
    plan, fake = the_plan(SMALL, ["aarch64/*"]), Fake({"kernel": 0.0, "profile": 100.0})
    run(plan, fake, profile=True)
    for cell in plan.cells:
        assert fake.began[f"profile {cell.id}"] >= fake.ended[f"boot {cell.id}#0"]
        assert fake.began[f"cell {cell.id}"] >= fake.ended[f"profile {cell.id}"]
    assert fake.together([name for name in fake.began if name.split()[0] in ("boot", "profile")]) == 2


def test_what_differs_before_anything_runs_delays_no_build_and_no_answer() -> None:
    plan, fake = the_plan(), Fake()
    run(plan, fake, first="patched", static=True)
    subjects = [f"static {arch}/unpatched..patched" for arch in ("x86_64", "aarch64", "s390x")]
    assert {name for name in fake.began if name.startswith("static ")} == set(subjects)
    answers = [f"boot {arch}/patched/shmem-write#0" for arch in ("x86_64", "aarch64", "s390x")]
    before = max(fake.ended[name] for name in (*answers, *(f"kernel {build.id}" for build in plan.builds)))
    assert all(fake.began[name] == before for name in subjects), "arches side by side"
    assert {step.niceness for step in graph(plan, static=True) if step.kind is StepKind.STATIC} == {19}
    assert not any(step.kind is StepKind.STATIC for step in graph(plan))


def proving() -> Plan:
    """A workload that is in no cell, too; two variants."""
    matrix = matrix_file.from_text(SMALL.replace("[shmem-write]", "[shmem-write, hmm]"), ROOT / "matrix.yaml")
    builds = debug.configs(debug.BUILDS, (arch.name for arch in matrix.arches))
    return make_plan(replace(matrix, debug=builds, variants=variants.load()[:2]))


def test_kernels_that_watch_themselves_come_behind_all_others() -> None:
    plan, fake = proving(), Fake({"debug": 9.0, "variant": 5.0})
    run(plan, fake)
    assert {its.id for its in plan.watching} == {
        f"{arch}/{kernel}~{lines}"
        for arch in ("aarch64", "s390x")
        for kernel in ("base", "new")
        for lines in debug.BUILDS
    }
    assert all([w.name for w in its.workloads] == ["shmem-write", "hmm"] for its in plan.watching)
    assert {cell.workload.name for cell in plan.cells} == {"shmem-write"}
    others = max(fake.ended[f"kernel {build.id}"] for build in plan.builds)
    for its in plan.watching:
        assert (
            others <= fake.began[f"kernel {its.id}"] < fake.ended[f"kernel {its.id}"] <= fake.began[f"debug {its.id}"]
        )
    assert fake.together([name for name in fake.began if name.startswith("kernel aarch64")]) == 1


def test_a_kernel_that_does_not_watch_itself_is_told_of_and_one_that_is_not_built_at_all_is_not() -> None:
    plan, lost = proving(), BuildError("no")
    fake = Fake({"debug": 9.0, "variant": 5.0}, {"kernel aarch64/new~locks": [lost], "kernel s390x/new": [lost]})
    done = run(plan, fake)
    assert "debug aarch64/new~locks" in fake.began, "it tells that"
    assert "kernel s390x/new~locks" not in fake.began and "debug s390x/new~locks" not in fake.began
    assert done["debug s390x/new~locks"] is lost and "debug s390x/base~locks" in fake.began


def test_variants_are_compiled_one_at_a_time() -> None:
    plan, fake = proving(), Fake({"debug": 9.0, "variant": 5.0})
    run(plan, fake)
    names = [name for name in fake.began if name.startswith("variant ")]
    assert len(names) == 2 and fake.together(names) == 1 and all(name.endswith("/base..new") for name in names)


def test_a_wall_clock_that_wants_the_machine_waits_for_it() -> None:
    plan, fake = the_plan(MIXED), Fake()
    run(plan, fake, static=True)
    ended = fake.ended["static aarch64/base..new"]
    alone = [f"boot {boot.id}" for boot in plan.boots if boot.cell.workload.name == "contention"]
    assert all(fake.began[name] >= ended for name in alone)


def test_it_waits_for_no_boot_that_ended_in_an_earlier_start() -> None:
    plan = the_plan(SMALL)
    fake = Fake()
    run(plan, fake, first="new", ended={cell.id for cell in plan.cells}, static=True)
    assert "static s390x/base..new" in fake.ended


def test_of_kernels_that_are_the_same_or_not_there_nothing_is_looked_at() -> None:
    plan, same, broken = the_plan(SMALL), Identical("the same"), BuildError("it does not compile")
    fake = Fake(raises={"compare aarch64/base..new": [same], "kernel s390x/new": [broken]})
    done = run(plan, fake, static=True)
    assert done["static aarch64/base..new"] is same and done["static s390x/base..new"] is broken
    assert not any(name.startswith("static ") for name in fake.began)


def test_only_the_builds() -> None:
    fake = Fake()
    done = at_once(Local({}).run(builds_only(the_plan(SMALL)), fake))
    assert {name.split()[0] for name in done} == {"source", "kernel"} and len(done) == 6


def test_ready_images_need_no_source() -> None:
    text = SMALL.replace("{debian: linux-source-6.1}", "{image: 'x/{arch}', system_map: 'y/{arch}'}")
    steps = {step.id: step for step in builds_only(the_plan(text))}
    assert "source a" not in steps and steps["kernel aarch64/base"].inputs == ()


def test_steps_are_plain_values_that_can_travel() -> None:
    for step in graph(the_plan(MIXED), "new", profile=True):
        assert pickle.loads(pickle.dumps(step)) == step
        sent = json.loads(json.dumps(asdict(step)))
        lists = {name: tuple(value) for name, value in sent.items() if isinstance(value, list)}
        assert Step(**{**sent, **lists, "kind": StepKind(sent["kind"])}) == step


def test_a_source_that_says_which_it_is_has_a_key() -> None:
    text = SMALL.replace("{debian: linux-source-6.1}", "{debian: linux-source-6.1, version: 6.1.192-1}")
    keys = {step.subject: step.key for step in builds_only(the_plan(text)) if step.kind is StepKind.SOURCE}
    assert keys == {"a": "debian:linux-source-6.1=6.1.192-1", "b": ""}


def test_what_waits_for_what_never_ends_is_a_fault() -> None:
    step = Step(StepKind.BOOT, "a", after=("boot b",))
    with pytest.raises(InfraError, match="boot a waits for what never ends"):
        at_once(Local({}).run([step, replace(step, subject="c", after=())], Fake()))


def test_a_full_disk_without_a_name_is_the_caches() -> None:
    fake = Fake(raises={"tool a": [OSError(errno.ENOSPC, "full")]})
    done = at_once(Local({}, Path("/the/cache")).run([Step(StepKind.TOOL, "a")], fake))
    assert "/the/cache" in str(done["tool a"])
