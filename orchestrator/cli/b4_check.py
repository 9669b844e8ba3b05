# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that answers b4 from finished runs."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.analyse.slice import about
from orchestrator.report.b4check import entries
from orchestrator.report.parts import eml
from orchestrator.report.parts.rows import failures
from orchestrator.runs import load, record
from orchestrator.runs.folder import RunFolder
from orchestrator.series import mbox
from orchestrator.series.diff import identity as identity_of

RUNS = Path("runs")


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command("b4-check")(b4_check)


def b4_check(
    runs: Annotated[list[Path], typer.Option("--runs", help="A folder of run folders, or one; repeatable.")] = [RUNS],  # noqa: B006
) -> None:
    """Answer b4 review from finished runs: the patch's mail on standard input, JSON on standard output.

    An empty array where no run measured that patch. Starts nothing.

    Example: git config b4.review-perpatch-check-cmd 'kmatrix b4-check --runs /home/me/runs'
    """
    answers: dict[str, dict[str, str]] = {}  # by column of b4's table: the newest run of each arch
    patch = identity_of(eml.plain_text(mbox.first(sys.stdin.buffer.read())))
    for folder in _finished(runs) if patch else []:
        kernels = [kernel for kernel, patches in record.load_diffs(folder).items() if patch in patches]
        if not kernels:
            continue
        whole = load.of_folder(folder)
        part = about(whole.report, kernels)
        if part["comparisons"] or failures(part):
            for entry in entries(replace(whole, report=part)):
                answers.setdefault(entry["tool"], entry)
    typer.echo(json.dumps(list(answers.values()), indent=1))


def _finished(places: list[Path]) -> list[RunFolder]:
    """Run folders with a matrix.json, the newest first."""
    found = [path for place in places for path in (place, *(place.glob("*/") if place.is_dir() else ()))]
    ended = [path for path in found if (path / "matrix.json").exists() and (path / "plan.json").exists()]
    return [RunFolder(path) for path in sorted(ended, key=lambda path: -(path / "matrix.json").stat().st_mtime)]
