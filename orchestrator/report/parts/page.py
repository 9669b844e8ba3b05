# SPDX-License-Identifier: GPL-2.0-or-later
"""What the HTML page shows, as plain values for its template."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from orchestrator.analyse.contract import CellRow, ComparisonRow, MatrixReport, MetricRow
from orchestrator.collectors import known as collectors
from orchestrator.model import COSTS, Status, Verdict
from orchestrator.report import Telling
from orchestrator.report.parts import (
    chosen,
    coloured,
    costs,
    counters,
    figures,
    findings,
    grid,
    profile,
    profile_rows,
    reach,
    static,
    suite,
    taken,
)
from orchestrator.report.parts.change import there_lines
from orchestrator.report.parts.mailtext import gaps
from orchestrator.report.parts.rows import VARYING, claims, failures, limits, note, pairs, rows, setting, summary
from orchestrator.report.parts.sentence import headline
from orchestrator.runs.run import Run

TONES = {Status.PASSED.value: "good", Status.SKIPPED.value: "plain"}


def content(run: Run, telling: Telling) -> dict[str, Any]:
    """The template's variables."""
    report = run.report
    differing, more = static.table(report)
    return {
        "headline": headline(report),
        "setting": setting(report),
        "summary": summary(report),
        "taken": {"title": taken.TITLE, "lines": taken.lines(report)},
        "reach": reach.lines(report),
        "static": {"title": static.TITLE, "lines": static.lines(report), "rows": differing, "more": more},
        "findings": {
            "title": findings.TITLE,
            "grids": grid.grids(report),
            "lines": findings.lines(report),
            "rows": report.get("findings", []),
        },
        "chosen": chosen.of_report(report),
        "suite": suite.lines(report),
        "tables": [_table(report, *pair, workload) for pair in pairs(report) for workload in _workloads(report)],
        "counters": counters.rows(report),
        "counters_left_out": [f"{head}: {line}" for head, lines in counters.left_out(report) for line in lines],
        "failures": [_failure(cell) for cell in failures(report)],
        "unexpected": [row for row in report["expectations"] if row["verdict"] == Verdict.NOT_AS_EXPECTED],
        "change": there_lines(report),
        "claims": claims(report),
        "coloured": coloured.page(run),
        "profile": profile.page(run),
        "profile_note": profile_rows.note(run.profile),
        "varying": VARYING,
        "limits": limits(report),
        "gaps": gaps(report, telling.left_out),
        "note": note(report),
        "reproduce": run.reproduce,
        "cells": [_cell(cell, run) for cell in report["cells"]],
        "host": {key: _flat(value) for key, value in report["host"].items()},
    }


def anchor(cell_id: str) -> str:
    """Of a cell's section."""
    return "cell-" + cell_id.replace("/", "-")


def _workloads(report: MatrixReport) -> list[str]:
    return list(dict.fromkeys(cell["workload"] for cell in report["cells"]))


def _table(report: MatrixReport, base: str, new: str, workload: str) -> dict[str, Any]:
    """Rows and figures of a workload for one pair of kernels; no rows where nothing could be compared."""
    mine = [
        row for row in report["comparisons"] if (row["base"], row["new"], row["workload"]) == (base, new, workload)
    ]
    shown = [row for row in rows(report) if (row.base, row.new, row.workload) == (base, new, workload)]
    return {
        "base": base,
        "new": new,
        "workload": workload,
        "folded": workload in suite.folded(report, base, new),
        "absent": _absent(report, base, new, workload, {row["arch"] for row in mine}),
        "unmoved": costs.unmoved(report, base, new, workload),
        "rows": [{"row": row, "href": anchor(f"{row.arch}/{new}/{workload}")} for row in shown],
        "figures": [Markup(svg) for svg in _figures(report, mine) if svg],  # matplotlib escapes what it writes
    }


def _absent(report: MatrixReport, base: str, new: str, workload: str, there: set[str]) -> list[dict[str, str]]:
    """Cells that did not pass, of architectures that therefore have no row."""
    return [
        {
            "arch": cell["arch"],
            "text": f"{cell['kernel']}: {cell['status'].replace('_', ' ')}",
            "href": anchor(cell["id"]),
        }
        for cell in failures(report)
        if cell["workload"] == workload and cell["kernel"] in (base, new) and cell["arch"] not in there
    ]


def _figures(report: MatrixReport, mine: Sequence[ComparisonRow]) -> list[str]:
    """The changes of each metric that is no cost, and all samples of those that are no counters."""
    names = [name for name in dict.fromkeys(r["metric"] for r in mine) if name not in COSTS]
    by_metric = {name: [row for row in mine if row["metric"] == name] for name in names}
    order = sorted(by_metric, key=lambda name: collectors()[name].exact)  # times before counters
    bars = [figures.change_bars(by_metric[name]) for name in order]
    dots = [figures.sample_dots(report, group) for name, group in by_metric.items() if not collectors()[name].exact]
    return [*dots, *bars]


def _failure(cell: CellRow) -> dict[str, Any]:
    return {
        "id": cell["id"],
        "href": anchor(cell["id"]),
        "status": cell["status"].replace("_", " "),
        **(cell["failure"] or {}),
    }


def _cell(cell: CellRow, run: Run) -> dict[str, Any]:
    build = f"{cell['arch']}/{cell['kernel']}"
    facts = {
        "Linux": cell["linux"] or "?",
        "clock": cell["clock"] + (", exact" if cell["exact"] else ", figures vary"),
        "accelerator": cell["accel"] or "?",
        "QEMU": cell["qemu"] or "?",
        "CPU": cell["cpu"] or "?",
        "work": f"{cell['units']} {cell['unit']}s a pass" if cell["units"] else "none",
        "workload's sha256": cell["workload_sha256"] or "?",
    }
    accounts = [row for row in run.report.get("unprofiled", ()) if row["id"] == cell["id"]]
    return {
        "id": cell["id"],
        "anchor": anchor(cell["id"]),
        "status": cell["status"].replace("_", " "),
        "tone": TONES.get(cell["status"], "bad"),
        "failure": cell["failure"],
        "facts": facts,
        "notes": [*cell["notes"], *(f"not profiled: {row['why']} {row['log']}".strip() for row in accounts)],
        "samples": _samples(cell["metrics"]),
        "starts": run.starts.get(cell["id"], ()),
        "build": _build(run.report["kernels"].get(build), run.logs.get(build, "")),
    }


def _build(info: Mapping[str, Any] | None, log: str) -> dict[str, str]:
    """{what: value} of a kernel's build; log is the end of what make printed."""
    named = {**info, "patches": _sums(info.get("patches"))} if info else {}
    shown = {key: _shown(value) for key, value in named.items() if value is not None}
    return {**shown, "log": log} if shown or log else {}


def _sums(patches: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if patches is None else {name: f"sha256 {sha}" for name, sha in patches.items()}


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name}  {what}" for name, what in value.items()) or "none"
    return value if isinstance(value, str) else json.dumps(value)


def _samples(metrics: Mapping[str, MetricRow]) -> list[dict[str, Any]]:
    """One row per metric and boot: the warm-up passes, then those that count, in the metric's unit."""
    return [
        {
            "metric": name if metric["unit"] == "1" else f"{name}, {metric['unit']}",
            "boot": number,
            "warmup": [
                f"{value:.10g}" for value in (metric["warmup"][number] if number < len(metric["warmup"]) else ())
            ],
            "counted": [f"{value:.10g}" for value in passes],
        }
        for name, metric in metrics.items()
        for number, passes in enumerate(metric["boots"])
    ]


def _flat(value: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
