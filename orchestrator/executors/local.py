# SPDX-License-Identifier: GPL-2.0-or-later
"""This machine: each cell is measured as soon as its kernel is there, while other kernels are built."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import TypeVar

from orchestrator.build import guest_tools
from orchestrator.build.kernel import Builder
from orchestrator.config.sources import buildable
from orchestrator.errors import DiskFull, InfraError, KmatrixError
from orchestrator.events import Bus
from orchestrator.measure import source_diffs
from orchestrator.measure.boots import QEMU_OVERHEAD_MIB, Boots, stage
from orchestrator.measure.host import cores, facts, memory_mib
from orchestrator.model import (
    Arch,
    Boot,
    BootResult,
    Build,
    Cell,
    CellResult,
    Clock,
    KernelArtifact,
    Plan,
    Source,
    Status,
)
from orchestrator.runs import account_files, record
from orchestrator.runs.folder import RunFolder, disk_error
from orchestrator.store import Store

T = TypeVar("T")
YIELDING = 5  # niceness of guests whose figures do not depend on when they run


class _Want(IntEnum):
    """What a boot wants of the machine, in the order in which they come."""

    FIRST = 0  # its kernel's answer is waited for
    NOTHING = 1
    PROMPT = 2  # a core as soon as it needs one, which is seldom: who wants nothing yields to it
    ALONE = 3


@dataclass
class Local:
    """One run. images is the project's data folder; results of cells end up in `cells`."""

    plan: Plan
    folder: RunFolder
    bus: Bus
    store: Store
    images: Path
    builder: Builder
    cells: dict[str, CellResult] = field(default_factory=dict)
    profile: bool = False  # accounts of instructions, too
    first: str = ""  # a kernel: whether it builds and boots everywhere comes before all else

    def __post_init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[object]] = {}
        self._sourcing = asyncio.Lock()
        self._host: dict[str, object] = {}
        self._making = {build.arch.name: asyncio.Lock() for build in self.plan.builds}
        self._answers = self._answering()
        kinds = {self._want(boot) for boot in self.plan.boots} - {_Want.ALONE}
        each = self._side_by_side(len(kinds))
        self._slots: dict[_Want, asyncio.Semaphore] = {w: asyncio.Semaphore(each) for w in _Want if w < _Want.ALONE}

    def _answering(self) -> set[str]:
        """Ids of the boots that tell whether the first kernel boots: one an arch, of those that any time suits."""
        clocks = [boot for boot in self.plan.boots if self.plan.measure.of(boot.cell.workload).clock is Clock.ICOUNT]
        mine = [boot for boot in clocks if boot.cell.kernel.name == self.first]
        return {boot.id for boot in {boot.cell.arch.name: boot for boot in reversed(mine)}.values()}

    def _side_by_side(self, kinds: int) -> int:
        """Guests of a kind at a time: as many as cores allow, and memory for all kinds."""
        guest = max(self.plan.measure.memory_mib, *(cell.workload.memory_mib for cell in self.plan.cells))
        need = guest + QEMU_OVERHEAD_MIB
        return max(1, min(cores(), memory_mib() // need // max(1, kinds)))

    async def run(self) -> None:
        """Everything of the plan that the run folder does not have yet."""
        arches = {build.arch.name: build.arch for build in self.plan.builds}.values()
        self._host = await facts(arches)
        record.check_compilers(self.folder, self._host)
        self.folder.write_json("host.json", self._host)
        if any(self._want(boot) is _Want.ALONE for boot in self.plan.boots):
            self.bus.emit("note", "wall clock", message="its guests run one at a time, after all else")
        with self.store.scratch() as scratch:
            boots = Boots(
                self.folder, self.bus, self.store, self.images, scratch, self.plan.measure, self.plan.limits,
                refresh=self.builder.refresh, profile=self.profile,
            )  # fmt: skip
            async with asyncio.TaskGroup() as group:
                self._start_builds(group)
                for arch in arches:
                    self._start(group, f"image {arch.name}", self._image(arch, boots))
                for cell in self.plan.cells:
                    name = f"tool {cell.arch.name}/{cell.workload.name}"
                    if name not in self._tasks:
                        work = guest_tools.tool(self.store, cell.arch, cell.workload)
                        self._start(group, name, work)
                self._start_boots(group, boots)
                for cell in self.plan.cells:
                    group.create_task(self._cell(cell))
            if self.profile:
                for note in await source_diffs.save(self.folder, self.plan, self.builder, scratch):
                    self.bus.emit("note", "profile", message=note)

    async def build(self) -> list[KmatrixError]:
        """Only the builds; returns what failed."""
        async with asyncio.TaskGroup() as group:
            self._start_builds(group)
        results = [task.result() for task in self._tasks.values()]
        return [result for result in results if isinstance(result, KmatrixError)]

    def _start_builds(self, group: asyncio.TaskGroup) -> None:
        for build in self.plan.builds:
            self._start(group, f"kernel {build.id}", self._build(build))

    def _start_boots(self, group: asyncio.TaskGroup, boots: Boots) -> None:
        """In the plan's order; a wall clock's wait for all builds, those that compute for all boots before, too."""
        ended = {c.id for c in self.plan.cells if self.ended_before(c)}
        builds = [name for name in self._tasks if name.startswith("kernel ")]
        answers = [f"kernel {b.id}" for b in self.plan.builds if self._answers and b.kernel.name == self.first]
        before = list(builds)
        for boot in sorted(self.plan.boots, key=self._want):
            if boot.cell.id in ended:
                continue
            after = {
                _Want.FIRST: [], _Want.NOTHING: answers, _Want.PROMPT: builds, _Want.ALONE: list(before),
            }  # fmt: skip
            self._start(group, f"boot {boot.id}", self._boot(boot, boots, after[self._want(boot)]))
            before.append(f"boot {boot.id}")

    def _want(self, boot: Boot) -> _Want:
        """A wall clock wants the machine for itself; an instruction clock does not care."""
        if boot.id in self._answers:
            return _Want.FIRST
        if self.plan.measure.of(boot.cell.workload).clock is not Clock.WALL:
            return _Want.NOTHING
        return _Want.PROMPT if boot.cell.workload.waits else _Want.ALONE

    def _start(self, group: asyncio.TaskGroup, name: str, work: Awaitable[object]) -> None:
        """A task that returns its KmatrixError instead of raising it: one failure stops nothing else."""
        self._tasks[name] = group.create_task(self._caught(work))

    async def _caught(self, work: Awaitable[object]) -> object:
        try:
            return await work
        except KmatrixError as error:
            return error
        except OSError as error:
            known = disk_error(error, Path(error.filename or self.store.root))
            return known if isinstance(known, KmatrixError) else _internal(error)
        except Exception as error:
            return _internal(error)

    async def _need(self, name: str, kind: type[T]) -> T:
        """Another task's result; its error is raised again."""
        result = await self._tasks[name]
        if isinstance(result, KmatrixError):
            raise result
        if not isinstance(result, kind):
            raise InfraError(f"{name} gave {type(result).__name__}", kind="internal")
        return result

    async def _build(self, build: Build) -> KernelArtifact:
        log = self.folder.build(build.id) / "build.log"
        async with self._making[build.arch.name]:
            await self._source(build.kernel.source)
            artifact = await self.builder.find(build)
            if artifact is None:
                name = f"build-{build.arch.name}-{build.kernel.name}"
                with stage(self.bus, self.store, build.id, "build", name):
                    artifact = await self.builder.make(build, log, self._niceness(build))
        self.bus.emit("kernel", build.id, cached=artifact.cached, linux=artifact.linux)
        self.folder.write_json(f"builds/{build.id}/info.json", {**artifact.info, "key": artifact.key})
        for name in ("config", "build.log"):
            kept = artifact.folder / name
            if buildable(build.kernel.source) and kept.is_file():
                self.folder.write_text(f"builds/{build.id}/{name}", kept.read_text(errors="replace"))
        return artifact

    async def _image(self, arch: Arch, boots: Boots) -> Path:
        """The guest image; which one it was is a fact of the run."""
        image = await boots.image(arch)
        images = self._host.setdefault("guest_image", {})
        assert isinstance(images, dict)
        images[arch.name] = image.parent.name
        self.folder.write_json("host.json", self._host)
        return image

    async def _source(self, source: Source) -> None:
        async with self._sourcing:
            if not self.builder.has(source):
                with stage(self.bus, self.store, source.name, "source", f"source-{source.name}"):
                    tree = await self.builder.source(source)
                record.check_source(self.folder, source.name, tree.identity)

    def _niceness(self, build: Build) -> int:
        """Arches are built side by side, so that no core idles while one is linked; but the first comes first, unless
        an answer for all is waited for."""
        return 0 if self._answers else min(19, 10 * list(self._making).index(build.arch.name))

    async def _boot(self, boot: Boot, boots: Boots, after: list[str]) -> BootResult:
        """Once its kernel, image and workload are there; not at all when its cell has failed already."""
        for name in after:
            await self._tasks[name]
        cell = boot.cell
        kernel = await self._need(f"kernel {cell.build_id}", KernelArtifact)
        initrd = await self._need(f"image {cell.arch.name}", Path)
        tool = await self._need(f"tool {cell.arch.name}/{cell.workload.name}", guest_tools.Tool)
        want = self._want(boot)
        async with self._slots[min(want, _Want.PROMPT)]:
            for earlier in range(boot.number):
                task = self._tasks[f"boot {cell.id}#{earlier}"]
                if task.done() and isinstance(error := task.result(), KmatrixError):
                    raise error
            return await boots.boot(boot, kernel, initrd, tool, YIELDING if want is _Want.NOTHING else 0)

    def ended_before(self, cell: Cell) -> CellResult | None:
        """The cell's result from an earlier start of this run, if it counts."""
        before = self.folder.load_cell(cell.id)
        if before is None or before.status in (Status.INFRA_FAILED, Status.SKIPPED):
            return None
        lacking = self.profile and not account_files.taken(self.folder, cell.id)
        return None if lacking and before.status is Status.PASSED else before  # its boots are kept all the same

    async def _cell(self, cell: Cell) -> None:
        """Gather a cell's boots, save its result, tell of it."""
        result = self.ended_before(cell)
        if resumed := result is not None:
            self.cells[cell.id] = result
        else:
            names = [f"boot {boot.id}" for boot in self.plan.boots if boot.cell.id == cell.id]
            result = self._save(cell, [await self._tasks[name] for name in names])
        self.bus.emit("cell", cell.id, result=result, resumed=resumed)

    def _save(self, cell: Cell, outcomes: list[object]) -> CellResult:
        errors = [outcome for outcome in outcomes if isinstance(outcome, KmatrixError)]
        kernel = self._tasks[f"kernel {cell.build_id}"].result()
        result = CellResult(
            id=cell.id,
            arch=cell.arch.name,
            kernel=cell.kernel.name,
            workload=cell.workload.name,
            status=errors[0].status if errors else Status.PASSED,
            failure=errors[0].failure if errors else None,
            clock=self.plan.measure.of(cell.workload).clock.value,
            exact=self.plan.measure.exact(cell.workload),
            unit=cell.workload.unit,
            linux=kernel.linux if isinstance(kernel, KernelArtifact) else "",
            boots=tuple(outcome for outcome in outcomes if isinstance(outcome, BootResult)),
        )
        try:
            self.folder.save_cell(result)
        except (DiskFull, OSError) as error:
            known = error if isinstance(error, DiskFull) else InfraError(f"the result could not be saved: {error}")
            result = replace(result, status=known.status, failure=known.failure)
        self.cells[cell.id] = result
        return result


def _internal(error: BaseException) -> InfraError:
    """A fault of ours: told as such, with the traceback, and nothing else is stopped by it."""
    trace = "".join(traceback.format_exception(error))
    return InfraError(f"internal error: {error!r}", kind="internal", hint="please report it", log=trace[-3000:])
