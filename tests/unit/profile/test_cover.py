# SPDX-License-Identifier: GPL-2.0-or-later
"""What a library runs of a kernel: by line and function, however often the compiler has put a line."""

from __future__ import annotations

import pytest

from orchestrator.profile.cover import Cover, Measured, Share, asked, cover, holes, share
from orchestrator.profile.line_table import Executed, all_rows
from orchestrator.profile.lines import Frame
from orchestrator.profile.symbols import in_order

KERNEL = in_order(
    [(0x100, 0x120, "fault"), (0x120, 0x140, "other"), (0x140, 0x150, "setup"), (0x900, 0x910, "early")]
)
TABLE = """Contents of the .debug_line section:

CU: ./mm/memory.c:
File name                            Line number    Starting address    View    Stmt
memory.c                                      10               0x100               x
memory.c                                      11               0x108               x
memory.c                                       -               0x110

./include/linux/mm.h:
mm.h                                          77               0x110               x
mm.h                                          77               0x130               x

./mm/memory.c:
memory.c                                      12               0x118               x
memory.c                                      20               0x120               x
memory.c                                      30               0x140               x
memory.c                                      40               0x900               x
"""
PLACES = {
    0x100: (Frame("fault", "mm/memory.c", 10),),
    0x108: (Frame("fault", "mm/memory.c", 11),),
    0x110: (Frame("help", "include/linux/mm.h", 77), Frame("fault", "mm/memory.c", 11)),
    0x118: (Frame("fault", "mm/memory.c", 12),),
    0x120: (Frame("other", "mm/memory.c", 20),),
    0x130: (Frame("help", "include/linux/mm.h", 77), Frame("other", "mm/memory.c", 21)),
    0x140: (Frame("setup", "mm/memory.c", 30),),
}
WRITE = Measured(Executed.of([(0x100, 0x118, 200), (0x110, 0x118, 600)]), 100, "page", 5000.0)
OTHER = Measured(Executed.of([(0x120, 0x140, 50)]), 10, "call", 100.0)
BEFORE = Executed.of([(0x100, 0x150, 1)])


@pytest.fixture(scope="module")
def made() -> Cover:
    measured = {"write": WRITE, "other": OTHER}
    rows, addresses = asked(all_rows(TABLE), "mm/", [its.executed for its in measured.values()], (0x900, 0xA00))
    assert addresses == sorted(PLACES)
    return cover(rows, PLACES, KERNEL, measured, BEFORE)


def test_lines_count_per_unit(made: Cover) -> None:
    assert made.of_line("mm/memory.c", 10) == {"write": 2.0}
    assert made.of_line("mm/memory.c", 20) == {"other": 5.0}


def test_what_is_inlined_in_two_places_is_added_up(made: Cover) -> None:
    assert made.of_line("include/linux/mm.h", 77) == {"write": 8.0, "other": 5.0}
    assert made.named("help") == {"include/linux/mm.h": made.functions["include/linux/mm.h"]["help"]}
    assert made.functions["include/linux/mm.h"]["help"].runs == {"write": 8.0, "other": 5.0}


def test_a_function_is_entered_where_it_begins(made: Cover) -> None:
    its = made.functions["mm/memory.c"]["fault"]
    assert (its.first, its.last, its.runs, its.boot) == (10, 12, {"write": 2.0}, False)


def test_what_only_ran_before_counted_passes_is_told_apart(made: Cover) -> None:
    assert made.functions["mm/memory.c"]["setup"].boot and made.boot["mm/memory.c"] == {12, 30}
    assert list(holes(made, "mm/")) == [("mm/memory.c", "setup", made.functions["mm/memory.c"]["setup"])]


def test_what_is_thrown_away_after_boot_is_no_part_of_it(made: Cover) -> None:
    assert "early" not in made.functions["mm/memory.c"] and 40 not in made.lines["mm/memory.c"]


def test_shares_add_up(made: Cover) -> None:
    one = share(made, "mm/memory.c")
    assert one == Share(3, 2, 1, 5, 3, 2)
    assert one + one == Share(6, 4, 2, 10, 6, 4)
