# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb for every night, and what starts it: systemd, cron, GitHub Actions, GitLab CI."""

from __future__ import annotations

import shlex
import shutil
import sys
from enum import StrEnum
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from orchestrator.cli import options
from orchestrator.cli.console import took
from orchestrator.engine import Manner
from orchestrator.errors import ConfigError
from orchestrator.measure.host import check_host
from orchestrator.nightly import DATA
from orchestrator.nightly.night import Night
from orchestrator.nightly.state import Place, usual
from orchestrator.paths import HERE, MATRIX
from orchestrator.store import write_atomically


class Starter(StrEnum):
    """Who starts it."""

    SYSTEMD = "systemd"
    CRON = "cron"
    GITHUB = "github"
    GITLAB = "gitlab"


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command("nightly")(nightly)


def nightly(
    config: options.Config = None,
    preset: options.Preset = "",
    history: options.History = None,
    state: Annotated[
        Path | None, typer.Option("--state", help="What is kept between nights; default: the user's state folder.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Measure what is here; fetch nothing.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Only resume a night that was cut off; begin no new one.")
    ] = False,
    fresh: options.Fresh = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the night in words, no progress.")] = False,
    jobs: options.Jobs = None,
    unsandboxed: options.Unsandboxed = False,
    executor: options.Executor = "",
    workers: options.Workers = 2,
    print_: Annotated[
        Starter | None, typer.Option("--print", help="Show the files that start it every night.")
    ] = None,
    into: Annotated[Path | None, typer.Option("--into", help="With --print: write them into this folder.")] = None,
) -> None:
    """Measure what changed since last night, hold it against the nights before, and leave a mail to send.

    matrix.yaml says which sources: nightly: {sources: [mine], budget: 2h}. Nothing is mailed or posted. A night that
    was cut off is resumed first.

    Example: kmatrix nightly --print systemd --into ~/.config/systemd/user
    """
    file = took(config, quiet or bool(print_))
    if print_:
        if file == MATRIX and not HERE.exists():
            raise ConfigError("nights need a matrix file that stays where it is", hint="kmatrix init writes one")
        show(print_, file, preset, into)
        return
    if into:
        raise ConfigError("--into goes with --print")
    check_host()
    place = Place(state or usual(file, preset))
    manner = Manner(
        quiet=quiet, jobs=jobs, unsandboxed=unsandboxed, kind="nightly", history=history, fresh=fresh,
        executor=executor, workers=workers,
    )  # fmt: skip
    code, text = Night(file, preset, place, manner, not offline, resume).run()
    typer.echo(text)
    raise typer.Exit(code)


def show(starter: Starter, config: Path, preset: str, into: Path | None) -> None:
    """The starter's files, with this machine's paths where they belong."""
    files = sorted(path for path in (DATA / starter.value).iterdir() if path.is_file())
    words = ["nightly", "--quiet", "--config", str(config.resolve()), *(["--preset", preset] if preset else [])]
    program = [found] if (found := shutil.which("kmatrix")) else [sys.executable, "-m", "orchestrator"]
    values = quoted(starter, shlex.join([*program, *words]), config.resolve())
    for path in files:
        text = Template(path.read_text()).substitute(values)
        if into:
            into.mkdir(parents=True, exist_ok=True)
            write_atomically(into / path.name, text)
            typer.echo(str(into / path.name))
        else:
            typer.echo(f"# ---- {path.name}\n{text}" if len(files) > 1 else text, nl=False)


def quoted(starter: Starter, command: str, config: Path) -> dict[str, str]:
    """What stands in the starter's files: command, folder, config; by its own rules of what a character means."""
    folder = str(config.parent)
    if starter is Starter.SYSTEMD:
        command, folder = command.replace("%", "%%").replace("$", "$$"), folder.replace("%", "%%")
    if starter is Starter.CRON:
        command, folder = command.replace("%", r"\%"), shlex.quote(folder).replace("%", r"\%")
    return {"command": command, "folder": folder, "config": shlex.quote(config.name)}
