# SPDX-License-Identifier: GPL-2.0-or-later
"""Medians and spreads; boots are the unit."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan
from statistics import median


def medians(boots: Sequence[Sequence[float]]) -> list[float]:
    """One number per boot, in the metric's unit; a boot without counted passes has none."""
    return [median(passes) for passes in boots if passes]


def centre(boots: Sequence[Sequence[float]]) -> float:
    """The median of the boots' medians; passes of one boot are not independent. NaN without any."""
    return median(medians(boots) or [nan])


def reach(boots: Sequence[Sequence[float]]) -> float:
    """Highest minus lowest of all counted passes, in the metric's unit; NaN without any."""
    values = [value for passes in boots for value in passes] or [nan]
    return max(values) - min(values)


def spread(boots: Sequence[Sequence[float]]) -> float:
    """reach over centre; 0 when nothing moved, also around a centre of 0."""
    width = reach(boots)
    middle = centre(boots)
    return width / abs(middle) if middle else (0.0 if width == 0 else float(width))


def sound(boots: Sequence[Sequence[float]]) -> bool:
    """There are numbers, and none is infinite or not a number."""
    values = [value for passes in boots for value in passes]
    return bool(values) and all(isfinite(value) for value in values)
