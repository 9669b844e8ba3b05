# SPDX-License-Identifier: GPL-2.0-or-later
"""The file of a cell's account: what is written is read back, with what earlier ones did not have."""

from __future__ import annotations

import json
from dataclasses import replace

from orchestrator.profile.cell_account import OLDER, CellAccount
from tests.unit.profile.conftest import BASE, account, raw, read

KEYS = [
    "schema", "id", "arch", "kernel", "workload", "unit", "units", "total", "clock_profiled", "clock_unprofiled",
    "seconds_profiled", "seconds_unprofiled", "passes_unprofiled", "counters", "interrupts", "interrupt_count",
    "unattributed", "functions", "absent", "lines", "lines_why", "unlined", "source_functions", "paths", "paths_why",
]  # fmt: skip


def written(made: CellAccount) -> str:
    return json.dumps(made._to_json())


def test_what_is_written_is_read_back() -> None:
    whole = replace(
        read(account("s390x", "patched", {**BASE, "handle_mm_fault": (9, 1)}, {"99": [1, 2]})), absent=("gone",)
    )
    assert whole.lines == {"mm/memory.c": {99: (1, 2)}} and whole.paths and whole.functions["fault"] == BASE["fault"]
    assert CellAccount._from_json(json.loads(written(whole))) == whole
    assert list(json.loads(written(whole))) == KEYS
    costly = replace(whole, costs={"fault": {"atomics": 3}}, code_lines=7, costs_why="")
    assert CellAccount._from_json(json.loads(written(costly))) == costly
    assert list(json.loads(written(costly))) == [*KEYS, "costs", "code_lines"]
    asked = replace(costly, data_lines_median=7, unseen=("lacks mvc",))
    assert CellAccount._from_json(json.loads(written(asked))) == asked
    unasked = replace(costly, memory_why="QEMU did not start")
    assert CellAccount._from_json(json.loads(written(unasked))) == unasked
    unknown = replace(whole, costs_why="s390x has no costs in arches/")
    assert CellAccount._from_json(json.loads(written(unknown))) == unknown


def test_the_file_is_as_it_always_was() -> None:
    data = {**account("s390x", "patched", {**BASE, "handle_mm_fault": (9, 1)}, {"99": [1, 2]}), "absent": []}
    assert json.loads(written(read(data))) == data
    pathless = {key: value for key, value in data.items() if key not in ("unlined", "source_functions")}
    pathless |= {"lines": None, "lines_why": "no debug information", "paths": None, "paths_why": "they are off"}
    assert json.loads(written(read(pathless))) == pathless


def test_an_older_account_says_why_it_has_no_lines_or_paths() -> None:
    older = read(raw("patched", BASE))
    assert (older.lines, older.lines_why, older.paths, older.paths_why) == (None, OLDER, None, OLDER)
    assert (older.costs, older.costs_why) == (None, OLDER)
    assert older.absent == () and older.total == raw("patched", BASE)["total"]
