# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that says where the instructions went."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.analyse.contract import MatrixReport
from orchestrator.analyse.identical import left_out
from orchestrator.analyse.matrix import exit_code, without_account
from orchestrator.cli.console import printer, took
from orchestrator.cli.options import Config, Executor, Fresh, Memory, Preset, Select, Unsandboxed, Workers, Workloads
from orchestrator.engine import Manner, asked, asked_before, measured
from orchestrator.errors import ConfigError, InfraError
from orchestrator.model import COST_CLASSES, MEMORY, Status
from orchestrator.profile.comparison import ProfileReport
from orchestrator.report.parts import profile_rows
from orchestrator.report.parts.rows import footnotes
from orchestrator.runs import load
from orchestrator.runs.account_files import FILE, has_memory
from orchestrator.runs.folder import RunFolder, new_run, open_run
from orchestrator.runs.run import Run

INSTRUCTIONS = "instructions"
SORTS = (INSTRUCTIONS, *COST_CLASSES, *MEMORY)


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command("profile")(profile_run)


def profile_run(
    run: Annotated[Path | None, typer.Argument(help="A run to profile, or to show the profile of.")] = None,
    config: Config = None,
    preset: Preset = "",
    select: Select = None,
    workload: Workloads = None,
    out: Annotated[Path | None, typer.Option("--out", help="The run's folder; default: runs/profile-DATE.")] = None,
    top: Annotated[
        int, typer.Option("--top", min=1, help="Functions shown; profile.json has all.")
    ] = profile_rows.TOP,
    sort: Annotated[str, typer.Option("--sort", help=f"Functions by {', '.join(SORTS)}.")] = INSTRUCTIONS,
    memory: Memory = False,
    fresh: Fresh = False,
    unsandboxed: Unsandboxed = False,
    executor: Executor = "",
    workers: Workers = 2,
    json: Annotated[bool, typer.Option("--json", help="profile.json on standard output, no tables.")] = False,
) -> None:
    """Say where the instructions went: executed instructions and calls by function, per unit of work.

    Of a new run of one boot a cell, or of a RUN that is there: what it lacks is measured. Exit code 0: the account is
    the instruction clock's difference, and calls are as expected.

    Example: kmatrix profile --select 'aarch64/*'
    """
    if sort not in SORTS:
        raise ConfigError(f"--sort {sort}: there is {', '.join(SORTS)}")
    if run and (preset or select or workload or out):
        raise ConfigError("a run is profiled as it was asked for; it takes no other choice")
    manner = Manner(
        executor=executor,
        workers=workers,
        quiet=json,
        resumed=bool(run),
        fresh=fresh,
        profile=True,
        memory=memory or sort in MEMORY,
        unsandboxed=unsandboxed,
    )
    if not run:
        once = {"boots": 1, "passes": 1}
        matrix, request = asked(took(config, json), preset, workload or (), select or (), once)
        with new_run(out, "profile") as folder:
            done = measured(folder, matrix, request, manner)
    else:
        folder = open_run(run)
        before = load.of_folder(folder)
        done = measured(folder, *asked_before(folder), manner) if lacking(folder, before, manner.memory) else before
    if json:
        typer.echo((folder.path / FILE).read_text(), nl=False)
    else:
        typer.echo(profile_rows.profile_text(done.profile, top, "" if sort == INSTRUCTIONS else sort))
        typer.echo("".join(f"{line}\n" for line, _ in footnotes(done.report)), nl=False)
        printer().print(f"run folder: {folder.path}", soft_wrap=True, highlight=False)
    _check(folder, done.profile, done.report)
    raise typer.Exit(exit_code(done.report))


def lacking(folder: RunFolder, run: Run, memory: bool = False) -> bool:
    """Is there a cell whose account, or whose result, can still be measured?"""
    done = {cell["id"] for cell in run.profile["cells"] if not memory or has_memory(folder, cell["id"])}
    done |= {row["id"] for row in run.report.get("unprofiled", ()) if not row["possible"]}
    open_ = {Status.PASSED.value, Status.INFRA_FAILED.value, Status.SKIPPED.value}
    cells = [cell for cell in run.report["cells"] if not left_out(cell)]
    wanted = any(cell["status"] in open_ and cell["id"] not in done for cell in cells)
    return wanted or not (folder.path / FILE).is_file()


def _check(folder: RunFolder, told: ProfileReport, report: MatrixReport) -> None:
    """InfraError where an account is not there, or where one does not hold."""
    if missing := without_account(report):
        hint = f"kmatrix report {folder.path} says why, kmatrix profile {folder.path} tries again"
        raise InfraError(f"no account of {', '.join(missing)}", kind="profile", hint=hint)
    if not told["cells"]:
        raise InfraError("nothing was profiled", kind="profile", hint=f"kmatrix report {folder.path} says why")
    wrong = [row["id"] for row in told["cells"] if row["balances"] is False]
    wrong += [f"{row['arch']}/*/{row['workload']}" for row in told["differences"] if row["balances"] is False]
    if wrong:
        raise InfraError(f"accounts that do not balance: {', '.join(wrong)}", kind="profile")
