# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that opens a shell in a guest."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from orchestrator.build.kernel import Builder
from orchestrator.cli.console import say, took
from orchestrator.cli.options import Config, Unsandboxed
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan as make_plan
from orchestrator.engine import finish, this_command
from orchestrator.measure.host import check_host, cores
from orchestrator.measure.session import session
from orchestrator.model import Build, Matrix


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command()(shell)


def shell(
    target: Annotated[str, typer.Argument(metavar="ARCH[/KERNEL]", help="What to boot.")],
    config: Config = None,
    command: Annotated[str, typer.Option("--command", help="Run this and leave, instead of a shell.")] = "",
    unsandboxed: Unsandboxed = False,
) -> None:
    """Boot a guest and open a shell in it.

    Example: kmatrix shell s390x/patched
    """
    matrix = matrix_file.load(took(config))
    made = make_plan(matrix, [target])
    check_host()
    wanted = made.builds[-1 if "/" not in target else 0]
    builder = Builder.of(matrix, cores(), unsandboxed=unsandboxed)
    with builder.store.bounded(matrix.cache_gib):
        raise typer.Exit(finish(interactive(wanted, builder, matrix, command), this_command()))


async def interactive(build: Build, builder: Builder, matrix: Matrix, command: str) -> int:
    """Boot the build's kernel (wall clock, TCG), then a terminal in it, or one command. Its exit status."""
    with builder.store.scratch() as folder:
        kernel = await builder.find(build) or await builder.make(build, folder / "build.log")
        async with session(build, kernel, matrix, builder.store, folder, builder.unsandboxed) as (running, shell):
            say(*running.notes, stderr=True)
            if not command:
                return await asyncio.to_thread(shell.terminal)
            output = await shell.run(command, matrix.limits.work)
            sys.stdout.write(output.stdout)
            sys.stderr.write(output.stderr)
            return output.code
