# SPDX-License-Identifier: GPL-2.0-or-later
"""Which workloads a check chose, and why, in lines that all formats share. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.analyse.contract import ChosenRow, MatrixReport, NotChosenRow
from orchestrator.report.parts.words import listed

MOST = 12  # names that are told of what is left out


def of_report(report: MatrixReport) -> list[str]:
    """None where nobody chose."""
    rows, left = report.get("chosen"), report.get("not_chosen")
    return chosen_lines(rows, left) if rows and left else []


def chosen_lines(rows: Sequence[ChosenRow], left: NotChosenRow) -> list[str]:
    """A line for each workload that runs what is changed, and what runs it and is not measured."""
    mine: dict[str, list[ChosenRow]] = {}
    for row in rows:
        if not row["control"]:
            mine.setdefault(row["workload"], []).append(row)
    lines = [f"{name}: {_why(its)}" for name, its in mine.items()]
    controls = dict.fromkeys(row["workload"] for row in rows if row["control"])
    if lines and controls:
        lines.append(f"as controls, which run nothing of it: {listed(controls)}")
    if lines:
        lines.insert(0, f"chosen, by what runs of {left['account']}:")
    if left["others"]:
        lines.append(f"also run it, not measured: {_some(left['others'])}; --workload or --suite measures them")
    if left["unrun"]:
        lines.append(f"no workload runs {_some(left['unrun'])}")
    return lines


def _why(rows: Iterable[ChosenRow]) -> str:
    """The first architecture's words, and where it does not run it."""
    its = list(rows)
    runs = [row for row in its if row["functions"]]
    none = [row["arch"] for row in its if not row["functions"]]
    where = f" on {listed(row['arch'] for row in runs)}" if none else ""
    return (runs[0]["why"] + where) if runs else its[0]["why"]


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST
    return listed(names) if more <= 0 else f"{', '.join(names[:MOST])} and {more} more"
