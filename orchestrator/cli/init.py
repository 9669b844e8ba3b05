# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that gives a new user a matrix file of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.errors import ConfigError
from orchestrator.paths import HERE, MATRIX


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command()(init)


def init(path: Annotated[Path, typer.Argument(metavar="[FILE]", help="Where to.")] = HERE) -> None:
    """Write the default matrix file here, to be changed.

    Without one kmatrix takes the default as it is; every command says which file it took.

    Example: kmatrix init
    """
    try:
        with path.open("x") as file:
            file.write(MATRIX.read_text())
    except FileExistsError as error:
        raise ConfigError(f"{path} is there already", hint="name another file: kmatrix init FILE") from error
    named = "" if path == HERE else f" --config {path}"
    typer.echo(f"wrote {path}; change it, then see what it means with: kmatrix plan{named}")
