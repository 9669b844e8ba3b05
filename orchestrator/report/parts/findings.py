# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong, as kernels that watch themselves say it, in words that all formats share. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from orchestrator.analyse import findings
from orchestrator.analyse.contract import FindingRow, MatrixReport, WatchedRow
from orchestrator.analyse.findings import LANE, SELFTEST, STATIC, TEST_FAILS, VARIANT
from orchestrator.analyse.slice import planned_pairs
from orchestrator.registry import counted, few
from orchestrator.report.parts.evidence import excerpt
from orchestrator.report.parts.paper import paragraph, quoted
from orchestrator.report.parts.words import listed

TITLE = "Is it right"
UNCOMPARED = "said, and nobody knows whether the base says it, too"
MOST = 5  # workloads that a line names
MAIL_MOST = 4  # findings that a mail has the words of
_RUNS = {LANE: "workload", SELFTEST: "test"}  # what runs in a guest of these lanes
Group = tuple[FindingRow, list[str]]  # one, and the architectures that it is found on


def groups(rows: Iterable[FindingRow]) -> list[Group]:
    """What is the same on several architectures, or in several variants, is one."""
    alike: dict[tuple[str, ...], list[FindingRow]] = {}
    for row in rows:
        alike.setdefault((row["kind"], row["where"], *row["kernels"], row["message"]), []).append(row)
    return [(_joined(mine), list(dict.fromkeys(row["arch"] for row in mine))) for mine in alike.values()]


def _joined(rows: Sequence[FindingRow]) -> FindingRow:
    """The first, with what the others were found in."""
    lines = list(dict.fromkeys(name for row in rows for name in row.get("lines", [])))
    runs = list(dict.fromkeys(name for row in rows for name in row.get("runs", [])))
    return {**rows[0], "lines": lines, "runs": runs}


def lines(report: MatrixReport) -> list[tuple[str, str]]:
    """(line, tone): each finding of a change, how much is known of the base, and what was looked at. [] where nobody
    looked."""
    rows, looked = report.get("findings", []), report.get("watched", [])
    mine, open_ = findings.of_report(report), findings.open_questions(report)
    known = [row for row in rows if row not in mine and row not in open_]
    return [
        *((_line(row, arches), "bad") for row, arches in groups(mine)),
        *((f"{UNCOMPARED}: {_line(row, arches)}", "bad") for row, arches in groups(open_)),
        *((f"{_known(row, report)}: {_line(row, arches)}", "plain") for row, arches in groups(known)),
        *(
            (line, "plain")
            for lane, its in _LANES.items()
            for line in its.looked([row for row in looked if row["lane"] == lane], rows)
        ),
    ]


def _known(row: FindingRow, report: MatrixReport) -> str:
    """What is of no change: of both kernels, or of the base alone."""
    new = [its for base, its in planned_pairs(report) if base in row["kernels"]]
    if {*new} & {*row["kernels"]}:
        return "known on the base, too"
    gone = [name for name in new if name in row.get("silent", ())]
    return f"not said by {listed(gone)} any more" if gone else "said by the base alone"


def clause(report: MatrixReport) -> list[str]:
    """For the first sentence: patched is wrong on s390x (lock imbalance in do_mincore, mm/mincore.c:210)."""
    said = groups(findings.of_report(report))
    shown = [_clause(row, arches) for row, arches in said[:2]]
    more = len(said) - len(shown)
    open_ = groups(findings.open_questions(report))
    return [
        *shown,
        *([f"and {counted(more, 'more finding')}"] if more > 0 else []),
        *([f"{counted(len(open_), 'finding')} of which nobody knows whether the base has it, too"] if open_ else []),
        *_untried(report),
    ]


def _untried(report: MatrixReport) -> list[str]:
    """patched (memory) could not be tried on s390x; 3 workloads of ..."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for row in findings.untried(report):
        lost = counted(len(row["lost"]), _RUNS[row["lane"]]) + " of " if row.get("lost") else ""
        places.setdefault((lost, row["kernel"], row["lines"]), []).append(row["arch"])
    return [
        f"{lost}{kernel} ({what}) could not be tried on {listed(its)}" for (lost, kernel, what), its in places.items()
    ]


def _clause(row: FindingRow, arches: Sequence[str]) -> str:
    return _LANES[row["lane"]].clause(row, arches)


def mail(report: MatrixReport) -> list[str]:
    """With the kernel's own words of the first few."""
    said = lines(report)
    if not said:
        return []
    words = {
        _line(row, arches): row.get("text", "") for row, arches in groups(findings.of_report(report))[:MAIL_MOST]
    }
    body: list[str] = []
    for line, _ in said:
        text = words.get(line, "").strip()
        body += [*paragraph(line, "- ", "  "), *([*quoted(excerpt(text)), ""] if text else [])]
    return [f"{TITLE}?", "", *body]


def _line(row: FindingRow, arches: Sequence[str]) -> str:
    return _LANES[row["lane"]].line(row, arches)


def _wrong(row: FindingRow, arches: Sequence[str]) -> str:
    return f"{listed(row['kernels'])} is wrong on {listed(arches)} ({_what(row)})"


def _reported(row: FindingRow, arches: Sequence[str]) -> str:
    """s390x: lock imbalance in do_mincore (mm/mincore.c:210), patched: WARNING: ... (locks; mincore)"""
    runs = list(dict.fromkeys(name.partition(",")[0] or "boot" for name in row.get("runs", [])))
    while_ = "; ".join(filter(None, (listed(row.get("lines", [])), f"while: {listed(few(runs, MOST))}")))
    return f"{listed(arches)}, {listed(row['kernels'])}: {_what(row)}: {row['message']} ({while_})"


def _not_compiled(row: FindingRow, arches: Sequence[str]) -> str:
    word = "does not compile" if row["kind"] != "warning" else "brings a warning"
    return f"{listed(row['kernels'])} {word} in {listed(row.get('lines', []))} ({row['where']})"


def _compiler(row: FindingRow, arches: Sequence[str]) -> str:
    return f"{listed(row.get('lines', []))} ({listed(arches)}), {listed(row['kernels'])}: {_said(row)}"


def _warned(row: FindingRow, arches: Sequence[str]) -> str:
    return f"{listed(row.get('lines', []))} warns of {listed(row['kernels'])} ({row['where']})"


def _script(row: FindingRow, arches: Sequence[str]) -> str:
    return f"{listed(row.get('lines', []))}, {listed(row['kernels'])}: {row['where']}: {row['message']}"


def _fails(row: FindingRow, arches: Sequence[str]) -> str:
    word = "fails" if row["kind"] == TEST_FAILS else "skips"
    return f"{listed(row['kernels'])} {word} its test {' '.join(row.get('runs', []))} on {listed(arches)}"


def _test(row: FindingRow, arches: Sequence[str]) -> str:
    return f"{listed(arches)}, {listed(row['kernels'])}: test {row['message']} ({row['where']})"


def _styled(rows: Sequence[WatchedRow], said: Sequence[FindingRow]) -> list[str]:
    """Scripts that have nothing to say, and what could not be asked."""
    wrong = {name for row in said if row["lane"] == STATIC for name in row.get("lines", [])}
    silent = dict.fromkeys(row["lines"] for row in rows if row["ran"] and row["lines"] not in wrong)
    found = [f"nothing is said by {listed(silent)}"] if silent else []
    return [*found, *(f"{row['lines']}: {note}" for row in rows for note in row["notes"])]


def _tested(rows: Sequence[WatchedRow], said: Sequence[FindingRow]) -> list[str]:
    """How many of the kernel's own tests ran and how they ended, kernel by kernel; what could not be run is named."""
    found, notes = [], dict[str, list[str]]()
    for row in rows:
        name = f"{row['arch']}/{row['kernel']}"
        if number := len(row["ran"]) + len(row["failed"]):
            failed = f", {len(row['failed'])} fail ({', '.join(few(row['failed'], MOST))})" if row["failed"] else ""
            passed = f"{len(row['ran'])} of {counted(number, 'test')} of its own pass{failed}"
            found.append(f"{name}: {passed}")
        left = [one.partition(":")[0] for one in row["left_out"]]
        lines = [*row["notes"], *([f"{len(left)} left out ({', '.join(few(left, MOST))})"] if left else [])]
        for note in lines:
            notes.setdefault(note, []).append(name)
    return [*found, *(f"{listed(where)}: {note}" for note, where in notes.items())]


def _said(row: FindingRow) -> str:
    """mm/mincore.c:12: error: ..."""
    return ": ".join(filter(None, (row["where"], row["kind"], row["message"])))


def _compiled(rows: Sequence[WatchedRow], said: Sequence[FindingRow]) -> list[str]:
    """In which configs what is touched was compiled, and in which it was not, each with its reason."""
    found, notes, why = [], dict[str, list[str]](), dict[str, list[str]]()
    tried = [row["lines"] for row in rows if row["ran"]]
    number = len({name for row in rows for name in row["ran"]})
    wrong = {name for row in said if row["lane"] == VARIANT for name in row.get("lines", [])}
    silent = [name for name in dict.fromkeys(tried) if name not in wrong]
    if silent:
        found.append(f"{counted(number, 'object')} compiled without a new word in: {', '.join(silent)}")
    for row in rows:
        lost = [f"{name} compiles with neither kernel" for name in row["failed"]]
        for note in (*row["notes"], *lost):
            (notes if row["ran"] or lost else why).setdefault(note, []).append(row["lines"])
    if nowhere := _nowhere(rows):
        found.append(f"compiled in none of them: {listed(nowhere)}")
    found += [f"in {listed(names)}: {note}" for note, names in notes.items()]
    return [*found, *(f"not compiled in {listed(names)}: {note}" for note, names in why.items())]


def _nowhere(rows: Sequence[WatchedRow]) -> list[str]:
    """Changed sources that no variant builds, of those that could be tried at all."""
    each = [{one.partition(":")[0] for one in row["left_out"]} for row in rows if row["ran"] or row["left_out"]]
    return sorted(set.intersection(*each)) if each else []


def _what(row: FindingRow) -> str:
    """lock imbalance in do_mincore, mm/mincore.c:210"""
    place = ", ".join(filter(None, (row.get("function", ""), row["where"])))
    return row["kind"].replace("_", " ") + (f" in {place}" if place else "")


def _looked(rows: Sequence[WatchedRow], said: Sequence[FindingRow]) -> list[str]:
    """What silence rests on; what could not be looked at is named."""
    alike: dict[tuple[object, ...], list[WatchedRow]] = {}
    for row in rows:
        if row["boots"]:
            alike.setdefault((row["lines"], tuple(row["ran"]), tuple(row["failing"])), []).append(row)
    found = []
    for (lines_, ran, failing), mine in alike.items():
        where = listed(row["arch"] for row in mine)
        assert isinstance(ran, tuple) and isinstance(failing, tuple)
        what = f"booted, and ran {counted(len(ran), 'workload')}" if ran else "booted"
        fails = f", {len(failing)} of them also with allocations that fail" if failing else ""
        kernels = listed(row["kernel"] for row in mine)
        word = "" if said else ": nothing is said"
        found.append(f"{where}, {kernels}, watching their {lines_}: {what}{fails}{word}")
    notes: dict[str, list[str]] = {}
    for row in rows:
        for note in (*row["notes"], *(f"left out: {one}" for one in row["left_out"])):
            notes.setdefault(f"{note} ({row['lines']})", []).append(f"{row['arch']}/{row['kernel']}")
    return [*found, *(f"{listed(where)}: {note}" for note, where in notes.items())]


@dataclass(frozen=True)
class _Lane:
    """The words of findings that come from one place. clause: for a sentence; line: of its own; looked: what was
    looked at, of its rows and all findings."""

    clause: Callable[[FindingRow, Sequence[str]], str]
    line: Callable[[FindingRow, Sequence[str]], str]
    looked: Callable[[Sequence[WatchedRow], Sequence[FindingRow]], list[str]]


_LANES = {
    LANE: _Lane(_wrong, _reported, _looked),
    VARIANT: _Lane(_not_compiled, _compiler, _compiled),
    STATIC: _Lane(_warned, _script, _styled),
    SELFTEST: _Lane(_fails, _test, _tested),
}
