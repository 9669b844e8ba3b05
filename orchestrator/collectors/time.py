# SPDX-License-Identifier: GPL-2.0-or-later
"""Time of the region by the guest's clock; under icount 1 ns is one instruction."""

from orchestrator.collectors import Collector
from orchestrator.model import Direction

COLLECTOR = Collector(
    title="time",
    unit="us",
    direction=Direction.LOWER,
    collect=lambda line: float(str(line["time_ns"])) / 1000,
    shown_unit="ns",
    scale=1000.0,
    digits=1,
    exact=False,
)
