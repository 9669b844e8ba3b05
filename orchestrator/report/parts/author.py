# SPDX-License-Identifier: GPL-2.0-or-later
"""How a check's source is that of the series' author, in lines that all formats share. Pure."""

from __future__ import annotations

from orchestrator.analyse.contract import AuthorRow, MatrixReport

TOLD = 9  # names of files, at most


def author_lines(report: MatrixReport) -> list[str]:
    """How the source was chosen, which files are not the author's, what was applied first, and what is missing."""
    row = report.get("author")
    return lines(row) if row else []


def lines(row: AuthorRow) -> list[str]:
    """The same of a row alone."""
    return [
        *([row["why"]] if row["why"] else []),
        *([_files(row)] if row["files"] else []),
        *([f"its prerequisites come first: {_few(row['prerequisites'])}"] if row["prerequisites"] else []),
        *(f"it was made on top of what was not given: {name}" for name in row["missing"][:TOLD]),
        *([f"and of {len(row['missing']) - TOLD} more"] if len(row["missing"]) > TOLD else []),
        *row["notes"],
    ]


def _files(row: AuthorRow) -> str:
    """debian-6.1: 1 of 2 files are byte for byte those that the author had; mm/mlock.c is not"""
    other, head = row["other"], f"{row['source']}:"
    if row["files"] == 1:
        what = f"{other[0]} is not" if other else "the file is"
        return f"{head} {what} byte for byte that of the author"
    same = f"{row['files'] - len(other)} of {row['files']} files are byte for byte those that the author had"
    return f"{head} {same}; {_few(other)} {'is' if len(other) == 1 else 'are'} not" if other else f"{head} {same}"


def _few(names: list[str]) -> str:
    left = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
    return ", ".join(names[:TOLD]) + left
