# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps of a run, done on this machine: what each kind of step is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from orchestrator.build import guest_tools, toolchain
from orchestrator.build.kernel import Builder
from orchestrator.build.once_more import OnceMore
from orchestrator.config import steps
from orchestrator.config.sources import buildable
from orchestrator.config.steps import Pair, Results
from orchestrator.errors import ConfigError, DiskFull, Identical, InfraError, KmatrixError
from orchestrator.events import Bus, CellEnded, KernelKnown, KernelsCompared, Note, Stage
from orchestrator.guest import cpu
from orchestrator.measure import provenance, proving, static, timings
from orchestrator.measure.against import Comparing
from orchestrator.measure.boots import Boots, Parts, stage
from orchestrator.measure.given import given
from orchestrator.measure.host import facts
from orchestrator.measure.proving import Proving
from orchestrator.measure.reached import Looking
from orchestrator.model import (
    IDENTICAL,
    BootResult,
    Build,
    Cell,
    CellResult,
    Clock,
    Comparison,
    KernelArtifact,
    KernelProvenance,
    Plan,
    Provenance,
    Status,
    Step,
    StepKind,
)
from orchestrator.profile.built import Why
from orchestrator.profile.sameness import How
from orchestrator.runs import (
    account_files,
    against,
    reach_file,
    record,
    static_file,
)
from orchestrator.runs.folder import RunFolder
from orchestrator.store import Store

T = TypeVar("T")


@dataclass
class Runner:
    """One run. images is the project's data folder; results of cells end up in `cells`."""

    plan: Plan
    folder: RunFolder
    bus: Bus
    store: Store
    images: Path
    builder: Builder
    cells: dict[str, CellResult] = field(default_factory=dict)
    profile: bool = False  # accounts of instructions, too
    fresh: bool = False  # nothing is taken from the store of results
    reach: bool = False  # which lines of the changes ran, too
    memory: bool = False  # what is loaded and stored, too

    def __post_init__(self) -> None:
        self._host: dict[str, object] = {}
        self._boots: Boots | None = None
        self._provenance: dict[str, Provenance] = {}  # of cells whose boots were begun
        self._builds = {b.id: b for b in (*self.plan.builds, *(its.build for its in self.plan.watching))}
        self._pairs = {pair.id: pair for pair in steps.pairs(self.plan)}
        self._comparing = Comparing(self.builder, self.store)
        self._proving = Proving(self.plan, self.folder, self.bus, self._comparing, lambda: self._guests)
        self._cells = {cell.id: cell for cell in self.plan.cells}
        self._by_boot = {boot.id: boot for boot in self.plan.boots}
        self._arches = {build.arch.name: build.arch for build in self._builds.values()}
        self._tools = {f"{cell.arch.name}/{cell.workload.name}": cell for cell in self.plan.cells}
        self._measured = {cell.arch.name for cell in self.plan.cells if not self._done(cell)}
        done = [cell for cell in map(self._done, self.plan.cells) if cell]
        self._ended = {f"{cell.arch}/{cell.kernel}": cell.provenance.kernel for cell in done if cell.provenance}
        booted = {f"{cell.arch}/{cell.kernel}": cell.boots[0].kernel_key for cell in done if cell.boots}
        self._keys = booted | {build: kernel.key for build, kernel in self._ended.items()}
        self._sources = {build.kernel.source.name: build.kernel.source for build in self.plan.builds}

    async def begin(self) -> None:
        """What this machine is; a run that has results is not gone on with by other compilers. ConfigError also if
        QEMU refuses a CPU model: nothing has been built by then."""
        now = await facts(self._arches.values())
        record.check_compilers(self.folder, now)
        self._host = record.joined_host(self.folder.read_json("host.json") or {}, now, self._measured)
        self.folder.write_json("host.json", self._host)
        emulated = {cell.arch.name: cell.arch for cell in self.plan.cells if self._emulates(cell)}
        for arch, words in (await cpu.check(emulated.values(), "tcg")).items():
            if words:
                self.bus.emit(Note(arch, f"of its CPU QEMU says: {'; '.join(words)}"))

    def on(self, host: Mapping[str, object]) -> None:
        """This machine is that: instead of begin(), of a run that another machine began."""
        self._host = dict(host)

    @property
    def host(self) -> Mapping[str, object]:
        """What this machine is."""
        return self._host

    @property
    def rests_on(self) -> dict[str, Provenance]:
        """{cell: what its boots rest on}, of those that were begun."""
        return dict(self._provenance)

    def agrees(self, others: Mapping[str, Provenance]) -> None:
        """Boots of a cell elsewhere are of the same as those before. InfraError if not; ConfigError if the run began
        with another kernel."""
        for cell, its in others.items():
            self._refuse_another(self._cells[cell].build_id, its.kernel)
            self._same(cell, its)

    def takes(self, step: Step, result: object) -> bool:
        """Do files of a step that was done elsewhere belong into the folder? ConfigError for a kernel of another
        source than the run has."""
        if step.kind is not StepKind.KERNEL or not isinstance(result, KernelArtifact):
            return True
        source = self._builds[step.subject].kernel.source
        if buildable(source):
            record.check_source(self.folder, source.name, str(result.info["source"]))
        return self._keys.get(step.subject, result.key) == result.key

    def has(self, step: Step) -> bool:
        """Did an earlier start of this run do it? Of boots and cells see ended_before()."""
        return step.kind in proving.KINDS and self._proving.has(step)

    def _same(self, cell: str, its: Provenance) -> None:
        if self._provenance.setdefault(cell, its) != its:  # then its boots are of different things
            raise InfraError(f"what {cell} rests on has changed while it was measured", kind="changed")

    def _emulates(self, cell: Cell) -> bool:
        """Can it be that its guest does not run under KVM?"""
        mine = self.plan.measure.of(cell.workload)
        return not self._done(cell) and (mine.clock is Clock.ICOUNT or mine.accel != "kvm")

    @contextmanager
    def guests(self, scratch: Path) -> Iterator[None]:
        """Boots can be done in here."""
        self._boots = Boots(
            self.folder, self.bus, self.store, self.images, scratch, self.plan.measure, self.plan.limits,
            refresh=self.builder.refresh, fresh=self.fresh, reach=self.reach, memory=self.memory,
            unsandboxed=self.builder.unsandboxed,
        )  # fmt: skip
        try:
            yield
        finally:
            self._boots = None

    async def diffs(self) -> None:
        """What the sources of kernels that are compared differ by, into the run folder: reports tell of its lines."""
        for pair in {pair.id.partition("/")[2]: pair for pair in self._pairs.values()}.values():
            base, new = pair.base.kernel, pair.new.kernel
            if not (self.builder.has(base.source) and self.builder.has(new.source)):
                continue
            try:
                if sources := await self._comparing.change(pair):
                    self.folder.write_text(account_files.diff_of(Comparison(base.name, new.name)), sources.text)
            except (KmatrixError, OSError) as error:
                self.bus.emit(Note("diff", f"no diff of {base.name} and {new.name}: {error}"))

    async def reached(self) -> None:
        """What of the changes ran, into the run folder. Without it the figures are what they are."""
        plan = self.plan
        planned = (*plan.before, *plan.cells)
        looking = Looking(self.folder, self.builder, self._comparing, plan.measure, planned, self.cells)
        try:
            if found := await looking(self._pairs.values()):
                reach_file.add(self.folder, found)
        except Exception as error:  # whatever is the matter: the figures are there
            self.bus.emit(Note("reach", f"not known what of the changes ran: {error!r}"))
            reach_file.add(self.folder, looking.unknown(self._pairs.values(), f"looking failed: {error}"))

    async def __call__(self, step: Step, results: Results, failures: Sequence[KmatrixError]) -> object:
        """See executors.Runner."""
        match step.kind:
            case StepKind.SOURCE:
                await self._source(step.subject)
            case StepKind.KERNEL:
                return await self._kernel(self._builds[step.subject], step.niceness)
            case StepKind.IMAGE:
                return await self._image(step.subject)
            case StepKind.TOOL:
                cell = self._tools[step.subject]
                return await guest_tools.tool(self.store, cell.arch, cell.workload)
            case StepKind.COMPARE:
                return await self._compare(self._pairs[step.subject], step, results)
            case StepKind.STATIC:
                await self._static(self._pairs[step.subject], step, results)
            case StepKind.BOOT:
                return await self._boot(step, results, failures)
            case StepKind.PROFILE:
                await self._profile(step, results)
            case StepKind.CELL:
                return self._cell(step, results)
            case kind if kind in proving.KINDS:
                return await self._proving(step, results, failures)
        return None

    async def _source(self, name: str) -> None:
        source = self._sources[name]
        if not self.builder.has(source):
            with stage(self.bus, self.store, name, Stage.SOURCE, f"source-{name}"):
                await self.builder.source(source)
        record.check_source(self.folder, name, (await self.builder.source(source)).identity)

    async def _kernel(self, build: Build, niceness: int) -> KernelArtifact:
        log = self.folder.build(build.id) / "build.log"
        artifact = await self.builder.find(build)
        if artifact is None:
            with stage(self.bus, self.store, build.id, Stage.BUILD, timings.of_build(build)):
                artifact = await self.builder.make(build, log, niceness)
        self.bus.emit(KernelKnown(build.id, artifact.cached, artifact.linux))
        if self._keys.get(build.id, artifact.key) != artifact.key:
            return artifact  # the folder tells of the one that was measured
        self.folder.write_json(f"builds/{build.id}/info.json", {**artifact.info, "key": artifact.key})
        for name in ("config", "build.log"):
            kept = artifact.folder / name
            if buildable(build.kernel.source) and kept.is_file():
                self.folder.write_text(f"builds/{build.id}/{name}", kept.read_text(errors="replace"))
        return artifact

    async def _compare(self, pair: Pair, step: Step, results: Results) -> How | None:
        """Identical if nothing is to be measured of the new kernel. What cannot be compared is measured: None."""
        base, new = results[step.after[0]], given(results, step.inputs[0], KernelArtifact)
        if not isinstance(base, KernelArtifact):
            return None
        name = pair.base.kernel.name
        try:
            found = await self._comparing(pair, base, new)
        except Exception as error:  # whatever is the matter: then they are measured
            self.bus.emit(Note(pair.new.id, f"not compared with {name}: {error}"))
            return None
        against.save(self.folder, found)
        how = How(found["identical"]["how"])
        spared = pair.spares and how != How.DIFFERS and not self.fresh
        here = [row for row in found["not_built"] if row["why"] != Why.OTHER_ARCH]
        left_out = dict.fromkeys((row["file"], row["option"] or "") for row in here)
        self.bus.emit(KernelsCompared(pair.new.id, name, how, spared, tuple(left_out)))
        if spared:
            raise Identical(f"the kernel is the same as {name}")
        return how

    async def _static(self, pair: Pair, step: Step, results: Results) -> None:
        """Without it the figures are what they are."""
        base, new = (given(results, name, KernelArtifact) for name in step.inputs[:2])
        names = static.of_pair(pair)
        if static_file.known(self.folder, names) or results[step.inputs[2]] in (How.SAME, How.LINES_ONLY):
            return
        look = static.Looking(self._comparing, OnceMore(self.builder))
        try:
            with stage(self.bus, self.store, pair.id, Stage.STATIC, f"static-{pair.new.arch.name}"):
                found = await look(pair, base, new)
            if found:
                static_file.save(self.folder, names, found)
        except Exception as error:  # whatever is the matter: the figures are there
            self.bus.emit(Note(pair.id, f"no static evidence: {error}"))

    async def _image(self, arch: str) -> Path:
        """The guest image; which one it was is a fact of the run."""
        image = await self._guests.image(self._arches[arch])
        images = self._host.setdefault("guest_image", {})
        assert isinstance(images, dict)
        if arch in self._measured:
            images[arch] = image.parent.name
        self.folder.write_json("host.json", self._host)
        return image

    @property
    def _guests(self) -> Boots:
        assert self._boots is not None
        return self._boots

    async def _parts(self, step: Step, results: Results, cell: Cell) -> Parts:
        """What its inputs gave: kernel, image and workload."""
        kernel, image, tool = step.inputs[:3]
        built = given(results, kernel, KernelArtifact)
        build = self._builds[cell.build_id]
        made = buildable(build.kernel.source)
        compiler = await toolchain.compiler(cell.arch.cross_prefix) if made else ""
        source = str(built.info.get("source", ""))
        known = provenance.planned(cell, build, self.plan.measure, source, compiler)
        host = provenance.host(self._host)
        return Parts(built, given(results, image, Path), given(results, tool, guest_tools.Tool), known, host)

    def _refuse_another(self, build: str, now: KernelProvenance) -> None:
        """ConfigError if a cell that ended in an earlier start of this run was of another kernel by this name."""
        before = self._ended.get(build)
        if before and (other := provenance.differing(before, now)):
            rows = ", ".join(f"{name} was {old} and is {new} now" for name, (old, new) in other.items())
            raise ConfigError(f"{build} is not what the run began with: {rows}", hint=record.NOT_MIXED)

    async def _boot(self, step: Step, results: Results, failures: Sequence[KmatrixError]) -> BootResult:
        boot = self._by_boot[step.subject]
        if done := self._done(boot.cell):  # only its account is wanted
            return done.boots[boot.number]
        notes = [f"attempt {n} failed and was repeated: {error.message}" for n, error in enumerate(failures, 1)]
        if notes:
            self.bus.emit(Note(boot.id, notes[-1]))
        parts = await self._parts(step, results, boot.cell)
        task = await self._guests.task(boot, parts, step.niceness, notes)
        self._refuse_another(boot.cell.build_id, task.provenance.kernel)
        self._same(boot.cell.id, task.provenance)
        return await self._guests.boot(task)

    async def _profile(self, step: Step, results: Results) -> None:
        boot = self._by_boot[f"{step.subject}#0"]
        parts = await self._parts(step, results, boot.cell)
        task = await self._guests.task(boot, parts, step.niceness)
        await self._guests.profiled(task, parts.kernel, given(results, step.inputs[3], BootResult))

    def _done(self, cell: Cell) -> CellResult | None:
        """The cell's result from an earlier start of this run, if it counts."""
        before = self.folder.load_cell(cell.id)
        return before if before and before.status not in (Status.INFRA_FAILED, Status.SKIPPED) else None

    def ended_before(self, cell: Cell) -> CellResult | None:
        """The same, if there is nothing left to do for the cell: it may lack its account."""
        before = self._done(cell)
        lacking = self.profile and not account_files.taken(self.folder, cell.id)
        lacking |= self.profile and self.memory and not account_files.has_memory(self.folder, cell.id)
        return None if before and lacking and before.status is Status.PASSED else before

    def _cell(self, step: Step, results: Results) -> CellResult:
        """Gather a cell's boots, save its result, tell of it."""
        cell = self._cells[step.subject]
        if step.after:
            result, resumed = self._save(cell, results, step.after), False
        else:
            before = self.ended_before(cell)
            assert before is not None
            result, resumed = before, True
        self.cells[cell.id] = result
        self.bus.emit(CellEnded(cell.id, result, resumed))
        return result

    def _save(self, cell: Cell, results: Results, after: Sequence[str]) -> CellResult:
        kernel, *outcomes = (results[name] for name in after)
        errors = [outcome for outcome in outcomes if isinstance(outcome, KmatrixError)]
        if done := self._done(cell):  # whatever became of its account
            if errors:
                account_files.refuse(self.folder, cell.id, errors[0].message, errors[0].log, possible=True)
                self.bus.emit(Note(cell.id, f"no profile: {errors[0].message}"))
            return done
        reason = errors[0].kind if errors and errors[0].left_out else ""
        result = CellResult(
            id=cell.id,
            arch=cell.arch.name,
            kernel=cell.kernel.name,
            workload=cell.workload.name,
            status=errors[0].status if errors else Status.PASSED,
            failure=errors[0].failure if errors and reason != IDENTICAL else None,
            clock=self.plan.measure.of(cell.workload).clock.value,
            exact=self.plan.measure.exact(cell.workload),
            unit=cell.workload.unit,
            linux=kernel.linux if isinstance(kernel, KernelArtifact) else "",
            boots=tuple(outcome for outcome in outcomes if isinstance(outcome, BootResult)),
            reason=reason,
        )
        if all(boot.provenance for boot in result.boots):  # those of before it was kept do not say all
            result = replace(result, provenance=self._provenance.get(cell.id))
        try:
            self.folder.save_cell(result)
        except (DiskFull, OSError) as error:
            known = error if isinstance(error, DiskFull) else InfraError(f"the result could not be saved: {error}")
            result = replace(result, status=known.status, failure=known.failure)
        return result
