# SPDX-License-Identifier: GPL-2.0-or-later
"""Which lines of a run's changes ran in it: from line tables of its kernels, and from what its boots noted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from orchestrator.analyse.contract import PairRow, ReachRow, ReachUnknownRow
from orchestrator.analyse.reach import SCHEMA, ReachFacts
from orchestrator.build import addr2line, readelf
from orchestrator.build.kernel import Builder
from orchestrator.build.sourcediff import Sources
from orchestrator.config.steps import Pair
from orchestrator.errors import InfraError
from orchestrator.measure import addresses, disassembled, noted, region
from orchestrator.measure.against import CONFIG, SYSTEM_MAP, VMLINUX, Comparing, line_parts
from orchestrator.model import IDENTICAL, Build, Cell, CellResult, KernelArtifact, Measure, Side, Status
from orchestrator.profile import instructions, line_table, symbols
from orchestrator.profile import reach as lines
from orchestrator.profile.built import LinePart, Part
from orchestrator.profile.line_table import Executed, Spans
from orchestrator.profile.lines import parse_places
from orchestrator.profile.reach import Change, Measured, Ran, Reached
from orchestrator.profile.relocation import Relocation
from orchestrator.runs import against
from orchestrator.runs.folder import RunFolder

_AT_ONCE = 2  # pairs: the tables of their kernels are some 100 MB of text each
_NEEDED = (CONFIG, SYSTEM_MAP, VMLINUX)  # of a kernel in the store


@dataclass(frozen=True)
class _Boot:
    """A cell's first: what ran in its counted passes, and before them."""

    passes: Ran
    before: Executed


Boots = Mapping[str, Mapping[Side, _Boot]]  # by workload


@dataclass(frozen=True)
class Looking:
    """What all pairs of a run share. cells: as they ended, by id."""

    folder: RunFolder
    builder: Builder
    comparing: Comparing
    measure: Measure
    planned: Sequence[Cell]
    cells: Mapping[str, CellResult]
    _changes: dict[str, Change] = field(default_factory=dict)
    _reading: Lock = field(default_factory=Lock)

    async def __call__(self, pairs: Iterable[Pair]) -> ReachFacts | None:
        """None where no two kernels differ by patches. KmatrixError where a tool fails."""
        side_by_side = asyncio.Semaphore(_AT_ONCE)

        async def one(pair: Pair) -> ReachFacts | None:
            async with side_by_side:
                return await self._pair(pair)

        found = [its for its in await asyncio.gather(*map(one, pairs)) if its]
        if not found:
            return None
        return ReachFacts(
            schema=SCHEMA,
            lines=[row for its in found for row in its["lines"]],
            differing=[row for its in found for row in its["differing"]],
            unknown=[row for its in found for row in its["unknown"]],
        )

    def unknown(self, pairs: Iterable[Pair], why: str) -> ReachFacts:
        """Of everything that was measured: a report must not be silent about it."""
        rows = [
            ReachUnknownRow(**_names(pair), workload=cell.workload.name, why=why)
            for pair in pairs
            for cell in self.planned
            if (cell.arch.name, cell.kernel.name) == (pair.new.arch.name, pair.new.kernel.name)
        ]
        return ReachFacts(schema=SCHEMA, lines=[], differing=[], unknown=rows)

    async def _pair(self, pair: Pair) -> ReachFacts | None:
        base, new = await self.builder.find(pair.base), await self.builder.find(pair.new)
        sources = await self.comparing.change(pair)
        if not sources or not sources.text or not _told(base) or not _told(new):
            return None
        assert base and new
        kernels = {Side.REMOVED: base, Side.ADDED: new}
        boots, unknown = await asyncio.to_thread(self._boots, pair, kernels)
        if not boots:
            return ReachFacts(schema=SCHEMA, lines=[], differing=[], unknown=unknown)
        change = await asyncio.to_thread(self._change, pair, sources)
        code = any(map(change.interest, Side))
        parts = await line_parts(pair, base, new, sources) if code else ()
        measured = {
            side: _measured(side, boots, parts, await _spans(its, pair.new, _wanted(change, side, parts)))
            for side, its in kernels.items()
        }
        made = await asyncio.to_thread(lines.reach, change, measured)
        silent = {name: its for name, its in boots.items() if not any(name in one.workloads for one in made)}
        differing = {name: False for name, its in silent.items() if its[Side.REMOVED] is its[Side.ADDED]}
        if others := {name: its for name, its in silent.items() if name not in differing}:
            differing |= await _differing(pair, kernels, sources, others)
        return ReachFacts(
            schema=SCHEMA,
            lines=[_row(pair, one) for one in made],
            differing=[{**_names(pair), "workload": name, "ran": ran} for name, ran in differing.items()],
            unknown=unknown,
        )

    def _change(self, pair: Pair, sources: Sources) -> Change:
        """The same on all arches, so it is read once."""
        name = pair.id.partition("/")[2]
        with self._reading:
            if name not in self._changes:
                self._changes[name] = _change(sources)
            return self._changes[name]

    def _boots(self, pair: Pair, kernels: Mapping[Side, KernelArtifact]) -> tuple[Boots, list[ReachUnknownRow]]:
        """Of each workload that both kernels were measured with, or why nothing is known of it."""
        arch, found, unknown = pair.new.arch, dict[str, Mapping[Side, _Boot]](), list[ReachUnknownRow]()
        where = {side: addresses.relocation(its, arch) for side, its in kernels.items()}
        planned = {cell.workload.name: cell.workload for cell in self.planned if cell.arch.name == arch.name}
        for workload in planned.values():
            cells = [self._cell(build.id, workload.name) for build in (pair.base, pair.new)]
            base, new = (cell if cell and cell.status is Status.PASSED else None for cell in cells)
            if base and cells[1] and cells[1].reason == IDENTICAL:
                new = base  # the same code, at the same addresses
            if not base or not new:
                continue
            try:
                if why := region.uncounted(self.measure.of(workload), arch.marks, arch.name):
                    raise InfraError(why, kind="reach")
                one = self._boot(base, where[Side.REMOVED])
                two = one if new is base else self._boot(new, where[Side.ADDED])
                found[workload.name] = {Side.REMOVED: one, Side.ADDED: two}
            except InfraError as error:
                unknown.append({**_names(pair), "workload": workload.name, "why": error.message})
        return found, unknown

    def _cell(self, build_id: str, workload: str) -> CellResult | None:
        """Of this run, whenever it was measured; of a kernel that was spared, as it is the same as another, the cell
        of that."""
        cell_id = f"{build_id}/{workload}"
        cell = self.cells.get(cell_id) or self.folder.load_cell(cell_id)
        if cell is None or cell.reason != IDENTICAL:
            return cell
        same = (self._cell(other, workload) for other in against.same_as(self.folder, build_id))
        return next((other for other in same if other and other.status is Status.PASSED), cell)

    def _boot(self, cell: CellResult, relocation: Relocation) -> _Boot:
        """InfraError where nobody noted it."""
        place = self.folder.path / "cells" / cell.id / "boot-0"
        counted = noted.counted(place, relocation)
        units = cell.boots[0].passes[-1].units * counted.regions
        return _Boot(Ran(counted.executed, units), noted.seen(place, relocation))


def _names(pair: Pair) -> PairRow:
    return PairRow(arch=pair.new.arch.name, base=pair.base.kernel.name, new=pair.new.kernel.name)


def _told(kernel: KernelArtifact | None) -> bool:
    """Is all there that tells of its lines?"""
    return kernel is not None and all((kernel.folder / name).is_file() for name in _NEEDED)


def _change(sources: Sources) -> Change:
    before, after = (
        {name: text for name, text in its.items() if text is not None} for its in (sources.base, sources.new)
    )
    found = lines.change(sources.text, before, after)
    if not sources.added_only:
        return found
    return replace(found, lines=tuple(line for line in found.lines if line.side is Side.ADDED))


def _measured(side: Side, boots: Boots, parts: Iterable[LinePart], spans: Spans) -> Measured:
    left_out = {
        (part.file, part.line): " ".join(part.options)
        for part in parts
        if part.side == side and part.part is Part.NOT_BUILT
    }
    before = Executed.of(block for boot in boots.values() for block in boot[side].before.blocks)
    passes = {workload: boot[side].passes for workload, boot in boots.items()}
    return Measured(spans, passes, before, lambda file, line: left_out.get((file, line)))


def _wanted(change: Change, side: Side, parts: Iterable[LinePart]) -> line_table.Lines:
    """Lines of interest, but for files that nothing is built of."""
    built = {part.file for part in parts if part.side == side and part.part is Part.BUILT}
    return {file: lines for file, lines in change.interest(side).items() if file in built}


async def _spans(kernel: KernelArtifact, build: Build, wanted: line_table.Lines) -> Spans:
    """Where a kernel has what it says of these lines."""
    if not wanted:
        return Spans()
    vmlinux, prefix = kernel.folder / VMLINUX, build.arch.cross_prefix
    table = await asyncio.to_thread(line_table.parse_table, await readelf.line_table(vmlinux, prefix), wanted)
    known = await asyncio.to_thread(addresses.linked, kernel, build.arch)
    calls: list[int] = []
    if hidden := line_table.unseen(table, wanted):
        calls = line_table.calls(await readelf.functions(vmlinux, prefix), hidden)
    asked = line_table.asked(table, wanted, known, calls)
    places = parse_places(await addr2line.places(vmlinux, prefix, asked)) if asked else {}
    return await asyncio.to_thread(line_table.spans, table, places, known)


def _row(pair: Pair, one: Reached) -> ReachRow:
    return {
        **_names(pair),
        "file": one.line.file,
        "line": one.line.line,
        "side": one.line.side.value,
        "state": one.state.value,
        "option": one.option,
        "workloads": dict(one.workloads),
    }


async def _differing(
    pair: Pair, kernels: Mapping[Side, KernelArtifact], sources: Sources, boots: Boots
) -> dict[str, bool]:
    """Of workloads: did an instruction run in them that the other kernel does not have?"""
    base, new = kernels[Side.REMOVED], kernels[Side.ADDED]
    both = await disassembled.texts(base, new, pair.new.arch, sources.files)
    texts = dict(zip((Side.REMOVED, Side.ADDED), both, strict=True))
    maps = {side: addresses.system_map(its) for side, its in kernels.items()}
    return await asyncio.to_thread(_ran, texts, maps, boots)


def _ran(texts: Mapping[Side, str], maps: Mapping[Side, str], boots: Boots) -> dict[str, bool]:
    executed = {side: [boot[side].passes.executed.ran for boot in boots.values()] for side in Side}
    wanted = {name for side in Side for name in symbols.executed(maps[side], executed[side])}
    base, new = (instructions.parse(texts[side], wanted) for side in (Side.REMOVED, Side.ADDED))
    removed, added = instructions.differing(base, new)
    found = {Side.REMOVED: removed, Side.ADDED: added}
    return {
        name: any(boot[side].passes.executed.most(one, one + 1) for side in Side for one in found[side])
        for name, boot in boots.items()
    }
