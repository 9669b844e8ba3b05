# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a line's instructions are, and how often it ran. The excerpt: fixup_user_fault() of an aarch64 6.1."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.profile.line_table import (
    Executed,
    Row,
    Span,
    asked,
    calls,
    executions,
    parse_table,
    spans,
    unseen,
)
from orchestrator.profile.lines import Frame, parse_places
from orchestrator.profile.symbols import Symbols

EXCERPTS = Path(__file__).parent / "excerpts"
FIRST, END = 0xFFFF80000825C550, 0xFFFF80000825C6D4
KERNEL = Symbols((FIRST - 64, FIRST, END), (FIRST, END, END + 8), ("before", "fixup_user_fault", "behind"))
TEXT = (EXCERPTS / "fixup_user_fault.table").read_text()
PLACES = parse_places((EXCERPTS / "fixup_user_fault.places").read_text())


def test_rows_end_where_the_next_row_of_any_file_begins() -> None:
    table = parse_table(TEXT, ["mm/gup.c"])
    rows = {(row.line, row.start): row for row in table.rows}
    assert rows[1391, 0xFFFF80000825C684].end == 0xFFFF80000825C68C
    assert rows[1392, 0xFFFF80000825C68C].end == 0xFFFF80000825C694  # of mm.h
    assert {row.file for row in table.rows} == {"mm/gup.c"}
    assert 0xFFFF80000825C694 in table.starts and list(table.starts) == sorted(table.starts)
    assert not any(row.line == 0 for row in table.rows)


def test_two_lines_may_share_an_instruction_and_a_sequence_ends() -> None:
    text = "CU: ./a.c:\na.c 5 0x10 x\na.c 6 0x10 1 x\n\n./a.c:\na.c 7 0x14 x\na.c - 0x18\n\nCU: ./b.c:\nb.c 1 0x4 x\n"
    found = parse_table(text, ["a.c", "b.c"])
    assert found.rows == (
        Row("a.c", 5, 0x10, 0x14), Row("a.c", 6, 0x10, 0x14), Row("a.c", 7, 0x14, 0x18), Row("b.c", 1, 4, 4),
    )  # fmt: skip
    assert found.starts == [4, 0x10, 0x14]


def test_what_is_asked_is_the_functions_that_have_the_lines() -> None:
    table = parse_table(TEXT, ["mm/gup.c"])
    assert asked(table, {"mm/gup.c": [(1390, 1390)]}, KERNEL) == []  # no instruction of its own
    found = asked(table, {"mm/gup.c": [(1358, 1412)]}, KERNEL)
    assert set(found) == set(PLACES) and min(found) >= FIRST and max(found) < END


def test_a_line_has_its_own_instructions_or_those_of_what_it_calls() -> None:
    found = spans(parse_table(TEXT, ["mm/gup.c"]), PLACES, KERNEL)
    assert {span.own for span in found.of("mm/gup.c", 1391)} == {True}
    called = found.of("mm/gup.c", 1390)  # mmap_read_lock(mm), inlined: nothing is left of the line itself
    assert called and {span.own for span in called} == {False}
    assert not found.of("mm/gup.c", 1385) and not found.of("mm/memory.c", 1390)


def test_an_inlined_line_has_a_copy_for_each_place_that_it_was_inlined_at() -> None:
    table = parse_table(TEXT, ["include/linux/mmap_lock.h"])
    found = spans(table, PLACES, KERNEL).of("include/linux/mmap_lock.h", 117)
    assert len({span.copy for span in found}) == 2  # by lines 1390 and 1404
    split = Symbols((FIRST, FIRST + 0xF0), (FIRST + 0xF0, END), ("fixup_user_fault", "fixup_user_fault.cold"))
    assert len({span.copy for span in spans(table, PLACES, split).of("include/linux/mmap_lock.h", 117)}) == 2


INFO = """\
 <2><83e>: Abbrev Number: 14 (DW_TAG_inlined_subroutine)
    <83f>   DW_AT_abstract_origin: (ref4) <0x888>
    <843>   DW_AT_entry_pc    : (addr) 0xffff80000825c678
    <84b>   DW_AT_ranges      : (sec_offset) 0x2f0
    <84f>   DW_AT_call_file   : (data1) 4
    <850>   DW_AT_call_line   : (data2) 1390
    <852>   DW_AT_call_column : (data1) 2
 <2><8b0>: Abbrev Number: 4 (DW_TAG_inlined_subroutine)
    <8b1>   DW_AT_abstract_origin: <0x19f0>
    <8b5>   DW_AT_low_pc      : 0xffff80000888022c
    <8c5>   DW_AT_call_file   : 4
    <8c6>   DW_AT_call_line   : 13
 <2><8c9>: Abbrev Number: 0
"""


def test_a_function_that_is_nothing_but_inlined_calls_is_found_by_these() -> None:
    assert calls(INFO, [(1385, 1391)]) == [0xFFFF80000825C678] and calls(INFO, [(13, 13)]) == [0xFFFF80000888022C]
    assert calls(INFO, [(139, 139)]) == calls(INFO, []) == []
    table = parse_table(TEXT, ["mm/gup.c"])
    assert unseen(table, {"mm/gup.c": [(1390, 1390), (1391, 1391)], "mm/other.h": [(3, 9)]}) == [(1390, 1390), (3, 9)]
    assert unseen(table, {"mm/gup.c": [(1390, 1390), (1358, 1411)]}) == []  # its function is known by others
    assert asked(table, {"mm/gup.c": [(1390, 1390)]}, KERNEL, [0xFFFF80000825C678]) == sorted(PLACES)


def counted(*counts: tuple[int, int]) -> Executed:
    """Of single instructions of 4 bytes."""
    return Executed.of((address, address + 4, count) for address, count in counts)


def test_a_line_ran_as_often_as_the_instruction_of_it_that_ran_most() -> None:
    one = [Span(0, 8, 1, True), Span(20, 24, 1, True)]
    assert executions(one, counted((0, 10), (4, 10), (8, 99), (20, 11))) == 11
    assert executions(one, counted((8, 99))) == 0
    assert executions([], counted((8, 99))) == 0


def test_copies_of_a_line_are_added_up() -> None:
    two = [Span(0, 8, 1, True), Span(40, 48, 2, True), Span(48, 52, 2, True)]
    assert executions(two, counted((0, 10), (4, 10), (40, 3), (48, 5))) == 15


def test_an_inlined_call_ran_as_often_as_it_was_entered() -> None:
    called = [Span(8, 12, 1, False), Span(0, 4, 1, False), Span(12, 16, 1, False)]
    assert executions(called, counted((0, 2), (8, 500), (12, 2))) == 2
    assert executions(called, counted((8, 500))) == 500  # its first instructions are another line's by now


@pytest.mark.parametrize(
    ("start", "end", "count"), [(0, 4, 5), (4, 8, 12), (6, 8, 12), (8, 16, 7), (16, 20, 0), (0, 100, 12)]
)
def test_blocks_may_overlap(start: int, end: int, count: int) -> None:
    executed = Executed.of([(4, 16, 7), (0, 8, 5), (30, 40, 0)])
    assert executed.most(start, end) == count


def test_the_frames_of_the_excerpt_are_what_the_compiler_says() -> None:
    frames = PLACES[0xFFFF80000825C678]
    assert frames == (
        Frame("mmap_read_lock", "include/linux/mmap_lock.h", 117), Frame("fixup_user_fault", "mm/gup.c", 1390),
    )  # fmt: skip
