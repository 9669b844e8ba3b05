# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts by which a CPU makes another one schedule; workloads of several CPUs tell it."""

from orchestrator.collectors import Collector, told_if
from orchestrator.model import Direction

COLLECTOR = Collector(
    title="reschedules",
    unit="1",
    direction=Direction.LOWER,
    collect=lambda line: told_if(line, "reschedules"),
)
