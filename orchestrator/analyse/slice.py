# SPDX-License-Identifier: GPL-2.0-or-later
"""A part of a matrix, to be told by itself. Its statistics stay those of the whole: the promise is for the run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from fnmatch import fnmatchcase
from itertools import product

from orchestrator.analyse.contract import (
    ComparisonRow,
    CounterRow,
    CountersLeftOutRow,
    MatrixReport,
    PairRow,
)
from orchestrator.analyse.expect import kernels_of
from orchestrator.analyse.suite import suite
from orchestrator.errors import ConfigError
from orchestrator.registry import few, unknown

MOST = 8  # cells that are named


def arches(report: MatrixReport) -> list[str]:
    """Those that have cells, in order."""
    return list(dict.fromkeys(cell["arch"] for cell in report["cells"]))


def planned_pairs(report: MatrixReport) -> list[tuple[str, str]]:
    """(base, new): kernels that the run compares, in order, also those of which nothing could be compared."""
    planned = report.get("compare")
    return list(dict.fromkeys((row["base"], row["new"]) for row in planned or report["comparisons"]))


def sliced(report: MatrixReport, only: Sequence[str] = (), select: Sequence[str] = ()) -> MatrixReport:
    """The cells of some arches, and of those the ones that a glob over ids names; () is all.

    Comparisons and expectations stay where all their cells do. Claims that rest on anything else are left out.
    ConfigError for what there is not.
    """
    for arch in only:
        if arch not in arches(report):
            raise ConfigError(unknown("architecture of this run", arch, arches(report)))
    cells = [cell for cell in report["cells"] if not only or cell["arch"] in only]
    for pattern in select:
        if not any(matches(cell["id"], pattern) for cell in cells):
            raise ConfigError(f"--select {pattern!r} names no cell of this run", hint="kmatrix report shows them")
    cells = [cell for cell in cells if not select or any(matches(cell["id"], pattern) for pattern in select)]
    kept = {cell["id"] for cell in cells}
    here = _inside(kept)
    kernels = {(cell["arch"], cell["kernel"]) for cell in cells}
    places = {(cell["arch"], cell["workload"]) for cell in cells}
    compared = [row for row in report["comparisons"] if here(row["arch"], row["workload"], row["base"], row["new"])]
    return {
        **_counters(
            _changes(_suite(_accounts(report, kept), compared), kernels),
            lambda row: here(row["arch"], row["workload"], row["base"], row["new"]),
        ),
        "cells": cells,
        "kernels": {k: v for k, v in report["kernels"].items() if any(name.startswith(f"{k}/") for name in kept)},
        "comparisons": compared,
        "expectations": [
            row
            for row in report["expectations"]
            if here(row["arch"], row["workload"], *kernels_of(row))
        ],
        "claims": [
            row
            for row in report["claims"]
            if places.issuperset(product(row["arches"], row["workloads"]))
        ],
    }  # fmt: skip


def without(whole: MatrixReport, part: MatrixReport) -> tuple[str, ...]:
    """What of a run a part of it does not tell: architectures, workloads, kernels; then cells beside those."""
    names: list[str] = []
    for kind in ("arch", "workload", "kernel"):
        told = {cell[kind] for cell in part["cells"]}
        all_ = dict.fromkeys(cell[kind] for cell in whole["cells"])
        names += [name for name in all_ if name not in told]
    told = {cell["id"] for cell in part["cells"]}
    rest = [
        cell["id"] for cell in whole["cells"] if cell["id"] not in told and not {*names} & {*cell["id"].split("/")}
    ]
    return (*names, *few(rest, MOST))


def about(report: MatrixReport, kernels: Sequence[str]) -> MatrixReport:
    """What a run says of kernels with a certain patch: comparisons of which only the new one has it."""
    rows = [row for row in report["comparisons"] if row["new"] in kernels and row["base"] not in kernels]
    between = {(base, new) for base, new in planned_pairs(report) if new in kernels and base not in kernels}
    told = {*kernels, *(base for base, _ in between)}
    cells = [cell for cell in report["cells"] if cell["kernel"] in told]
    return {
        **_counters(
            _changes(_suite(_accounts(report, {cell["id"] for cell in cells}), rows), between=between),
            lambda row: (row["base"], row["new"]) in between,
        ),
        "cells": cells,
        "kernels": {build: info for build, info in report["kernels"].items() if build.split("/")[1] in told},
        "comparisons": rows,
        "expectations": [row for row in report["expectations"] if told.issuperset(kernels_of(row))],
        "claims": [],  # they are the whole run's
    }


def matches(cell_id: str, pattern: str) -> bool:
    """As --select of run: a glob over ids; one that leaves parts out means all of them."""
    return fnmatchcase(cell_id, pattern + "/*" * max(0, 2 - pattern.count("/")))


def _accounts(report: MatrixReport, kept: set[str]) -> MatrixReport:
    """Without what is said of other cells' accounts."""
    if "unprofiled" not in report:
        return report
    return {**report, "unprofiled": [row for row in report["unprofiled"] if row["id"] in kept]}


def _suite(report: MatrixReport, compared: Sequence[ComparisonRow]) -> MatrixReport:
    """Counted over what is left."""
    return {**report, "suite": suite(compared)} if "suite" in report else report


def _changes(
    report: MatrixReport,
    kernels: Collection[tuple[str, str]] | None = None,
    between: Collection[tuple[str, str]] | None = None,
) -> MatrixReport:
    """Of what is said of pairs of kernels: that of these (arch and name), or of these pairs alone."""

    def told(row: PairRow) -> bool:
        there = kernels is None or {(row["arch"], row["base"]), (row["arch"], row["new"])}.issubset(kernels)
        return there and (between is None or (row["base"], row["new"]) in between)

    found = report.copy()
    if "identical" in report:
        found["identical"] = [row for row in report["identical"] if told(row)]
    if "changed" in report:
        found["changed"] = [row for row in report["changed"] if told(row)]
    if "not_built" in report:
        found["not_built"] = [row for row in report["not_built"] if told(row)]
    if "needed" in report:
        found["needed"] = [row for row in report["needed"] if told(row)]
    if "reach" in report:
        found["reach"] = [row for row in report["reach"] if told(row)]
    if "reach_summary" in report:
        found["reach_summary"] = [row for row in report["reach_summary"] if told(row)]
    if "reach_unknown" in report:
        found["reach_unknown"] = [row for row in report["reach_unknown"] if told(row)]
    if "static" in report:
        found["static"] = [row for row in report["static"] if told(row)]
    if "static_left_out" in report:
        found["static_left_out"] = [row for row in report["static_left_out"] if told(row)]
    known, names = arches(report), {name for _, name in kernels or ()}

    def of_these(arch: str, kernel: str) -> bool:
        """What was compiled for an architecture of no cell is of all of them."""
        there = kernels is None or (arch, kernel) in kernels or (arch not in known and kernel in names)
        return there and (between is None or any(kernel in pair for pair in between))

    if "compare" in report and between is not None:
        found["compare"] = [row for row in report["compare"] if (row["base"], row["new"]) in between]
    if "watched" in report:
        found["watched"] = [row for row in report["watched"] if of_these(row["arch"], row["kernel"])]
    if "findings" in report:
        mine = report["findings"]
        found["findings"] = [row for row in mine if any(of_these(row["arch"], name) for name in row["kernels"])]
    return found


def _counters(report: MatrixReport, told: Callable[[CounterRow | CountersLeftOutRow], bool]) -> MatrixReport:
    """Without counters of other comparisons."""
    found = report.copy()
    if "counters" in report:
        found["counters"] = [row for row in report["counters"] if told(row)]
    if "counters_left_out" in report:
        found["counters_left_out"] = [row for row in report["counters_left_out"] if told(row)]
    return found


def _inside(kept: set[str]) -> Callable[..., bool]:
    def here(arch: str, workload: str, *kernels: str) -> bool:
        return all(f"{arch}/{kernel}/{workload}" in kept for kernel in kernels)

    return here
