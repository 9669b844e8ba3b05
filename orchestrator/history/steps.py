# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps in a line: where the level changed, and when. Pure; same data, same answer.

Exact figures repeat, so any change beyond the floor is a step: a run is held against the middle of the runs since the
last one, so that a slow drift is found, too, when it has left the floor.

Figures that vary are judged by rank: of all places where the line may be cut, the one with the largest standardised
rank sum (Mann and Whitney's, as Pettitt 1979 does it), and how often a line whose runs are shuffled reaches that. So
the rate of false alarms holds for noise of any shape, as long as runs without a step could have come in any order; a
host that drifts is a step. A run counts as one number, the median of its boots. Where there is a step, both sides
are searched again. The level is shared among the lines that vary (Bonferroni): of pages without any step, at most
ALPHA show one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from orchestrator.analyse.statistics import centre, sound
from orchestrator.analyse.verdicts import ALPHA, Case, exact
from orchestrator.collectors import FLOOR, Collector
from orchestrator.model import Reason

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SHUFFLES = 20_000
SEED = 20220530
Boots = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Jump:
    """The first run of a new level (its place in the line), both levels in the metric's unit; p: None if exact."""

    at: int
    before: float
    after: float
    p: float | None = None

    @property
    def change(self) -> float | None:
        """Relative; None from 0."""
        return (self.after - self.before) / abs(self.before) if self.before else None


def steps(line: Sequence[Boots], how: Collector, repeats: bool, lines: int = 1) -> list[Jump]:
    """Of one line, boots by run. repeats: its figures are exact; lines: how many that vary share the level."""
    if not all(sound(boots) for boots in line):
        raise ValueError("a line has runs without a figure")
    return _exact(line, how) if repeats else _varying([centre(boots) for boots in line], ALPHA / max(1, lines))


def _exact(line: Sequence[Boots], how: Collector) -> list[Jump]:
    found: list[Jump] = []
    start = 0
    for at in range(1, len(line)):
        level = sorted(line[start:at], key=centre)[(at - start) // 2]
        if exact(Case(level, line[at], how)).reason is Reason.NO_DIFFERENCE:
            continue
        found.append(Jump(at, centre(level), centre(line[at])))
        start = at
    return found


def _varying(values: Sequence[float], level: float, offset: int = 0) -> list[Jump]:
    at, p = most_likely(values)
    if p > level:
        return []
    before, after = (centre([[value] for value in side]) for side in (values[:at], values[at:]))
    if abs(after - before) <= FLOOR * abs(before):
        return []
    mine = Jump(offset + at, before, after, p)
    return [*_varying(values[:at], level, offset), mine, *_varying(values[at:], level, offset + at)]


def most_likely(values: Sequence[float]) -> tuple[int, float]:
    """(the place of the likeliest step: the first run behind it, its p); p is 1 where nothing can be told."""
    import numpy as np
    from scipy.stats import rankdata

    if len(values) < 2 or len(set(values)) < 2:
        return 0, 1.0
    ranks = rankdata(values)
    reached = _standardised(np.asarray([ranks]))[0]
    at = int(reached.argmax())
    drawn = _shuffled(tuple(sorted(float(rank) for rank in ranks)))
    above = int((drawn >= reached[at] * (1 - 1e-9)).sum())
    return at + 1, (1 + above) / (1 + len(drawn))


@lru_cache(maxsize=64)
def _shuffled(ranks: tuple[float, ...]) -> Array:
    """The largest statistic of each shuffled line; lines without ties share it."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    rows = rng.permuted(np.broadcast_to(np.asarray(ranks), (SHUFFLES, len(ranks))), axis=1)
    return np.asarray(_standardised(rows).max(axis=1), dtype=np.float64)


def _standardised(ranks: Array) -> Array:
    """[line, cut]: how far the rank sum before a cut lies from its mean, in its standard deviations."""
    import numpy as np

    runs = ranks.shape[1]
    cuts = np.arange(1, runs)
    sums = ranks.cumsum(axis=1)[:, :-1]
    spread = ranks[0].var()  # a shuffle leaves it as it is
    deviation = np.sqrt(cuts * (runs - cuts) / (runs - 1) * spread)
    return np.asarray(np.abs(sums - cuts * ranks[0].mean()) / deviation, dtype=np.float64)


def runs_needed(level: float) -> int:
    """Runs for which a clear step in their middle can reach a level."""
    runs = 2
    while 2 / math.comb(runs, runs // 2) > level:
        runs += 1
    return runs
