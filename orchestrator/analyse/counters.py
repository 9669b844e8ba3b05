# SPDX-License-Identifier: GPL-2.0-or-later
"""Counters that nobody named: those that repeat in two kernels, and differ between them. Pure.

What repeats is exact: any difference is one, and needs no test. It is evidence: no verdict and no exit code follows
from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.analyse.compare import differing
from orchestrator.analyse.contract import CellRow, CounterRow, CountersLeftOutRow
from orchestrator.analyse.identical import Pairs
from orchestrator.analyse.statistics import centre
from orchestrator.analyse.verdicts import CONSTANT
from orchestrator.collectors import known as collectors
from orchestrator.model import Status

VMSTAT, MEMORY_STAT = "vmstat", "memory.stat"
LIMITS = ("nr_dirty_threshold", "nr_dirty_background_threshold")  # count nothing: shares of the memory that is free
LEAST = 2  # boots that show a counter of exact figures to repeat: passes of one boot have the same history
Passes = Sequence[Sequence[int]]  # one list per boot, in it how far the counter went in each counted pass


@dataclass(frozen=True)
class _Counter:
    """In two cells; None: this kernel does not have it."""

    name: str
    base: Passes | None
    new: Passes | None

    @property
    def repeats(self) -> bool:
        """The same in all passes of all boots of a kernel, of both kernels."""
        return all(len(_values(passes)) <= 1 for passes in (self.base, self.new))

    def known(self, exact: bool) -> bool:
        """Was it seen often enough to know whether it repeats? Where figures vary, see verdicts."""
        sides = [passes for passes in (self.base, self.new) if passes is not None]
        return all(len(passes) >= (LEAST if exact else CONSTANT) for passes in sides)

    @property
    def counts(self) -> tuple[int | None, int | None]:
        """Of a pass, where it repeats."""
        base, new = (next(iter(_values(passes)), None) for passes in (self.base, self.new))
        return base, new

    @property
    def differs(self) -> bool:
        """One that a kernel does not have is told where it counts in the other."""
        base, new = self.counts
        return (base or 0) != (new or 0)


def _values(passes: Passes | None) -> set[int]:
    return {value for boot in passes or () for value in boot}


def counters(
    sides: Iterable[tuple[CellRow, CellRow]], same: Pairs = frozenset()
) -> tuple[list[CounterRow], list[CountersLeftOutRow]]:
    """What (base, new) cells tell, and what is left out of it. same: kernels that are, of which there is nothing to
    tell. Nor is there of cells that did not pass, or that differ in more than the kernel."""
    rows: list[CounterRow] = []
    left_out: list[CountersLeftOutRow] = []
    for base, new in sides:
        passed = base["status"] == new["status"] == Status.PASSED
        if passed and (base["arch"], base["kernel"], new["kernel"]) not in same and not differing(base, new):
            told, lacking = _compared(base, new)
            rows += told
            left_out += [lacking] if lacking["names"] or lacking["too_few"] else []
    return rows, left_out


def _compared(base: CellRow, new: CellRow) -> tuple[list[CounterRow], CountersLeftOutRow]:
    rows: list[CounterRow] = []
    lacking = CountersLeftOutRow(
        arch=base["arch"], base=base["kernel"], new=new["kernel"], workload=base["workload"],
        not_repeating=0, names=[], too_few=[],
    )  # fmt: skip
    for source, (old_table, new_table) in _sources(base, new).items():
        for name in dict.fromkeys([*old_table, *new_table]):
            counter = _Counter(name, old_table.get(name), new_table.get(name))
            if source == VMSTAT and (name in LIMITS or _told_by_a_metric(counter, base, new)):
                continue
            full = name if source == VMSTAT else f"{source} {name}"
            if not counter.repeats:
                lacking["names"].append(full)
            elif counter.differs and counter.known(base["exact"]):
                rows.append(_row(counter, source, base, new))
            elif counter.differs:
                lacking["too_few"].append(full)
    lacking["not_repeating"] = len(lacking["names"])
    return rows, lacking


def _sources(base: CellRow, new: CellRow) -> dict[str, tuple[Mapping[str, Passes], Mapping[str, Passes]]]:
    """Files that both kernels have."""
    found = {
        VMSTAT: (base["vmstat"], new["vmstat"]),
        MEMORY_STAT: (base.get("memory_stat", {}), new.get("memory_stat", {})),
    }
    return {source: tables for source, tables in found.items() if all(tables)}


def _told_by_a_metric(counter: _Counter, base: CellRow, new: CellRow) -> bool:
    """Is there a metric that tells just this? majflt is of a process, pgmajfault of all: where they moved alike."""
    names = [name for name, how in collectors().items() if how.counter == counter.name]
    found = [name for name in names if name in base["metrics"] and name in new["metrics"]]
    if not found or not counter.repeats:
        return bool(found)
    old, now = counter.counts
    moved = (now or 0) - (old or 0)
    return any(
        centre(new["metrics"][name]["boots"]) - centre(base["metrics"][name]["boots"]) == moved for name in found
    )


def _row(counter: _Counter, source: str, base: CellRow, new: CellRow) -> CounterRow:
    old, now = counter.counts
    units = base["units"] or 1
    return CounterRow(
        arch=base["arch"],
        base=base["kernel"],
        new=new["kernel"],
        workload=base["workload"],
        counter=counter.name,
        source=source,
        base_value=None if old is None else old / units,
        new_value=None if now is None else now / units,
        base_count=old,
        new_count=now,
        units=units,
    )
