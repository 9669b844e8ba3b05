# SPDX-License-Identifier: GPL-2.0-or-later
"""The night in words: ASCII, at most 75 columns, so that it can be mailed. Sending is left to others."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.analyse.contract import MatrixReport
from orchestrator.analyse.identical import untried
from orchestrator.analyse.matrix import exit_code
from orchestrator.analyse.slice import sliced
from orchestrator.errors import EXIT_INFRA, EXIT_OK, EXIT_UNEXPECTED, first
from orchestrator.model import Verdict
from orchestrator.nightly.against import TOLD, Against
from orchestrator.report import known as formats
from orchestrator.report.parts.paper import folded, paragraph
from orchestrator.runs.run import Run


@dataclass(frozen=True)
class NightReport:
    """What there is to tell. why: {cell: what changed}; left: out of time; lost: {cell: why it has no source}."""

    report: MatrixReport
    why: Mapping[str, str]
    left: Sequence[str]
    lost: Mapping[str, str]
    notes: Sequence[str]
    against: Against
    pruned: Sequence[str] = field(default=())
    culprits: Sequence[str] = field(default=())  # which commits moved what, as far as the time allowed to tell


def code(night: NightReport) -> int:
    """As of a run, but that cells left for the next night are no failure, and that getting worse is one."""
    done = measured(night.report)
    found = exit_code(done) if done["cells"] else EXIT_OK
    if night.lost:
        return EXIT_INFRA
    return first(found, EXIT_UNEXPECTED) if night.against.worse else found


def measured(report: MatrixReport) -> MatrixReport:
    """The report without cells that were not tried."""
    tried = [cell["id"] for cell in report["cells"] if not untried(cell)]
    return sliced(report, (), tried) if tried else MatrixReport(**{**report, "cells": []})


def mail(night: NightReport) -> str:
    """A subject line, the night, the matrix as a list wants it."""
    text = "\n".join(folded([f"Subject: [kmatrix] {headline(night)}"]))
    body = formats()["mail"](Run(measured(night.report))) if measured(night.report)["cells"] else ""
    return f"{text}\n\n{words(night)}\n{body}"


def markdown(night: NightReport) -> str:
    """The same for reading in a browser."""
    return f"```\n{words(night)}```\n\n{formats()['markdown'](Run(measured(night.report)))}"


def headline(night: NightReport) -> str:
    """nightly 2026-11-23: 1 worse, 2 better, 21 same against the last night"""
    day = time.strftime("%Y-%m-%d", time.localtime(night.report.get("run", {}).get("started", time.time())))
    counts = {
        verdict.value: len(night.against.verdicts(verdict))
        for verdict in (Verdict.WORSE, Verdict.BETTER, Verdict.UNCLEAR, Verdict.SAME)
    }
    broke = f"{len(night.against.broke)} broken, " if night.against.broke else ""
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"nightly {day}: {broke}{f'{said} against the last night' if said else 'nothing to compare with yet'}"


def words(night: NightReport) -> str:
    """The night itself: what changed, what moved, what was left out."""
    moved = [one.text for one in night.against.verdicts(Verdict.WORSE, Verdict.BETTER, Verdict.UNCLEAR)]
    parts = [
        paragraph(headline(night)),
        _list("Measured, because:", _grouped(night.why)),
        _list("Passed last time, and no longer:", night.against.broke),
        _list("Moved since they were last measured:", moved),
        _list("Which commits did it:", night.culprits),
        _list("Not compared with the nights before, for more than the kernel differs:", night.against.cuts),
        _list("Steps of the last four weeks:", night.against.steps),
        _list("Not measured, for the time was up; they come first next night:", night.left),
        _list("Not measured, for their source cannot be had:", [f"{k}: {v}" for k, v in night.lost.items()]),
        _list("Notes:", [*night.notes, *night.pruned]),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _grouped(why: Mapping[str, str]) -> list[str]:
    """A reason once, with the cells that it made be measured."""
    table: dict[str, list[str]] = {}
    for cell, reason in why.items():
        table.setdefault(reason, []).append(cell)
    return [f"{reason}: {', '.join(cells)}" for reason, cells in table.items()]


def _list(title: str, rows: Sequence[str]) -> list[str]:
    if not rows:
        return []
    shown = [line for row in rows[:TOLD] for line in paragraph(row, "- ", "  ")]
    return folded([title, *shown, *([f"- and {len(rows) - TOLD} more"] if len(rows) > TOLD else [])])
