# SPDX-License-Identifier: GPL-2.0-or-later
"""Medians and spreads; boots are the unit."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def centre(boots: Sequence[Sequence[float]]) -> float:
    """The median of the boots' medians; passes of one boot are not independent."""
    return median(median(passes) for passes in boots if passes)


def reach(boots: Sequence[Sequence[float]]) -> float:
    """Highest minus lowest of all counted passes, in the metric's unit."""
    values = [value for passes in boots for value in passes]
    return max(values) - min(values)


def spread(boots: Sequence[Sequence[float]]) -> float:
    """reach over centre; 0 when nothing moved, also around a centre of 0."""
    width = reach(boots)
    middle = centre(boots)
    return width / abs(middle) if middle else (0.0 if width == 0 else float(width))
