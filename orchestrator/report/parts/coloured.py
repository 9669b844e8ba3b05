# SPDX-License-Identifier: GPL-2.0-or-later
"""The change as a diff, beside each line what became of it on each architecture: for the HTML page. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from orchestrator.analyse.contract import MatrixReport, ReachRow
from orchestrator.collectors import cost_title
from orchestrator.model import COST_CLASSES, Reach, Side
from orchestrator.profile.line_changes import CostRow, SourceLine
from orchestrator.report.parts import profile
from orchestrator.report.parts.words import listed
from orchestrator.runs.run import Run
from orchestrator.series import diff

NOTE = (
    "Beside a changed line, by architecture: how often it ran per unit of work, in the workload that ran it most "
    "(all of them when pointed at). boot: only before the counted passes. not run: built, and not executed. Nothing: "
    "no code, or in a file that is not built there."
)
_INSTRUCTIONS = (
    " Behind the dot: instructions executed of the line, and what hardware pays more for among them, with what was "
    "inlined there; from base to new where it is in both."
)
_WORDS = {Reach.BOOT_ONLY: "boot", Reach.NOT_RUN: "not run", Reach.NOT_BUILT: "not built", Reach.NOT_CODE: ""}
_TONES = {Reach.RAN: "good", Reach.NOT_RUN: "bad"}
_SIDES = {"+": Side.ADDED, "-": Side.REMOVED}


@dataclass(frozen=True)
class Mark:
    """What became of a line on an arch."""

    text: str = ""
    tone: str = "dim"
    told: str = ""  # more of it, for who points at it


Place = tuple[str, str, str, int]  # arch, file, side, line
Instructions = Mapping[tuple[str, str, int, int], SourceLine]  # by arch, file, line in the base and in the new, or 0


def page(run: Run) -> list[dict[str, Any]]:
    """A section per pair of kernels that something is known of, files that are built nowhere apart; [] for a
    matrix.json alone, which has no diff."""
    sections = []
    for (base, new), text in run.changes.items():
        rows = [row for row in run.report.get("reach", ()) if (row["base"], row["new"]) == (base, new)]
        if not rows:
            continue
        executed = _executed(run, base, new)
        arches = list(dict.fromkeys(row["arch"] for row in rows))
        files = list(_files(text, arches, rows, executed, _units(run.report)))
        sections.append(
            {
                "title": f"{base} to {new}",
                "arches": arches,
                "note": NOTE + (_INSTRUCTIONS if executed else ""),
                "files": [file for file in files if not file["nowhere"]],
                "others": [file for file in files if file["nowhere"]],
            }
        )
    return sections


def _units(report: MatrixReport) -> dict[str, str]:
    return {cell["workload"]: cell["unit"] for cell in report["cells"]}


def _executed(run: Run, base: str, new: str) -> Instructions:
    """Of the profile, if there is one; of several workloads the first's."""
    known = profile.told(run)
    found: dict[tuple[str, str, int, int], SourceLine] = {}
    for row in known["differences"] if known else ():
        if (row["base"], row["new"]) == (base, new):
            for hunk in row["hunks"]:
                for line in hunk["lines"]:
                    found.setdefault((row["arch"], hunk["file"], line["base_line"] or 0, line["new_line"] or 0), line)
    return found


def _files(
    text: str, arches: Sequence[str], rows: Iterable[ReachRow], executed: Instructions, units: Mapping[str, str]
) -> Iterable[dict[str, Any]]:
    table: dict[Place, ReachRow] = {(row["arch"], row["file"], row["side"], row["line"]): row for row in rows}
    for file, hunks in groupby(diff.hunks(text), key=lambda hunk: hunk.file):
        without = _without([row for (_, name, _, _), row in table.items() if name == file])
        yield {
            "name": file,
            "nowhere": len(without) == len(arches),
            "note": _note(without, arches),
            "hunks": [
                [
                    {
                        "sign": line.sign,
                        "number": line.new or line.old,
                        "text": line.text,
                        "marks": [
                            Mark() if arch in without else _mark(arch, file, line, table, executed, units)
                            for arch in arches
                        ],
                    }
                    for line in hunk.lines
                ]
                for hunk in hunks
            ],
        }


def _without(rows: Iterable[ReachRow]) -> dict[str, str]:
    """{arch: what it would need} of those that have nothing of a file's changed code."""
    code = [row for row in rows if row["state"] != Reach.NOT_CODE]
    there = {row["arch"] for row in code if row["state"] != Reach.NOT_BUILT}
    return {row["arch"]: row["option"] or "" for row in code if row["arch"] not in there}


def _note(without: Mapping[str, str], arches: Sequence[str]) -> str:
    """not built here: needs CONFIG_SWAP; not built on x86_64"""
    if not without:
        return ""
    options = listed(dict.fromkeys(option for option in without.values() if option))
    where = "here" if len(without) == len(arches) else f"on {listed(without)}"
    return f"not built {where}" + (f": needs {options}" if options else "")


def _mark(
    arch: str,
    file: str,
    line: diff.Line,
    table: Mapping[Place, ReachRow],
    executed: Instructions,
    units: Mapping[str, str],
) -> Mark:
    count = _instructions(executed.get((arch, file, line.old, line.new)))
    side = _SIDES.get(line.sign)
    row = table.get((arch, file, side.value, line.new or line.old)) if side else None
    if row is None:
        return Mark(count)
    state = Reach(row["state"])
    told = "; ".join(f"{name} {_times(n)} per {units.get(name, 'unit')}" for name, n in row["workloads"].items())
    if row["option"]:
        told = f"needs {row['option']}"
    word = _times(max(row["workloads"].values(), default=0.0)) if state is Reach.RAN else _WORDS[state]
    return Mark(f"{word} {count}".strip(), _TONES.get(state, "dim"), told)


def _times(number: float) -> str:
    """1.00, 0.0021"""
    return f"{number:.2f}" if number >= 0.005 else f"{number:.2g}"


def _instructions(line: SourceLine | None) -> str:
    """· 3.00, atomics 1.00; of a line that is in both kernels only what differs: · 2.00 → 1.00"""
    if line is None:
        return ""
    base, new = line["base_instructions"], line["new_instructions"]
    both = base is not None and new is not None
    costs = {name: its for name, its in line.get("costs", {}).items() if name in COST_CLASSES}
    told = [
        _change("", base, new),
        *(_change(f"{cost_title(name)} ", *_sides(its, both)) for name, its in costs.items()),
    ]
    return f"· {', '.join(text for text in told if text)}" if any(told) else ""


def _sides(cost: CostRow, both: bool) -> tuple[float | None, float | None]:
    """A kernel that lacks the line has none of it."""
    return (cost["base"], cost["new"]) if both else (cost["base"] or cost["new"], None)


def _change(name: str, base: float | None, new: float | None) -> str:
    if base is not None and new is not None:
        return f"{name}{base:.2f} → {new:.2f}" if abs(base - new) >= 0.005 else ""
    either = base or new
    return f"{name}{either:.2f}" if either else ""
