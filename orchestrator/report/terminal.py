# SPDX-License-Identifier: GPL-2.0-or-later
"""The matrix for a terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from orchestrator.analyse.contract import CellRow, MatrixReport
from orchestrator.report import PLAIN, Telling
from orchestrator.report.parts import costs, counters, grid, suite
from orchestrator.report.parts.grid import Grid
from orchestrator.report.parts.needed import titled
from orchestrator.report.parts.rows import (
    VARYING,
    claims,
    failures,
    footnotes,
    limits,
    note,
    pairs,
    setting,
    summary,
    told,
)
from orchestrator.runs.run import Run

STYLES = {"good": "green", "bad": "bold red", "plain": ""}


def RENDER(run: Run, telling: Telling = PLAIN) -> str:
    """As text without colours, at most 120 columns."""
    console = Console(width=120, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(matrix_view(run.report))
    return capture.get()


def matrix_view(report: MatrixReport) -> RenderableType:
    """The tables, what failed, and the summary, to be printed by rich."""
    units = {cell["workload"]: cell["unit"] for cell in report["cells"] if cell["unit"]}
    parts: list[RenderableType] = [
        _table(report, base, new, workload, unit)
        for base, new in pairs(report)
        for workload, unit in units.items()
        if workload not in suite.folded(report, base, new)
    ]
    if said := suite.lines(report):
        parts.append(Text("\n".join(said) + "\n", style="bold"))
    parts += [Text("\n  ".join([f"{head}:", *lines]) + "\n") for head, lines in counters.blocks(report)]
    parts += [Text("\n  ".join([VARYING, *limits(report)]) + "\n")] if limits(report) else []
    for its in grid.grids(report):
        parts += [Text(f"Is it right: {its.title}", style="bold"), _grid(its)]
    parts += [_claims(report)] if report["claims"] else []
    parts += [Text(f"{line}\n", STYLES[tone]) for line, tone in footnotes(report)]
    parts += [_failure(cell) for cell in failures(report)]
    return Group(*parts, Text(setting(report)), Text(note(report), style="dim"), Text(summary(report), style="bold"))


def _table(report: MatrixReport, base: str, new: str, workload: str, unit: str) -> Table:
    """Rows arch x metric of a workload for one pair of kernels; fits 100 columns, words wrap before figures do."""
    config, *heads = titled(report, base, new)
    title = Text(f"{workload}, per {unit}{config}", style="bold")
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title=title, title_justify="left")
    if still := costs.unmoved(report, base, new, workload):
        out.caption, out.caption_justify = Text(f" {still}", style="dim"), "left"
    for name in ("arch", "metric"):
        out.add_column(name, no_wrap=True)
    for name in (*heads, "change"):
        out.add_column(name, justify="right", no_wrap=True)
    out.add_column("verdict", min_width=11)
    last = ""
    for row in told(report):
        if (row.base, row.new, row.workload) != (base, new, workload):
            continue
        if last not in (row.arch, ""):
            out.add_section()
        name = row.arch if row.arch != last else ""
        out.add_row(name, row.short, row.base_text, row.new_text, row.change, Text(row.verdict, STYLES[row.tone]))
        last = row.arch
    return out


def _grid(its: Grid) -> Table:
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    out.add_column("")
    for head in its.heads:
        out.add_column(head)
    for name, squares in its.rows:
        out.add_row(name, *(Text(text, STYLES[tone]) for text, tone in squares))
    return out


def _claims(report: MatrixReport) -> Table:
    title = Text("What was claimed", style="bold")
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title=title, title_justify="left")
    for name in ("claim", "text", "verdict"):
        out.add_column(name, no_wrap=name == "claim")
    for name, text, verdict, tone in claims(report):
        out.add_row(name, Text(text), Text(verdict, STYLES[tone]))
    return out


def _failure(cell: CellRow) -> RenderableType:
    failure = cell["failure"] or {}
    text = Text(failure["message"])
    if failure["hint"]:
        text.append(f"\nnext: {failure['hint']}", style="cyan")
    if failure["log"]:
        text.append("\n\n" + failure["log"].rstrip(), style="dim")
    title = f"{cell['id']}: {cell['status'].replace('_', ' ')} ({failure['kind']})"
    return Panel(text, title=title, title_align="left", border_style="red")
