# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that names the change which moved a figure."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.bisect import chain, result
from orchestrator.bisect.chain import Chain, OfSeries
from orchestrator.bisect.figures import Figure, Measuring, differ, once
from orchestrator.bisect.hunt import Hunt
from orchestrator.bisect.result import Answer
from orchestrator.cli import author, intake
from orchestrator.cli.console import say, took
from orchestrator.cli.intake import Choice
from orchestrator.cli.options import (
    Config,
    Executor,
    Fresh,
    History,
    Jobs,
    OneSeries,
    Preset,
    Unsandboxed,
    Workers,
    Workloads,
)
from orchestrator.collectors import known as collectors
from orchestrator.config import matrix_file
from orchestrator.engine import Manner, this_command
from orchestrator.errors import ConfigError
from orchestrator.measure.host import check_host
from orchestrator.model import COSTS, MEMORY, Arch, Matrix, Workload
from orchestrator.registry import pick
from orchestrator.runs.folder import new_run
from orchestrator.series.arguments import Change, from_words, upon
from orchestrator.series.series import Series


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command()(bisect)


def bisect(
    what: Annotated[
        list[str], typer.Argument(metavar="A..B|PATCH...", help="Commits of a git tree, or a series in files.")
    ],
    cell: Annotated[
        str, typer.Option("--cell", help="ARCH/WORKLOAD; default: the first of both in the matrix file.")
    ] = "",
    metric: Annotated[
        str, typer.Option("--metric", help="Which figure: a metric of the workload, or atomics and its like.")
    ] = "time",
    series: OneSeries = "",
    partial: Annotated[
        bool, typer.Option("--partial", help="Of a series, go on without parts that are missing.")
    ] = False,
    base: Annotated[str, typer.Option("--base", help="What a series is upon, as of check.")] = "",
    tree: Annotated[Path, typer.Option("--tree", help="The git tree of commits; default: this folder's.")] = Path(),
    most: Annotated[
        int | None, typer.Option("--most", min=1, help="Kernels beside the two ends; default: all that it takes.")
    ] = None,
    workload: Workloads = None,
    config: Config = None,
    preset: Preset = "",
    out: Annotated[Path | None, typer.Option("--out", help="The run's folder; default: runs/bisect-DATE.")] = None,
    json: Annotated[bool, typer.Option("--json", help="bisect.json on standard output.")] = False,
    fresh: Fresh = False,
    jobs: Jobs = None,
    unsandboxed: Unsandboxed = False,
    executor: Executor = "",
    workers: Workers = 2,
    history: History = None,
) -> None:
    """Name the commit, or the patch of a series, that moved a figure of one cell.

    Both ends are measured, then the middle of what is left, one pass each: figures repeat. What does not build is
    stepped over; several culprits are told apart by size; merges are looked into. Exit code 1: something got worse.
    Interrupted, the same command goes on: what was measured is not measured again.

    Example: kmatrix bisect v6.1..mine --cell aarch64/shmem-write --metric time
    """
    check_host()
    file = took(config, json)
    chosen = matrix_file.named_or_absolute(workload or (), file)
    matrix = matrix_file.load(file, preset, chosen)
    arch, its = _cell(matrix, cell)
    known = [name for name in (*its.metrics, *COSTS) if name in collectors()]
    how = pick("metric", metric, {name: collectors()[name] for name in known})
    manner = Manner(
        quiet=json, jobs=jobs, fresh=fresh, unsandboxed=unsandboxed, history=history, kind="bisect",
        again=this_command(), reach=metric in COSTS, memory=metric in MEMORY, executor=executor, workers=workers,
    )  # fmt: skip
    row, upon_it = (
        _of_range(what[0], base, tree, matrix)
        if _is_range(what)
        else _of_files(from_words(what, base, tree, matrix, series, partial), base, matrix, manner, partial)
    )
    alone = once(matrix, arch, its)
    with new_run(out, "bisect", goes_on=True) as folder:
        measuring = Measuring(folder, alone, metric, manner, upon_it.kconfig, upon_it.config)

        def differs(before: Figure, after: Figure) -> bool:
            return differ(before, after, how)

        found = Hunt(measuring, differs, most, lambda text: _tell(text, json))(row)
        answer = Answer(
            row, found, f"{arch.name}/{its.name}", metric, how, its.unit, len(measuring.kernels), measuring.lost
        )
        folder.write_json(result.FILE, answer.json())
    if json:
        typer.echo((folder.path / result.FILE).read_text(), nl=False)
    else:
        say(*answer.lines(), f"run folder: {folder.path}")
    raise typer.Exit(answer.code)


def _cell(matrix: Matrix, words: str) -> tuple[Arch, Workload]:
    arch, _, workload = words.partition("/")
    arches = {its.name: its for its in matrix.arches}
    workloads = {its.name: its for its in matrix.workloads}
    first_arch, first_workload = next(iter(arches), ""), next(iter(workloads), "")
    return pick("arch", arch or first_arch, arches), pick("workload", workload or first_workload, workloads)


def _is_range(words: list[str]) -> bool:
    return len(words) == 1 and ".." in words[0] and not Path(words[0]).exists() and "://" not in words[0]


def _of_range(word: str, base: str, tree: Path, matrix: Matrix) -> tuple[Chain, Change]:
    """What is to be searched, and what the matrix file says of its source."""
    if base:
        raise ConfigError("commits are upon each other: --base goes with patches")
    commits = asyncio.run(chain.of_range(tree, word))
    if commits.note:
        _tell(commits.note, False)
    return commits, upon(Change(Series(()), commits.source), commits.source, matrix)


def _of_files(wanted: Change, base: str, matrix: Matrix, manner: Manner, partial: bool) -> tuple[Chain, Change]:
    """The same of a series, which is told as it was understood."""
    intake.tell(intake.taken(wanted, Choice(partial=partial)))
    wanted, _ = author.followed(wanted, base, matrix, manner)
    return OfSeries(wanted.source, wanted.series, wanted.prerequisites), wanted


def _tell(text: str, quiet: bool) -> None:
    if not quiet:
        say(text, stderr=True)
