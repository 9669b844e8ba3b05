# SPDX-License-Identifier: GPL-2.0-or-later
"""What a check took for its patch, in lines that all formats share. Pure."""

from __future__ import annotations

from orchestrator.analyse.contract import MatrixReport, SeriesRow, TakenRow
from orchestrator.errors import printable
from orchestrator.registry import counted
from orchestrator.report.parts.author import author_lines

TITLE = "What was checked"


def lines(report: MatrixReport) -> list[str]:
    """Which series, how it was taken, and how the source is its author's; [] where none of it is
    known."""
    its = report.get("taken")
    said = [*map(series_line, its["series"]), *notes(its)] if its else []
    return [printable(" ".join(line.split())) for line in (*said, *author_lines(report))]


def notes(taken: TakenRow) -> list[str]:
    """All of it but the series themselves."""
    return [*taken["notes"], *(f"left out: {line}" for line in taken["left_out"]), *chosen(taken)]


def series_line(row: SeriesRow) -> str:
    """ "mm: do less", v2, 2 of 3 parts, A Developer <dev@example.org>, 2026-11-02, <id@example.org>"""
    parts = counted(row["parts"], "part")
    if row["parts"] != row["total"]:
        parts = f"{row['parts']} of {counted(row['total'], 'part')}"
    said = [
        f'"{row["title"]}"',
        row["version"],
        parts,
        row["author"],
        row["date"],
        f"<{row['message_id']}>" if row["message_id"] else "",
    ]
    return ", ".join(word for word in said if word)


def chosen(taken: TakenRow) -> list[str]:
    """What it was applied with that is not as the patches stand."""
    options = [f"--fuzz {taken['fuzz']}"] if taken["fuzz"] else []
    options += ["--partial"] if taken["partial"] else []
    if not options:
        return []
    if not taken[
        "adapted"
    ]:  # all of it applies as it stands, or it does not apply even so; notes tell of lacking parts
        rest = [option for option in options if not any(f"({option})" in note for note in taken["notes"])]
        return [f"{' '.join(rest)} was asked for, and no patch was changed for it"] if rest else []
    return [f"applied with {' '.join(options)}: {line}" for line in taken["adapted"]]


def altered(report: MatrixReport) -> bool:
    """Was something else measured than the patch as it stands, by a person's choice?"""
    return "taken" in report and bool(report["taken"]["adapted"] or report["taken"]["partial"])
