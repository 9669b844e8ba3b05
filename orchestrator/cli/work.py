# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs that work: build, run, shell."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from orchestrator import config as configuration
from orchestrator import doctor, rundata, ui
from orchestrator.analyse.contract import MatrixReport
from orchestrator.analyse.matrix import exit_code
from orchestrator.build.kernel import Builder
from orchestrator.cli.look import DEFAULT, Config, Profile, Select, Workloads
from orchestrator.cli.screen import print_error, printer
from orchestrator.cli.session import interactive
from orchestrator.errors import ConfigError, DiskFull, ToolMissing
from orchestrator.events import Bus
from orchestrator.executors.host import cores
from orchestrator.executors.local import Local
from orchestrator.model import Clock, Matrix, Plan
from orchestrator.paths import IMAGES
from orchestrator.plan import plan as make_plan
from orchestrator.report import markdown
from orchestrator.report.json import RENDER as as_json
from orchestrator.report.terminal import view
from orchestrator.results import RunFolder, open_run
from orchestrator.rundata import Request
from orchestrator.store import Store

T = TypeVar("T")
EXIT_INTERRUPTED = 130
Json = Annotated[bool, typer.Option("--json", help="One JSON event a line on standard output.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="Look for newer packages of the sources.")]
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="make -j; default: all cores.")]


def register(app: typer.Typer) -> None:
    """Add this file's verbs."""
    for verb in (build, run, shell):
        app.command()(verb)


def build(
    config: Config = DEFAULT,
    profile: Profile = "",
    select: Select = None,
    json: Json = False,
    refresh: Refresh = False,
    jobs: Jobs = None,
) -> None:
    """Build the kernels of the matrix and nothing else.

    Example: kmatrix build --select aarch64
    """
    matrix = configuration.load(config, profile)
    made = make_plan(matrix, select or [])
    _check_host()
    with Store().scratch() as folder:
        engine = _engine(matrix, made, RunFolder(folder), refresh, jobs)
        with ui.show(engine.bus, lambda: _EMPTY, json):
            failed = _finish(engine.build(), "kmatrix build")
    for error in failed[1:]:
        print_error(error)
    if failed:
        raise failed[0]


def run(
    config: Config = DEFAULT,
    profile: Profile = "",
    select: Select = None,
    workload: Workloads = None,
    out: Annotated[Path | None, typer.Option("--out", help="The run's folder; default: runs/DATE.")] = None,
    resume: Annotated[Path | None, typer.Option("--resume", help="Go on with this run.")] = None,
    boots: Annotated[int | None, typer.Option(min=1, help="Boots a cell; default: the file's.")] = None,
    passes: Annotated[int | None, typer.Option(min=1, help="Counted passes a boot; default: the file's.")] = None,
    clock: Annotated[Clock | None, typer.Option(help="icount or wall; default: the file's.")] = None,
    json: Json = False,
    refresh: Refresh = False,
    jobs: Jobs = None,
) -> None:
    """Build, boot, measure, compare; write the run folder and print the matrix.

    Example: kmatrix run --select 's390x/*' --out runs/s390x
    """
    if resume:
        if profile or select or workload or out or boots or passes or clock:
            raise ConfigError("--resume goes on with what that run was asked for; it takes no other choice")
        folder, request = open_run(resume), rundata.load_request(open_run(resume))
    else:
        folder = RunFolder(out or Path("runs") / time.strftime("%Y-%m-%d-%H%M%S"))
        overrides = {k: v for k, v in {"boots": boots, "passes": passes, "clock": clock}.items() if v}
        chosen = configuration.named_or_absolute(workload or (), config)
        request = Request(config.resolve(), _text(config), tuple(select or ()), overrides, profile, chosen)
    report = _measure(folder, request, bool(resume), json, refresh, jobs)
    if not json:
        printer().print(view(report))
        printer().print(f"run folder: {folder.path}", soft_wrap=True, highlight=False)
    raise typer.Exit(exit_code(report))


def _measure(
    folder: RunFolder, request: Request, resumed: bool, json: bool, refresh: bool, jobs: int | None
) -> MatrixReport:
    """Do what was asked for, or what is left of it; matrix.json and matrix.md are written."""
    matrix = _matrix(request)
    made = make_plan(matrix, request.select)
    _check_host()
    if (folder.path / "plan.json").exists() and not resumed:
        raise ConfigError(f"{folder.path} holds a run already", hint="--resume goes on with it")
    with folder.alone():
        if resumed:
            rundata.check_inputs(folder, matrix)
        else:
            rundata.save_request(folder, request, matrix, made)
        engine = _engine(matrix, made, folder, refresh, jobs)
        with ui.show(engine.bus, lambda: rundata.report(folder, engine.cells), json):
            _finish(engine.run(), f"kmatrix run --resume {folder.path}")
        report = rundata.report(folder, engine.cells)
        _write(folder, report)
    return report


def shell(
    target: Annotated[str, typer.Argument(metavar="ARCH[/KERNEL]", help="What to boot.")],
    config: Config = DEFAULT,
    command: Annotated[str, typer.Option("--command", help="Run this and leave, instead of a shell.")] = "",
) -> None:
    """Boot a guest and open a shell in it.

    Example: kmatrix shell s390x/patched
    """
    matrix = configuration.load(config)
    made = make_plan(matrix, [target])
    _check_host()
    wanted = made.builds[-1 if "/" not in target else 0]
    builder = Builder(Store(), cores(), matrix.limits.build, matrix.ccache_gib)
    raise typer.Exit(_finish(interactive(wanted, builder, matrix, command), f"kmatrix shell {target}"))


_EMPTY = MatrixReport(
    schema=1, host={}, kernels={}, measure={}, cells=[], comparisons=[], expectations=[], claims=[], notes={}
)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="name the file with --config") from error


def _matrix(request: Request) -> Matrix:
    matrix = configuration.parse(request.config_text, request.config, request.profile, request.workloads)
    changes = dict(request.overrides)
    if "clock" in changes:
        changes["clock"] = Clock(changes["clock"])
    if "boots" in changes:  # whoever asks for a number gets it everywhere
        alike = tuple(dataclasses.replace(workload, boots=None) for workload in matrix.workloads)
        matrix = dataclasses.replace(matrix, workloads=alike)
    return dataclasses.replace(matrix, measure=dataclasses.replace(matrix.measure, **changes))


def _engine(matrix: Matrix, made: Plan, folder: RunFolder, refresh: bool, jobs: int | None) -> Local:
    store = Store()
    builder = Builder(store, jobs or cores(), matrix.limits.build, matrix.ccache_gib, refresh)
    return Local(made, folder, Bus(), store, IMAGES, builder)


def _check_host() -> None:
    """All missing things at once, before anything is started."""
    lacking = [need for need in doctor.missing() if not need.arch]  # an arch's own are told by its cells
    if lacking:
        raise ToolMissing(
            f"missing on this host: {', '.join(need.name for need in lacking)}",
            hint=doctor.install_command(lacking),
        )


def _finish(work: Coroutine[Any, Any, T], again: str) -> T:
    """Run to the end; Ctrl-C and SIGTERM end every child first, then say how to go on."""

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await work

    try:
        return asyncio.run(guarded())
    except (KeyboardInterrupt, asyncio.CancelledError):
        Console(stderr=True).print(f"interrupted; go on with: {again}", soft_wrap=True, highlight=False)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _write(folder: RunFolder, report: MatrixReport) -> None:
    """matrix.json and matrix.md; a full disk is told, the matrix is on the screen all the same."""
    try:
        folder.write_text("matrix.json", as_json(report))
        folder.write_text("matrix.md", markdown.RENDER(report))
    except DiskFull as error:
        Console(stderr=True).print(f"{error.message}: matrix.json is not written", soft_wrap=True)
