# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs over many runs: history (list, import, trend page) and compare."""

from __future__ import annotations

import json as jsons
import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from orchestrator.cli import options
from orchestrator.cli.console import printer
from orchestrator.errors import ConfigError
from orchestrator.history.entries import Entry, Filter
from orchestrator.history.page import render
from orchestrator.history.store import History
from orchestrator.runs.load import load
from orchestrator.store import write_atomically

_AGE = re.compile(r"(\d+)([hdw])")
_SECONDS = {"h": 3600, "d": 86400, "w": 7 * 86400}

group = typer.Typer(invoke_without_command=True)


def register(app: typer.Typer) -> None:
    """Add this file's verbs."""
    app.add_typer(group, name="history")


@group.callback()
def history(
    context: typer.Context,
    history: options.History = None,
    arch: Annotated[str, typer.Option("--arch", "-a", help="Only runs with cells of this architecture.")] = "",
    kernel: Annotated[str, typer.Option("--kernel", help="Of this kernel.")] = "",
    workload: Annotated[str, typer.Option("--workload", help="Of this workload.")] = "",
    metric: Annotated[str, typer.Option("--metric", help="With this metric.")] = "",
    kind: Annotated[str, typer.Option("--kind", help="Made by this verb: run, verify, check, nightly.")] = "",
    since: Annotated[str, typer.Option("--since", help="2026-11-01, or 12h, 30d, 8w before now.")] = "",
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page of trends instead.")] = None,
) -> None:
    """List recorded runs, or draw what they found over time.

    Example: kmatrix history --arch s390x --since 30d --html trends.html
    """
    wanted = Filter(arch, kernel, workload, metric, kind, moment(since))
    if context.invoked_subcommand:
        context.obj = history
        return
    with History(history) as database:
        if html:
            found = database.points(wanted)  # each check has a patch of its own: no line goes through those
            write_atomically(
                html, render([point for point in found if kind or point.run.kind not in ("check", "bisect")])
            )
            return
        runs = database.runs(wanted)
        if json:
            typer.echo(jsons.dumps([asdict(run) for run in runs], indent=1))
        elif runs:
            printer().print(runs_table(runs))
        else:
            printer().print(f"no such run is recorded in {database.name}", soft_wrap=True, highlight=False)


@group.command("import")
def import_runs(
    context: typer.Context,
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders, or matrix.json files.")],
    history: options.History = None,
) -> None:
    """Record runs that were made before or elsewhere; one that is there already stays one.

    Example: kmatrix history import runs/*
    """
    found = [load(path) for path in runs]  # what is no run is told before anything is written
    with History(history or context.obj) as database:
        for run in found:
            number = database.record(run)
            printer().print(f"{number}  {run.place}", soft_wrap=True, highlight=False)


def moment(text: str) -> float:
    """Seconds since 1970 of a date, a time, or an age; 0 for nothing."""
    if not text:
        return 0.0
    if age := _AGE.fullmatch(text):
        return time.time() - int(age[1]) * _SECONDS[age[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise ConfigError(
            f"--since {text!r} is no date, time or age", hint="2026-11-01, 2026-11-01T12:00, 12h, 30d or 8w"
        ) from error


def runs_table(runs: Sequence[Entry]) -> Table:
    """One line per run."""
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    out.add_column("run", justify="right", no_wrap=True)
    for name in ("started", "by", "Linux"):
        out.add_column(name, no_wrap=True)
    out.add_column("exit", justify="right", no_wrap=True)
    out.add_column("what")
    out.add_column("run folder", overflow="fold")
    for run in runs:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
        out.add_row(str(run.id), when, run.kind, run.linux or "-", str(run.code), run.summary, run.place)
    return out
