# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages written back while the region ran (/proc/vmstat nr_written): the whole guest's."""

from orchestrator.collectors import Collector, counted
from orchestrator.model import Direction

COLLECTOR = Collector(
    title="written",
    unit="1",
    direction=Direction.NEITHER,
    collect=lambda line: counted(line, "nr_written"),
    counter="nr_written",
    robot="proc-vmstat.nr_written",
)
