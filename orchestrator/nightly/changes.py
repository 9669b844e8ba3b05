# SPDX-License-Identifier: GPL-2.0-or-later
"""What each cell is made of tonight, and which cells that leaves to be measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from orchestrator.build import toolchain
from orchestrator.build.kernel import Builder
from orchestrator.build.sources import prepare
from orchestrator.config.plan import plan as make_plan
from orchestrator.config.sources import buildable, kind_of
from orchestrator.errors import KmatrixError
from orchestrator.measure.provenance import planned
from orchestrator.model import Build, Cell, Matrix, Plan
from orchestrator.nightly.state import Done, Parts
from orchestrator.paths import COMMON, GUEST_TOOLS
from orchestrator.runs import record
from orchestrator.store import Store, digest, sha256

FORMAT = "format"  # the part that is there since provenance is kept
_IGNORED = ("boots", "retries", "snapshots")  # of measure: no figure rests on them


@dataclass(frozen=True)
class Tonight:
    """cells: what each is made of; pins: {git source: commit}; lost: cells whose source cannot be had, and why."""

    matrix: Matrix
    plan: Plan
    cells: Mapping[str, Parts]
    pins: Mapping[str, str]
    lost: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    older: Mapping[str, Parts] = field(default_factory=dict)  # of cells: parts_of_before()


def nightly_matrix(matrix: Matrix, pins: Mapping[str, str]) -> Matrix:
    """Kernels of the nightly sources, and those that they are compared with; git trees at their pins."""
    own = {kernel.name for kernel in matrix.kernels if kernel.source.name in matrix.nightly.sources}
    pairs = [pair for pair in matrix.comparisons if {pair.base, pair.new} & own]
    wanted = own | {name for pair in pairs for name in (pair.base, pair.new)}
    kernels = tuple(
        replace(kernel, source=replace(kernel.source, revision=pins.get(kernel.source.name, kernel.source.revision)))
        for kernel in matrix.kernels
        if kernel.name in wanted
    )
    return replace(matrix, kernels=kernels, comparisons=tuple(pairs))


async def survey(matrix: Matrix, store: Store, pins: Mapping[str, str], fetch: bool) -> Tonight:
    """Fetch what can be had, and say what each cell is made of. Pins are a night's that is gone on with."""
    mine = nightly_matrix(matrix, pins)
    sources = {kernel.source.name: kernel.source for kernel in mine.kernels}.values()
    notes = [note for source in sources if fetch and (note := await kind_of(source).refresh(store, source))]
    pinned, lost = dict(pins), dict[str, str]()
    for source in sources:
        try:
            if buildable(source):
                tree = await prepare(store, source)
                exact = kind_of(source).pin(source, tree.identity)
                pinned |= {source.name: exact.revision} if exact != source or source.name in pins else {}
        except KmatrixError as error:
            lost[source.name] = error.message
    mine = nightly_matrix(matrix, pinned)
    made = make_plan(mine)
    cells = [cell for cell in made.cells if cell.kernel.source.name not in lost]
    found = {cell.id: await parts(mine, made, cell, store) for cell in cells}
    gone = {cell.id: lost[cell.kernel.source.name] for cell in made.cells if cell.kernel.source.name in lost}
    older = {cell.id: parts_of_before(mine, cell) for cell in cells}
    return Tonight(mine, made, found, pinned, gone, notes, older)


async def parts(matrix: Matrix, made: Plan, cell: Cell, store: Store) -> Parts:
    """What a cell's figures rest on, as far as it is known before anything is built; each by a name that changes
    with it."""
    build = next(build for build in made.builds if build.id == cell.build_id)
    compiler = await toolchain.compiler(cell.arch.cross_prefix)
    its = planned(cell, build, matrix.measure, await _source(build, store), compiler)
    named = zip(cell.kernel.patches, its.kernel.patches, strict=True)
    return {
        "source": its.kernel.source,
        "patches": ", ".join(f"{path.name} ({sha[:12]})" for path, sha in named) or "none",
        "kconfig": its.kernel.kconfig,
        "compiler": its.kernel.compiler,
        "workload": digest(asdict(its.workload)),
        "cpu": digest(dict(cell.arch.cpu)),
        "measure": digest(asdict(its.machine), its.warmup, its.passes, matrix.measure.accel),
        FORMAT: str(its.format),
    }


def parts_of_before(matrix: Matrix, cell: Cell) -> Parts:
    """Those that were named in another way before provenance was kept: a state of then is no reason to measure."""
    alone = replace(matrix, workloads=(cell.workload,), kernels=())
    measure = asdict(matrix.measure.of(cell.workload))
    return {
        "workload": digest(sorted(record.input_hashes(alone).values()), _common()),
        "measure": digest({name: value for name, value in measure.items() if name not in _IGNORED}),
    }


def differing(then: Parts, now: Parts, older: Parts) -> list[str]:
    """Names of the parts that are others by now. older: of now, named as before provenance was kept."""
    same = now if FORMAT in then else {name: value for name, value in {**now, **older}.items() if name != FORMAT}
    return [name for name, value in same.items() if value != then.get(name)]


def changed(
    tonight: Mapping[str, Parts],
    before: Mapping[str, Done],
    first: Sequence[str],
    older: Mapping[str, Parts] | None = None,
) -> dict[str, str]:
    """{cell to be measured: why}: new, made of other things than last time, or left over. older: see differing()."""
    why: dict[str, str] = {}
    for name, mine in tonight.items():
        old = before.get(name)
        if old is None:
            why[name] = "left over from last night" if name in first else "not measured before"
        elif others := differing(old.parts, mine, (older or {}).get(name, {})):
            why[name] = "; ".join(_told(part, old.parts, mine) for part in others)
        elif name in first:
            why[name] = "left over from last night"
    return why


def groups(made: Plan, wanted: Sequence[str], first: Sequence[str]) -> list[list[str]]:
    """Cells that are measured together: what is compared needs both sides from one run. Left-overs come first."""
    table: dict[tuple[str, str, str], list[str]] = {}
    rounds = _partners(made)
    for cell in made.cells:
        table.setdefault((cell.arch.name, cell.workload.name, rounds[cell.kernel.name]), []).append(cell.id)
    found = [cells for cells in table.values() if set(cells) & set(wanted)]
    return sorted(found, key=lambda cells: not set(cells) & set(first))


def _partners(made: Plan) -> dict[str, str]:
    """{kernel: the first of those that comparisons tie together}"""
    head = {cell.kernel.name: cell.kernel.name for cell in made.cells}
    for pair in made.comparisons:
        old, new = head[pair.new], head[pair.base]
        head = {name: new if value == old else value for name, value in head.items()}
    return head


def _told(part: str, old: Parts, new: Parts) -> str:
    if part == FORMAT:
        return "kmatrix measures in another way"
    if part in ("kconfig", "workload", "cpu", "measure"):
        return f"{part} changed"
    return f"{part} {old.get(part, 'none')} -> {new[part]}"


async def _source(build: Build, store: Store) -> str:
    source = build.kernel.source
    if buildable(source):
        return (await prepare(store, source)).identity
    ready = await Builder(store, 1, 60, 1).find(build)
    return f"image:{ready.key}" if ready else "image:?"


def _common() -> list[str]:
    return [sha256(path) for path in sorted((GUEST_TOOLS / COMMON).rglob("*")) if path.is_file()]
