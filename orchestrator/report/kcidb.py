# SPDX-License-Identifier: GPL-2.0-or-later
"""KCIDB JSON, as KernelCI's database takes it: checkouts, builds, and tests of which some have a number."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from orchestrator.analyse.contract import CellRow, ComparisonRow, FindingRow, MatrixReport
from orchestrator.analyse.findings import of_report, open_questions
from orchestrator.analyse.identical import left_out
from orchestrator.analyse.statistics import centre
from orchestrator.model import Status, Verdict
from orchestrator.report import PLAIN, Telling
from orchestrator.report.parts import reach
from orchestrator.report.parts.rows import change, undecided
from orchestrator.runs.run import Run

ORIGIN = "kmatrix"
LONGEST = 16384  # characters of a log_excerpt
# Keys of a report's rows that there were not when the first ids were made; what an older run says by them is derived.
_COUNTERS = ("counters", "counters_left_out")  # what cells tell
_LATER = {"cells": ("provenance", "stored"), "comparisons": ("reason", "reached"), "expectations": ("base", "new")}
_CELLS = {
    Status.PASSED.value: "PASS",
    Status.KERNEL_BROKE.value: "FAIL",
    Status.WORKLOAD_FAILED.value: "FAIL",
    Status.TIMED_OUT.value: "FAIL",
    Status.INFRA_FAILED.value: "MISS",
    Status.SKIPPED.value: "MISS",
}


def RENDER(run: Run, telling: Telling = PLAIN) -> str:
    """The JSON's text, of version 5.3."""
    report = run.report
    name = _name(report)
    tests = [test for cell in report["cells"] for test in _cell(cell, name)]
    tests += [_comparison(row, name) for row in report["comparisons"]]
    builds = _builds(report, name)
    built = {build["id"] for build in builds}
    said = [*((row, "FAIL") for row in of_report(report)), *((row, "DONE") for row in open_questions(report))]
    found = [test for number, its in enumerate(said) for test in _finding(number, *its, name)]
    tests += [test for test in found if test["build_id"] in built]
    value = {
        "version": {"major": 5, "minor": 3},
        "checkouts": _checkouts(report, name),
        "builds": builds,
        "tests": tests,
    }
    return json.dumps(value, indent=1, allow_nan=False) + "\n"


def _name(report: MatrixReport) -> str:
    """Of this report in all ids. What reading adds to older ones is left out: told again, a run keeps its ids."""
    whole: Mapping[str, Any] = report
    lasting = {key: value for key, value in whole.items() if key not in ("offered", "compare", *_COUNTERS)}
    lasting |= {table: [_without(row, *keys) for row in whole[table]] for table, keys in _LATER.items()}
    return hashlib.sha256(json.dumps(lasting, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _without(row: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in keys}


def _id(run: str, *parts: str) -> str:
    return f"{ORIGIN}:{'/'.join((run, *parts))}"


def _facts(report: MatrixReport, kernel: str) -> Mapping[str, Any]:
    """Of any of the kernel's builds: source and patches are the same for all; {} when none was built."""
    return next((info for build, info in report["kernels"].items() if build.split("/")[1] == kernel), {})


def _checkouts(report: MatrixReport, run: str) -> list[dict[str, Any]]:
    out = []
    for kernel in dict.fromkeys(cell["kernel"] for cell in report["cells"]):
        info = _facts(report, kernel)
        refused = any(
            cell["failure"] and cell["failure"]["kind"] == "patch"
            for cell in report["cells"]
            if cell["kernel"] == kernel
        )
        entry: dict[str, Any] = {"id": _id(run, kernel), "origin": ORIGIN, "comment": kernel}
        if info:
            shas = list(dict(info.get("patches") or {}).values())
            source = str(info.get("source", ""))
            entry |= {
                "patchset_hash": _patchset(shas),
                "misc": {"source": source, "patches": info.get("patches") or {}},
            }
            if "taken" in report and info.get("patches"):
                entry["misc"]["taken"] = dict(report["taken"])
            commit = re.search(r"\b[0-9a-f]{40}$", source)
            entry |= {"git_commit_hash": commit[0]} if commit else {}
        if info or refused:
            entry["valid"] = not refused
        out.append(entry)
    return out


def _patchset(shas: list[str]) -> str:
    """As `sha256sum *.patch | cut -c-64 | sha256sum`; empty for none."""
    return hashlib.sha256("".join(f"{sha}\n" for sha in shas).encode()).hexdigest() if shas else ""


def _builds(report: MatrixReport, run: str) -> list[dict[str, Any]]:
    out = []
    for arch, kernel in dict.fromkeys((cell["arch"], cell["kernel"]) for cell in report["cells"]):
        info = report["kernels"].get(f"{arch}/{kernel}") or {}
        cells = [cell for cell in report["cells"] if (cell["arch"], cell["kernel"]) == (arch, kernel)]
        failed = next((c["failure"] for c in cells if c["status"] == Status.BUILD_FAILED and c["failure"]), None)
        if not info and not failed:
            continue  # nobody knows whether it was built
        entry: dict[str, Any] = {
            "id": _id(run, arch, kernel),
            "checkout_id": _id(run, kernel),
            "origin": ORIGIN,
            "architecture": _word(arch).lower().replace("-", "_"),
            "status": "FAIL" if failed else "PASS",
            "misc": {key: value for key, value in info.items() if key != "patches"},
        }
        if "compiler" in info:
            entry["compiler"] = str(info["compiler"])
        if failed:
            entry |= {"comment": _text(failed["message"]), "log_excerpt": _text(failed["log"])[-LONGEST:]}
        out.append(entry)
    return out


def _cell(cell: CellRow, run: str) -> list[dict[str, Any]]:
    """The cell, then one number per metric; nothing for a kernel that was not built."""
    if cell["status"] == Status.BUILD_FAILED:
        return []
    place = (cell["arch"], cell["kernel"])
    path = f"{ORIGIN}.{_word(cell['workload'])}"
    whole: dict[str, Any] = {
        "id": _id(run, cell["id"]),
        "build_id": _id(run, *place),
        "origin": ORIGIN,
        "path": path,
        "status": "SKIP" if left_out(cell) else _CELLS[cell["status"]],
        "environment": {"comment": f"QEMU {cell['qemu'] or '?'}, {cell['accel'] or '?'}, {cell['cpu'] or '?'}"},
        "misc": {"clock": cell["clock"], "exact": cell["exact"], "units": cell["units"], "unit": cell["unit"]},
    }
    if cell["failure"]:
        whole |= {
            "comment": _text(cell["failure"]["message"]),
            "log_excerpt": _text(cell["failure"]["log"])[-LONGEST:],
        }
    numbers = []
    for name, metric in cell["metrics"].items():
        figure = _number(centre(metric["boots"]), metric["unit"])
        if cell["status"] == Status.PASSED and figure:
            own = {"id": _id(run, cell["id"], name), "path": f"{path}.{_word(name)}", "status": "DONE"}
            numbers.append({**whole, **own, **figure, "misc": {**whole["misc"], "boots": metric["boots"]}})
    return [whole, *numbers]


def _comparison(row: ComparisonRow, run: str) -> dict[str, Any]:
    """A test of the new kernel; its number is the relative change."""
    open_ = undecided(row) or row["verdict"] == Verdict.NOT_REACHED
    status = "FAIL" if row["verdict"] == Verdict.WORSE else "DONE" if open_ else "PASS"
    said = reach.verdict(row["verdict"])
    place = (row["arch"], row["new"])
    figure = {} if row["change"] is None else _number(row["change"], "")
    return {
        "id": _id(run, *place, row["workload"], row["metric"], "against", row["base"]),
        "build_id": _id(run, *place),
        "origin": ORIGIN,
        "path": f"{ORIGIN}.{_word(row['workload'])}.{_word(row['metric'])}.change",
        "status": status,
        "comment": _text(f"{row['base']} to {row['new']}: {change(row)}, {said}: {row['why']}"),
        "misc": {"base_build_id": _id(run, row["arch"], row["base"])},
        **figure,
    }


def _finding(number: int, row: FindingRow, status: str, run: str) -> list[dict[str, Any]]:
    """A test of each kernel that says it, as far as that is one which is measured."""
    path = ".".join((ORIGIN, _word(row["lane"]), _word(row["kind"])))
    where = f" ({row['where']})" if row["where"] else ""
    log = {"log_excerpt": _text(row["text"])[-LONGEST:]} if row.get("text") else {}
    return [
        {
            "id": _id(run, row["arch"], kernel, "finding", str(number)),
            "build_id": _id(run, row["arch"], kernel),
            "origin": ORIGIN,
            "path": path,
            "status": status,
            "comment": _text(f"{row['message']}{where}"),
            **log,
        }
        for kernel in row["kernels"]
    ]


def _number(value: float, unit: str) -> dict[str, Any]:
    if not isfinite(value):
        return {}
    return {"number": {"value": value, **({"unit": unit} if unit and unit != "1" else {})}}


def _text(text: str) -> str:
    return text.replace("\0", "")


def _word(text: str) -> str:
    """As a path's part may be."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", text)
