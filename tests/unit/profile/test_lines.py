# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions by line of source: from addr2line's text and a diff to the lines of a change."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.build import addr2line, patches, sourcediff
from orchestrator.errors import BuildError, InfraError
from orchestrator.model import Comparison
from orchestrator.profile import lines
from orchestrator.profile.comparison import DifferenceRow, compare_accounts
from orchestrator.profile.lines import Frame
from orchestrator.report.parts import profile_rows
from orchestrator.series import diff
from tests.unit.profile.conftest import BASE, NEW, account, raw, read

OUTPUT = """\
0x0000000000001000
memcpy_one
././include/linux/small.h:12 (discriminator 3)
fault
././mm/memory.c:100
0x0000000000001004
fault
././mm/memory.c:100
0x0000000000001008
clear_page
clear_page.o:?
0x000000000000100c
??
??:0
0x0000000000001010
twice
./mm/../mm/memory.c:7
twice
./mm/memory.c:7
"""
DIFF = """\
diff -Nur a/mm/memory.c b/mm/memory.c
--- a/mm/memory.c\t2022-06-01 00:00:00.000000000 +0000
+++ b/mm/memory.c\t2022-06-01 00:00:01.000000000 +0000
@@ -99,4 +99,5 @@
 \tint x;
-\tslow(x);
-\tnever(x);
+\tfast(x);
+--- looks like a file
+\tquick(\x1b[31mx);
 \treturn x;
@@ -300 +301 @@
-\told();
+\tnew();
diff -Nur a/Makefile b/Makefile
--- a/Makefile\t2022-06-01 00:00:00.000000000 +0000
+++ b/Makefile\t2022-06-01 00:00:01.000000000 +0000
@@ -1 +1,2 @@
 all:
+\tmore
diff -Nur a/mm/entry.S b/mm/entry.S
--- a/mm/entry.S\t2022-06-01 00:00:00.000000000 +0000
+++ b/mm/entry.S\t2022-06-01 00:00:01.000000000 +0000
@@ -1 +1 @@
-\tnop
+\tret
"""
PAIR = Comparison("a", "b")


def test_what_addr2line_prints_is_read() -> None:
    found = lines.parse_places(OUTPUT)
    assert found[0x1000] == (Frame("memcpy_one", "include/linux/small.h", 12), Frame("fault", "mm/memory.c", 100))
    assert found[0x1008] == (Frame("clear_page", "", 0),) and found[0x100C] == (Frame("??", "", 0),)
    assert found[0x1010][0] == found[0x1010][1] == Frame("twice", "mm/memory.c", 7)


def test_an_instruction_has_one_line_of_its_own_and_those_it_was_inlined_at() -> None:
    executed = [
        (0x1000, "fault", 5), (0x1004, "fault", 3), (0x1008, "clear_page", 7), (0x100C, "x", 1), (0x1010, "t", 2),
        (0x9000, "user:main", 11),
    ]  # fmt: skip
    made = lines.by_line(executed, lines.parse_places(OUTPUT))
    assert made.lines == {"include/linux/small.h": {12: (5, 5)}, "mm/memory.c": {100: (3, 8), 7: (2, 2)}}
    assert made.unlined == 7 + 1 + 11
    assert (
        made.unlined + sum(own for table in made.lines.values() for own, _ in table.values())
        == 5 + 3 + 7 + 1 + 2 + 11
    )
    assert made.functions == {
        ("memcpy_one", "include/linux/small.h"): 5, ("fault", "mm/memory.c"): 3, ("clear_page", ""): 7, ("x", ""): 1,
        ("twice", "mm/memory.c"): 2, ("user:main", ""): 11,
    }  # fmt: skip


def test_a_class_of_costs_is_of_the_line_and_of_those_it_was_inlined_at() -> None:
    executed = [(0x1000, "fault", 5), (0x1004, "fault", 3), (0x1010, "t", 2)]
    classes = {0x1000: "atomics", 0x1010: "barriers"}
    made = lines.by_line(executed, lines.parse_places(OUTPUT), classes)
    assert made.costs == {
        "include/linux/small.h": {12: {"atomics": 5}},
        "mm/memory.c": {100: {"atomics": 5}, 7: {"barriers": 2}},
    }
    plain = read(account("s390x", "patched", {"handle_mm_fault": (9000, 10)}, {}))
    assert plain.line_costs is None
    assert read(replace(plain, line_costs=made.costs)._to_json()).line_costs == made.costs


def test_a_real_program_is_told_by_line_with_what_was_inlined(tmp_path: Path) -> None:
    gcc, source, program = shutil.which("gcc"), tmp_path / "one.c", tmp_path / "one"
    assert gcc, "the tests need gcc of the host"
    source.write_text(
        'static inline __attribute__((always_inline)) void in(void)\n{\n\tasm volatile("nop");\n}\n'
        "int main(void)\n{\n\tin();\n\treturn 0;\n}\n"
    )
    command = [gcc, "-g1", "-O2", f"-ffile-prefix-map={tmp_path}=.", "one.c", "-o", "one"]
    subprocess.run(command, cwd=tmp_path, check=True)
    table = subprocess.run(["nm", str(program)], capture_output=True, text=True, check=True).stdout
    main = next(int(row.split()[0], 16) for row in table.splitlines() if row.endswith(" main"))
    found = lines.parse_places(asyncio.run(addr2line.places(program, "", range(main, main + 8))))
    inlined = [frames for frames in found.values() if len(frames) == 2]
    assert inlined and inlined[0] == (Frame("in", "one.c", 3), Frame("main", "one.c", 7))
    with pytest.raises(InfraError, match="addr2line failed"):
        asyncio.run(addr2line.places(tmp_path / "none", "", [1]))


def test_hunks_have_the_numbers_of_both_sides() -> None:
    first, second, *others = diff.hunks(DIFF)
    assert [(line.sign, line.old, line.new) for line in first.lines] == [
        (" ", 99, 99), ("-", 100, 0), ("-", 101, 0), ("+", 0, 100), ("+", 0, 101), ("+", 0, 102), (" ", 102, 103),
    ]  # fmt: skip
    assert first.lines[4].text == "--- looks like a file"
    assert [(line.sign, line.old, line.new) for line in second.lines] == [("-", 300, 0), ("+", 0, 301)]
    assert [hunk.file for hunk in others] == ["Makefile", "mm/entry.S"]
    gone = "--- a/x.c\t1\n+++ /dev/null\t2\n@@ -1 +0,0 @@\n-int x;\n\\ No newline at end of file\n"
    (hunk,) = diff.hunks(gone)
    assert hunk.file == "x.c" and [line.text for line in hunk.lines] == ["int x;"]


def lined(kernel: str, functions: dict[str, tuple[int, int]], table: dict[str, list[int]]) -> dict[str, Any]:
    return {
        **raw(kernel, functions), "lines": {"mm/memory.c": table}, "lines_why": "", "unlined": 0,
        "source_functions": [["same.isra.0" if kernel == "a" else "same", "mm/memory.c", 5000], ["fault", "", 10]],
    }  # fmt: skip


def difference(diff: str | None = DIFF, **changed: Any) -> DifferenceRow:
    base = lined("a", BASE, {"99": [1000, 1000], "100": [500, 2000], "102": [3000, 3000], "300": [9, 9]})
    new = lined("b", NEW, {"99": [1000, 1000], "100": [700, 700], "102": [1, 3], "103": [3000, 5000]})
    (row,) = compare_accounts([read(base), read({**new, **changed})], [PAIR], {} if diff is None else {PAIR: diff})[
        "differences"
    ]
    return row


def test_lines_of_a_change_carry_what_each_kernel_executed_of_them() -> None:
    row = difference()
    first, second = row["hunks"]  # of the Makefile and of assembly nothing can be said
    assert first["file"] == second["file"] == "mm/memory.c" and row["lines_why"] == ""
    told = [(line["sign"], line["base_instructions"], line["new_instructions"]) for line in first["lines"]]
    assert told == [
        (" ", 1.0, 1.0), ("-", 2.0, None), ("-", 0.0, None), ("+", None, 0.7), ("+", None, 0.0), ("+", None, 0.003),
        (" ", 3.0, 5.0),
    ]  # fmt: skip
    assert [line["change"] for line in first["lines"]] == pytest.approx([0, -2, 0, 0.7, 0, 0.003, 2])
    assert (second["lines"][0]["base_line"], second["lines"][0]["new_line"]) == (300, None)


def test_the_source_s_functions_match_however_they_were_inlined() -> None:
    rows = difference()["source_functions"]
    assert {
        "name": "same",
        "file": "mm/memory.c",
        "base_instructions": 5.0,
        "new_instructions": 5.0,
        "change": 0.0,
    } in rows
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (difference(lines=None, lines_why="b is a ready image"), "b is a ready image"),
        (difference(lines={}, lines_why="b was built without debug information"), "without debug"),
        (difference(diff=None), "not of one source"),
        (compare_accounts([read(raw("a", BASE)), read(raw("b", NEW))], [PAIR])["differences"][0], "older kmatrix"),
    ],
)
def test_lines_that_are_not_known_are_told_so(row: DifferenceRow, why: str) -> None:
    assert why in row["lines_why"] and row["hunks"] == []
    assert profile_rows.line_table(row)[0].startswith("lines of the change are not known: ")


def test_a_short_table_has_the_lines_that_count() -> None:
    rows = profile_rows.line_table(difference())
    assert [row.split() for row in rows] == [
        ["a", "b", "line", "of", "the", "change"],
        ["mm/memory.c"],
        ["2.00", "-", "100", "slow(x);"],
        ["0.70", "+", "100", "fast(x);"],
        ["3.00", "5.00", "103", "return", "x;"],
        ["0.01", "-", "300", "old();"],
    ]
    short = profile_rows.line_table(difference(), 2)
    assert [row.split()[0] for row in short[2:]] == ["2.00", "3.00", "2"] and short[-1].endswith("2 more lines")
    wide = difference(DIFF.replace("slow(x);", "slow(" + "x" * 80 + "é\x1b);"))
    assert max(map(len, profile_rows.line_table(wide))) == 75 and "\x1b" not in "".join(profile_rows.line_table(wide))
    assert profile_rows.line_table(difference("")) == []
    comment = "--- a/mm/z.c\t1\n+++ b/mm/z.c\t2\n@@ -1,0 +1 @@\n+/* x */\n"
    assert profile_rows.line_table(difference(comment)) == ["no line that was added or removed was executed"]


def between(pristine: Path, base: Sequence[Path], new: Sequence[Path], scratch: Path) -> str:
    return asyncio.run(sourcediff.sources(pristine, base, new, scratch)).text


def sources(tmp_path: Path) -> Path:
    pristine = tmp_path / "pristine"
    (pristine / "mm").mkdir(parents=True)
    (pristine / "mm/a.c").write_text("".join(f"line {i}\n" for i in range(1, 41)))
    return pristine


def test_line_numbers_are_those_with_the_whole_series_applied(tmp_path: Path) -> None:
    """The second patch's line moves to 32 with the first one's two lines; the first one's own hunks say 30."""
    pristine = sources(tmp_path)
    one, two = tmp_path / "1.patch", tmp_path / "2.patch"
    one.write_text("--- a/mm/a.c\n+++ b/mm/a.c\n@@ -29,2 +29,3 @@\n line 29\n+later\n line 30\n")
    two.write_text(
        "--- a/mm/a.c\n+++ b/mm/a.c\n@@ -1,2 +1,4 @@\n line 1\n+first\n+second\n line 2\n"
        "--- /dev/null\n+++ b/mm/new.c\n@@ -0,0 +1 @@\n+int x;\n"
    )
    text = between(pristine, [], [one, two], tmp_path / "scratch")
    added = {line.text: (hunk.file, line.new) for hunk in diff.hunks(text) for line in hunk.lines if line.sign == "+"}
    assert added == {
        "first": ("mm/a.c", 2), "second": ("mm/a.c", 3), "later": ("mm/a.c", 32), "int x;": ("mm/new.c", 1)
    }  # fmt: skip
    back = between(pristine, [one, two], [one], tmp_path / "back")
    assert {line.text for hunk in diff.hunks(back) for line in hunk.lines if line.sign == "-"} == {
        "first", "second", "int x;",
    }  # fmt: skip
    assert between(pristine, [one], [one], tmp_path / "same") == ""
    with pytest.raises(BuildError):
        between(pristine, [], [one, one], tmp_path / "bad")


def test_a_difference_shows_nothing_from_behind_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No patch brings one in. Were there one, it would be no secret's way out."""
    pristine = sources(tmp_path)
    (tmp_path / "secret").write_text("content\n")

    async def links(_: Path, scratch: Path, applied: Sequence[Path]) -> set[str]:
        if applied:
            (scratch / "link.c").symlink_to(tmp_path / "secret")
        return set()

    monkeypatch.setattr(patches, "apply", links)
    with pytest.raises(InfraError) as raised:
        between(pristine, [], [tmp_path / "a.patch"], tmp_path / "scratch")
    assert "link.c" in raised.value.log and "content" not in raised.value.log
