# SPDX-License-Identifier: GPL-2.0-or-later
"""How many figures it takes to name who moved them: every place of one and two culprits among 64, and chance."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Collection, Mapping

import pytest

from orchestrator.bisect.search import Culprit, Known, culprits, wanted


def known(last: int, figures: Mapping[int, float], without: Collection[int] = (), floor: float = 0.0) -> Known[float]:
    return Known(last, figures, without, lambda a, b: abs(a - b) > floor, lambda a, b: abs(b - a))


def searched(
    last: int, figure: Callable[[int], float], lost: Collection[int] = (), floor: float = 0.0
) -> tuple[tuple[Culprit[float], ...], list[int]]:
    """What is found, and the states that were asked for, the two ends first."""
    figures, without, asked = dict[int, float](), set[int](), list[int]()
    while (state := wanted(known(last, figures, without, floor))) is not None:
        assert 0 <= state <= last and state not in asked, "no state is built twice"
        asked.append(state)
        if state in lost:
            without.add(state)
        else:
            figures[state] = figure(state)
    return culprits(known(last, figures, without, floor)), asked


def moved(changes: Mapping[int, float]) -> Callable[[int], float]:
    return lambda state: 4000.0 + sum(size for change, size in changes.items() if change <= state)


@pytest.mark.parametrize("size", [3.0, -3.0])
def test_one_culprit_among_64_costs_six_builds_beside_the_ends(size: float) -> None:
    for change in range(1, 65):
        found, asked = searched(64, moved({change: size}))
        assert asked[:2] == [0, 64] and len(asked) - 2 <= 6
        assert [(its.first, its.last, its.after - its.before) for its in found] == [(change, change, size)]


@pytest.mark.parametrize("sizes", [(3.0, 3.0), (3.0, 5.0), (-1.0, 7.0), (2.0, -9.0)])
def test_two_culprits_among_64_cost_eleven_and_are_told_apart_by_size(sizes: tuple[float, float]) -> None:
    most = 0
    for first, second in itertools.combinations(range(1, 65), 2):
        found, asked = searched(64, moved({first: sizes[0], second: sizes[1]}))
        most = max(most, len(asked) - 2)
        assert [(its.first, its.last, its.after - its.before) for its in found] == [
            (first, first, sizes[0]), (second, second, sizes[1]),
        ]  # fmt: skip
    assert most == 11, "and less is not to be had by halving"


def test_any_number_of_culprits_in_a_row_of_any_length() -> None:
    """They all push one way, so that none hides another."""
    draw = random.Random(20261126)
    for _ in range(800):
        last = draw.randint(1, 200)
        changes = {
            c: draw.choice([1.0, 3.0, 20.0]) for c in draw.sample(range(1, last + 1), draw.randint(0, min(5, last)))
        }
        found, asked = searched(last, moved(changes))
        assert {its.first: its.after - its.before for its in found} == changes
        assert all(its.first == its.last for its in found)
        depth = math.ceil(math.log2(last)) if last > 1 else 0
        assert len(asked) - 2 <= len(changes) * depth


def test_what_does_not_build_is_stepped_over() -> None:
    """The answer is as exact as what builds allows: all between two states that do, of which one has the step."""
    draw = random.Random(1)
    for _ in range(800):
        last = draw.randint(2, 100)
        change = draw.randint(1, last)
        lost = set(draw.sample(range(1, last), draw.randint(0, last - 1)))
        older = max(state for state in range(change) if state not in lost)
        newer = min(state for state in range(change, last + 1) if state not in lost)
        (found,), _ = searched(last, moved({change: 3.0}), lost)
        assert (found.first, found.last) == (older + 1, newer)


@pytest.mark.parametrize("length", [1, 5, 15, 31])
def test_a_long_stretch_that_does_not_build_costs_few_builds_where_the_culprit_is_not_in_it(length: int) -> None:
    middle = 64
    lost = range(middle - length // 2, middle - length // 2 + length)
    for change in (1, 30, 100, 128):
        (found,), asked = searched(128, moved({change: 3.0}), lost)
        assert found.first == found.last == change
        assert len(asked) - 2 <= 7 + 2 * math.ceil(math.log2(length + 1)) + 2


def test_an_end_that_does_not_build_ends_it() -> None:
    for end in (0, 8):
        found, asked = searched(8, moved({3: 3.0}), [end])
        assert asked[-1] == end and not found and len(asked) <= 2


def test_ends_that_are_the_same_are_all_that_is_measured() -> None:
    assert searched(64, moved({})) == ((), [0, 64])
    assert searched(64, moved({10: 3.0, 50: -3.0})) == ((), [0, 64]), "what is undone again is not seen"
    assert searched(1, moved({1: 2.0}))[1] == [0, 1]


def test_noise_below_the_floor_is_nobodys_and_what_creeps_is_found_where_it_leaves_the_floor() -> None:
    noise = random.Random(2)
    found, asked = searched(64, lambda state: moved({40: 3.0})(state) + noise.uniform(-0.05, 0.05), floor=0.2)
    assert [(its.first, its.last) for its in found] == [(40, 40)] and len(asked) - 2 <= 6
    (crept,), _ = searched(4, lambda state: 4000 + 0.09 * state, floor=0.2)
    assert crept.first == crept.last


def test_the_largest_is_looked_into_first() -> None:
    figures = {0: 0.0, 8: 3.0, 16: 103.0}
    assert wanted(known(16, figures)) == 12
    assert [(its.first, its.last) for its in culprits(known(16, figures))] == [(1, 8), (9, 16)]
