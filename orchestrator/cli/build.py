# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that builds kernels and nothing else."""

from __future__ import annotations

import typer

from orchestrator import ui
from orchestrator.cli.console import print_error, took
from orchestrator.cli.options import Config, Executor, Jobs, Json, Preset, Refresh, Select, Unsandboxed, Workers
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan as make_plan
from orchestrator.engine import EMPTY, Manner, finish, this_command, work
from orchestrator.measure.host import check_host
from orchestrator.runs.folder import RunFolder
from orchestrator.store import Store


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command()(build)


def build(
    config: Config = None,
    preset: Preset = "",
    select: Select = None,
    json: Json = False,
    refresh: Refresh = False,
    jobs: Jobs = None,
    unsandboxed: Unsandboxed = False,
    executor: Executor = "",
    workers: Workers = 2,
) -> None:
    """Build the kernels of the matrix and nothing else.

    Example: kmatrix build --select aarch64
    """
    matrix = matrix_file.load(took(config, json), preset)
    made = make_plan(matrix, select or [])
    check_host()
    manner = Manner(refresh=refresh, jobs=jobs, unsandboxed=unsandboxed, executor=executor, workers=workers)
    with Store().bounded(matrix.cache_gib), Store().scratch() as folder:
        todo = work(matrix, made, RunFolder(folder), manner)
        with ui.show(todo.bus, lambda _: EMPTY, json):
            failed = finish(todo.build(), this_command())
    for error in failed[1:]:
        print_error(error)
    if failed:
        raise failed[0]
