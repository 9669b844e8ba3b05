# SPDX-License-Identifier: GPL-2.0-or-later
"""What kernels that watch themselves said, as findings: which kernels say it, and which said it before. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from typing_extensions import TypedDict

from orchestrator.analyse.contract import FindingRow, MatrixReport, WatchedRow
from orchestrator.analyse.slice import planned_pairs
from orchestrator.errors import KernelBroke, KmatrixError
from orchestrator.model import Comparison, Status

LANE, VARIANT, SELFTEST, STATIC = "debug", "variant", "selftest", "static"  # where findings come from
EVERYWHERE = "all"  # in place of an architecture, of what is of none
MOST = 60  # lines of a report's words
BUILDS, BOOTS = "does_not_build", "does_not_boot"  # kinds of findings that no kernel prints
FAILS = "workload_failed"
TEST_FAILS, TEST_SKIPPED = "test_fails", "test_skipped"  # of the kernel's own
_WARNINGS = {
    (VARIANT, "warning"),
    (STATIC, "warning"),
    (SELFTEST, TEST_SKIPPED),
}  # what is to be looked at, and no fault by itself
_NUMBERS = re.compile(r"(?<=[\w\]]):\d+(?::\d+)?|\b\d+\b")


class How(StrEnum):
    """How a workload ended in a kernel that watches itself."""

    RAN = "ran"  # well
    ABSENT = "absent"  # what it is about is not there
    FAILED = "failed"
    BROKE = "broke"  # the kernel, or the guest, ended first
    NO_END = "no_end"  # nor did it, after what the kernel said


_BAD = {How.FAILED, How.BROKE, How.NO_END}


class Ended(TypedDict):
    """how: a How; why: in words, "" where it ran."""

    how: str
    why: str


RAN = Ended(how=How.RAN, why="")
BROKE = Ended(how=How.BROKE, why="the kernel broke")
LOST = Ended(how=How.ABSENT, why="the guest was lost")
DOWN = Ended(how=How.ABSENT, why="the guest does not come up")
NO_END = Ended(how=How.NO_END, why="it did not end after what the kernel said")


class ReportRow(TypedDict):
    """guest.reports.Report with frames as [function, file, line], innermost first, inlined functions too."""

    kind: str
    message: str
    place: str
    frames: list[list[str | int]]
    runs: str
    text: str


class Observation(TypedDict):
    """What one kernel of one arch said, and what ran in it. ran: by workload; failing: those that ran
    with allocations failing, too. A kernel that was not built or could not be tried has no boots."""

    reports: list[ReportRow]
    ran: dict[str, Ended]
    failing: list[str]
    notes: list[str]
    boots: int
    stored: bool
    linux: str
    counts: dict[str, dict[str, float]]


class WatchedFacts(TypedDict):
    """All of a run."""

    findings: list[FindingRow]
    watched: list[WatchedRow]


@dataclass(frozen=True)
class Watched:
    """One of them. lines: which kernel of two it is (locks, memory); log: where its report of this number is."""

    arch: str
    kernel: str
    lines: str
    its: Observation

    def log(self, number: int) -> str:
        """In the run folder."""
        return f"{LANE}/{self.arch}/{self.kernel}/{self.lines}/report-{number}.txt"


def not_tried(error: KmatrixError) -> Observation:
    """Of a kernel that could not be tried: a finding, if that is its own fault."""
    its = error.failure
    text = "\n".join(filter(None, (its.message, its.log)))
    broke = isinstance(error.__cause__, KernelBroke)  # before it came up, and without a word of why
    kind, place = (BOOTS, "") if broke else (BUILDS, _named(text))
    row = ReportRow(kind=kind, message=its.message, place=place, frames=[], runs="", text=text)
    mine = broke or error.status is Status.BUILD_FAILED
    notes = [] if mine else [f"it was not tried: {its.message}"]
    return Observation(
        reports=[row] if mine else [], ran={}, failing=[], notes=notes, boots=0, stored=False, linux="", counts={}
    )


def _named(text: str) -> str:
    """The first place of the source that a compiler names."""
    found = re.search(r"\b([\w./-]+\.[chS]:\d+)", text)
    return found[1] if found else ""


def findings(
    seen: Iterable[Watched], comparisons: Sequence[Comparison], files: Mapping[tuple[str, str], Collection[str]]
) -> list[FindingRow]:
    """One row for what is said of one place on one arch, by whichever kernels; what a patch brings comes first.

    files: that each comparison changes: of a backtrace, the innermost place in them is the one that is told."""
    rows: dict[tuple[str, ...], FindingRow] = {}
    places: dict[tuple[str, ...], dict[str, list[FindingRow]]] = {}  # of each kernel, one a place
    all_of_them = list(seen)
    changed = {file for its in files.values() for file in its}
    for one in all_of_them:
        for number, report in enumerate(one.its["reports"]):
            function, where = _place(report, changed)
            key = (one.arch, report["kind"], _alike(report["message"]), _top(report))
            its = _row(one, report, function, where, one.log(number))
            row = rows.setdefault(key, _copy(its))
            _add(row, one.kernel, one.lines, report["runs"])
            mine = places.setdefault(key, {}).setdefault(one.kernel, [])
            same = next((other for other in mine if other["where"] == where), None)
            if same is None:
                mine.append(same := its)
            _add(same, one.kernel, one.lines, report["runs"])
        for workload, ended in one.its["ran"].items():
            told = ended["how"] in (How.BROKE, How.NO_END) and _said_in(one.its, workload)
            gone = _is_gone(one, workload, ended, all_of_them, comparisons)
            if gone or (ended["how"] in _BAD and not told):
                said = f"{workload} {'is not there any more' if gone else 'failed'}: {ended['why']}"
                row = rows.setdefault((one.arch, FAILS, _alike(said)), _plain(one, FAILS, said))
                _add(row, one.kernel, one.lines, workload)
    for row in rows.values():
        row["silent"] = [name for name in _silent(row, all_of_them) if name not in row["kernels"]]
    more = [row for its in places.values() for row in _more_places(its, comparisons)]
    return sorted([*rows.values(), *more], key=lambda row: not new(row, comparisons))


def _is_gone(
    one: Watched, workload: str, ended: Ended, seen: Iterable[Watched], comparisons: Iterable[Comparison]
) -> bool:
    """Does it say that what it is about is not there, where it ran with the kernel that this one is compared with?"""
    bases = [pair.base for pair in comparisons if pair.new == one.kernel]
    return (
        ended["how"] == How.ABSENT
        and ended not in (LOST, DOWN)
        and any(
            other.its["ran"].get(workload) == RAN
            for other in seen
            if (other.arch, other.lines) == (one.arch, one.lines) and other.kernel in bases
        )
    )


def _more_places(its: Mapping[str, Sequence[FindingRow]], comparisons: Iterable[Comparison]) -> Iterator[FindingRow]:
    """Of what two kernels say alike, one in more places than the other: those that are new, or the last ones."""
    for pair in comparisons:
        base, now = its.get(pair.base, ()), its.get(pair.new, ())
        if base and len(now) > len(base):
            known = {row["where"] for row in base}
            rest = sorted(now, key=lambda row: row["where"] not in known)[len(base) :]
            for row in rest:
                yield {**row, "silent": [pair.base]}


def _silent(row: FindingRow, seen: Iterable[Watched]) -> list[str]:
    """Kernels that were looked at for this: what it was said in ran there, too."""
    return list(
        dict.fromkeys(
            one.kernel
            for one in seen
            if one.arch == row["arch"] and one.lines in row.get("lines", ()) and one.its["boots"]
            if row["kind"] == BUILDS or any(_came_to_its_end(one.its, runs) for runs in row.get("runs", ()))
        )
    )


def _came_to_its_end(its: Observation, runs: str) -> bool:
    """Did this run there, as it is or with an allocation that fails?"""
    name, comma, _ = runs.partition(",")
    if comma:
        return name in its["failing"]
    return not name or its["ran"].get(name, BROKE)["how"] in (How.RAN, How.FAILED)


def new(row: FindingRow, comparisons: Iterable[Comparison]) -> bool:
    """Does a kernel say it, and the one that it is compared with, which was looked at for it, not?"""
    silent = row.get("silent")
    return any(
        pair.new in row["kernels"] and pair.base not in row["kernels"] and (silent is None or pair.base in silent)
        for pair in comparisons
    )


def not_compared(row: FindingRow, comparisons: Iterable[Comparison]) -> bool:
    """Does a kernel say it, and nobody knows of the one that it is compared with?"""
    return any(
        pair.new in row["kernels"] and pair.base not in row["kernels"] and pair.base not in row.get("silent", ())
        for pair in comparisons
    )


def of_report(report: MatrixReport) -> list[FindingRow]:
    """Those that are of a change."""
    its = _pairs(report)
    return [row for row in report.get("findings", ()) if new(row, its)]


def open_questions(report: MatrixReport) -> list[FindingRow]:
    """Those of which nobody knows whether they are of a change."""
    its = _pairs(report)
    return [row for row in report.get("findings", ()) if not new(row, its) and not_compared(row, its)]


def _pairs(report: MatrixReport) -> list[Comparison]:
    return [Comparison(*pair) for pair in planned_pairs(report)]


def untried(report: MatrixReport) -> list[WatchedRow]:
    """What was to be looked at in a guest, and was not, or not to the end: no word, and no silence."""
    said = [((row["arch"], *its), row["kind"]) for row in report.get("findings", ()) for its in _said_by(row)]
    wrong, down = {where for where, _ in said}, {where for where, kind in said if kind in (BUILDS, BOOTS)}
    return [
        row
        for row in report.get("watched", ())
        if row["lane"] in (LANE, SELFTEST)
        for where in [(row["arch"], row["kernel"], row["lines"])]
        if (row.get("lost") and where not in down) or (not _looked_at(row) and where not in wrong)
    ]


def _looked_at(row: WatchedRow) -> bool:
    return bool(row["boots"] or row["ran"] or row["failed"] or row["left_out"])


def _said_by(row: FindingRow) -> Iterator[tuple[str, str]]:
    return product(row["kernels"], row.get("lines", ()))


def only_warnings(rows: Iterable[FindingRow]) -> bool:
    """Of compilers and scripts, and of tests that run no more: a kernel that warns of itself is wrong."""
    return all((row["lane"], row["kind"]) in _WARNINGS for row in rows)


def watched(seen: Iterable[Watched]) -> list[WatchedRow]:
    """What was looked at, so that silence says something."""
    return [
        WatchedRow(
            lane=LANE,
            arch=one.arch,
            kernel=one.kernel,
            lines=one.lines,
            ran=[name for name, ended in one.its["ran"].items() if ended["how"] == How.RAN],
            failed=[name for name, ended in one.its["ran"].items() if ended["how"] in _BAD],
            failing=list(one.its["failing"]),
            left_out=[f"{n}: not there: {e['why']}" for n, e in one.its["ran"].items() if e["how"] == How.ABSENT],
            notes=list(one.its["notes"]),
            boots=one.its["boots"],
            linux=one.its["linux"],
            counts=one.its["counts"],
            lost=[name for name, ended in one.its["ran"].items() if ended in (LOST, DOWN)],
        )
        for one in seen
    ]


def _said_in(its: Observation, workload: str) -> bool:
    return any(report["runs"].partition(",")[0] == workload for report in its["reports"])


def _row(one: Watched, report: ReportRow, function: str, where: str, log: str) -> FindingRow:
    return FindingRow(
        lane=LANE, arch=one.arch, kind=report["kind"], where=where, message=report["message"], kernels=[], log=log,
        function=function, lines=[], runs=[], text="\n".join(report["text"].splitlines()[:MOST]),
    )  # fmt: skip


def _copy(row: FindingRow) -> FindingRow:
    """Of one that nothing was added to."""
    return {**row, "kernels": [], "lines": [], "runs": []}


def _plain(one: Watched, kind: str, message: str) -> FindingRow:
    return FindingRow(
        lane=LANE, arch=one.arch, kind=kind, where="", message=message, kernels=[], log="", function="", lines=[],
        runs=[],
    )  # fmt: skip


def _add(row: FindingRow, kernel: str, lines: str, runs: str) -> None:
    for name, what in (("kernels", kernel), ("lines", lines), ("runs", runs)):
        known: list[str] = row[name]  # type: ignore[literal-required]
        if what not in known:
            known.append(what)


def _place(report: ReportRow, changed: Collection[str]) -> tuple[str, str]:
    """(function, file:line): the innermost frame in a changed file, else where the kernel says it is, else the
    innermost frame that is no header's."""
    frames = [(str(name), str(file), int(line)) for name, file, line in report["frames"]]
    mine = next((frame for frame in frames if frame[1] in changed), None)
    if mine is None and report["place"]:
        return (frames[0][0] if frames else ""), report["place"]
    its = mine or next((frame for frame in frames if frame[1].endswith(".c")), frames[0] if frames else None)
    return (its[0], f"{its[1]}:{its[2]}" if its[1] else "") if its else ("", "")


def _top(report: ReportRow) -> str:
    """The function that it is about, by which reports of two kernels are the same."""
    return str(report["frames"][0][0]).partition(".")[0] if report["frames"] else ""


def _alike(message: str) -> str:
    """Without numbers: lines move."""
    return _NUMBERS.sub("", message)
