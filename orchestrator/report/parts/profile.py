# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the instructions went, as reports tell it: from the accounts of the cells that are told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from orchestrator.collectors import cost_title
from orchestrator.profile.comparison import DifferenceRow, ProfileReport
from orchestrator.profile.line_changes import SourceHunk
from orchestrator.report.parts import figures, icicle, profile_rows
from orchestrator.report.parts.paper import ascii_only, paragraph
from orchestrator.report.parts.words import listed
from orchestrator.runs.run import Run

TOP, LINES = 6, 8  # rows in a mail
FILES = 6  # whose hunks were not executed, by name
_MAIL_NOTE = (
    "Executed instructions, counted in one more pass of each cell. Calls are executions of a function's first "
    "instruction; a line has what the compiler made of it and what was inlined there; user: is the workload itself, "
    "user:runner: what starts it. Costs: instructions that hardware pays more for, by the bytes that were executed."
)


def told(run: Run) -> ProfileReport | None:
    """None where nothing was profiled, or nobody knows: a matrix.json alone has no accounts."""
    whole = run.profile
    here = {cell["id"] for cell in run.report["cells"]}
    rows = [row for row in whole["differences"] if {_cell(row, "base"), _cell(row, "new")} <= here]
    cells = [cell for cell in whole["cells"] if cell["id"] in here]
    return ProfileReport(schema=whole["schema"], cells=cells, differences=rows) if rows else None


def _cell(row: DifferenceRow, side: str) -> str:
    kernel = row["base"] if side == "base" else row["new"]
    return f"{row['arch']}/{kernel}/{row['workload']}"


def mail(run: Run) -> list[list[str]]:
    """One block per arch: the largest changes, and lines of the patch that count."""
    profile = told(run)
    blocks: list[list[str]] = []
    for base, new, rows in _pairs(profile["differences"] if profile else ()):
        blocks.append(paragraph(f"== where the instructions went, from {base} to {new}", "", "   "))
        blocks += [_block(row) for row in rows]
    return [*blocks, paragraph(_MAIL_NOTE)] if blocks else []


def _block(row: DifferenceRow) -> list[str]:
    wrong = [] if row["balances"] in (True, None) else ["The account does NOT balance with the instruction clock."]
    shown = [
        *profile_rows.function_table(row, TOP),
        *profile_rows.cost_table(row, moved=True),
        *profile_rows.line_table(row, LINES),
    ]
    return [
        *paragraph(f"{profile_rows.heading(row)}:"),
        *(profile_rows.cut(ascii_only(line)) for line in shown),
        *wrong,
    ]


def _pairs(rows: Iterable[DifferenceRow]) -> list[tuple[str, str, list[DifferenceRow]]]:
    groups: dict[tuple[str, str], list[DifferenceRow]] = {}
    for row in rows:
        groups.setdefault((row["base"], row["new"]), []).append(row)
    return [(base, new, mine) for (base, new), mine in groups.items()]


def markdown(run: Run) -> str:
    """The tables as the terminal has them; "" without a profile."""
    profile = told(run)
    return profile_rows.profile_text(profile, profile_rows.TOP) if profile else ""


def page(run: Run) -> list[dict[str, Any]]:
    """For the HTML page: one group per pair of kernels and workload, in it one entry per arch."""
    profile = told(run)
    groups = []
    for base, new, mine in _pairs(profile["differences"] if profile else ()):
        for workload in dict.fromkeys(row["workload"] for row in mine):
            rows = [row for row in mine if row["workload"] == workload]
            groups.append(
                {
                    "title": f"{workload}, {base} to {new}",
                    "figures": [Markup(svg) for row in rows if (svg := figures.function_bars(row))],
                    "rows": [_entry(row, profile) for row in rows if profile],
                }
            )
    return groups


def _entry(row: DifferenceRow, profile: ProfileReport) -> dict[str, Any]:
    executed = [hunk for hunk in row["hunks"] if _executed(hunk)]
    idle = [hunk["file"] for hunk in row["hunks"] if not _executed(hunk)]
    return {
        "title": profile_rows.heading(row),
        "base": row["base"],
        "new": row["new"],
        "unit": row["unit"],
        "functions": row["functions"],
        "hunks": executed,
        "idle": _idle(idle),
        "why": row["lines_why"],
        "source_functions": row["source_functions"],
        "paths": icicle.boxes(row["paths"]),
        "paths_why": row["paths_why"],
        "balance": profile_rows.balance(row, profile),
        "costs": [(cost_title(name), cost) for name, cost in profile_rows.costs(row).items()],
        "costs_why": row.get("costs_why", ""),
        "growing": profile_rows.growing(row),
    }


def _idle(files: list[str]) -> str:
    """Hunks that this kernel was not built with, or did not run: all architectures' code may be in a patch."""
    names = list(dict.fromkeys(files))
    more = [f"{len(names) - FILES} more files"] if len(names) > FILES else []
    where = listed([*names[:FILES], *more])
    return f"Nothing was executed of {len(files)} hunk{'s' * (len(files) != 1)} in {where}." if files else ""


def _executed(hunk: SourceHunk) -> bool:
    return any(line["base_instructions"] or line["new_instructions"] for line in hunk["lines"])
