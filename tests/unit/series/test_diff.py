# SPDX-License-Identifier: GPL-2.0-or-later
"""Hunks of a unified diff, whatever its files are called."""

from __future__ import annotations

import pytest

from orchestrator.series.diff import hunks, touched


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("b/mm/memory.c", "mm/memory.c"),
        ("b/mm/memory.c\t2026-11-26 14:05:53.784507870 +0000", "mm/memory.c"),
        ('"b/mm/a b.c"\t2026-11-26 14:05:53.784507870 +0000', "mm/a b.c"),
        (r'"b/mm/h\303\244.c"', "mm/hä.c"),
        (r'"b/mm/q\"x.c"', 'mm/q"x.c'),
        (r'"b/mm/back\\slash.c"', "mm/back\\slash.c"),
        (r'"b/mm/\344.c"', "mm/ä.c"),  # no UTF-8: whatever it is, it is C
        ("b/mm/{x}.c", "mm/{x}.c"),
    ],
)
def test_names_are_read_as_diff_and_git_quote_them(written: str, name: str) -> None:
    """With the quotes a file's name does not end as a source's does, and nothing of it would be code."""
    [hunk] = hunks(f"--- {written.replace('b/', 'a/', 1)}\n+++ {written}\n@@ -1 +1 @@\n-a\n+b\n")
    assert hunk.file == name and [line.sign for line in hunk.lines] == ["-", "+"]


def test_a_line_number_that_no_file_has_is_none() -> None:
    text = "--- a/mm/x.c\n+++ b/mm/x.c\n@@ -{0} +1,2 @@\n a\n+b\n"
    assert touched(text.format("9" * 5000)) == {"mm/x.c"} and hunks(text.format("9" * 5000)) == []
    assert len(hunks(text.format("123456789"))) == 1
