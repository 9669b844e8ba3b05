# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of a reply around its tables: what failed, what is not covered, what it was made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.analyse.contract import CellRow, MatrixReport, Offered
from orchestrator.analyse.slice import arches as measured
from orchestrator.model import Clock
from orchestrator.report.parts import chosen, counters, reach, suite, taken
from orchestrator.report.parts.change import there_lines
from orchestrator.report.parts.evidence import excerpt
from orchestrator.report.parts.paper import paragraph, quoted
from orchestrator.report.parts.rows import (
    VARYING,
    claims,
    failures,
    lacking,
    limits,
    not_there,
    pairs,
    unexpected,
    unprofiled,
)
from orchestrator.report.parts.sentence import named
from orchestrator.report.parts.words import listed

Block = list[str]
MOST_COUNTERS = 4  # lines of a comparison
MOST_PLACES = 8  # of lines that did not run, of each kind
NOT_KNOWN = Offered(arches=[], workloads=[])


def failed_blocks(report: MatrixReport) -> list[Block]:
    """One block per failure: which arch, what happened, the telling lines; cells that fail alike share one."""
    groups: dict[tuple[str, str, str, str], list[CellRow]] = {}
    for cell in failures(report):
        why = cell["failure"] or {}
        groups.setdefault((cell["arch"], cell["kernel"], why["message"], why["log"]), []).append(cell)
    return [_failure(cells) for cells in groups.values()]


def _failure(cells: Sequence[CellRow]) -> Block:
    first = cells[0]
    why = first["failure"] or {}
    names = listed(cell["workload"] for cell in cells)
    what = why["message"].removeprefix("the kernel broke: ")
    head = f"{first['arch']}, {first['kernel']} ({names}): {first['status'].replace('_', ' ')}: {what}"
    log = quoted(excerpt(why["log"])) if why["log"].strip() else []
    return [*paragraph(head, "", "| "), *log]  # what a guest said never starts a line


def taken_block(report: MatrixReport) -> Block:
    """Which patch it was, and how it was taken."""
    lines = [line for text in taken.lines(report) for line in paragraph(text, "- ", "  ")]
    return [f"{taken.TITLE}:", *lines] if lines else []


def change_block(report: MatrixReport) -> Block:
    """What of the change is in these kernels, where it is not all of it."""
    lines = [line for text in there_lines(report) for line in paragraph(text, "- ", "  ")]
    return ["What of the change is in these kernels:", *lines] if lines else []


def chosen_block(report: MatrixReport) -> Block:
    """Which workloads, and why, where they were chosen."""
    first, *more = chosen.of_report(report) or [""]
    return [*paragraph(first), *(line for text in more for line in paragraph(text, "- ", "  "))] if first else []


def suite_block(report: MatrixReport) -> Block:
    """All workloads in a few lines, where there are many."""
    return [line for text in suite.lines(report) for line in paragraph(text, "", "  ")]


def reach_block(report: MatrixReport) -> Block:
    """What of the change ran, and by architecture."""
    said = reach.sentence(report, MOST_PLACES)
    rows = [*reach.by_arch(report), *reach.unknown(report)]
    return [*paragraph(f"{said}." if said else ""), *(line for row in rows for line in paragraph(row, "  ", "    "))]


def counters_blocks(report: MatrixReport) -> list[Block]:
    """Counters that nobody named, a block for each comparison."""
    found = counters.blocks(report, MOST_COUNTERS)
    return [
        [*paragraph(f"{head}:"), *(line for text in lines for line in paragraph(text, "  ", "    "))]
        for head, lines in found
    ]


def unexpected_block(report: MatrixReport) -> Block:
    """Expectations that do not hold."""
    lines = [line for row in unexpected(report, named) for line in paragraph(row, "  ", "    ")]
    return ["Not as expected (! above):", *lines] if lines else []


def claims_block(report: MatrixReport) -> Block:
    """What was claimed, each with its answer."""
    lines = [
        line
        for name, text, verdict, _ in claims(report)
        for line in paragraph(f"{name} {verdict}: {text}", "  ", "     ")
    ]
    return ["What was claimed:", *lines] if lines else []


def doubts_block(report: MatrixReport) -> Block:
    """What was decided by test, and how far."""
    lines = [line for text in limits(report) for line in paragraph(text, "- ", "  ")]
    return [*paragraph(VARYING), *lines] if lines else []


def coverage_block(report: MatrixReport, left_out: Sequence[str]) -> Block:
    """What this does not cover."""
    lines = [line for text in gaps(report, left_out) for line in paragraph(text, "- ", "  ")]
    return ["What this does not cover:", *lines]


def gaps(report: MatrixReport, left_out: Sequence[str]) -> list[str]:
    """What the run does not cover, one sentence each."""
    cells = report["cells"]
    said = []
    offered = report.get("offered", NOT_KNOWN)
    absent = [name for name in offered["arches"] if name not in {*measured(report), *left_out}]
    if left_out:
        said.append(f"measured in this run, but not shown here: {listed(left_out)}")
    if absent:
        said.append(f"architectures not run: {listed(absent)}")
    lost = [cell["id"] for cell in failures(report)]
    if lost:
        said.append(f"no figures of {listed(lost)}")
    said += lacking(report) + unprofiled(report) + not_there(report)
    idle = [name for name in offered["workloads"] if name not in {*left_out, *(cell["workload"] for cell in cells)}]
    if idle:
        said.append(f"workloads not run: {listed(idle)}")
    return [*said, *_nature(cells), *(f"{name}: {note}" for name, note in report["notes"].items())]


def _nature(cells: Sequence[CellRow]) -> list[str]:
    """What the figures are not."""
    said = []
    ran = [cell for cell in cells if cell["accel"]]
    if any(cell["accel"] == "tcg" for cell in ran):
        said.append("this is emulation (QEMU TCG), not hardware: caches and speculation are not in it")
    if any(cell["clock"] == Clock.ICOUNT for cell in ran):
        said.append("clock icount: 1 ns is one instruction, and an instruction is not a cycle")
    wall = dict.fromkeys(c["workload"] for c in ran if (c["clock"], c["accel"]) == (Clock.WALL, "tcg"))
    if wall:
        said.append(f"wall time of an emulator, indicative only: {listed(wall)}")
    return said


def kernels_block(report: MatrixReport) -> Block:
    """Base and patches with their hashes, the images by arch, compilers and emulators."""
    lines: Block = []
    builds = report["kernels"]  # {arch/kernel: facts}
    compared = [name for pair in pairs(report) for name in pair]
    for name in dict.fromkeys([*compared, *(build.split("/")[1] for build in builds)]):
        mine = {build.split("/")[0]: info for build, info in builds.items() if build.split("/")[1] == name}
        lines += _kernel(name, mine) if mine else []
    host = report["host"]
    tools = [f"{arch} {version}" for arch, version in host.get("compiler", {}).items()]
    tools += [f"QEMU {version}" for version in dict.fromkeys(host.get("qemu", {}).values())]
    tools += [f"kmatrix {host['kmatrix']}"] if "kmatrix" in host else []
    lines += [line for tool in tools for line in paragraph(tool, "  ", "    ")]
    return ["What it was made of:", *lines] if lines else []


def _kernel(name: str, builds: Mapping[str, Mapping[str, Any]]) -> Block:
    info = next(iter(builds.values()))
    config = f", config {info['config']}" if info.get("config") else ""
    lines = paragraph(f"{name}: Linux {info.get('linux', '?')}, {info.get('source', '?')}{config}", "  ", "    ")
    for patch, sha in (info.get("patches") or {}).items():
        lines += [*paragraph(f"+ {patch}", "    "), f"    sha256 {sha}"]
    if info.get("sandbox"):
        lines += paragraph(f"built in a sandbox: {info['sandbox']}", "    ")
    return [*lines, *(f"    {arch} image {built.get('image_sha256', '?')[:32]}" for arch, built in builds.items())]
