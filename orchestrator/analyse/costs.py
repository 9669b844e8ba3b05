# SPDX-License-Identifier: GPL-2.0-or-later
"""What hardware pays for as metrics of a cell, told of whatever was executed in its counted passes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.analyse.contract import CellRow, MatrixReport, MetricRow
from orchestrator.analyse.suite import METRIC
from orchestrator.model import CODE_LINES, COSTS, MEMORY, UNDECODED, BootResult

LEAST = 0.005  # instructions a unit of work that are not decoded: fewer are not told


def metrics(boots: Sequence[BootResult]) -> dict[str, MetricRow]:
    """{one of COSTS: a number of each boot, the mean of its counted passes}; {} where a boot was not looked at, and
    of workloads that tell no time, because how much they do depends on how long something else takes."""
    timed = all(METRIC in sample.values for boot in boots for sample in boot.passes)
    names = [name for name in COSTS if boots and timed and all(name in boot.costs for boot in boots)]
    return {name: MetricRow(unit="1", boots=[[boot.costs[name]] for boot in boots], warmup=[]) for name in names}


def told(cell: CellRow, name: str = CODE_LINES) -> bool:
    """Was it looked at what the cell has of this one of COSTS?"""
    alike = MEMORY if name in MEMORY else set(COSTS) - set(MEMORY)
    return not cell["metrics"].keys().isdisjoint(alike)


def of_memory(report: MatrixReport) -> bool:
    """Is it told of any cell what it loads and stores?"""
    return any(told(cell, MEMORY[0]) for cell in report["cells"])


def undecoded(boots: Sequence[BootResult], units: int, unit: str) -> list[str]:
    """What a reader must know of instructions that are in no class because nobody knows them."""
    most = max((boot.costs.get(UNDECODED, 0.0) for boot in boots), default=0.0) / units
    if most < LEAST:
        return []
    return [f"{most:.2f} instructions a {unit} are not known to the disassembler, and so in no class of costs"]
