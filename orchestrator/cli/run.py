# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that measures a matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.analyse.matrix import exit_code
from orchestrator.cli.console import print_run, took
from orchestrator.cli.options import (
    Config,
    Debug,
    DebugBuild,
    Diff,
    Executor,
    Fresh,
    History,
    Jobs,
    Json,
    Memory,
    Preset,
    Reach,
    Refresh,
    Select,
    Selftest,
    Selftests,
    Static,
    Suites,
    Tests,
    Thorough,
    Unsandboxed,
    Variants,
    Workers,
    Workloads,
)
from orchestrator.config import debug as kinds
from orchestrator.config import matrix_file
from orchestrator.config.selftests import chosen as own_tests
from orchestrator.config.variants import many
from orchestrator.engine import Manner, asked, asked_before, measured, proven
from orchestrator.errors import ConfigError
from orchestrator.model import Clock, Matrix
from orchestrator.runs.folder import RunFolder, new_run, open_run
from orchestrator.runs.record import Request
from orchestrator.runs.run import Run


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command()(run)


def run(
    config: Config = None,
    preset: Preset = "",
    select: Select = None,
    workload: Workloads = None,
    suite: Suites = None,
    out: Annotated[Path | None, typer.Option("--out", help="The run's folder; default: runs/DATE.")] = None,
    resume: Annotated[Path | None, typer.Option("--resume", help="Finish this run.")] = None,
    boots: Annotated[int | None, typer.Option(min=1, help="Boots a cell; default: the file's.")] = None,
    passes: Annotated[int | None, typer.Option(min=1, help="Counted passes a boot; default: the file's.")] = None,
    clock: Annotated[Clock | None, typer.Option(help="icount or wall; default: the file's.")] = None,
    profile_diff: Diff = False,
    reach: Reach = True,
    memory: Memory = False,
    debug: Debug = False,
    debug_build: DebugBuild = None,
    variants: Variants = False,
    selftests: Selftests = False,
    selftest: Selftest = None,
    tests: Tests = None,
    thorough: Thorough = False,
    static: Static = False,
    json: Json = False,
    fresh: Fresh = False,
    refresh: Refresh = False,
    jobs: Jobs = None,
    unsandboxed: Unsandboxed = False,
    executor: Executor = "",
    workers: Workers = 2,
    history: History = None,
) -> None:
    """Build, boot, measure, compare; write the run folder and print the matrix.

    Example: kmatrix run --select 's390x/*' --out runs/s390x
    """
    builds = kinds.chosen(debug or thorough, debug_build or ())
    overrides = {k: v for k, v in {"boots": boots, "passes": passes, "clock": clock}.items() if v}
    if resume and (preset or select or workload or suite or out or overrides):
        raise ConfigError("--resume finishes what that run was asked for; it takes no other choice")
    manner = Manner(
        executor=executor, workers=workers,
        json=json, refresh=refresh, jobs=jobs, resumed=bool(resume), fresh=fresh, unsandboxed=unsandboxed,
        profile=profile_diff, reach=reach, memory=memory, static=static, history=history, debug=builds,
        variants=many(variants, thorough), selftests=own_tests(selftests or thorough, selftest or (), tests or ()),
    )  # fmt: skip
    if resume:
        folder = open_run(resume)
        matrix, request = asked_before(folder)
        done = _all_of_it(folder, matrix, request, manner)
    else:
        file = took(config, json)
        words = [*(workload or ()), *matrix_file.of_suites(suite or (), file)]
        matrix, request = asked(file, preset, words, select or (), overrides)
        with new_run(out) as folder:
            done = _all_of_it(folder, matrix, request, manner)
    if not json:
        print_run(done, folder.path, profile_diff)
    raise typer.Exit(exit_code(done.report))


def _all_of_it(folder: RunFolder, matrix: Matrix, request: Request, manner: Manner) -> Run:
    done = measured(folder, matrix, request, manner)
    return proven(folder, matrix, request, manner) or done
