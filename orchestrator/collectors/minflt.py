# SPDX-License-Identifier: GPL-2.0-or-later
"""Minor faults of the workload's process (getrusage)."""

from orchestrator.collectors import Collector, faults
from orchestrator.model import Direction

COLLECTOR = Collector(
    title="minflt",
    unit="1",
    direction=Direction.NEITHER,
    collect=lambda line: faults(line, "minflt"),
    robot="time.minor_page_faults",
)
