# SPDX-License-Identifier: GPL-2.0-or-later
"""What may be said of a change: from exact figures at once, from varying ones by a test over the whole matrix.

The promise: of matrices in which no kernel differs, at most ALPHA give any better or worse that is false.
It is kept for the matrix, not for each cell, because a reviewer reads the whole and remembers the one cell
that moved. That is cheap: a boot more divides the smallest p by about 4, so 1 comparison needs 4 boots of
each kernel, up to 6 need 5, up to 23 need 6, and up to 85 need 7. Counters that repeat in every pass of at
least CONSTANT boots of each kernel are taken for exact and stand outside of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.analyse.inference import (
    Outcome,
    StatisticFailed,
    boots_needed,
    detectable,
    halves,
    holm,
    least_p,
    rank_test,
    scale,
)
from orchestrator.analyse.statistics import centre, medians, reach, sound
from orchestrator.collectors import Collector
from orchestrator.model import Direction, Reason, Verdict

ALPHA = 0.05  # of matrices without a change, those with a false verdict
REPEATS = 0.4  # of its floor: so close lie the passes of an exact figure (20 ppm of a time), else it does not repeat
MARGINS = {2: 10.0, 3: 3.0, 4: 2.0}  # {boots of each kernel: see _margin()}
SMALL = 0.01  # relative: a run that could have seen this, and saw nothing, may say "same"
CONSTANT = 3  # boots of each kernel that show a counter to be constant: chance does that in at most 2^(1 - 6) = 3 %


@dataclass(frozen=True)
class Case:
    """One metric of two kernels: one list per boot, in it one number per counted pass, in the metric's unit."""

    base: Sequence[Sequence[float]]
    new: Sequence[Sequence[float]]
    how: Collector

    @property
    def floor(self) -> float:
        """What noise alone makes at least."""
        return self.how.noise(self.start)

    @property
    def start(self) -> float:
        """The base's centre, without its sign."""
        return abs(centre(self.base))

    @property
    def difference(self) -> float:
        """New minus base."""
        return centre(self.new) - centre(self.base)

    @property
    def sound(self) -> bool:
        """Both sides have numbers, and only numbers."""
        return sound(self.base) and sound(self.new)

    @property
    def constant(self) -> bool:
        """A counter that repeats in all passes of each kernel. A time that does has a broken clock."""
        return self.how.exact and reach(self.base) == reach(self.new) == 0


@dataclass(frozen=True)
class Finding:
    """Fields as in contract.ComparisonRow; noise and detectable in the metric's unit."""

    verdict: Verdict
    reason: Reason
    why: str
    noise: float = 0.0
    detectable: float | None = None
    p: float | None = None
    p_corrected: float | None = None


def exact(case: Case) -> Finding:
    """Figures that repeat: any difference beyond their reach, and beyond the floor of a time, is one.

    Those of a whole program depend on what the kernel happened to have free when it was started, and need not repeat,
    whatever the clock. Then their reach is as uncertain as that of few boots is, and counts several times.
    """
    if not case.sound:
        return _failed("a value is missing, infinite or not a number")
    wide = max(reach(case.base), reach(case.new))
    repeats = wide <= REPEATS * case.floor
    noise = max(wide * (1.0 if repeats else _margin(case)), case.floor)
    if abs(case.difference) <= noise:
        if noise > max(case.floor, SMALL * case.start):  # so much could have been missed
            return Finding(Verdict.UNCLEAR, Reason.NO_DIFFERENCE, _could(case, noise), noise, noise)
        return Finding(Verdict.SAME, Reason.NO_DIFFERENCE, "no difference shown", noise, noise)
    return replace(_moved(case), noise=noise, detectable=noise)


def _margin(case: Case) -> float:
    """By so much the centres may be further apart than the passes of either: of comparisons without a change, at most
    3 % at any spread are (normal, uniform, skewed and heavy-tailed boots; tests/unit/analyse/test_statistics.py)."""
    boots = min(len(medians(case.base)), len(medians(case.new)))
    return MARGINS.get(max(boots, min(MARGINS)), 1.5)


def varying(cases: Sequence[Case], missing: int = 0) -> list[Finding]:
    """All cases of one matrix whose figures may vary; the correction is over those that do, and the missing."""
    found = {i: _constant(case) for i, case in enumerate(cases) if case.constant}
    family = [i for i in range(len(cases)) if i not in found]
    tests = [_tested(cases[i]) for i in family]
    size = len(family) + missing
    corrected = holm([test.p if isinstance(test, Outcome) else 1.0 for test in tests] + [1.0] * missing)
    left = sum(p > ALPHA for p in corrected)
    for i, test, p in zip(family, tests, corrected[: len(family)], strict=True):
        # Where Holm stopped: the level this case was held against, or the next one would have been.
        level = ALPHA / (left if p > ALPHA else left + 1)
        found[i] = _varying(cases[i], test, p, level, boots_needed(ALPHA / size))
    return [found[i] for i in range(len(cases))]


def _constant(case: Case) -> Finding:
    base, new = len(medians(case.base)), len(medians(case.new))
    return exact(case) if min(base, new) >= CONSTANT or not case.sound else _too_few(base, new, CONSTANT, 0.0)


def _tested(case: Case) -> Outcome | StatisticFailed:
    if not case.sound:
        return StatisticFailed("a value is missing, infinite or not a number")
    try:
        return rank_test(medians(case.base), medians(case.new))
    except StatisticFailed as failure:
        return failure


def _varying(case: Case, test: Outcome | StatisticFailed, p: float, level: float, needed: int) -> Finding:
    if not case.sound:
        return _failed(str(test))
    base, new = medians(case.base), medians(case.new)
    deviation = scale(base, new)
    known = [halves(boots) for boots in (base, new) if len(boots) > 1]
    noise = max(*known, case.floor) if known else 0.0  # of single boots none is known
    if least_p(len(base), len(new)) > level:
        raw = test.p if isinstance(test, Outcome) else None
        return _too_few(len(base), len(new), needed, noise, raw, None if raw is None else p)
    if isinstance(test, StatisticFailed):
        return _failed(str(test), noise)
    if deviation == 0:
        if not case.how.exact:
            return _failed("no boot differs from another", noise)
        noise = max(noise, reach(case.base), reach(case.new))
    seen = max(noise, deviation * detectable(len(base), len(new), level))
    return replace(_held(case, test, p, noise, seen), noise=noise, detectable=seen, p=test.p, p_corrected=p)


def _held(case: Case, test: Outcome, p: float, noise: float, seen: float) -> Finding:
    """Significance and size. Without the first there is no difference shown, which is not "no difference"."""
    size = abs(case.difference)
    if p > ALPHA:
        same = max(seen, size) <= SMALL * case.start
        return Finding(Verdict.SAME if same else Verdict.UNCLEAR, Reason.NO_DIFFERENCE, _could(case, seen))
    if size <= noise:
        return Finding(Verdict.UNCLEAR, Reason.WITHIN_FLOOR, "significant, but within the noise floor")
    if test.up != (case.difference > 0):
        return _failed("ranks and medians point opposite ways")
    return _moved(case)


def _could(case: Case, seen: float) -> str:
    could = f"{seen / case.start * 100:.2g}%" if case.start else f"{seen:.2g}"
    return f"no difference shown; this run could have seen {could}"


def _moved(case: Case) -> Finding:
    """There is a difference."""
    if case.how.direction is Direction.NEITHER:
        return Finding(Verdict.UNCLEAR, Reason.MOVED, "it moved, but neither way is better by itself")
    good = (case.difference < 0) == (case.how.direction is Direction.LOWER)
    return Finding(Verdict.BETTER if good else Verdict.WORSE, Reason.BEYOND_NOISE, "beyond the noise")


def _failed(why: str, noise: float = 0.0) -> Finding:
    return Finding(Verdict.UNCLEAR, Reason.STATISTIC_FAILED, f"the statistic failed: {why}", noise)


def _too_few(
    base: int, new: int, needed: int, noise: float, p: float | None = None, corrected: float | None = None
) -> Finding:
    why = f"cannot decide with so few boots: {base} and {new} boots; {needed} each would be needed"
    return Finding(Verdict.UNCLEAR, Reason.TOO_FEW_BOOTS, why, noise, None, p, corrected)
