# SPDX-License-Identifier: GPL-2.0-or-later
"""The test between two kernels whose figures vary, and what it could have seen. Same data, same digits.

Rank-sum test (Mann and Whitney 1947), two-sided, from the exact distribution, on one median per boot: it
promises its rate of false alarms for any shape of noise, one slow boot counts as one rank, and of all tests
that do not lean on the order of boots it can give the smallest p for so few. Pairs of neighbouring boots
would need twice as many (2 / 2^n against 2 / C(2n, n)); a drift of the host, spread over both kernels by
ABBA, only makes this test more careful. scipy is imported where it is used: it costs most of a second.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

POWER = 0.8  # of the detectable effect
SEED = 20220530  # for what is drawn, so that the same data give the same digits
LABELLINGS = 20_000  # all are gone through up to here (8 boots a side); beyond, with ties, so many are drawn
SPLITS = 200
DRAWS = 2000


class StatisticFailed(Exception):
    """No p-value; the message says why. Never a verdict."""


@dataclass(frozen=True)
class Outcome:
    """p: two-sided; up: do the new kernel's boots rank higher?"""

    p: float
    up: bool


def rank_test(base: Sequence[float], new: Sequence[float]) -> Outcome:
    """Are the boots of two kernels told apart by rank? One number per boot; raises StatisticFailed."""
    if not base or not new:
        raise StatisticFailed("no boots")
    if not all(math.isfinite(value) for value in (*base, *new)):
        raise StatisticFailed("a value is infinite or not a number")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            statistic, p = _mann_whitney(base, new)
    except Exception as error:
        # Whatever scipy dislikes, a missing scipy included: better no verdict than a wrong one.
        raise StatisticFailed(f"{type(error).__name__}: {error}") from error
    if not (0 < p <= 1 and math.isfinite(statistic)):
        raise StatisticFailed(f"p = {p}")
    return Outcome(p, up=statistic < len(base) * len(new) / 2)


def _mann_whitney(base: Sequence[float], new: Sequence[float]) -> tuple[float, float]:
    """(U of base, p). The formula for the exact distribution knows no ties; with ties labels are permuted."""
    import numpy as np
    from scipy.stats import PermutationMethod, mannwhitneyu

    if len({*base, *new}) == len(base) + len(new):
        result = mannwhitneyu(base, new, method="exact")
    else:
        drawn = PermutationMethod(n_resamples=LABELLINGS, rng=np.random.default_rng(SEED))
        result = mannwhitneyu(base, new, method=drawn)
    return float(result.statistic), float(result.pvalue)


def least_p(base: int, new: int) -> float:
    """The smallest p that so many boots can give: all of one kernel on one side of all of the other."""
    return min(1.0, 2 / math.comb(base + new, base))


def boots_needed(level: float) -> int:
    """Boots of each kernel for which least_p reaches a level."""
    boots = 1
    while least_p(boots, boots) > level:
        boots += 1
    return boots


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's (1979) corrected p-values, in the order given: below alpha, at most alpha of families err."""
    corrected = [1.0] * len(ps)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, ps[index] * (len(ps) - rank)))
        corrected[index] = highest
    return corrected


def halves(boots: Sequence[float]) -> float:
    """The A/A noise floor: how far the centres of two halves of one kernel's boots lie apart, at most.

    The 95 % quantile over all ways to halve them (a fixed drawing beyond 10 boots), in the metric's unit;
    0 for a single boot. A half has fewer boots than a whole, so that this errs on the careful side.
    """
    import numpy as np

    return float(_halves(np.asarray(boots, dtype=np.float64)))


def _halves(boots: Array) -> Array:
    """Over the last axis."""
    import numpy as np

    count = boots.shape[-1]
    if count < 2:
        return np.zeros(boots.shape[:-1])
    chosen, others = _splits(count)
    apart = np.abs(np.median(boots[..., chosen], axis=-1) - np.median(boots[..., others], axis=-1))
    return np.asarray(np.quantile(apart, 0.95, axis=-1, method="higher"), dtype=np.float64)


@cache
def _splits(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The places of both halves, one row per way to halve so many boots."""
    import numpy as np

    size = count // 2
    if count <= 10:
        chosen = [list(half) for half in combinations(range(count), size)]
    else:
        rng = np.random.default_rng(SEED)
        chosen = [rng.permutation(count)[:size].tolist() for _ in range(SPLITS)]
    others = [[i for i in range(count) if i not in half] for half in chosen]
    return np.asarray(chosen), np.asarray(others)


def scale(base: Sequence[float], new: Sequence[float]) -> float:
    """Pooled standard deviation of boots around their kernel's mean, in the metric's unit."""
    squares = sum((value - math.fsum(side) / len(side)) ** 2 for side in (base, new) for value in side)
    return math.sqrt(squares / max(1, len(base) + len(new) - 2))


@cache
def detectable(base: int, new: int, level: float) -> float:
    """The change, in standard deviations of a boot, that is found with power 0.8; inf if none is.

    Found means what it means for a verdict: the rank test reaches the level, and the change is beyond the
    noise floor. Drawn from normal noise: each drawing has a smallest shift that would have been found.
    """
    import numpy as np

    most = _critical(base, new, level)
    if most < 0:
        return math.inf
    rng = np.random.default_rng(SEED)
    draws = max(50, min(DRAWS, 2_000_000 // (base * new)))
    old, fresh = rng.normal(size=(draws, base)), rng.normal(size=(draws, new))
    apart = np.sort((old[:, :, None] - fresh[:, None, :]).reshape(draws, -1), axis=-1)
    for_rank = apart[:, base * new - 1 - most]
    for_size = np.maximum(_halves(old), _halves(fresh)) + np.median(old, axis=-1) - np.median(fresh, axis=-1)
    return float(np.quantile(np.maximum(for_rank, for_size), POWER))


def _critical(base: int, new: int, level: float) -> int:
    """The largest U with 2 P(U <= u) <= level under no change; -1 if there is none."""
    ways = _ways(base, new)
    total, below = math.comb(base + new, base), 0
    for statistic, count in enumerate(ways):
        below += count
        if 2 * below > level * total:
            return statistic - 1
    return len(ways) - 1


def _ways(base: int, new: int) -> list[int]:
    """How many labellings give U = 0, 1, ...: the coefficients of the Gaussian binomial."""
    ways = [1] + [0] * (base * new)
    for step in range(1, base + 1):
        for place in range(base * new, new + step - 1, -1):
            ways[place] -= ways[place - new - step]
        for place in range(step, base * new + 1):
            ways[place] += ways[place - step]
    return ways
