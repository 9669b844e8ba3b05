# SPDX-License-Identifier: GPL-2.0-or-later
"""The place of a file that is most like what a hunk was made for, and how the two differ. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

LEAST_ALIKE = 0.4  # of a hunk's lines: below it, nothing is said to be like it
SHOWN = 4  # pairs of lines that differ


@dataclass(frozen=True)
class Like:
    """The place that is most like what a hunk was made for: how many of its lines are there, and those that differ,
    as the hunk has them and as the source does. blanks: they differ in white space alone."""

    file: str
    line: int
    same: int
    of: int
    differing: tuple[tuple[str, str], ...] = ()
    blanks: bool = False


def most_alike(old: Sequence[str], lines: Sequence[str], file: str, guess: int) -> Like | None:
    """The place of a file that is most like these lines; None if too few of them are anywhere together."""
    mine, theirs = [_squeezed(line) for line in old], [_squeezed(line) for line in lines]
    where: dict[str, list[int]] = defaultdict(list)
    wanted = {line for line in mine if telling(line)}
    for at, line in enumerate(theirs):
        if line in wanted:
            where[line].append(at)
    votes: Counter[int] = Counter()
    for place, line in enumerate(mine):
        for at in where.get(line, ())[:200]:
            votes[at - place] += 1
    best: tuple[tuple[int, int], Like] | None = None
    for start, _ in votes.most_common(8):
        found = _compared(old, lines, mine, theirs, file, start)
        rank = (found.same, -abs(start - guess))
        if best is None or rank > best[0]:
            best = rank, found
    return best[1] if best and best[1].same >= len(old) * LEAST_ALIKE else None


def telling(line: str) -> bool:
    """Not blank, not a brace alone."""
    return len(line.strip(" \t{}();,*/")) > 2


def _squeezed(line: str) -> str:
    return " ".join(line.split())


def _compared(
    old: Sequence[str], lines: Sequence[str], mine: Sequence[str], theirs: Sequence[str], file: str, start: int
) -> Like:
    """A hunk's old lines against those of the source that begin there, or some lines before or behind."""
    slack = 4
    low, high = max(0, start - slack), min(len(lines), start + len(old) + slack)
    matcher = SequenceMatcher(None, mine, theirs[low:high], autojunk=False)
    blocks = [block for block in matcher.get_matching_blocks() if block.size]
    same = sum(block.size for block in blocks)
    exact = sum(
        old[block.a + at] == lines[low + block.b + at] for block in blocks for at in range(block.size)
    )  # what differs in blanks differs
    pairs = [
        (old[block.a + at], lines[low + block.b + at])
        for block in blocks
        for at in range(block.size)
        if old[block.a + at] != lines[low + block.b + at]
    ]
    blanks = same == len(old) and exact < same and len({block.b - block.a for block in blocks}) == 1
    if not blanks:
        pairs = _differing(old, lines, matcher, low)
    first = low + min((block.b - block.a for block in blocks[:1]), default=0)
    return Like(file, max(first, 0) + 1, same, len(old), tuple(pairs[:SHOWN]), blanks)


def _differing(
    old: Sequence[str], lines: Sequence[str], matcher: SequenceMatcher[str], low: int
) -> list[tuple[str, str]]:
    """Lines of the hunk that are not there, each with what is there instead; what lies outside is not told."""
    pairs: list[tuple[str, str]] = []
    for kind, first, end, at, to in matcher.get_opcodes():
        if kind == "equal" or (kind == "insert" and (first in (0, len(old)))):
            continue
        theirs = lines[low + at : low + to]
        if first == 0:
            theirs = theirs[max(0, len(theirs) - (end - first)) :]
        theirs = theirs[: max(end - first, 1)] if kind != "insert" else theirs
        for place in range(max(end - first, len(theirs))):
            mine = old[first + place] if first + place < end else ""
            pairs.append((mine, theirs[place] if place < len(theirs) else ""))
    return pairs
