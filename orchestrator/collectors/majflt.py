# SPDX-License-Identifier: GPL-2.0-or-later
"""Major faults of the workload's process (getrusage); a retried fault counts as one."""

from orchestrator.collectors import Collector, faults
from orchestrator.model import Direction

COLLECTOR = Collector(
    title="majflt",
    unit="1",
    direction=Direction.LOWER,
    collect=lambda line: faults(line, "majflt"),
    counter="pgmajfault",
    robot="time.major_page_faults",
)
