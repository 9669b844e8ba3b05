# SPDX-License-Identifier: GPL-2.0-or-later
"""Metrics: one file each; unit and better direction travel with the metric.

What hardware pays more for than an instruction is no workload's: it is told of each, by what it executed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from orchestrator.model import CODE_LINES, COSTS, MEDIAN, REPEATED, UNDECODED, Direction
from orchestrator.registry import scan

FLOOR = 50e-6  # relative: smaller changes of a time are not told from tick phase


@dataclass(frozen=True)
class Collector:
    """How a metric is read from a workload's JSON line, and how it is shown.

    collect gets the decoded line of one pass and returns the value in `unit` for the whole pass, None where this
    kernel does not count it; shown per unit of work as value * scale, in shown_unit.

    Of what is no counter, a smaller difference than floor (relative) or least (in `unit`, of a pass) is none.
    """

    title: str
    unit: str
    direction: Direction
    collect: Callable[[Mapping[str, object]], float | None] | None  # None: a cost, which no workload tells
    shown_unit: str = ""
    scale: float = 1.0
    digits: int = 3
    exact: bool = True  # a counter: any difference is a difference
    floor: float = FLOOR
    least: float = 0.0
    counter: str = ""  # of /proc/vmstat, that counts the same
    robot: str = ""  # what the 0-day robot calls it in its reports; "" workload.title

    def noise(self, start: float) -> float:
        """What a difference of a whole pass from start must be larger than, in `unit`; of a counter any is."""
        return 0.0 if self.exact else max(self.floor * abs(start), self.least)


def vmstat_change(line: Mapping[str, object]) -> dict[str, int]:
    """{name: after - before} of a pass's /proc/vmstat snapshots."""
    return _change(line["vmstat"])


def memory_change(line: Mapping[str, object]) -> dict[str, int]:
    """The same of memory.stat of the workload's cgroup; {} where it has none of its own."""
    return _change(line.get("memory_stat", {}))


def _change(table: object) -> dict[str, int]:
    if not isinstance(table, dict):
        raise TypeError("vmstat or memory_stat: it is no table")
    return {name: int(after) - int(before) for name, (before, after) in table.items()}


def counted(line: Mapping[str, object], name: str) -> float | None:
    """How far a counter of /proc/vmstat went; None: this kernel has no such counter."""
    change = vmstat_change(line).get(name)
    return None if change is None else float(change)


def told(line: Mapping[str, object], name: str) -> float:
    """What the workload itself said with km_value(). KeyError or TypeError if it did not."""
    table = line["values"]
    if not isinstance(table, dict):
        raise TypeError("values is not a table")
    return float(table[name])


def told_if(line: Mapping[str, object], name: str) -> float | None:
    """The same of what it says only where the kernel tells it."""
    table = line.get("values")
    return told(line, name) if isinstance(table, dict) and name in table else None


def faults(line: Mapping[str, object], name: str) -> float:
    """What a workload that measures another program said of that; else its own process's."""
    table = line.get("values")
    return told(line, name) if isinstance(table, dict) and name in table else float(str(line[name]))


@cache
def known() -> dict[str, Collector]:
    """{metric: collector} of this folder, and of what hardware pays for."""
    return scan([Path(__file__).parent], "COLLECTOR", Collector) | {name: _cost(name) for name in COSTS}


def _cost(name: str) -> Collector:
    """Two boots differ a little in what their allocators have at hand, and in which lines of code come up just often
    enough to count."""
    floor, least = (5e-3, 0.0) if name == CODE_LINES else (1e-3, 50.0)
    return Collector(
        title=cost_title(name),
        unit="1",
        direction=Direction.LOWER,
        collect=None,
        exact=False,
        floor=floor,
        least=least,
    )


_TITLES = {
    "tlb_flushes": "TLB flushes",
    REPEATED: "iterations of rep",
    UNDECODED: "instructions not decoded",
    CODE_LINES: "lines of code",
    "bytes": "bytes moved",
    "data_lines": "lines touched",
    MEDIAN: "lines touched, median",
    "new_lines": "lines touched first",
    "lru_512": "LRU-512 misses",
    "lru_16384": "LRU-16384 misses",
}


def cost_title(name: str) -> str:
    """Of a class: TLB flushes for tlb_flushes."""
    return _TITLES.get(name, name.replace("_", " "))
