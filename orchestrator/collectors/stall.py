# SPDX-License-Identifier: GPL-2.0-or-later
"""The longest mmap() of another thread while faults are throttled; only some workloads tell it."""

from orchestrator.collectors import Collector, told
from orchestrator.model import Direction

COLLECTOR = Collector(
    title="stall",
    unit="us",
    direction=Direction.LOWER,
    collect=lambda line: told(line, "stall_ns") / 1000,
    shown_unit="ms",
    scale=0.001,
    digits=3,
    exact=False,
)
