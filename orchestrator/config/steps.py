# SPDX-License-Identifier: GPL-2.0-or-later
"""Plan to steps: what a run does, as a graph of values; and which of them are next. Pure.

Each cell is measured as soon as its kernel is there, while other kernels are built.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from orchestrator.config.debug import MORE_MEMORY
from orchestrator.config.sources import buildable
from orchestrator.errors import KmatrixError
from orchestrator.model import (
    Boot,
    Build,
    Cell,
    Clock,
    Plan,
    Source,
    Step,
    StepKind,
    Testing,
    Variant,
    Watching,
)

Results = Mapping[str, object]  # {step's id: what it gave, or the KmatrixError that it ended with}
YIELDING = 5  # niceness of guests whose figures do not depend on when they run
LAST = 19  # niceness of what nobody waits for
QEMU_OVERHEAD_MIB = 300  # beside the guest's memory


class Want(IntEnum):
    """What a boot wants of the machine, in the order in which they come."""

    FIRST = 0  # its kernel's answer is waited for
    NOTHING = 1
    PROMPT = 2  # a core as soon as it needs one, which is seldom: who wants nothing yields to it
    ALONE = 3


@dataclass(frozen=True)
class Pair:
    """Two kernels of an arch that are compared. spares: if they are the same, nothing is measured of the new one."""

    base: Build
    new: Build
    spares: bool

    @property
    def id(self) -> str:
        """s390x/unpatched..patched"""
        return f"{self.new.arch.name}/{self.base.kernel.name}..{self.new.kernel.name}"


def pairs(plan: Plan) -> tuple[Pair, ...]:
    """Those whose kernels are both to be there. Nobody waits for a base that is built later."""
    order = {build.id: place for place, build in enumerate(plan.builds)}
    return tuple(
        Pair(plan.builds[order[base]], plan.builds[order[new]], order[base] < order[new])
        for arch in dict.fromkeys(build.arch.name for build in plan.builds)
        for one in plan.comparisons
        if (base := f"{arch}/{one.base}") in order and (new := f"{arch}/{one.new}") in order
    )


def step_id(kind: StepKind, subject: str) -> str:
    """As Step.id has it."""
    return f"{kind} {subject}"


def wants(plan: Plan, first: str = "") -> dict[str, Want]:
    """{boot: what it wants}. first: a kernel whose answer is waited for; one boot an arch gives it, of those that any
    time suits. A wall clock wants the machine for itself; an instruction clock does not care."""
    any_time = [boot for boot in plan.boots if plan.measure.of(boot.cell.workload).clock is Clock.ICOUNT]
    mine = [boot for boot in any_time if boot.cell.kernel.name == first]
    answers = {boot.id for boot in {boot.cell.arch.name: boot for boot in reversed(mine)}.values()}

    def want(boot: Boot) -> Want:
        if boot.id in answers:
            return Want.FIRST
        if plan.measure.of(boot.cell.workload).clock is not Clock.WALL:
            return Want.NOTHING
        return Want.PROMPT if boot.cell.workload.waits else Want.ALONE

    return {boot.id: want(boot) for boot in plan.boots}


def lanes(plan: Plan, first: str, cores: int, memory_mib: int) -> dict[str, int]:
    """{lane: places}: of each kind of guest as many at a time as cores allow, and memory for all kinds."""
    kinds = len(set(wants(plan, first).values()) - {Want.ALONE})
    each = max(1, min(cores, memory_mib // (guest_mib(plan) + QEMU_OVERHEAD_MIB) // max(1, kinds)))
    return {want.name.lower(): each for want in Want if want < Want.ALONE}


def guest_mib(plan: Plan) -> int:
    """Memory of the largest guest."""
    watching = [workload.memory_mib for its in plan.watching for workload in its.workloads]
    debugged = [round(MORE_MEMORY * max([plan.measure.memory_mib, *watching]))] if plan.watching else []
    tested = [its.selftests.memory_mib for its in plan.testing]
    return max([plan.measure.memory_mib, *(cell.workload.memory_mib for cell in plan.cells), *debugged, *tested])


def graph(
    plan: Plan, first: str = "", ended: Collection[str] = (), profile: bool = False, static: bool = False
) -> tuple[Step, ...]:
    """All steps of a run. ended: cells that have their result already; profile: each cell gets an account, too;
    static: what kernels differ by before anything runs is looked at, beside guests that do not care when they run.

    A kernel is booted when it is known that none that was built before it, and is compared with it, is the same.
    """
    wanted = wants(plan, first)
    builds = builds_only(plan, waited_for=Want.FIRST in wanted.values())
    kernels = [step.id for step in builds if step.kind is StepKind.KERNEL]
    answers = [step_id(StepKind.KERNEL, b.id) for b in plan.builds if b.kernel.name == first]
    compared = [(pair, _compared(pair)) for pair in pairs(plan)]
    waited = [boot for boot in plan.boots if wanted[boot.id] is Want.FIRST and boot.cell.id not in ended]
    before = (*kernels, *(step_id(StepKind.BOOT, boot.id) for boot in waited))
    looked = [_static(pair, step, before) for pair, step in compared] if static else []
    watching = _watching(plan.watching, before)
    compiled = [_variant(plan, name, before) for name in variants(plan)]
    compiled += [_style(name, pair, before) for name, pair in styles(plan).items()]
    tested = [_selftest(its, before) for its in plan.testing]
    boots: list[Step] = []
    for boot in sorted(plan.boots, key=lambda boot: wanted[boot.id]):
        if boot.cell.id in ended:
            continue
        after = {
            Want.FIRST: [],
            Want.NOTHING: answers if Want.FIRST in wanted.values() else [],
            Want.PROMPT: kernels,
            Want.ALONE: [*kernels, *(step.id for step in (*looked, *compiled, *watching, *tested, *boots))],
        }
        others = [step.id for pair, step in compared if pair.spares and pair.new.id == boot.cell.build_id]
        numbers = [other.number for other in plan.boots if other.cell.id == boot.cell.id]
        boots += _boot(boot, numbers, wanted[boot.id], after[wanted[boot.id]], others, plan.measure.retries, profile)
    cells = (_cell(cell, boots) for cell in plan.cells)
    return (
        *builds,
        *_prepared(plan),
        *(step for _, step in compared),
        *looked,
        *compiled,
        *watching,
        *tested,
        *boots,
        *cells,
    )


def builds_only(plan: Plan, waited_for: bool = False) -> tuple[Step, ...]:
    """Sources, one at a time; kernels, of an arch one after the other.

    Arches are built side by side, so that no core idles while one is linked; but the one with the least to compile
    comes first, so that somebody sees something soon, unless an answer for all is waited for.
    """
    arches = sorted({build.arch.name: build.arch for build in plan.builds}.values(), key=lambda arch: arch.compiles)
    later = {arch.name: min(19, 10 * i) for i, arch in enumerate(arches)}
    sources = {build.kernel.source.name: build.kernel.source for build in plan.builds}
    needed = [source for source in sources.values() if buildable(source)]
    fetched = [Step(StepKind.SOURCE, s.name, locks=("sources",), key=_pinned(s)) for s in needed]
    return (
        *fetched,
        *(_kernel(b, 0 if waited_for else later[b.arch.name]) for b in plan.builds),
    )


def _pinned(source: Source) -> str:
    """Which one, of a source that says it."""
    return f"{source.kind}:{source.location}={source.revision}" if source.revision else ""


def _kernel(build: Build, niceness: int) -> Step:
    source = build.kernel.source
    inputs = (step_id(StepKind.SOURCE, source.name),) if buildable(source) else ()
    return Step(StepKind.KERNEL, build.id, inputs, locks=(f"make {build.arch.name}",), niceness=niceness)


def _watching(wanted: Iterable[Watching], before: tuple[str, ...]) -> list[Step]:
    """Kernels that watch themselves, of those that are built at all, and what runs in them: behind all builds, and
    all answers that are waited for. That one is not built is an answer, too."""
    found = []
    for its in wanted:
        arch = its.build.arch.name
        plain = step_id(StepKind.KERNEL, f"{arch}/{its.of.name}")
        kernel = replace(_kernel(its.build, LAST), inputs=(plain,), after=before, priority=Want.ALONE + 1)
        looked = Step(
            StepKind.DEBUG,
            its.id,
            inputs=(plain, step_id(StepKind.IMAGE, arch)),
            after=(kernel.id,),
            lane=Want.NOTHING.name.lower(),
            priority=Want.ALONE + 1,
            niceness=YIELDING,
            retries=1,
        )
        found += [kernel, looked]
    return found


def _selftest(its: Testing, before: tuple[str, ...]) -> Step:
    """Behind all builds, and all answers that are waited for. Programs of an arch are made once."""
    arch = its.build.arch.name
    return Step(
        StepKind.SELFTEST,
        its.build.id,
        inputs=(step_id(StepKind.KERNEL, its.build.id), step_id(StepKind.IMAGE, arch)),
        after=before,
        lane=Want.NOTHING.name.lower(),
        priority=Want.ALONE + 1,
        niceness=YIELDING,
        retries=1,
    )


def _compared(pair: Pair) -> Step:
    """It gives nothing where the base is not there."""
    base, new = (step_id(StepKind.KERNEL, build.id) for build in (pair.base, pair.new))
    return Step(StepKind.COMPARE, pair.id, inputs=(new,), after=(base,))


def _static(pair: Pair, compared: Step, after: tuple[str, ...]) -> Step:
    """Behind all builds, and all answers that are waited for; of an arch one at a time."""
    both = (step_id(StepKind.KERNEL, build.id) for build in (pair.base, pair.new))
    return Step(
        StepKind.STATIC,
        pair.id,
        inputs=(*both, compared.id),
        after=after,
        locks=(f"static {pair.new.arch.name}",),
        priority=Want.ALONE + 1,
        niceness=LAST,
    )


def variants(plan: Plan) -> dict[str, tuple[Variant, Pair]]:
    """{no SWAP/unpatched..patched: what is compiled in which variant}, of kernels that are built from a source."""
    kernels = {build.kernel.name: build.kernel for build in plan.builds}
    found = {}
    for its in plan.variants:
        for one in plan.comparisons:
            if one.base in kernels and one.new in kernels and buildable(kernels[one.new].source):
                base, new = (Build(its.arch, kernels[name], its.lines) for name in (one.base, one.new))
                found[f"{its.name}/{one.base}..{one.new}"] = (its, Pair(base, new, False))
    return found


def _variant(plan: Plan, name: str, before: tuple[str, ...]) -> Step:
    """Behind all builds, and all answers that are waited for; one at a time."""
    _, pair = variants(plan)[name]
    sources = dict.fromkeys(step_id(StepKind.SOURCE, build.kernel.source.name) for build in (pair.base, pair.new))
    return Step(
        StepKind.VARIANT,
        name,
        inputs=tuple(sources),
        after=before,
        locks=("variants",),
        priority=Want.ALONE + 1,
        niceness=LAST,
    )


def styles(plan: Plan) -> dict[str, Pair]:
    """{unpatched..patched: what the source's own scripts look at}, where there are variants. One arch's builds stand
    for all of them."""
    found = {} if not plan.variants else {pair.id.partition("/")[2]: pair for pair in pairs(plan)}
    return {name: pair for name, pair in found.items() if buildable(pair.new.kernel.source)}


def _style(name: str, pair: Pair, before: tuple[str, ...]) -> Step:
    sources = dict.fromkeys(step_id(StepKind.SOURCE, build.kernel.source.name) for build in (pair.base, pair.new))
    return Step(StepKind.STYLE, name, inputs=tuple(sources), after=before, priority=Want.ALONE + 1, niceness=LAST)


def _prepared(plan: Plan) -> list[Step]:
    """Guest images and workloads."""
    more = (*(its.build for its in plan.watching), *(its.build for its in plan.testing))
    arches = (*(cell.arch for cell in plan.cells), *(build.arch for build in more))
    images = dict.fromkeys(arch.name for arch in arches)
    tools = dict.fromkeys(f"{cell.arch.name}/{cell.workload.name}" for cell in plan.cells)
    return [Step(StepKind.IMAGE, name) for name in images] + [Step(StepKind.TOOL, name) for name in tools]


def _boot(
    boot: Boot,
    numbers: Sequence[int],
    want: Want,
    after: Sequence[str],
    others: Sequence[str],
    retries: int,
    profile: bool,
) -> list[Step]:
    """A boot; with it, of a cell's first, the profile. numbers: of all of the cell's boots, which wait for the first:
    a cell that failed is not booted again. others: where its kernel is compared."""
    cell = boot.cell
    mine = {number: step_id(StepKind.BOOT, f"{cell.id}#{number}") for number in numbers}
    first = [mine[min(numbers)]] if boot.number != min(numbers) else []
    needs = (
        step_id(StepKind.KERNEL, cell.build_id),
        step_id(StepKind.IMAGE, cell.arch.name),
        step_id(StepKind.TOOL, f"{cell.arch.name}/{cell.workload.name}"),
    )
    done = Step(
        StepKind.BOOT,
        boot.id,
        inputs=(*needs, *others),
        after=(*after, *(name for name in first if name not in after)),
        unless=tuple(name for number, name in mine.items() if number != boot.number),
        lane=min(want, Want.PROMPT).name.lower(),
        priority=want,
        niceness=YIELDING if want is Want.NOTHING else 0,
        retries=retries,
    )
    if not profile or boot.number:
        return [done]
    account = Step(
        StepKind.PROFILE, cell.id, (*needs, done.id), lane=done.lane, priority=want, niceness=done.niceness
    )
    return [done, account]


def _cell(cell: Cell, boots: Iterable[Step]) -> Step:
    """Gathers what became of its boots, whatever that is."""
    mine = [step.id for step in boots if step.subject.partition("#")[0] == cell.id]
    return Step(StepKind.CELL, cell.id, after=(step_id(StepKind.KERNEL, cell.build_id), *mine) if mine else ())


def failed(step: Step, results: Results) -> KmatrixError | None:
    """Why a step is not done at all, and nothing is waited for any more: one that it is not done after has failed, or
    one that it needs, when all else that it waits for has ended."""
    waits = not all(name in results for name in (*step.inputs, *step.after))
    for name in step.unless if waits else (*step.inputs, *step.unless):
        if isinstance(error := results.get(name), KmatrixError):
            return error
    return None


def ready(
    waiting: Sequence[Step], running: Collection[Step], ended: Collection[str], places: Mapping[str, int]
) -> list[Step]:
    """Those that start now, in this order: all that they wait for has ended, and what they want is free."""
    locks = {lock for step in running for lock in step.locks}
    used = {lane: sum(step.lane == lane for step in running) for lane in places}
    found = []
    for step in sorted(waiting, key=lambda step: step.priority):
        full = step.lane in places and used[step.lane] >= places[step.lane]
        if full or locks & set(step.locks) or not all(name in ended for name in (*step.inputs, *step.after)):
            continue
        found.append(step)
        locks |= set(step.locks)
        if step.lane in used:
            used[step.lane] += 1
    return found
