# SPDX-License-Identifier: GPL-2.0-or-later
"""What two kernels differ by before anything runs."""

from __future__ import annotations

from typing import Any

from orchestrator.analyse import static
from orchestrator.analyse.contract import PairRow, StaticRow
from orchestrator.analyse.slice import sliced
from orchestrator.analyse.static import Evidence
from orchestrator.profile.objects import Frame, Layout, Told, Warned
from tests.unit.conftest import good

PAIR = PairRow(arch="s390x", base="unpatched", new="patched")


def row(kind: str, function: str, base: int | None, new: int | None, **more: str) -> StaticRow:
    made: Any = {**PAIR, "kind": kind, "function": function, "base_value": base, "new_value": new, **more}
    return made


def found(base: Evidence, new: Evidence, *words: str) -> list[StaticRow]:
    return static.rows(PAIR, base, new, words)


def told(**parts: Any) -> Evidence:
    return Evidence({}, {}, Told(**parts))


def test_functions_and_sections_that_differ_the_largest_first() -> None:
    base = Evidence({"same": 8, "grows": 212, "gone": 30, "shrinks": 50}, {".text": 4096, ".bss": 64})
    new = Evidence({"same": 8, "grows": 220, "came": 40, "shrinks": 10}, {".text": 4104, ".bss": 64})
    assert found(base, new) == [
        row("size", "came", None, 40),
        row("size", "shrinks", 50, 10),
        row("size", "gone", 30, None),
        row("size", "grows", 212, 220),
        row("section", ".text", 4096, 4104),
    ]
    assert found(base, base) == []


def test_a_thousand_rows_and_the_sum_of_the_others() -> None:
    base = Evidence({f"f{i}": 100 for i in range(1500)}, {})
    new = Evidence({f"f{i}": 100 + i for i in range(1500)}, {})
    rows = found(base, new)
    assert len(rows) == static.MOST and sum(map(static.change, rows)) == sum(range(1500))
    assert rows[0]["function"] == "f1499" and rows[-1]["function"] == static.OTHERS and rows[-1]["text"] == "500 more"


def test_frames() -> None:
    base = [Frame("a.c", "f", 80, "static"), Frame("a.c", "g", 16, "static"), Frame("b.c", "g", 16, "static")]
    new = [Frame("a.c", "f", 592, "static"), Frame("a.c", "g", 16, "static"), Frame("b.c", "g", 24, "static")]
    more = [*new, Frame("c.c", "h", 8, "dynamic, bounded")]
    assert found(told(frames=base), told(frames=more)) == [
        row("stack", "f", 80, 592, file="a.c"),
        row("stack", "g (b.c)", 16, 24, file="b.c"),
        row("stack", "h", None, 8, text="static to dynamic, bounded", file="c.c"),
    ]
    dynamic = [Frame("a.c", "f", 80, "dynamic"), *base[1:]]
    assert found(told(frames=base), told(frames=dynamic)) == [
        row("stack", "f", 80, 80, text="static to dynamic", file="a.c")
    ]


def layouts(**structs: tuple[Layout, ...]) -> Evidence:
    return told(layouts={f"struct {name}": its for name, its in structs.items()})


def test_a_struct_that_grows_and_what_came_into_it() -> None:
    base = layouts(a=(Layout(16, {"x": 0, "old": 64}),), b=(Layout(8, {}),))
    new = layouts(a=(Layout(24, {"x": 0, "pad": 64, "y": 128}),), b=(Layout(8, {}),))
    assert found(base, new) == [row("layout", "struct a", 16, 24, text="with pad, y; without old")]


def test_a_struct_that_stays_as_large_and_what_moved_in_it() -> None:
    base = layouts(a=(Layout(16, {"x": 0, "y": 64, "bit": 96}),))
    new = layouts(a=(Layout(16, {"y": 0, "x": 64, "bit": 97}),))
    assert found(base, new) == [
        row("layout", "struct a.x", 0, 8),
        row("layout", "struct a.y", 8, 0),
        row("layout", "struct a.bit", 12, 12, text="bit 0 to bit 1"),
    ]
    assert found(base, layouts(a=(Layout(16, {"x": 0, "y": 64, "bit": 96, "in_a_hole": 104}),))) == [
        row("layout", "struct a", 16, 16, text="with in_a_hole")
    ]


def test_a_struct_of_one_side_counts_if_the_change_names_it() -> None:
    """Else it came with another header."""
    base, new = layouts(a=(Layout(8, {}),)), layouts(a=(Layout(8, {}),), b=(Layout(4, {}),))
    assert found(base, new) == []
    assert found(base, new, "b") == [row("layout", "struct b", None, 4)]
    assert found(new, base, "b") == [row("layout", "struct b", 4, None)]


def test_structs_of_the_same_name_are_compared_in_order() -> None:
    one, two = Layout(8, {"x": 0}), Layout(4, {"y": 0})
    assert found(layouts(a=(one, two)), layouts(a=(one, Layout(8, {"y": 0, "z": 32})))) == [
        row("layout", "struct a", 4, 8, text="with z")
    ]


def test_without_pahole_there_are_no_layouts() -> None:
    assert found(told(layouts=None), layouts(a=(Layout(8, {}),))) == []


def test_warnings_that_are_new_wherever_their_lines_are() -> None:
    old, moved = Warned("a.c", 10, "unused x"), Warned("a.c", 12, "unused x")
    assert found(told(warnings=[old]), told(warnings=[moved])) == []
    again, linked = Warned("a.c", 30, "unused x"), Warned("a.o", 0, "objtool: foo()")
    rows = found(told(warnings=[old]), told(warnings=[moved, again, linked]))
    assert rows == [
        row("warning", "a.c:30", None, None, text="unused x"),
        row("warning", "a.o", None, None, text="objtool: foo()"),
    ]
    assert static.warnings({**good(), "static": rows}) == rows and not static.warnings(good())


def test_a_part_of_a_report_has_its_own_rows() -> None:
    whole = {**good(), "static": [row("size", "f", 1, 2)], "static_left_out": [{**PAIR, "why": "no pahole"}]}
    assert len(sliced(whole, ["s390x"])["static"]) == len(sliced(whole, ["s390x"])["static_left_out"]) == 1
    assert sliced(whole, ["aarch64"])["static"] == sliced(whole, ["aarch64"])["static_left_out"] == []
