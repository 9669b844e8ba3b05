# SPDX-License-Identifier: GPL-2.0-or-later
"""The project's words that have a fixed set of values."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """How a cell ended; who failed is in the name."""

    PASSED = "passed"
    BUILD_FAILED = "build_failed"
    KERNEL_BROKE = "kernel_broke"
    WORKLOAD_FAILED = "workload_failed"
    TIMED_OUT = "timed_out"
    INFRA_FAILED = "infra_failed"
    SKIPPED = "skipped"


class Verdict(StrEnum):
    """What a comparison or an expectation says."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    UNCLEAR = "unclear"
    AS_EXPECTED = "as_expected"
    NOT_AS_EXPECTED = "not_as_expected"


class Clock(StrEnum):
    """What the guest's time is: instructions as nanoseconds, or the host's time."""

    ICOUNT = "icount"
    WALL = "wall"


class Direction(StrEnum):
    """Which way of a metric is better; NEITHER for those that only tell."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"
