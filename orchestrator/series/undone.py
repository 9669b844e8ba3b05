# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a later patch of a series undo an earlier one? Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from orchestrator.registry import counted
from orchestrator.series.diff import bare, hunks
from orchestrator.series.letters import Patch, numbered

SHARE = 0.5  # of an earlier patch's lines: less is what any series does that builds on itself
_Lines = Counter[tuple[str, str]]  # (file, text)


@dataclass(frozen=True)
class Undone:
    """Of `of` lines that an earlier patch changes a later one takes back `lines`. Both by their place, from 1."""

    earlier: int
    later: int
    lines: int
    of: int


def undone(patches: Sequence[Patch]) -> list[Undone]:
    """Pairs of which the later takes back at least half of the earlier. What a patch only moves, it does not change;
    lines without a word (braces) do not count."""
    changes = [_changed(patch.text) for patch in patches]
    found = []
    for (i, (added, removed)), (j, (added_later, removed_later)) in combinations(enumerate(changes, 1), 2):
        of = added.total() + removed.total()
        back = (added & removed_later).total() + (removed & added_later).total()
        if back and back >= SHARE * of:
            found.append(Undone(i, j, back, of))
    return found


def told(patches: Sequence[Patch]) -> list[str]:
    """patch 3/3 "mm: c" undoes patch 1/3 "mm: a"; or how much of it."""

    names = [f'{number} "{patch.title}"' for number, patch in zip(numbered(patches), patches, strict=True)]
    return [
        f"{names[its.later - 1]} undoes {names[its.earlier - 1]}"
        if its.lines == its.of
        else f"{names[its.later - 1]} takes back {its.lines} of the {counted(its.of, 'line')} that "
        f"{names[its.earlier - 1]} changes"
        for its in undone(patches)
    ]


def _changed(text: str) -> tuple[_Lines, _Lines]:
    """(added, removed)"""
    sides: dict[str, _Lines] = {"+": Counter(), "-": Counter()}
    for hunk in hunks(bare(text)):
        for line in hunk.lines:
            if line.sign in sides and any(char.isalnum() for char in line.text):
                sides[line.sign][(hunk.file, " ".join(line.text.split()))] += 1
    moved = sides["+"] & sides["-"]
    return sides["+"] - moved, sides["-"] - moved
