# SPDX-License-Identifier: GPL-2.0-or-later
"""All that was asked of a change, and what came of it, check by architecture. Pure. Where nobody asked whether it is
right, the matrix says as much."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from orchestrator.analyse import findings
from orchestrator.analyse.contract import FindingRow, MatrixReport, WatchedRow
from orchestrator.analyse.findings import EVERYWHERE, LANE, SELFTEST, TEST_FAILS, VARIANT
from orchestrator.analyse.slice import arches, planned_pairs
from orchestrator.model import Status, Verdict
from orchestrator.profile.sameness import How
from orchestrator.registry import counted
from orchestrator.report.parts.paper import WIDTH, columns, paragraph
from orchestrator.report.parts.rows import undecided

ELSEWHERE = "elsewhere"  # architectures that are in no cell
UNKNOWN = "-"
SAME = "same kernel"
Square = tuple[str, str]  # text, tone
_ENDS = {Status.KERNEL_BROKE.value, Status.TIMED_OUT.value}


@dataclass(frozen=True)
class Grid:
    """One pair of kernels. rows: the name of a check, and its squares, one for each head."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Square, ...]], ...]


def grids(report: MatrixReport) -> list[Grid]:
    """[] where nobody asked whether it is right."""
    looked = report.get("watched", [])
    if not looked:
        return []
    known = arches(report)
    away = [ELSEWHERE] if any(row["arch"] not in {*known, EVERYWHERE} for row in looked) else []
    return [_grid(report, base, new, [*known, *away]) for base, new in planned_pairs(report)]


def mail(report: MatrixReport) -> list[str]:
    """In columns; of kernels that watch themselves it is told how many workloads ran in silence."""
    found: list[str] = []
    for grid in grids(report):
        table = [["", *grid.heads], *([name, *(text for text, _ in its)] for name, its in grid.rows)]
        rows = columns(table, left=range(len(table[0])))
        if max(map(len, rows)) > WIDTH:  # then by architecture
            by_head = [[f"{name} {its[n][0]}" for name, its in grid.rows] for n in range(len(grid.heads))]
            told = zip(grid.heads, by_head, strict=True)
            rows = [line for head, its in told for line in paragraph(f"{head}: {', '.join(its)}", "  ", "    ")]
        found += [f"{grid.title}:", *rows]
    return found


def markdown(report: MatrixReport) -> list[str]:
    """As tables."""
    found: list[str] = []
    for grid in grids(report):
        found += ["", f"| {grid.title} | {' | '.join(grid.heads)} |", "|---" * (len(grid.heads) + 1) + "|"]
        found += [f"| {name} | {' | '.join(text for text, _ in its)} |" for name, its in grid.rows]
    return found


Asked = Callable[[MatrixReport, str, str, str], Square]  # of an arch, base and new


def _grid(report: MatrixReport, base: str, new: str, heads: Sequence[str]) -> Grid:
    checks: dict[str, Asked] = {"builds": _builds, "boots": _boots, "lines ran": _reach, "figures": _figures}
    checks |= {row["lines"]: _watching(row["lines"]) for row in _looked(report, LANE, None)}
    if _looked(report, VARIANT, None):
        checks["compiles"] = _variants
    if _looked(report, SELFTEST, None):
        checks["selftests"] = _selftests
    rows = [(name, tuple(ask(report, head, base, new) for head in heads)) for name, ask in checks.items()]
    told = (row for row in rows if any(text != UNKNOWN for text, _ in row[1]))
    return Grid(f"{base} to {new}", tuple(heads), tuple(told))


def _builds(report: MatrixReport, arch: str, base: str, new: str) -> Square:
    ends = _ended(report, arch, new)
    if Status.BUILD_FAILED in ends:
        return "no", "bad"
    if _same(report, arch, base, new):
        return SAME, "plain"
    return ("yes", "good") if f"{arch}/{new}" in report["kernels"] else (UNKNOWN, "plain")


def _boots(report: MatrixReport, arch: str, base: str, new: str) -> Square:
    ends = _ended(report, arch, new)
    if ends & _ENDS:
        return "breaks", "bad"
    if _same(report, arch, base, new):
        return SAME, "plain"
    return ("yes", "good") if Status.PASSED in ends else (UNKNOWN, "plain")


def _reach(report: MatrixReport, arch: str, base: str, new: str) -> Square:
    for row in report.get("reach_summary", ()):
        if (row["arch"], row["base"], row["new"]) == (arch, base, new):
            total = row["ran"] + row["boot_only"] + row["not_run"] + row["not_built"]
            return (f"{row['ran']} of {total}", "plain" if row["ran"] else "bad") if total else ("no code", "plain")
    return UNKNOWN, "plain"


def _figures(report: MatrixReport, arch: str, base: str, new: str) -> Square:
    rows = [row for row in report["comparisons"] if (row["arch"], row["base"], row["new"]) == (arch, base, new)]
    mine = [row["verdict"] for row in rows]
    worse, better = mine.count(Verdict.WORSE.value), mine.count(Verdict.BETTER.value)
    if worse or better:
        return (f"{worse} worse", "bad") if worse else (f"{better} better", "good")
    if not mine:
        return UNKNOWN, "plain"
    if set(mine) == {Verdict.NOT_REACHED.value}:
        return "not reached", "bad"
    open_ = sum(map(undecided, rows))
    return (f"{open_} of {len(rows)} undecided", "plain") if open_ else ("same", "plain")


def _watching(lines: str) -> Asked:
    def ask(report: MatrixReport, arch: str, base: str, new: str) -> Square:
        mine = [r for r in _looked(report, LANE, [arch]) if (r["kernel"], r["lines"]) == (new, lines)]
        if found := _new(report, LANE, [arch], new, lines):
            return counted(len(found), "finding"), "bad"
        if not any(row["boots"] for row in mine):
            return ("not tried", "bad") if mine else (UNKNOWN, "plain")
        if any(r["arch"] == arch and new in r["kernels"] and lines in r.get("lines", ()) for r in _open(report)):
            return "not compared", "bad"
        ran = len(mine[0]["ran"])
        if lost := mine[0].get("lost"):
            return f"{ran} of {ran + len(lost)} tried", "bad"
        said = [r for r in report.get("findings", ()) if r["lane"] == LANE and r["arch"] == arch]
        if known := sum(new in r["kernels"] and lines in r.get("lines", ()) for r in said):
            return f"{known} known", "plain"
        return (f"silent ({ran})", "good") if ran else ("booted only", "plain")

    return ask


def _variants(report: MatrixReport, arch: str, base: str, new: str) -> Square:
    known = arches(report)
    every = {row["arch"] for row in _looked(report, VARIANT, None)}
    places = [arch] if arch != ELSEWHERE else sorted(every - {*known})
    tried = {row["lines"] for row in _looked(report, VARIANT, places) if row["kernel"] == new and row["ran"]}
    if wrong := {name for row in _new(report, VARIANT, places, new) for name in row.get("lines", ())}:
        return f"{len(tried - wrong)} of {len(tried | wrong)}", "bad"
    return (f"{len(tried)} of {len(tried)}", "good") if tried else (UNKNOWN, "plain")


def _selftests(report: MatrixReport, arch: str, base: str, new: str) -> Square:
    mine = [row for row in _looked(report, SELFTEST, [arch]) if row["kernel"] == new]
    if found := _new(report, SELFTEST, [arch], new):
        fail = sum(row["kind"] == TEST_FAILS for row in found)
        return (f"{fail} fail now", "bad") if fail else (f"{len(found)} skipped now", "bad")
    if not any(row["ran"] or row["failed"] for row in mine):
        return ("not tried", "bad") if mine else (UNKNOWN, "plain")
    passed = f"{len(mine[0]['ran'])} pass"
    before = [row for row in _looked(report, SELFTEST, [arch]) if row["kernel"] == base]
    if not any(row["ran"] or row["failed"] for row in before):
        return f"not compared ({passed})", "bad"
    if lost := len({test for row in (*mine, *before) for test in row.get("lost", ())}):
        return f"{passed}, {lost} lost", "bad"
    return f"as before ({passed})", "good"


def _open(report: MatrixReport) -> list[FindingRow]:
    """Of watching kernels: what nobody knows of the base."""
    return [row for row in findings.open_questions(report) if row["lane"] == LANE]


def _looked(report: MatrixReport, lane: str, places: Iterable[str] | None) -> list[WatchedRow]:
    known = None if places is None else {*places}
    return [r for r in report.get("watched", []) if r["lane"] == lane and (known is None or r["arch"] in known)]


def _new(report: MatrixReport, lane: str, places: Sequence[str], new: str, lines: str = "") -> list[FindingRow]:
    return [
        row
        for row in findings.of_report(report)
        if row["lane"] == lane and row["arch"] in places and new in row["kernels"]
        if not lines or lines in row.get("lines", ())
    ]


def _ended(report: MatrixReport, arch: str, kernel: str) -> set[str]:
    return {cell["status"] for cell in report["cells"] if (cell["arch"], cell["kernel"]) == (arch, kernel)}


def _same(report: MatrixReport, arch: str, base: str, new: str) -> bool:
    rows = report.get("identical", [])
    return any((r["arch"], r["base"], r["new"]) == (arch, base, new) and r["how"] != How.DIFFERS for r in rows)
