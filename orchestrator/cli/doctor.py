# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that says what the host lacks."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from orchestrator import doctor as checks
from orchestrator.cli.console import printer
from orchestrator.errors import EXIT_INFRA


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command()(doctor)


def doctor(tests: Annotated[bool, typer.Option("--tests", help="Also what the tests need.")] = False) -> None:
    """Check what the host must have, and say how to get it.

    Example: kmatrix doctor --tests
    """
    lacking = checks.missing(tests)
    console = printer()
    if not lacking:
        console.print(f"All {len([n for n in checks.needs() if tests or not n.test])} things are there.")
        return
    table = Table("missing", "why", "Debian, Ubuntu", "Fedora", box=None, pad_edge=False)
    for need in lacking:
        table.add_row(need.name, need.why, need.package, need.fedora)
    console.print(table)
    console.print(f"\nInstall them with:\n  {checks.install_command(lacking)}", soft_wrap=True)
    raise typer.Exit(EXIT_INFRA)
