# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb of whoever gives out work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command()(scheduler)


def scheduler(
    file: Annotated[Path, typer.Argument(help="The file to join by, which is written; keys that it has are kept.")],
    host: Annotated[str, typer.Option("--host", help="This machine's address, as workers reach it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, help="0: any that is free.")] = 0,
    store: Annotated[
        str, typer.Option("--store", help="What all machines share: a folder, s3://... (see KMATRIX_SHARED_STORE).")
    ] = "",
    tls: Annotated[bool, typer.Option("--tls/--no-tls", help="Without it: on loopback alone.")] = True,
) -> None:
    """Give out the work of runs to workers, until it is ended.

    Whoever has its file can have anything done by them.

    Example: kmatrix scheduler join.json --host 10.0.0.1 --port 8786 --store /net/kmatrix
    """
    from orchestrator.executors import machines

    if store and "://" not in store:  # workers are started elsewhere
        store = str(Path(store).absolute())
    machines.until_ended(machines.scheduler(file, host, port, store, tls, typer.echo))
