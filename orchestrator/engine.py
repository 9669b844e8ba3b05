# SPDX-License-Identifier: GPL-2.0-or-later
"""What was asked for becomes a finished run: plan, run folder, executor, matrix, history."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from orchestrator import ui
from orchestrator.analyse.contract import MatrixReport
from orchestrator.build.kernel import Builder
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan as make_plan
from orchestrator.errors import ConfigError, DiskFull, Interrupted
from orchestrator.events import Bus
from orchestrator.executors.local import Local
from orchestrator.measure.host import check_host, cores
from orchestrator.model import Clock, Matrix, Plan
from orchestrator.paths import IMAGES
from orchestrator.report import markdown
from orchestrator.report.json import RENDER as as_json
from orchestrator.runs import account_files, load, record
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.identity import begin
from orchestrator.runs.record import Request
from orchestrator.runs.run import Run
from orchestrator.store import Store
from orchestrator.ui import FirstAnswer

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Manner:
    """How a run goes about it, whatever it measures. jobs: make -j, None for all cores."""

    json: bool = False  # events on standard output
    quiet: bool = False  # no progress at all
    refresh: bool = False
    jobs: int | None = None
    resumed: bool = False
    unsandboxed: bool = False  # patches are trusted
    profile: bool = False  # accounts of instructions, too
    first: str = ""  # a kernel whose building and booting is told as early as possible
    kind: str = "run"  # the verb, as the history has it
    history: str | None = None  # where runs are recorded: see history.store.address()
    again: str = ""  # how to go on with it after an interruption; default: by its run folder


EMPTY = MatrixReport(
    schema=1, host={}, kernels={}, measure={}, cells=[], comparisons=[],
    expectations=[], claims=[], notes={}, inputs={},
)  # fmt: skip


def measured(folder: RunFolder, request: Request, manner: Manner) -> Run:
    """Do what was asked for, or what is left of it; matrix.json and matrix.md are written."""
    matrix = requested(request)
    if manner.resumed:
        matrix = record.pinned(folder, matrix)
    made = make_plan(matrix, request.select)
    check_host()
    if (folder.path / "plan.json").exists() and not manner.resumed:
        raise ConfigError(f"{folder.path} holds a run already", hint="--resume finishes it; --out names another")
    with Store().bounded(matrix.cache_gib), folder.alone():
        if manner.resumed:
            record.check_inputs(folder, matrix)
        else:
            record.save_request(folder, request, matrix, made)
        begin(folder, manner.kind)
        engine = executor(matrix, made, folder, manner)
        if manner.first and not request.select:  # in a part of the cells it would not be the answer
            engine.bus.subscribe(FirstAnswer(engine.bus, made, manner.first))
        with ui.show(engine.bus, lambda: load.matrix_of(folder, engine.cells), manner.json, manner.quiet):
            verb = "profile" if manner.profile else "run --resume"
            finish(engine.run(), manner.again or f"kmatrix {verb} {folder.path}")
        done = load.of_folder(folder, engine.cells)
        write_matrix(folder, done)
        if manner.profile:
            folder.write_json(account_files.FILE, done.profile)
        recorded(done, manner.history)
    return done


def text_of(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="name the file with --config") from error


def requested(request: Request) -> Matrix:
    matrix = matrix_file.from_text(request.config_text, request.config, request.profile, request.workloads)
    changes = dict(request.overrides)
    if "clock" in changes:
        changes["clock"] = Clock(changes["clock"])
    if "boots" in changes:  # whoever asks for a number gets it everywhere
        alike = tuple(dataclasses.replace(workload, boots=None) for workload in matrix.workloads)
        matrix = dataclasses.replace(matrix, workloads=alike)
    return dataclasses.replace(matrix, measure=dataclasses.replace(matrix.measure, **changes))


def executor(matrix: Matrix, made: Plan, folder: RunFolder, manner: Manner) -> Local:
    store = Store()
    builder = Builder(
        store, manner.jobs or cores(), matrix.limits.build, matrix.ccache_gib, manner.refresh, manner.unsandboxed
    )
    return Local(made, folder, Bus(), store, IMAGES, builder, profile=manner.profile, first=manner.first)


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
