# SPDX-License-Identifier: GPL-2.0-or-later
"""Pairs of mmap() and munmap() that another thread got done; only some workloads tell it."""

from orchestrator.collectors import Collector, told
from orchestrator.model import Direction

COLLECTOR = Collector(
    title="mapped",
    unit="1",
    direction=Direction.HIGHER,
    collect=lambda line: told(line, "mapped"),
    exact=False,
)
