# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb of whoever does the work."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.measure.host import check_host


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command()(worker)


def worker(
    file: Annotated[Path, typer.Argument(help="The file to join by, from kmatrix scheduler.")],
    wall: Annotated[
        bool, typer.Option("--wall", help="Also what goes by the clock on the wall: this machine does nothing else.")
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="How many of them, each with its share of this machine.")
    ] = 1,
    share: Annotated[
        int | None,
        typer.Option("--share", min=1, help="How many this machine's cores and memory are for, if not these."),
    ] = None,
    patience: Annotated[
        float, typer.Option("--patience", min=0, help="Seconds for which a scheduler that is gone is looked for.")
    ] = 600,
    memory_mib: Annotated[
        int, typer.Option("--memory-mib", min=0, help="For guests; 0: nine tenths of what is free when it starts.")
    ] = 0,
    cache_gib: Annotated[
        float, typer.Option("--cache-gib", min=0, help="Of all that this machine keeps between runs.")
    ] = 20,
) -> None:
    """Do what a scheduler gives out: build kernels, boot and measure guests, as sandboxed as at home.

    Example: kmatrix worker join.json
    """
    from orchestrator.executors import machines

    check_host()
    say = partial(typer.echo, err=True)
    machines.worked(workers, file, wall, patience, share or workers, memory_mib, cache_gib, say=say, kept=typer.echo)
