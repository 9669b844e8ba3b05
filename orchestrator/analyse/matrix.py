# SPDX-License-Identifier: GPL-2.0-or-later
"""All cells to the matrix: what matrix.json holds and every report shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.analyse import costs, findings
from orchestrator.analyse.claims import answer
from orchestrator.analyse.compare import compare
from orchestrator.analyse.contract import (
    SCHEMA,
    CellRow,
    ChangedRow,
    ComparedRow,
    ComparisonRow,
    ExpectationRow,
    IdenticalRow,
    InputFile,
    MatrixReport,
    MetricRow,
)
from orchestrator.analyse.counters import counters
from orchestrator.analyse.expect import judge, remarks, watching
from orchestrator.analyse.findings import WatchedFacts
from orchestrator.analyse.identical import absent, pairs, statuses, with_figures
from orchestrator.analyse.reach import NOT_LOOKED_AT, ReachFacts, nothing_ran, summary
from orchestrator.analyse.reach import judged as with_reach
from orchestrator.analyse.static import warnings
from orchestrator.collectors import known as collectors
from orchestrator.errors import EXIT_FAILED, EXIT_INFRA, EXIT_OK, EXIT_UNEXPECTED, EXIT_UNREACHED, first
from orchestrator.model import CellResult, Claim, Clock, Comparison, Expectation, Status, Verdict
from orchestrator.profile.comparison import ProfileCell

GONE = "gone"  # a kind of failure: what is measured was there before


def assemble(
    cells: Iterable[CellResult],
    comparisons: Sequence[Comparison],
    expectations: Mapping[str, Sequence[Expectation]],
    host: Mapping[str, Any],
    kernels: Mapping[str, Any],
    measure: Mapping[str, Any],
    claims: Sequence[Claim] = (),
    notes: Mapping[str, str] | None = None,
    inputs: Mapping[str, InputFile] | None = None,
    profiled: Sequence[ProfileCell] = (),
    reach: ReachFacts | None = None,
    identical: Sequence[IdenticalRow] = (),
    changed: Sequence[ChangedRow] = (),
    watched: WatchedFacts | None = None,
) -> MatrixReport:
    """expectations and notes by workload; kernels by build id (s390x/patched); identical, changed: of its pairs;
    reach, watched: None where nobody looked."""
    results = list(cells)
    rows = [cell_row(cell, kernels.get(f"{cell.arch}/{cell.kernel}", {})) for cell in results]
    rows = [_unless_gone(row, rows, comparisons) for row in rows]
    same = pairs(identical)
    figures = with_figures(rows, same)
    sides = _sides(figures, comparisons)
    compared = [with_reach(row, reach or NOT_LOOKED_AT, changed) for row in compare(sides, same)]
    nowhere = _not_there(changed)
    compared = [_not_reached(row) if (row["base"], row["new"]) in nowhere else row for row in compared]
    judged = _judged(expectations, figures, compared, profiled)
    if watched:
        judged += watching(expectations, watched["watched"], watched["findings"])
    report = MatrixReport(
        schema=SCHEMA,
        host=dict(host),
        kernels=dict(kernels),
        measure=dict(measure),
        cells=rows,
        comparisons=compared,
        expectations=judged,
        claims=answer(claims, expectations, judged, figures),
        notes=_notes(notes or {}, expectations, results, comparisons, judged),
        inputs=dict(inputs or {}),
        compare=[ComparedRow(base=pair.base, new=pair.new) for pair in comparisons],
    )
    report["counters"], report["counters_left_out"] = counters(sides, same)
    if watched:
        report["findings"], report["watched"] = watched["findings"], watched["watched"]
    if reach is not None:
        report["reach"] = reach["lines"]
        report["reach_summary"] = summary(reach["lines"])
        report["reach_unknown"] = reach["unknown"]
    return report


def _unless_gone(row: CellRow, rows: Sequence[CellRow], comparisons: Sequence[Comparison]) -> CellRow:
    """What it measures is not there, it says; with the kernel that this one is compared with it is: then the change
    took it away, or made it say so."""
    if not absent(row):
        return row
    bases = [pair.base for pair in comparisons if pair.new == row["kernel"]]
    there = [
        one["kernel"]
        for one in rows
        if (one["arch"], one["workload"]) == (row["arch"], row["workload"])
        and one["kernel"] in bases
        and one["status"] == Status.PASSED
    ]
    if not there:
        return row
    why = row["failure"] or {}
    message = f"not there any more, as it is with {', '.join(there)}: {why.get('message', '')}"
    failed = {"kind": GONE, "message": message, "hint": why.get("hint", ""), "log": why.get("log", "")}
    found: CellRow = {**row, "status": Status.WORKLOAD_FAILED.value, "failure": failed}
    del found["reason"]
    return found


def _sides(rows: Sequence[CellRow], comparisons: Sequence[Comparison]) -> list[tuple[CellRow, CellRow]]:
    """(base, new) cells to be compared."""
    table = {(row["arch"], row["workload"], row["kernel"]): row for row in rows}
    groups = dict.fromkeys((row["arch"], row["workload"]) for row in rows)
    return [
        (table[(*group, pair.base)], table[(*group, pair.new)])
        for group in groups
        for pair in comparisons
        if (*group, pair.base) in table and (*group, pair.new) in table
    ]


def _judged(
    expectations: Mapping[str, Sequence[Expectation]],
    rows: Sequence[CellRow],
    compared: Sequence[ComparisonRow],
    profiled: Sequence[ProfileCell],
) -> list[ExpectationRow]:
    return [
        line
        for workload, claims in expectations.items()
        for line in judge(
            claims,
            [row for row in rows if row["workload"] == workload],
            [line for line in compared if line["workload"] == workload],
            profiled,
        )
    ]


def _notes(
    notes: Mapping[str, str],
    expectations: Mapping[str, Sequence[Expectation]],
    cells: Sequence[CellResult],
    comparisons: Sequence[Comparison],
    judged: Sequence[ExpectationRow],
) -> dict[str, str]:
    """By workload: its file's note, what it said of its kernels, and what of its expectations no verdict can tell."""
    kernels = {cell.kernel for cell in cells} | {name for pair in comparisons for name in (pair.base, pair.new)}
    said = {name: [notes.get(name, "")] for name in {**notes, **expectations}}
    for name, expected in expectations.items():
        said[name] += remarks(expected, kernels, comparisons, [row for row in judged if row["workload"] == name])
    for name, texts in _told(cells).items():
        said.setdefault(name, []).extend(texts)
    told = {name: "; ".join(filter(None, texts)) for name, texts in said.items()}
    return {name: text for name, text in told.items() if text}


def _told(cells: Sequence[CellResult]) -> dict[str, list[str]]:
    """{workload: what it said, with the cells in which it did}"""
    places: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        for note in _said(cell):
            places.setdefault((cell.workload, note), []).append(f"{cell.arch}/{cell.kernel}")
    found: dict[str, list[str]] = {}
    for (workload, note), where in places.items():
        found.setdefault(workload, []).append(f"{note} ({', '.join(where)})")
    return found


def _said(cell: CellResult) -> list[str]:
    """What its workload told: each boot of it says the same, and nearly the same of what is not seen."""
    unseen = cell.boots[0].unseen if cell.boots else ()
    return list(dict.fromkeys([*(note for boot in cell.boots for note in boot.said), *unseen]))


def cell_row(cell: CellResult, kernel: Mapping[str, Any]) -> CellRow:
    """A cell as matrix.json has it. kernel: facts of its build, {} if it has none."""
    first = cell.boots[0] if cell.boots else None
    names = list(first.passes[0].values) if first and first.passes else []
    events = list(first.passes[0].vmstat) if first and first.passes else []
    counted = [boot.passes[boot.warmup :] for boot in cell.boots]
    early = [boot.passes[: boot.warmup] for boot in cell.boots]
    metrics = {
        name: MetricRow(
            unit=collectors()[name].unit,
            boots=[[sample.values[name] for sample in boot] for boot in counted],
            warmup=[[sample.values[name] for sample in boot] for boot in early],
        )
        for name in names
    }
    row = CellRow(
        id=cell.id,
        arch=cell.arch,
        kernel=cell.kernel,
        workload=cell.workload,
        status=cell.status.value,
        failure=asdict(cell.failure) if cell.failure else None,
        accel=first.accel if first else None,
        clock=cell.clock,
        exact=cell.exact and cell.clock == Clock.ICOUNT,  # results of before `exact` have no other sign
        qemu=first.qemu if first else None,
        cpu=first.cpu if first else None,
        linux=cell.linux,
        kernel_key=first.kernel_key if first else None,
        workload_sha256=first.workload_sha256 if first else None,
        units=first.passes[0].units if first and first.passes else None,
        unit=cell.unit,
        metrics=metrics | costs.metrics(cell.boots),
        vmstat={name: [[sample.vmstat[name] for sample in boot] for boot in counted] for name in events},
        notes=[*_said(cell), *(f"boot {boot.number}: {note}" for boot in cell.boots for note in boot.notes)],
        provenance=asdict(cell.provenance) if cell.provenance else None,
        stored=cell.stored,
    )
    if first and first.passes and (names := list(first.passes[0].memory_stat)):
        row["memory_stat"] = {
            name: [[sample.memory_stat[name] for sample in boot] for boot in counted] for name in names
        }
    if first and first.calls:
        row["calls"] = {name: [boot.calls.get(name) for boot in cell.boots] for name in first.calls}
    row["notes"] += costs.undecoded(cell.boots, row["units"] or 1, cell.unit)
    if "config" in kernel:
        row["config"] = str(kernel["config"])
    if cell.reason:
        row["reason"] = cell.reason
    return row


def without_account(report: MatrixReport) -> list[str]:
    """Ids of cells that could have an account of their instructions, and do not: the run is not whole."""
    return [row["id"] for row in report.get("unprofiled", ()) if row["possible"]]


def exit_code(report: MatrixReport) -> int:
    """0 all passed and as expected, 1 not as expected, 3 something under test failed, 4 the testbed did; 5 a change
    is in code, and none of it ran. The first of 4, 3, 1, 5 that holds.

    A check asks what a patch makes worse, so that 1 is for this, too, whoever looks at it later.
    """
    ends = statuses(report)
    if Status.INFRA_FAILED in ends or without_account(report) or findings.untried(report):
        return EXIT_INFRA
    found = findings.of_report(report)
    if ends - {Status.PASSED} or not findings.only_warnings(found):
        return EXIT_FAILED
    unexpected = any(row["verdict"] == Verdict.NOT_AS_EXPECTED for row in report["expectations"])
    checked = "run" in report and report["run"]["kind"] == "check"
    worse = checked and any(row["verdict"] == Verdict.WORSE for row in report["comparisons"])
    asked = found or findings.open_questions(report) or warnings(report)
    told = EXIT_UNEXPECTED if unexpected or worse or asked else EXIT_OK
    silent = unreached(report) or nothing_ran(report) or nothing_measured(report)
    return first(told, EXIT_UNREACHED if silent else EXIT_OK)


def nothing_measured(report: MatrixReport) -> bool:
    """Is a changed line code, and was nothing of the change measured, as no kernel or machine has what there was to
    measure?"""
    code = any(row["code"] for row in report.get("changed", ()))
    return code and bool(report["cells"]) and not report["comparisons"] and all(map(absent, report["cells"]))


def unreached(report: MatrixReport) -> bool:
    """Is a changed line code, and did none of them run, because none of them is in a kernel that was measured?"""
    return nothing_built(report.get("changed", ()))


def nothing_built(changed: Sequence[ChangedRow]) -> bool:
    """Is a changed line code, and none of them in any kernel?"""
    return any(row["code"] for row in changed) and not any(row["built"] for row in changed)


def _not_there(changed: Sequence[ChangedRow]) -> set[tuple[str, str]]:
    """Pairs of kernels that have nothing of their change in them, on no arch."""
    pairs = {(row["base"], row["new"]) for row in changed}
    return {pair for pair in pairs if nothing_built([row for row in changed if (row["base"], row["new"]) == pair])}


def _not_reached(row: ComparisonRow) -> ComparisonRow:
    """What was measured is not of the change: where nothing moved, that says nothing."""
    if row["verdict"] not in (Verdict.SAME, Verdict.UNCLEAR):
        return row
    why = "no changed line of code is in these kernels"
    return {**row, "verdict": Verdict.NOT_REACHED.value, "why": why, "reached": False}
