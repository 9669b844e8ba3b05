# SPDX-License-Identifier: GPL-2.0-or-later
"""The longest time for which a thread that dirties pages had to wait in a store; only some workloads tell it."""

from orchestrator.collectors import Collector, told
from orchestrator.model import Direction

COLLECTOR = Collector(
    title="throttled",
    unit="us",
    direction=Direction.NEITHER,
    collect=lambda line: told(line, "throttled_ns") / 1000,
    shown_unit="ms",
    scale=0.001,
    exact=False,
)
