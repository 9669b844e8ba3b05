# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that says what the host lacks."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from orchestrator import doctor as checks
from orchestrator.cli.console import print_error, printer, took
from orchestrator.cli.options import Config
from orchestrator.config import matrix_file
from orchestrator.errors import EXIT_INFRA, ConfigError
from orchestrator.sandbox import bubblewrap

USERNS = (
    "Patches are then built and booted only with --unsandboxed, all else without a sandbox. User namespaces mend it: "
    "sysctl kernel.unprivileged_userns_clone=1; on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0."
)


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command()(doctor)


def doctor(
    tests: Annotated[bool, typer.Option("--tests", help="Also what the tests need.")] = False, config: Config = None
) -> None:
    """Check what the host must have for the matrix file's architectures, and say how to get it.

    Example: kmatrix doctor --tests
    """
    console = printer()
    arches = _arches(config)
    lacking = checks.missing(tests, arches)
    if not lacking:
        console.print(f"All {len(checks.wanted(tests, arches))} things are there.")
    else:
        table = Table("missing", "why", "Debian, Ubuntu", "Fedora", box=None, pad_edge=False)
        for need in lacking:
            table.add_row(need.name, need.why, need.package, need.fedora)
        console.print(table)
        console.print(f"\nInstall them with:\n  {checks.install_command(lacking)}", soft_wrap=True)
    if shutil.which("bwrap") and (why := asyncio.run(bubblewrap.usable())):
        console.print(f"bubblewrap cannot hold anything here: {why}.\n{USERNS}", soft_wrap=True, markup=False)
    for need in checks.optional(tests):
        console.print(f"Not needed, but good to have: {need.name} ({need.package}), {need.why}.", soft_wrap=True)
    for arch, needs in checks.ports(tests, arches).items():
        how = f"it needs {', '.join(need.package for need in needs)}" if needs else "all that it needs is there"
        console.print(f"Not in this matrix file, but possible: {arch}; {how}.", soft_wrap=True)
    if lacking:
        raise typer.Exit(EXIT_INFRA)


def _arches(config: Path | None) -> list[str]:
    """Those of the matrix file; of one that does not load none, and why is said."""
    try:
        return [arch.name for arch in matrix_file.load(took(config)).arches]
    except ConfigError as error:
        print_error(error)
        return []
