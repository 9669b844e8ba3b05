# SPDX-License-Identifier: GPL-2.0-or-later
"""Which state to measure next, and what is known of who moved the figure. Pure.

States 0 to last follow one another, each by one change: change n makes state n of state n - 1. Figures repeat, so two
of them differ or do not. Between two states whose figures differ there is a culprit, and the state in their middle
tells on which side, or that there is one on each. One culprit of 64 changes costs 6 figures beside those of the two
ends, two cost at most 11. What two changes do and undo between two states that were looked at is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Known(Generic[T]):
    """figures: {state: figure}; without: states that have none, for they do not build or do not boot.

    differ: is one figure another? size: by how much, for the largest is looked into first.
    """

    last: int
    figures: Mapping[int, T]
    without: Collection[int]
    differ: Callable[[T, T], bool]
    size: Callable[[T, T], float]


@dataclass(frozen=True)
class Culprit(Generic[T]):
    """It is among the changes first to last: one, or those that cannot be told apart. before and after: figures of
    the states around them."""

    first: int
    last: int
    before: T
    after: T


def culprits(known: Known[T]) -> tuple[Culprit[T], ...]:
    """As far as is known, in order. A figure is held against that behind the culprit before it, so that what
    creeps is found, too, where it has left the floor."""
    states = sorted(known.figures)
    found: list[Culprit[T]] = []
    level = known.figures[states[0]] if states else None
    for older, newer in pairwise(states):
        before, after = known.figures[older], known.figures[newer]
        if level is not None and known.differ(level, after):
            found.append(Culprit(older + 1, newer, before, after))
            level = after
    return tuple(found)


def wanted(known: Known[T]) -> int | None:
    """The state to measure next: the ends, then the middle of what the largest culprit is in. None: there is no more
    to be told, or an end has no figure."""
    for end in (0, known.last):
        if end in known.without:
            return None
        if end not in known.figures:
            return end
    for its in sorted(culprits(known), key=lambda its: -known.size(its.before, its.after)):
        if (state := _middle(its.first - 1, its.last, known.without)) is not None:
            return state
    return None


def _middle(older: int, newer: int, without: Collection[int]) -> int | None:
    """The state nearest to the middle that may have a figure; None if there is none between them.

    Next to one that does not build others do not build either, so each further one is stepped over twice as far.
    """
    lost = [state for state in range(older + 1, newer) if state in without]
    left = [state for state in range(older + 1, newer) if state not in without]
    if not left:
        return None
    apart = {state: min((abs(state - other) for other in lost), default=0) for state in left}
    far = 2 ** (len(lost) - 1) if lost else 0
    while not any(apart[state] >= far for state in left):
        far //= 2
    middle = (older + newer) // 2
    return min((state for state in left if apart[state] >= far), key=lambda state: (abs(state - middle), state))
