# SPDX-License-Identifier: GPL-2.0-or-later
"""The time of the operations alone, without what wakes another thread; workloads of several CPUs tell it."""

from orchestrator.collectors import Collector, told
from orchestrator.model import Direction

COLLECTOR = Collector(
    title="loop",
    unit="us",
    direction=Direction.LOWER,
    collect=lambda line: told(line, "loop_ns") / 1000,
    shown_unit="ns",
    scale=1000,
    digits=1,
    exact=False,
)
