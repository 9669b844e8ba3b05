# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs that work: build, run, shell."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from orchestrator import ui
from orchestrator.analyse.matrix import exit_code
from orchestrator.build.kernel import Builder
from orchestrator.cli.console import print_error, printer
from orchestrator.cli.look import DEFAULT, Config, History, Profile, Select, Workloads
from orchestrator.cli.session import interactive
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan as make_plan
from orchestrator.engine import EMPTY, Manner, executor, finish, measured, text_of
from orchestrator.errors import ConfigError
from orchestrator.measure.host import check_host, cores
from orchestrator.model import Clock
from orchestrator.report.parts import profile_rows
from orchestrator.report.terminal import view
from orchestrator.runs import record
from orchestrator.runs.folder import RunFolder, open_run
from orchestrator.runs.record import Request
from orchestrator.store import Store

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="One JSON event a line on standard output.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="Look for newer packages of the sources.")]
Unsandboxed = Annotated[bool, typer.Option("--unsandboxed", help="Build patches without bubblewrap: you trust them.")]
Diff = Annotated[bool, typer.Option("--profile-diff", help="Also say where the instructions went.")]
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
    unsandboxed: Unsandboxed = False,
) -> None:
    """Build the kernels of the matrix and nothing else.

    Example: kmatrix build --select aarch64
    """
    matrix = matrix_file.load(config, profile)
    made = make_plan(matrix, select or [])
    check_host()
    with Store().scratch() as folder:
        engine = executor(
            matrix, made, RunFolder(folder), Manner(refresh=refresh, jobs=jobs, unsandboxed=unsandboxed)
        )
        with ui.show(engine.bus, lambda: EMPTY, json):
            failed = finish(engine.build(), "kmatrix build")
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
    profile_diff: Diff = False,
    json: Json = False,
    refresh: Refresh = False,
    jobs: Jobs = None,
    unsandboxed: Unsandboxed = False,
    history: History = None,
) -> None:
    """Build, boot, measure, compare; write the run folder and print the matrix.

    Example: kmatrix run --select 's390x/*' --out runs/s390x
    """
    overrides = {k: v for k, v in {"boots": boots, "passes": passes, "clock": clock}.items() if v}
    if resume:
        if profile or select or workload or out or overrides:
            raise ConfigError("--resume goes on with what that run was asked for; it takes no other choice")
        folder, request = open_run(resume), record.load_request(open_run(resume))
    else:
        folder = RunFolder(out or Path("runs") / time.strftime("%Y-%m-%d-%H%M%S"))
        chosen = matrix_file.named_or_absolute(workload or (), config)
        request = Request(config.resolve(), text_of(config), tuple(select or ()), overrides, profile, chosen)
    manner = Manner(json, False, refresh, jobs, bool(resume), unsandboxed, profile_diff, history=history)
    report = measured(folder, request, manner)
    if not json:
        printer().print(view(report))
        if profile_diff:
            typer.echo(profile_rows.text(record.profile(folder), profile_rows.TOP))
        printer().print(f"run folder: {folder.path}", soft_wrap=True, highlight=False)
    raise typer.Exit(exit_code(report))


def shell(
    target: Annotated[str, typer.Argument(metavar="ARCH[/KERNEL]", help="What to boot.")],
    config: Config = DEFAULT,
    command: Annotated[str, typer.Option("--command", help="Run this and leave, instead of a shell.")] = "",
) -> None:
    """Boot a guest and open a shell in it.

    Example: kmatrix shell s390x/patched
    """
    matrix = matrix_file.load(config)
    made = make_plan(matrix, [target])
    check_host()
    wanted = made.builds[-1 if "/" not in target else 0]
    builder = Builder(Store(), cores(), matrix.limits.build, matrix.ccache_gib)
    raise typer.Exit(finish(interactive(wanted, builder, matrix, command), f"kmatrix shell {target}"))
