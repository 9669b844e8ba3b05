# SPDX-License-Identifier: GPL-2.0-or-later
"""What reports tell of instructions that hardware pays more for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from orchestrator.collectors import cost_title
from orchestrator.profile.comparison import DifferenceRow, ProfileReport, difference, profile_cell
from orchestrator.report.parts import profile_rows
from orchestrator.report.parts.costs import MEMORY_NOTE
from tests.unit.profile.conftest import BASE as KNOWN
from tests.unit.profile.conftest import account, read

BASE = {**KNOWN, "handle_mm_fault": (9000, 10)}
Costs = Mapping[str, Mapping[str, int]]
BEFORE: Costs = {"up_read": {"atomics": 2000}, "fault.isra.0": {"atomics": 1000, "barriers": 4000}}
AFTER: Costs = {"up_read": {"atomics": 1000}, "fault": {"atomics": 1000, "barriers": 4000}, "": {"tlb_flushes": 3000}}


def row(before: Costs | None = BEFORE, after: Costs | None = AFTER, slower: int = 0) -> DifferenceRow:
    one, other = (read(account("s390x", name, BASE, {})) for name in ("unpatched", "patched"))
    one = replace(one, units=1000, costs=before, code_lines=80, costs_why="" if before else "nobody knows")
    functions = {**one.functions, "up_read": (5000 + slower, 10)}
    new = replace(other, units=1000, costs=after, code_lines=78, functions=functions, total=one.total + slower)
    return difference(one, new, None)


def test_a_cell_and_a_difference_have_classes_per_unit_of_work() -> None:
    its = row()
    assert its["costs"]["atomics"] == {"base": 3, "new": 2, "change": -1}
    assert its["costs"]["tlb_flushes"] == {"base": 0, "new": 3, "change": 3}
    assert its["costs"]["code_lines"] == {"base": 80, "new": 78, "change": -2}
    functions = {f["name"]: f.get("costs") for f in its["functions"]}
    assert functions["up_read"] == {"atomics": {"base": 2, "new": 1, "change": -1}}
    assert functions["(unattributed)"] == {"tlb_flushes": {"base": 0, "new": 3, "change": 3}}
    cell = replace(read(account("s390x", "patched", BASE, {})), units=1000, costs=BEFORE, code_lines=80, costs_why="")
    assert profile_cell(cell)["costs"] == {"atomics": 3, "barriers": 4, "code_lines": 80}


def test_what_grows_although_instructions_fall_is_said() -> None:
    assert profile_rows.growing(row(slower=-1)) == (
        "Fewer instructions, but more of what costs more than an instruction: TLB flushes +3.00 a page."
    )
    assert profile_rows.growing(row(slower=1)) == "" == profile_rows.growing(row(after=BEFORE, slower=-1))


def test_the_table_names_the_functions_that_changed() -> None:
    lines = profile_rows.cost_table(row())
    assert lines == [
        "   change unpatched   patched  costs a page",
        "    -1.00      3.00      2.00  atomics: up_read -1.00",
        "        0      4.00      4.00  barriers",
        "    +3.00      0.00      3.00  TLB flushes: (unattributed) +3.00",
        "    -2.00     80.00     78.00  lines of code",
    ]
    moved = profile_rows.cost_table(row(), moved=True)
    assert moved == [line for line in lines if "barriers" not in line]
    assert profile_rows.cost_table(row(before=None)) == ["costs are not known: nobody knows"]


def test_functions_by_a_class() -> None:
    assert profile_rows.by_cost(row(), "atomics") == [
        "   change unpatched   patched  atomics by function",
        "    -1.00      2.00      1.00  up_read",
        "        0      1.00      1.00  fault",
    ]
    assert profile_rows.by_cost(row(), "atomics", 1)[-1].strip() == "1 more functions"
    assert profile_rows.by_cost(row(), "system_calls") == ["no function has any system calls"]


@pytest.mark.parametrize("cost", ["atomics", "tlb_flushes"])
def test_the_whole_text_is_sorted_by_it(cost: str) -> None:
    its = row()
    cells = [profile_cell(replace(read(account("s390x", k, BASE, {})), units=1000)) for k in ("unpatched", "patched")]
    text = profile_rows.profile_text({"schema": 1, "cells": cells, "differences": [its]}, 5, cost)
    assert f"{cost_title(cost)} by function" in text and "calls        function" not in text
    assert max(map(len, text.partition("\nunpatched: account")[0].splitlines())) <= profile_rows.WIDTH


MEMORY: Costs = {"up_read": {"atomics": 2000, "loads": 9000, "data_lines": 3000}, "fault": {"stores": 1000}}


def test_a_profile_that_was_asked_tells_what_is_loaded_and_stored() -> None:
    one, other = (read(account("s390x", name, BASE, {})) for name in ("unpatched", "patched"))
    functions = {**one.functions, "up_read": (5000, 10)}
    known = {
        "units": 1000,
        "functions": functions,
        "code_lines": 80,
        "costs_why": "",
        "data_lines_median": 7,
        "unseen": ("lacks 2 mvc",),
    }
    before = replace(one, costs=MEMORY, **known)
    after = replace(other, costs={**MEMORY, "up_read": {"atomics": 2000, "loads": 8000, "data_lines": 4000}}, **known)
    its = difference(before, after, None)
    assert profile_rows.cost_table(its) == [
        "   change unpatched   patched  costs a page",
        "        0      2.00      2.00  atomics",
        "        0     80.00     80.00  lines of code",
        "    -1.00      9.00      8.00  loads: up_read -1.00",
        "        0      1.00      1.00  stores",
        "    +1.00      3.00      4.00  lines touched: up_read +1.00",
        "        0      7.00      7.00  lines touched, median",
    ]
    report = ProfileReport(schema=1, cells=[profile_cell(before), profile_cell(after)], differences=[its])
    told = profile_rows.profile_text(report)
    assert MEMORY_NOTE in told and told.count("lacks 2 mvc") == 2
    assert MEMORY_NOTE not in profile_rows.note(ProfileReport(schema=1, cells=[], differences=[]))


def test_why_it_is_not_known_is_said() -> None:
    cell = replace(read(account("s390x", "patched", BASE, {})), memory_why="QEMU did not start")
    told = profile_cell(cell)
    assert told["memory_why"] == "QEMU did not start" and "unseen" not in told
