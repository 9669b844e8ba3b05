# SPDX-License-Identifier: GPL-2.0-or-later
"""Page faults in /proc/vmstat: the whole guest's; before Linux 6.4 a retry counts again."""

from orchestrator.collectors import Collector, counted
from orchestrator.model import Direction

COLLECTOR = Collector(
    title="pgfault",
    unit="1",
    direction=Direction.LOWER,
    collect=lambda line: counted(line, "pgfault"),
    counter="pgfault",
    robot="proc-vmstat.pgfault",
)
