# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that holds two finished runs against each other."""

from __future__ import annotations

import json as jsons
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.analyse.contract import MatrixReport
from orchestrator.analyse.runs import Change, Compared, compare_runs
from orchestrator.analyse.slice import sliced
from orchestrator.cli import options
from orchestrator.cli.console import printer
from orchestrator.collectors import known as collectors
from orchestrator.errors import EXIT_UNEXPECTED
from orchestrator.history.store import History
from orchestrator.model import Verdict
from orchestrator.report.parts.rows import PLAIN, change, floor, value
from orchestrator.runs.load import load

STYLES = {Verdict.BETTER.value: "green", Verdict.WORSE.value: "bold red"}
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, a matrix.json, or a number of the history.")]


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command("compare")(compare)


def compare(
    first: Run,
    second: Run,
    select: options.Select = None,
    history: options.History = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Hold two finished runs against each other, and say which of their inputs differ. Starts nothing.

    Exit code 0: nothing got worse; 1: something did.

    Example: kmatrix compare 12 runs/2026-11-23-101500
    """
    one, other = (sliced(report_of(name, history), (), select or ()) for name in (first, second))
    answer = compare_runs(one, other)
    if json:
        typer.echo(jsons.dumps(answer.as_json(), indent=1))
    else:
        printer().print(comparison_view(answer))
    raise typer.Exit(EXIT_UNEXPECTED if answer.worse else 0)


def report_of(name: str, history: str | None) -> MatrixReport:
    """Of a path, or of an entry's number where there is no such path."""
    if name.isdecimal() and not Path(name).exists():
        with History(history) as database:
            return database.report(int(name))
    return load(Path(name)).report


def comparison_view(answer: Compared) -> RenderableType:
    """The table, cells that ended otherwise, what differs, and the answer."""
    parts: list[RenderableType] = [_table(answer)]
    if answer.turned:
        rows = [f"  {row.cell}: {_ended(row.first)}, then {_ended(row.second)}" for row in answer.turned]
        parts.append(Text("\n".join(["Cells that ended differently:", *rows]) + "\n"))
    for title, kernel in (("The kernel differs:", True), ("Other inputs differ:", False)):
        notes = [
            f"  {row.text}" + ("" if row.matters else " (must not matter)")
            for row in answer.differences
            if row.kernel is kernel
        ]
        parts += [Text("\n".join([title, *notes]) + "\n")] if notes else []
    if not answer.differences:
        parts.append(Text("No recorded input differs.\n"))
    return Group(*parts, _answer(answer))


def _table(answer: Compared) -> Table:
    """One line per cell and metric."""
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("cell", "metric"):
        out.add_column(name, no_wrap=True)
    for name in ("first", "second", "change"):
        out.add_column(name, justify="right", no_wrap=True)
    out.add_column("verdict", min_width=11)
    last = ""
    for one in answer.changes:
        name = one.cell if one.cell != last else ""
        last = one.cell
        verdict = Text(verdict_of(one), STYLES.get(one.row["verdict"], ""))
        out.add_row(name, *texts(one), verdict)
    return out


def texts(one: Change) -> tuple[str, str, str, str]:
    """metric with its unit, both values, change with its floor."""
    row = one.row
    how = collectors()[row["metric"]]
    first = value(row["per_unit_base"], how.digits, row["spread_base"], row["base_value"], one.once[0])
    second = value(row["per_unit_new"], how.digits, row["spread_new"], row["new_value"], one.once[1])
    return f"{how.title} {row['shown_unit']}".strip(), first, second, change(row) + floor(row)


def verdict_of(one: Change) -> str:
    """With the reason where it is not plain, and whether the kernel alone can be behind it."""
    row = one.row
    plain = row["reason"] in PLAIN and row["verdict"] != Verdict.UNCLEAR
    text = row["verdict"] if plain else f"{row['verdict']}: {row['why']}"
    return f"{text}; not the kernel alone differs" if one.causes and row["verdict"] in STYLES else text


def _ended(status: str) -> str:
    return status.replace("_", " ") or "not in this run"


def _answer(answer: Compared) -> Text:
    counts: dict[str, int] = {}
    for one in answer.changes:
        counts[one.row["verdict"]] = counts.get(one.row["verdict"], 0) + 1
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) or "none that both have"
    return Text(f"{len(answer.changes)} values: {said}", "bold red" if answer.worse else "bold")
