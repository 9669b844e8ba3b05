# SPDX-License-Identifier: GPL-2.0-or-later
"""What a check took for its patch, in lines that all formats share. Pure."""

from __future__ import annotations

from orchestrator.analyse.contract import MatrixReport, SeriesRow, TakenRow
from orchestrator.errors import printable
from orchestrator.registry import counted

TITLE = "What was checked"


def lines(report: MatrixReport) -> list[str]:
    """Which series, and all that a reader must know of how it was taken; [] where that is not known."""
    return taken_lines(report["taken"]) if "taken" in report else []


def taken_lines(taken: TakenRow) -> list[str]:
    """A line for each series, each note, each thing left out, and what a person chose."""
    lines = [*map(series_line, taken["series"]), *notes(taken)]
    return [printable(" ".join(line.split())) for line in lines]


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
    done = taken["adapted"] or ["all of it applied as it stands"]
    return [f"applied with {' '.join(options)}: {line}" for line in done]


def altered(report: MatrixReport) -> bool:
    """Was something else measured than the patch as it stands, by a person's choice?"""
    return "taken" in report and bool(report["taken"]["adapted"] or report["taken"]["partial"])
