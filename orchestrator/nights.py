# SPDX-License-Identifier: GPL-2.0-or-later
"""What matrix.yaml says of nightly runs, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Nightly:
    """sources: names of the matrix's; budget: seconds of a night; then what is kept of runs and of the cache."""

    sources: tuple[str, ...] = ()
    budget: float = 7200.0
    runs: int = 30
    days: float = 60.0
    cache_gib: float = 20.0
