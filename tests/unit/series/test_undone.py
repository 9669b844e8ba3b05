# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a later patch of a series undo an earlier one?"""

from __future__ import annotations

import pytest

from orchestrator.series.letters import Patch, numbered
from orchestrator.series.undone import Undone, told, undone


def patch(title: str, removed: str = "", added: str = "", file: str = "mm/a.c") -> Patch:
    rows = [f"-{line}" for line in removed.split(";") if line] + [f"+{line}" for line in added.split(";") if line]
    olds, news = (sum(row[0] == sign for row in rows) for sign in "-+")
    return Patch(title, f"--- a/{file}\n+++ b/{file}\n@@ -1,{olds} +1,{news} @@\n" + "\n".join(rows) + "\n")


@pytest.mark.parametrize(
    ("patches", "found"),
    [
        ([patch("a", "int x", "int y"), patch("b", "int y", "int x")], [Undone(1, 2, 2, 2)]),
        ([patch("a", "int x", "int y"), patch("b", "  int y", "\tint  x")], [Undone(1, 2, 2, 2)]),  # of blanks alone
        ([patch("a", "", "1;2;3;4"), patch("x", "", "9"), patch("b", "1;2", "7")], [Undone(1, 3, 2, 4)]),
        ([patch("a", "", "1;2;3;4"), patch("b", "1", "7")], []),  # it builds on it
        ([patch("a", "", "int x"), patch("b", "int x", "int x")], []),  # moved
        ([patch("a", "", "int x"), patch("b", "int x", "", "mm/b.c")], []),  # of another file
        ([patch("a", "", "{;};int x"), patch("b", "{;}", "")], []),  # braces are nobody's
        ([patch("a", "int y", "int x"), patch("b", "int x", "int z"), patch("c", "int z", "int y")],
         [Undone(1, 2, 1, 2), Undone(1, 3, 1, 2), Undone(2, 3, 1, 2)]),
        ([patch("a", "1", "2")], []),
        ([], []),
    ],
)  # fmt: skip
def test_a_later_patch_that_takes_back_half_of_an_earlier_one_is_told(
    patches: list[Patch], found: list[Undone]
) -> None:
    assert undone(patches) == found


def test_in_words() -> None:
    assert told([patch("a", "int x", "int y"), patch("b", "int y", "int x")]) == [
        'patch 2/2 "b" undoes patch 1/2 "a"'
    ]
    assert told([patch("a", "", "1;2;3;4"), patch("b", "1;2", "7")]) == [
        'patch 2/2 "b" takes back 2 of the 4 lines that patch 1/2 "a" changes'
    ]


def test_patches_are_called_by_the_numbers_of_their_mails_where_they_are_of_one_series() -> None:
    def of(*numbers: tuple[int, int]) -> list[str]:
        return numbered([Patch("x", "", *its) for its in numbers])

    assert of((2, 3), (3, 3)) == ["patch 2/3", "patch 3/3"]
    assert of((1, 1), (1, 1)) == of((1, 2), (1, 3)) == of((0, 0), (1, 2)) == ["patch 1/2", "patch 2/2"]
    assert of() == []
