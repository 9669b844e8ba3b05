# SPDX-License-Identifier: GPL-2.0-or-later
"""What is claimed beforehand: by a workload's file, and by whoever wrote the patch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CALLS = "calls."  # before a function's name: the metric that a profile tells


@dataclass(frozen=True)
class Expectation:
    """A claim that a workload's file makes; values are per unit of work."""

    metric: str  # or calls.FUNCTION
    linux: str  # versions of the base it holds for: ">=6.0,<6.4"
    values: Mapping[str, float]  # by kernel name, absolute per unit
    change: Mapping[str, float]  # by arch name, relative: -0.15
    tolerance: float
    base: str = ""
    new: str = ""
    claim: str = ""
    accel: str = ""  # "" any
    clock: str = ""  # "" any
    at_least: Mapping[str, float] = field(default_factory=dict)  # by kernel name, absolute per unit
    at_most: Mapping[str, float] = field(default_factory=dict)
    arches: tuple[str, ...] = ()  # () any


@dataclass(frozen=True)
class Claim:
    """What somebody said that this matrix answers. Evidence: expectations that name it, or those of others."""

    id: str
    text: str
    same_as: tuple[str, ...] = ()  # claims whose evidence is this one's, too
    arches: tuple[str, ...] = ()  # only evidence of these; empty: of all
    beyond: str = ""  # what of it cannot be reached here, and why
