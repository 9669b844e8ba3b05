# SPDX-License-Identifier: GPL-2.0-or-later
"""What was asked for becomes a finished run: plan, run folder, executor, matrix, history."""

from __future__ import annotations

import asyncio
import dataclasses
import shlex
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from orchestrator import ui
from orchestrator.analyse.contract import MatrixReport
from orchestrator.build.kernel import Builder, fits
from orchestrator.config import debug, matrix_file, selftests, variants
from orchestrator.config.plan import plan as make_plan
from orchestrator.config.sources import buildable
from orchestrator.config.steps import Want, builds_only, graph, guest_mib, lanes, wants
from orchestrator.errors import DiskFull, Interrupted, KmatrixError
from orchestrator.events import Bus, Note
from orchestrator.executors import Executor, chosen
from orchestrator.measure.foretold import foretold
from orchestrator.measure.host import check_host, cores, memory_mib
from orchestrator.measure.runner import Runner
from orchestrator.model import CellResult, Matrix, Plan
from orchestrator.paths import IMAGES
from orchestrator.registry import counted
from orchestrator.report import markdown
from orchestrator.report.json import RENDER as as_json
from orchestrator.runs import account_files, load, record
from orchestrator.runs.folder import RunFolder, whole
from orchestrator.runs.identity import begin
from orchestrator.runs.record import Request
from orchestrator.runs.run import Run
from orchestrator.store import Store, text_of
from orchestrator.ui import Answering

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Manner:
    """How a run goes about it, whatever it measures. jobs: make -j, None for all cores."""

    json: bool = False  # events on standard output
    quiet: bool = False  # no progress at all
    refresh: bool = False
    jobs: int | None = None
    resumed: bool = False
    fresh: bool = False  # measure all, also what the store has results of
    unsandboxed: bool = False  # patches are trusted
    profile: bool = False  # accounts of instructions, too
    reach: bool = False  # which lines of the changes ran, too
    memory: bool = False  # what is loaded and stored, too
    debug: tuple[str, ...] = ()  # which kernels that watch themselves run the same workloads, behind all figures
    variants: str = ""  # in which configs what is touched is compiled then: quick, thorough
    selftests: tuple[str, ...] = ()  # globs of tests of their own sources that the kernels run then
    static: bool = False  # what the kernels differ by before anything runs, too
    first: str = ""  # a kernel whose building and booting is told as early as possible
    executor: str = ""  # where steps are done: this machine; dask, a cluster on it; a file to join one by
    workers: int = 2  # of such a cluster
    kind: str = "run"  # the verb, as the history has it
    history: str | None = None  # where runs are recorded: see history.store.address()
    again: str = ""  # how to go on with it after an interruption; default: by its run folder


EMPTY = MatrixReport(
    schema=1, host={}, kernels={}, measure={}, cells=[], comparisons=[],
    expectations=[], claims=[], notes={}, inputs={},
)  # fmt: skip


def asked(
    config: Path,
    preset: str = "",
    workloads: Sequence[str] = (),
    select: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> tuple[Matrix, Request]:
    """What a verb is to measure: the matrix file as its options change it; and their words, for the record."""
    words, text = matrix_file.named_or_absolute(workloads, config), text_of(config, matrix_file.NAMED)
    request = Request(config.resolve(), text, tuple(select), overrides or {}, preset, words)
    return record.asked_for(request, text), request


def asked_before(folder: RunFolder) -> tuple[Matrix, Request]:
    """The same of an earlier start, from its record."""
    with whole(folder.path):
        request = record.load_request(folder)
        return record.load_matrix(folder, request), request


def measured(folder: RunFolder, matrix: Matrix, request: Request, manner: Manner) -> Run:
    """Measure it, or what is left of it; matrix.json and matrix.md are written."""
    request = _asked(request, manner)
    manner = dataclasses.replace(manner, fresh=request.fresh, memory=request.memory)
    made = make_plan(matrix, request.select)
    check_host()
    if any(buildable(build.kernel.source) for build in made.builds):
        fits(Store().root)
    with Store().bounded(matrix.cache_gib), folder.alone():
        if manner.resumed:
            with whole(folder.path):
                record.check_inputs(folder, matrix, made)
        else:
            folder.must_be_new()
            matrix = record.save_request(folder, request, matrix, made)
            made = make_plan(matrix, request.select)
        begin(folder, manner.kind)
        # In a part of the cells it would not be the answer.
        return _worked(folder, matrix, made, manner, manner.first if not request.select else "")


def grown(folder: RunFolder, matrix: Matrix, request: Request, more: Sequence[str], manner: Manner) -> Run:
    """Measure what a finished run is to have besides.

    matrix, request: of all that it has then; more: globs of what is to be done now.
    """
    request = _asked(request, manner)
    with Store().bounded(matrix.cache_gib), folder.alone():
        matrix = record.save_request(folder, request, matrix, make_plan(matrix, request.select))
        made = make_plan(matrix, more)
        mine = {cell.id for cell in made.cells}
        before = tuple(cell for cell in make_plan(matrix, request.select).cells if cell.id not in mine)
        return _worked(folder, matrix, dataclasses.replace(made, before=before), manner)


def _asked(request: Request, manner: Manner) -> Request:
    """As it was begun, and what is asked now besides."""
    return dataclasses.replace(
        request,
        fresh=manner.fresh or request.fresh,
        memory=manner.memory or request.memory,
        debug=manner.debug or request.debug,
        variants=manner.variants or request.variants,
        selftests=manner.selftests or request.selftests,
    )


def proven(folder: RunFolder, matrix: Matrix, request: Request, manner: Manner) -> Run | None:
    """Whatever is measured has been: now it is looked whether that is right, in kernels that watch themselves, in
    other configs, and by the kernel's own tests. None if nobody asked."""
    request = _asked(request, manner)
    if not (request.debug or request.variants or request.selftests):
        return None
    manner = dataclasses.replace(manner, fresh=request.fresh)
    matrix = dataclasses.replace(
        matrix,
        debug=debug.configs(request.debug, (arch.name for arch in matrix.arches)),
        variants=variants.load(request.variants == variants.THOROUGH) if request.variants else (),
        selftests=selftests.load(request.selftests) if request.selftests else None,
    )
    with Store().bounded(matrix.cache_gib), folder.alone():
        matrix = record.save_request(folder, request, matrix, make_plan(matrix, request.select))
        made = make_plan(matrix, request.select)
        return _worked(folder, matrix, dataclasses.replace(made, cells=(), boots=()), manner)


def _worked(folder: RunFolder, matrix: Matrix, made: Plan, manner: Manner, first: str = "") -> Run:
    """A plan done, or what is left of it, and all that the folder then has. first: see Manner."""
    todo = work(matrix, made, folder, manner)
    cells = todo.runner.cells
    if first:
        todo.bus.subscribe(Answering(todo.bus, made, first))

    def known(cell: CellResult) -> MatrixReport:
        return _of_plan(load.matrix_about(folder, cell, cells), made)

    with ui.show(todo.bus, known, manner.json, manner.quiet):
        verb = "profile" if manner.profile else "run --resume"
        finish(todo.run(), manner.again or f"kmatrix {verb} {shlex.quote(str(folder.path))}")
    return settled(folder, manner, cells)


def _of_plan(report: MatrixReport, made: Plan) -> MatrixReport:
    """Comparisons of what is being done."""
    kernels = {cell.build_id for cell in made.cells}
    rows = report["comparisons"]
    mine = [row for row in rows if {f"{row['arch']}/{name}" for name in (row["base"], row["new"])} <= kernels]
    return {**report, "comparisons": mine}


def settled(folder: RunFolder, manner: Manner, cells: Mapping[str, CellResult] | None = None) -> Run:
    """What the folder has, for good: matrix.json and its like, and the history. cells: also those not saved."""
    done = load.of_folder(folder, cells)
    write_matrix(folder, done)
    if manner.profile:
        folder.write_json(account_files.FILE, done.profile)
    recorded(done, manner.history)
    return done


@dataclasses.dataclass(frozen=True)
class Work:
    """A plan, and who does it."""

    runner: Runner
    manner: Manner

    @property
    def bus(self) -> Bus:
        """Tells what happens."""
        return self.runner.bus

    async def run(self) -> None:
        """Everything of the plan that the run folder does not have yet."""
        runner, plan, first = self.runner, self.runner.plan, self.manner.first
        async with self._executor(lanes(plan, first, cores(), memory_mib())) as executor:
            await runner.begin()  # workers start meanwhile
            if Want.ALONE in wants(plan, first).values():
                self.bus.emit(Note("wall clock", "its guests run one at a time, after all else"))
            ended = {cell.id for cell in plan.cells if runner.ended_before(cell)}
            steps = graph(plan, first, ended, self.manner.profile, self.manner.static)
            if words := foretold(plan, runner.store).words(cores()):
                self.bus.emit(Note("is it right?", words))
            with runner.store.scratch() as scratch, runner.guests(scratch):
                await executor.run(steps, runner)
        await self._shared()
        if self.manner.profile or self.manner.reach or plan.watching:
            await runner.diffs()
        if self.manner.reach:
            await runner.reached()
        if stored := [name for name, cell in runner.cells.items() if cell.stored and name not in ended]:
            told = f"{counted(len(stored), 'cell')} measured before, exactly the same; --fresh measures again"
            self.bus.emit(Note("stored results", told))

    def _executor(self, places: Mapping[str, int]) -> AbstractAsyncContextManager[Executor]:
        manner, memory, root = self.manner, guest_mib(self.runner.plan), self.runner.store.root
        return chosen.executor(manner.executor, manner.workers, places, memory, root, self._said)

    async def _shared(self) -> None:
        """What was given to others is there."""
        if shared := self.runner.store.shared:
            await shared.all_sent()
            for text in shared.tell():
                self.bus.emit(Note("shared store", text))

    def _said(self, text: str) -> None:
        self.bus.emit(Note("cluster", text))

    async def build(self) -> list[KmatrixError]:
        """Only the kernels; returns what failed."""
        async with self._executor({}) as executor:
            await self.runner.begin()
            done = await executor.run(builds_only(self.runner.plan), self.runner)
        await self._shared()
        return list(dict.fromkeys(result for result in done.values() if isinstance(result, KmatrixError)))


def work(matrix: Matrix, made: Plan, folder: RunFolder, manner: Manner) -> Work:
    """What is to be done for a plan of the matrix, with its results in the folder."""
    chosen.prepared(manner.executor)
    builder = Builder.of(matrix, manner.jobs or cores(), manner.refresh, manner.unsandboxed)
    runner = Runner(
        made,
        folder,
        Bus(),
        builder.store,
        IMAGES,
        builder,
        profile=manner.profile,
        fresh=manner.fresh,
        reach=manner.reach,
        memory=manner.memory,
    )
    return Work(runner, manner)


def finish(work: Coroutine[Any, Any, T], again: str) -> T:
    """Run to the end; Ctrl-C and SIGTERM end every child first. Interrupted says how to go on."""

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await work

    try:
        return asyncio.run(guarded())
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise Interrupted(f"interrupted; resume with: {again}") from None


def this_command() -> str:
    """As it was given, to be given again: other words would do something else."""
    return shlex.join(["kmatrix", *sys.argv[1:]])


def write_matrix(folder: RunFolder, run: Run) -> None:
    """matrix.json and matrix.md; a full disk is told, the matrix is on the screen all the same."""
    try:
        folder.write_text("matrix.json", as_json(run))
        folder.write_text("matrix.md", markdown.RENDER(run))
    except DiskFull as error:
        Console(stderr=True).print(f"{error.message}: matrix.json is not written", soft_wrap=True)


def recorded(run: Run, place: str | None) -> None:
    """Into the history; whatever goes wrong there, a finished result stays one."""
    from orchestrator.history.store import History  # SQLAlchemy takes half a second, and is not needed before

    try:
        with History(place) as history:
            history.record(run)
    except Exception as error:
        text = f"warning: not recorded in the history: {shown(error)}"
        again = f"kmatrix history import {run.place} does it later"
        Console(stderr=True).print(f"{text}; {again}", soft_wrap=True, highlight=False, markup=False)


def shown(error: Exception) -> str:
    """Its first line."""
    return (str(error).strip() or repr(error)).splitlines()[0]
