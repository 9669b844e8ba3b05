# SPDX-License-Identifier: GPL-2.0-or-later
"""The account of a cell: by function, line of source and call path, as the cell's folder keeps it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

OLDER = "an older kmatrix made the account"  # why it has no lines, paths or costs
SCHEMA = 1

# {file: {line: (own, whole)}}: instructions made of the line, without and with what was inlined there
LineCounts = Mapping[str, Mapping[int, tuple[int, int]]]
LineCosts = Mapping[str, Mapping[int, Mapping[str, int]]]  # {file: {line: {class: executions, inlined ones too}}}


@dataclass(frozen=True)
class CellAccount:
    """A cell's profiled pass, of the whole region: nothing is per unit of work. The file cells/ID/profile.json.

    clock_*: a pass in instructions, by the instruction clock; None where the workload measures no time. seconds_*: of
    QEMU's CPU, unprofiled for all its counted passes together. lines, paths and costs are None where they are not
    known, and *_why says why.
    """

    id: str
    arch: str
    kernel: str
    workload: str
    unit: str
    units: int
    total: int
    clock_profiled: float | None
    clock_unprofiled: float | None
    seconds_profiled: float
    seconds_unprofiled: float
    passes_unprofiled: int
    counters: int  # of the plugin
    interrupts: int
    interrupt_count: int
    unattributed: int
    functions: Mapping[str, tuple[int, int]]  # instructions, calls
    absent: tuple[str, ...] = ()  # functions of which calls are expected, and which this kernel does not have
    lines: LineCounts | None = None
    lines_why: str = ""
    unlined: int = 0  # instructions without a line
    source_functions: tuple[tuple[str, str, int], ...] = ()  # name, file, instructions wherever it was inlined
    paths: tuple[tuple[int, str, int], ...] | None = None  # see paths.Paths.nodes
    paths_why: str = ""
    costs: Mapping[str, Mapping[str, int]] | None = None  # {function: {class: executions}}, see costs.Told
    code_lines: int = 0
    costs_why: str = ""
    line_costs: LineCosts | None = None
    data_lines_median: int | None = None  # None: nobody asked what is loaded and stored, or memory_why
    memory_why: str = ""
    unseen: tuple[str, ...] = ()  # what a reader must know of that

    def _to_json(self) -> dict[str, Any]:
        """Plain values, in the file's order."""
        data = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.lines is None:
            del data["unlined"], data["source_functions"]
        if self.costs is None:
            del data["costs"], data["code_lines"]
        if self.line_costs is None:
            del data["line_costs"]
        if self.costs_why in ("", OLDER):
            del data["costs_why"]
        if self.data_lines_median is None:
            del data["data_lines_median"], data["unseen"]
        if not self.memory_why:
            del data["memory_why"]
        return {"schema": SCHEMA, **data}

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> CellAccount:
        """Of this or an earlier kmatrix, whose accounts had no lines, paths or absent functions."""
        named = {field.name: data[field.name] for field in fields(cls) if field.name in data}
        lines, paths = data.get("lines"), data.get("paths")
        named |= {
            "functions": {name: (row[0], row[1]) for name, row in data["functions"].items()},
            "absent": tuple(data.get("absent", ())),
            "lines": None if lines is None else _line_counts(lines),
            "lines_why": data.get("lines_why") or (OLDER if lines is None else ""),
            "source_functions": tuple((row[0], row[1], row[2]) for row in data.get("source_functions", ())),
            "paths": None if paths is None else tuple((row[0], row[1], row[2]) for row in paths),
            "paths_why": data.get("paths_why") or (OLDER if paths is None else ""),
            "unseen": tuple(data.get("unseen", ())),
            "line_costs": _line_costs(data.get("line_costs")),
            "costs_why": data.get("costs_why") or (OLDER if data.get("costs") is None else ""),
        }
        return cls(**named)


def _line_costs(table: Mapping[str, Mapping[str, Mapping[str, int]]] | None) -> LineCosts | None:
    if table is None:
        return None
    return {file: {int(line): costs for line, costs in rows.items()} for file, rows in table.items()}


def _line_counts(table: Mapping[str, Mapping[str, list[int]]]) -> LineCounts:
    return {file: {int(line): (pair[0], pair[1]) for line, pair in rows.items()} for file, rows in table.items()}
