# SPDX-License-Identifier: GPL-2.0-or-later
"""Of a change: which of its lines ran. The excerpt: fixup_user_fault() of an aarch64 6.1, as the compiler made it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from orchestrator.model import Reach, Side
from orchestrator.profile.line_table import Executed, Span, Spans, parse_table, spans
from orchestrator.profile.lines import parse_places
from orchestrator.profile.reach import Change, ChangedLine, Measured, Ran, Reached, change, reach, read
from orchestrator.profile.symbols import Symbols

EXCERPTS = Path(__file__).parent / "excerpts"
ABOVE = 1356  # lines of mm/gup.c before the excerpt
NEW = "\n" * ABOVE + (EXCERPTS / "gup.c").read_text()
ROWS = NEW.splitlines(keepends=True)
BASE = "".join(ROWS[:1383] + ROWS[1394:])  # without "if (ret & VM_FAULT_COMPLETED)" and its block
FIRST, END = 0xFFFF80000825C550, 0xFFFF80000825C6D4
KERNEL = Symbols((FIRST,), (END,), ("fixup_user_fault",))
SPANS = spans(
    parse_table((EXCERPTS / "fixup_user_fault.table").read_text(), ["mm/gup.c"]),
    parse_places((EXCERPTS / "fixup_user_fault.places").read_text()),
    KERNEL,
)
ENTERED = (FIRST, 0xFFFF80000825C5E8, 2000)  # up to line 1384, and not behind it
COMPLETED = (0xFFFF80000825C66C + 8, 0xFFFF80000825C694, 2000)  # lines 1390 to 1392


def diff(file: str, base: str, new: str) -> str:
    sides = base.splitlines(keepends=True), new.splitlines(keepends=True)
    return "".join(difflib.unified_diff(*sides, f"a/{file}", f"b/{file}"))


def of(base: str, new: str, file: str = "mm/gup.c") -> Change:
    return change(diff(file, base, new), {file: base}, {file: new})


def ran(*blocks: tuple[int, int, int], units: int = 1000) -> Ran:
    return Ran(Executed.of(blocks), units)


def told(its: Change, kernel: Measured, base: Measured | None = None) -> dict[int, Reached]:
    """By line; removed ones by their negative number."""
    rows = reach(its, {Side.ADDED: kernel, Side.REMOVED: base or Measured(Spans(), {})})
    return {row.line.line * (1 if row.line.side is Side.ADDED else -1): row for row in rows}


def states(rows: Mapping[int, Reached], lines: Iterable[int]) -> list[str]:
    return [rows[line].state.value for line in lines]


def test_each_changed_line_is_of_the_kernel_that_has_it() -> None:
    its = change(
        diff("mm/a.c", "int a;\nint b;\n", "int a;\nint c;\n") + diff("Kconfig", "x\n", "y\n"),
        {"mm/a.c": "int a;\nint b;\n", "Kconfig": "x\n"}, {"mm/a.c": "int a;\nint c;\n", "Kconfig": "y\n"},
    )  # fmt: skip
    assert its.lines == (
        ChangedLine("mm/a.c", 2, Side.REMOVED, "int b;"), ChangedLine("mm/a.c", 2, Side.ADDED, "int c;"),
        ChangedLine("Kconfig", 1, Side.REMOVED, "x"), ChangedLine("Kconfig", 1, Side.ADDED, "y"),
    )  # fmt: skip
    assert {side: set(files) for side, files in its.sources.items()} == {side: {"mm/a.c"} for side in Side}


def test_a_fault_that_is_completed_runs_all_of_the_new_block() -> None:
    rows = told(of(BASE, NEW), Measured(SPANS, {"futex-fault": ran(ENTERED, COMPLETED), "gup": ran(units=4)}))
    assert sorted(rows) == list(range(1384, 1395))
    assert states(rows, range(1384, 1395)) == ["ran", *["not_code"] * 5, "ran", "ran", "ran", "not_code", "not_code"]
    assert all(rows[line].workloads == {"futex-fault": 2.0} for line in (1384, 1390, 1391, 1392))


def test_of_a_block_that_is_not_taken_only_the_condition_runs() -> None:
    rows = told(of(BASE, NEW), Measured(SPANS, {"gup": ran((FIRST, 0xFFFF80000825C600, 500))}))
    assert states(rows, (1384, 1390, 1391, 1392)) == ["ran", "not_run", "not_run", "not_run"]
    assert rows[1384].workloads == {"gup": 0.5} and not rows[1390].workloads


def test_what_ran_only_before_the_counted_passes_ran_at_boot() -> None:
    boot = Executed.of([(*ENTERED[:2], 1)])
    rows = told(of(BASE, NEW), Measured(SPANS, {"gup": ran()}, boot))
    assert states(rows, (1384, 1390)) == ["boot_only", "not_run"]


def test_removed_lines_are_told_by_the_base() -> None:
    kernel = Measured(SPANS, {"gup": ran(ENTERED)})
    rows = told(of(NEW, BASE), Measured(Spans(), {}), kernel)
    assert states(rows, (-1384, -1390)) == ["ran", "not_run"]


def test_what_is_not_built_says_which_option_it_needs() -> None:
    def lacks(file: str, line: int) -> str | None:
        return {1390: "CONFIG_MORE", 1391: ""}.get(line)

    rows = told(of(BASE, NEW), Measured(SPANS, {"gup": ran(COMPLETED)}, lacks=lacks))
    assert [rows[line].option for line in (1390, 1391, 1392)] == ["CONFIG_MORE", None, None]
    assert states(rows, (1385, 1390, 1391, 1392)) == ["not_code", "not_built", "not_built", "ran"]


def test_of_what_is_not_built_nobody_knows_what_a_compiler_would_make() -> None:
    """Not even whether it is a declaration: this does not compile at all;"""
    rows = told(of("int f(void)\n{\n}\n", "int f(void)\n{\n\tthis does not compile;\n\n}\n"), Measured(
        Spans(), {}, lacks=lambda *_: "CONFIG_SWAP"
    ))  # fmt: skip
    assert states(rows, (3, 4)) == ["not_built", "not_code"] and rows[3].option == "CONFIG_SWAP"


def test_a_function_that_the_kernel_has_nothing_of_is_not_built() -> None:
    """Of a file that is not compiled, of another architecture, or of an inline function that nobody calls."""
    rows = told(of(BASE, NEW), Measured(Spans(), {"gup": ran(COMPLETED)}))
    assert states(rows, (1384, 1385, 1390)) == ["not_built", "not_code", "not_built"]


def test_declarations_outside_of_functions_are_no_code_wherever_they_are() -> None:
    text = "struct a {\n\tint b;\n};\nint f(int x);\n#define LIMIT 3\nstatic int limit = 4;\n"
    rows = told(of("", text, "include/linux/a.h"), Measured(Spans(), {}))
    assert set(states(rows, range(1, 7))) == {"not_code"}


@pytest.mark.parametrize("file", ["Documentation/mm/a.rst", "mm/Kconfig", "mm/Makefile", "scripts/a.py"])
def test_files_that_hold_no_code(file: str) -> None:
    assert read(file, "x\n") is None
    assert states(told(of("x();\n", "y();\n", file), Measured(Spans(), {})), (1,)) == ["not_code"]


SMALL = """\
int f(int a, int *b)
{
	int i;

	if (a &
	    4)
		return 0;
	*b = 1;
	if (a & 8) {
		first(a,
		      b);
		*b = 2;
		goto out;
	}
	MAYBE(b);
out:
	return a;
}
"""


def small(lines: Mapping[int, tuple[int, int]], blocks: Mapping[int, int]) -> dict[int, Reached]:
    """lines: (first, end) address of their instructions; blocks: {address: how often 4 bytes from there ran}."""
    made = {line: (Span(start, end, 0, own=True),) for line, (start, end) in lines.items()}
    executed = ran(*((address, address + 4, count) for address, count in blocks.items()), units=1)
    kernel = Measured(Spans({"mm/f.c": made}), {"w": executed})
    return told(of("", SMALL, "mm/f.c"), kernel)


def count(row: Reached) -> float:
    return row.workloads.get("w", 0.0)


def test_a_line_without_instructions_is_part_of_its_statement() -> None:
    rows = small({1: (0, 4), 6: (4, 8), 10: (12, 16)}, {0: 9, 4: 9, 12: 2})
    assert count(rows[5]) == count(rows[6]) == 9 and count(rows[11]) == 2
    assert rows[3].state is Reach.NOT_CODE  # a declaration


def test_a_jump_right_behind_its_head_ran_as_often_as_what_follows_the_head_did_not() -> None:
    """return 0 is no instruction: the branch goes to the function's end."""
    taken = small({1: (0, 4), 6: (4, 8), 8: (8, 12)}, {0: 9, 4: 9, 8: 2})
    assert count(taken[7]) == 7
    never = small({1: (0, 4), 6: (4, 8), 8: (8, 12)}, {0: 9, 4: 9, 8: 9})
    assert never[7].state is Reach.NOT_RUN


def test_what_was_merged_with_others_is_told_by_what_is_around_it() -> None:
    rows = small({1: (0, 4), 5: (4, 8), 9: (8, 12), 10: (12, 16)}, {0: 9, 4: 9, 8: 5, 12: 2})
    assert count(rows[8]) == 5  # the next statement comes for sure
    assert count(rows[12]) == 2 and count(rows[13]) == 2  # the one before came for sure
    assert rows[12].state is Reach.RAN and count(rows[15]) == 5  # at least not more often than that
    nothing = small({1: (0, 4), 17: (4, 8)}, {0: 9, 4: 9})
    assert nothing[8].state is Reach.NOT_CODE  # the compiler made nothing of it, nor of what is around it


def test_a_function_s_one_end_is_not_each_of_its_returns() -> None:
    """The instructions of goto are those of all that goes there; nothing came from here."""
    rows = small({1: (0, 4), 9: (4, 8), 12: (8, 12), 13: (12, 16)}, {0: 9, 4: 9, 12: 9})
    assert rows[12].state is rows[13].state is Reach.NOT_RUN
    rows = small({1: (0, 4), 9: (4, 8), 12: (8, 12), 13: (12, 16)}, {0: 9, 4: 9, 8: 2, 12: 9})
    assert count(rows[12]) == count(rows[13]) == 2


LEFT_OUT = """\
int f(int a)
{
	first(a);
	if (IS_ENABLED(CONFIG_X)) {
		second(a);
		third(a);
	}
	if (IS_ENABLED(CONFIG_Y))
		fourth(a);
	else
		fifth(a);
	if (stub(a) && a > 3) {
		sixth(a);
		a = 2;
	}
	if (!IS_ENABLED(CONFIG_Z))
		return 0;
	seventh(a);
	return eighth(a);
}
"""


def test_what_a_condition_leaves_out_that_the_compiler_knows_did_not_run() -> None:
    """No preprocessor sees it: the compiler drops the block, and what is behind a return that always comes."""
    made = {line: (Span(4 * line, 4 * line + 4, 0, own=True),) for line in (1, 3, 11, 12, 20)}
    everything = ran((0, 400, 9), units=1)
    rows = told(of("", LEFT_OUT, "mm/f.c"), Measured(Spans({"mm/f.c": made}), {"w": everything}))
    assert states(rows, (1, 3, 8, 11, 12)) == ["ran"] * 5
    assert states(rows, (4, 5, 6, 9, 13, 16, 18, 19)) == ["not_code"] * 8
    assert count(rows[14]) == 9  # what only assigns may be part of the comparison: nobody can tell


def test_what_was_merged_with_its_head_ran_when_the_other_branch_did_not() -> None:
    text = "int f(int a)\n{\n\tif (a) {\n\t\tg(a);\n\t} else {\n\t\tb = 1;\n\t}\n\treturn b;\n}\n"

    def other(count: int) -> Reached:
        made = {line: (Span(4 * line, 4 * line + 4, 0, own=True),) for line in (1, 3, 4, 8)}
        counts = ran((4, 8, 9), (12, 16, 9), (16, 20, count), (32, 36, 9), units=1)
        return told(of("", text, "mm/f.c"), Measured(Spans({"mm/f.c": made}), {"w": counts}))[6]

    assert other(9).state is Reach.NOT_RUN and count(other(7)) == 2


def test_a_macro_has_what_it_is_used_in() -> None:
    text = "#define ADD(x) do { \\\n\t(x)++; \\\n} while (0)\n" + SMALL.replace("MAYBE", "ADD")
    made = {4: (Span(0, 4, 0, own=True),), 18: (Span(4, 8, 0, own=True),)}
    spans = Spans({"mm/f.c": made})
    rows = told(of("", text, "mm/f.c"), Measured(spans, {"w": ran((0, 4, 9), (4, 8, 3), units=1)}))
    assert [count(rows[line]) for line in (1, 2, 3, 18)] == [3, 3, 3, 3]


def test_lines_of_interest_are_those_around_the_changed_ones() -> None:
    its = of(BASE, NEW)
    assert its.interest(Side.REMOVED) == {}
    assert (1358, 1411) in its.interest(Side.ADDED)["mm/gup.c"]
