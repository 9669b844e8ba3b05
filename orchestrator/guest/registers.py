# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a guest's CPUs are, as QEMU's monitor tells it."""

from __future__ import annotations

import re

from orchestrator.model import Registers
from orchestrator.profile.standstill import Place

QUESTION = "info registers -a"
_CPU = re.compile(r"^CPU#\d+\s*$", re.MULTILINE)


def places(text: str, registers: Registers) -> tuple[Place, ...]:
    """Of each CPU of the answer; none of one that tells no program counter, or was never started (0)."""
    found = []
    for one in _CPU.split(text):
        if (counter := re.search(registers.pc, one)) and int(counter[1], 16):
            user = bool(registers.user) and re.search(registers.user, one) is not None
            found.append(Place(int(counter[1], 16), user))
    return tuple(found)
