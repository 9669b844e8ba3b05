# SPDX-License-Identifier: GPL-2.0-or-later
"""Which code of a kernel a library of workloads runs, and how often per unit of work. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.profile.line_table import Executed, Row
from orchestrator.profile.lines import Frame
from orchestrator.profile.names import whole
from orchestrator.profile.symbols import Symbols

Counts = Mapping[str, float]  # {workload: how often per unit of work}


@dataclass(frozen=True)
class Measured:
    """A workload's counted passes: what was executed in all of them, and their units of work together."""

    executed: Executed
    units: int
    unit: str
    ns: float  # per unit, by the instruction clock


@dataclass(frozen=True)
class Function:
    """first, last: lines that have instructions; runs: entries, of the workloads that run it; boot: what came before
    counted passes runs it."""

    first: int
    last: int
    runs: Counts = field(default_factory=dict)
    boot: bool = False


@dataclass(frozen=True)
class Workload:
    """What is told of one. ns: per unit."""

    unit: str
    ns: float


@dataclass(frozen=True)
class Cover:
    """Of a kernel on an arch. functions: {file: {name: it}}, lines: {file: {line: how often}}: all that is built of
    the files that were asked for, and of others what was executed. boot: lines that only what came before ran."""

    workloads: Mapping[str, Workload]
    functions: Mapping[str, Mapping[str, Function]]
    lines: Mapping[str, Mapping[int, Counts]]
    boot: Mapping[str, Collection[int]] = field(default_factory=dict)

    def of_line(self, file: str, line: int) -> Counts:
        """Which workloads run it."""
        return self.lines.get(file, {}).get(line, {})

    def named(self, name: str) -> dict[str, Function]:
        """{file: the function of this name there}."""
        return {file: its[name] for file, its in self.functions.items() if name in its}


@dataclass(frozen=True)
class Share:
    """Of a file's built functions and lines: how many there are, how many the library runs, how many only what comes
    before counted passes."""

    functions: int = 0
    functions_run: int = 0
    functions_boot: int = 0
    lines: int = 0
    lines_run: int = 0
    lines_boot: int = 0

    def __add__(self, other: Share) -> Share:
        return Share(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


Ran = dict[int, dict[str, int]]  # {address: {workload: how often}}


def asked(
    rows: Iterable[Row], files: str, executed: Iterable[Executed], left_out: tuple[int, int]
) -> tuple[list[Row], list[int]]:
    """Rows of the line table that tell something: of files that begin with this, and all that were executed; and
    their addresses. left_out: from, to: what is thrown away after boot."""
    start, end = left_out
    ran = sorted({block[:2] for one in executed for block in one.blocks})
    longest = max((last - first for first, last in ran), default=0)

    def was_executed(address: int) -> bool:
        low, high = bisect_left(ran, (address - longest,)), bisect_left(ran, (address + 1,))
        return any(first <= address < last for first, last in ran[low:high])

    seen: dict[int, bool] = {}
    found = []
    for row in rows:
        if start <= row.start < end or not row.line:
            continue
        if row.start not in seen:
            seen[row.start] = was_executed(row.start)
        if seen[row.start] or row.file.startswith(files):
            found.append(row)
    return found, sorted({row.start for row in found})


def cover(
    rows: Sequence[Row], places: Mapping[int, tuple[Frame, ...]], kernel: Symbols, measured: Mapping[str, Measured],
    before: Executed,
) -> Cover:  # fmt: skip
    """rows, places: of what was asked(); before: what ran before the counted passes."""
    starts = sorted({row.start for row in rows})
    ran: Ran = {}
    for name, its in measured.items():
        for address, count in _counts(its.executed, starts).items():
            ran.setdefault(address, {})[name] = count
    boot = _counts(before, starts).keys()

    def by_unit(counts: Iterable[Mapping[str, int]]) -> dict[str, float]:
        """Of all copies together, in the order of workloads."""
        sums: Counter[str] = Counter()
        for one in counts:
            sums.update(one)
        return {name: sums[name] / its.units for name, its in measured.items() if name in sums}

    by_line: dict[str, dict[int, dict[str, float]]] = {}
    booted: dict[str, set[int]] = {}
    for (file, line), copies in _lines(rows, places, kernel).items():
        by_line.setdefault(file, {})[line] = runs = by_unit(_most(copy, ran) for copy in copies)
        if not runs and any(address in boot for copy in copies for address in copy):
            booted.setdefault(file, set()).add(line)
    functions: dict[str, dict[str, Function]] = {}
    for (file, name), (numbers, entered) in _functions(places, kernel).items():
        runs = by_unit(_first(copy, ran) for copy in entered)
        early = not runs and any(address in boot for copy in entered for address in copy)
        functions.setdefault(file, {})[name] = Function(min(numbers), max(numbers), runs, early)
    workloads = {name: Workload(its.unit, its.ns) for name, its in measured.items()}
    return Cover(workloads, functions, by_line, booted)


def _counts(executed: Executed, starts: Sequence[int]) -> dict[int, int]:
    """{address: how often}, of these addresses, of those that were executed at all."""
    found: dict[int, int] = {}
    for first, last, count in executed.blocks:
        for number in range(bisect_left(starts, first), bisect_left(starts, last)):
            found[starts[number]] = found.get(starts[number], 0) + count
    return found


def _most(copy: Iterable[int], ran: Ran) -> dict[str, int]:
    """{workload: how often it executed the one of these addresses that it executed most}."""
    found: dict[str, int] = {}
    for its in (ran[address] for address in copy if address in ran):
        found.update({name: count for name, count in its.items() if count > found.get(name, 0)})
    return found


def _first(copy: Iterable[int], ran: Ran) -> dict[str, int]:
    """The same of the first one that it executed: where it got there."""
    found: dict[str, int] = {}
    for its in (ran[address] for address in copy if address in ran):
        found = {**its, **found}
    return found


def _lines(
    rows: Iterable[Row], places: Mapping[int, tuple[Frame, ...]], kernel: Symbols
) -> dict[tuple[str, int], list[list[int]]]:
    """{(file, line): addresses, by the place that they were inlined into}."""
    found: dict[tuple[str, int], dict[object, list[int]]] = {}
    for row in rows:
        copy = (whole(kernel.at(row.start)[0]), places.get(row.start, ())[1:])
        found.setdefault((row.file, row.line), {}).setdefault(copy, []).append(row.start)
    return {line: list(copies.values()) for line, copies in found.items()}


def _functions(
    places: Mapping[int, tuple[Frame, ...]], kernel: Symbols
) -> dict[tuple[str, str], tuple[set[int], list[list[int]]]]:
    """{(file, function): its lines, and its addresses in order, by the place that it was inlined into}."""
    lines: dict[tuple[str, str], set[int]] = {}
    copies: dict[tuple[str, str], dict[object, list[int]]] = {}
    for address in sorted(places):
        frames, symbol = places[address], whole(kernel.at(address)[0])
        for depth, frame in enumerate(frames):
            if frame.file and frame.line:
                key = (frame.file, frame.function)
                lines.setdefault(key, set()).add(frame.line)
                copies.setdefault(key, {}).setdefault((symbol, frames[depth + 1 :]), []).append(address)
    return {key: (lines[key], list(its.values())) for key, its in copies.items()}


def share(its: Cover, file: str) -> Share:
    """Of one file."""
    functions, lines = its.functions.get(file, {}).values(), its.lines.get(file, {})
    return Share(
        functions=len(functions),
        functions_run=sum(bool(one.runs) for one in functions),
        functions_boot=sum(one.boot for one in functions),
        lines=len(lines),
        lines_run=sum(map(bool, lines.values())),
        lines_boot=len(its.boot.get(file, ())),
    )


def holes(its: Cover, folder: str) -> Iterator[tuple[str, str, Function]]:
    """(file, name, function) of built ones that no workload runs, of files that begin with this."""
    for file in sorted(its.functions):
        if file.startswith(folder):
            rows = its.functions[file].items()
            yield from ((file, name, one) for name, one in sorted(rows, key=lambda row: row[1].first) if not one.runs)
