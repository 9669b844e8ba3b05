# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a change ran, in words that all formats share. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.analyse.contract import MatrixReport, ReachRow, ReachSummaryRow
from orchestrator.analyse.needed import stands_for
from orchestrator.analyse.reach import best
from orchestrator.model import Reach, Side, Verdict
from orchestrator.profile.built import Why
from orchestrator.registry import counted

WORDS = {Verdict.NOT_REACHED.value: "not reached"}
NOTHING = "no line of the change ran in what was measured"
_MISSED = {
    Reach.NOT_RUN: "{} did not run",
    Reach.BOOT_ONLY: "{} ran at boot only",
    Reach.NOT_BUILT: "{} not built",
}
_STATES = {
    Reach.RAN: "ran",
    Reach.BOOT_ONLY: "ran at boot only",
    Reach.NOT_RUN: "did not run",
    Reach.NOT_BUILT: "not built",
}


def verdict(word: str) -> str:
    """As people read it."""
    return WORDS.get(word, word)


def sentence(report: MatrixReport, most: int = 3) -> str:
    """Over all architectures: "14 of 37 changed lines did not run: mm/rmap.c:912-925 ...". At most so many places of
    each kind; "" where nobody looked, or no changed line is code."""
    code = _code(report)
    if not code:
        return ""
    missed = [(words, [row for row in code if row["state"] == state]) for state, words in _MISSED.items()]
    told = _told(report)
    parts = [_part(words, rows, told, most) for words, rows in missed if rows]
    if not parts:
        return f"all {counted(len(code), 'changed line')} ran" if len(code) > 1 else "the changed line ran"
    first, *others = parts
    return "; ".join([_of(len(code), first), *others])


def _code(report: MatrixReport) -> list[ReachRow]:
    """Changed lines that are code, each as what became of it where most did; not those of other architectures."""
    others = {(row["arch"], row["file"]) for row in report.get("not_built", ()) if row["why"] == Why.OTHER_ARCH}
    rows = [row for row in report.get("reach", ()) if (row["arch"], row["file"]) not in others]
    return [row for row in best(rows, stands_for(report)) if row["state"] != Reach.NOT_CODE]


def share(report: MatrixReport) -> str:
    """23 of 37 changed lines ran; "" where that is not known."""
    code = _code(report)
    ran = sum(row["state"] == Reach.RAN for row in code)
    return f"{ran} of {counted(len(code), 'changed line')} ran" if code else ""


def _told(report: MatrixReport) -> set[tuple[str, str, int]]:
    """Lines of which it is said elsewhere that they are not built."""
    return {(row["file"], row["side"], line) for row in report.get("not_built", ()) for line in row["lines"]}


def _part(words: str, rows: Sequence[ReachRow], told: set[tuple[str, str, int]], most: int) -> str:
    """5 did not run: mm/rmap.c:3-7. Places of what is not built only where nothing else tells them."""
    left_out = rows[0]["state"] == Reach.NOT_BUILT
    shown = [row for row in rows if not left_out or (row["file"], row["side"], row["line"]) not in told]
    return words.format(len(rows)) + (f": {_some(places(shown), most)}" if shown else "")


def _of(total: int, part: str) -> str:
    """14 of 37 changed lines did not run"""
    number, _, rest = part.partition(" ")
    return f"{number} of {counted(total, 'changed line')} {rest}"


def _some(found: Sequence[str], most: int) -> str:
    return ", ".join(found[:most]) + (f" and {len(found) - most} more places" if len(found) > most else "")


def places(rows: Iterable[ReachRow]) -> list[str]:
    """mm/rmap.c:912-925, mm/swap.c:7 (removed), mm/zswap.c:3 (needs CONFIG_ZSWAP): lines one behind the other are one
    place."""
    groups: list[list[ReachRow]] = []
    for row in sorted(rows, key=lambda row: (row["file"], row["side"], row["line"])):
        last = groups[-1][-1] if groups else None
        if last and _kind(last) == _kind(row) and row["line"] == last["line"] + 1:
            groups[-1].append(row)
        else:
            groups.append([row])
    return [_place(group) for group in groups]


def _kind(row: ReachRow) -> tuple[str, str, str | None]:
    return row["file"], row["side"], row["option"]


def _place(group: Sequence[ReachRow]) -> str:
    first, last = group[0], group[-1]
    lines = f"{first['line']}" if len(group) == 1 else f"{first['line']}-{last['line']}"
    notes = ["removed"] if first["side"] == Side.REMOVED else []
    notes += [f"needs {first['option']}"] if first["option"] else []
    return f"{first['file']}:{lines}" + (f" ({', '.join(notes)})" if notes else "")


def by_arch(report: MatrixReport) -> list[str]:
    """s390x: of the changed lines 9 ran, 3 did not run. With the kernels where there are several pairs of them, and
    without what is of other architectures."""
    rows = report.get("reach_summary", [])
    several = len({(row["base"], row["new"]) for row in rows}) > 1
    return [_summary(row, several, _of_others(report, row)) for row in rows]


def _of_others(report: MatrixReport, row: ReachSummaryRow) -> int:
    """How many lines of other architectures are among those that are not built."""
    pair = (row["arch"], row["base"], row["new"])
    theirs = (one for one in report.get("not_built", ()) if (one["arch"], one["base"], one["new"]) == pair)
    return sum(len(one["lines"]) for one in theirs if one["why"] == Why.OTHER_ARCH)


def _summary(row: ReachSummaryRow, several: bool, others: int) -> str:
    pair = f", {row['base']} to {row['new']}" if several else ""
    numbers = {state: row[state.value] - others * (state is Reach.NOT_BUILT) for state in _STATES}
    told = ", ".join(f"{number} {_STATES[state]}" for state, number in numbers.items() if number > 0)
    return f"{row['arch']}{pair}: of the changed lines {told or 'none is code'}"


def unknown(report: MatrixReport) -> list[str]:
    """One line per reason: not known what of the change ran: s390x contention: why."""
    where: dict[str, list[str]] = {}
    for row in report.get("reach_unknown", ()):
        where.setdefault(row["why"], []).append(f"{row['arch']} {row['workload']}")
    return [
        f"not known what of the change ran: {', '.join(dict.fromkeys(them))}: {why}" for why, them in where.items()
    ]


def lines(report: MatrixReport) -> list[str]:
    """All of it, the sentence first; [] where nobody looked."""
    said = sentence(report)
    return [*([f"{said}."] if said else []), *by_arch(report), *unknown(report)]
