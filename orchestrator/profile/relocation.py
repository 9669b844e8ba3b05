# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a kernel runs, if that is not where it was linked: where System.map and line tables have it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.profile.symbols import Symbols, in_order

_ENDS = re.compile(r"^([0-9a-f]+) \S (_text|_end)$", re.M)


@dataclass(frozen=True)
class Relocation:
    """What is linked from start up to end runs so many bytes above that."""

    start: int = 0
    end: int = 0
    above: int = 0

    @classmethod
    def of(cls, system_map: str, config: str, option: str) -> Relocation:
        """option: of the config; where what is linked at 0 runs. "", or one that this Linux has not: as linked."""
        found = re.search(rf"^{option}=(0x[0-9A-Fa-f]+)$", config, re.M) if option else None
        ends = {name: int(address, 16) for address, name in _ENDS.findall(system_map)}
        return cls(ends["_text"], ends["_end"], int(found[1], 16)) if found and len(ends) == 2 else cls()

    def linked(self, address: int) -> int:
        """Of an address at which something ran."""
        return address - self.above if self.start <= address - self.above < self.end else address

    def running(self, address: int) -> int:
        """Of an address that was linked."""
        return address + self.above if self.start <= address < self.end else address

    def symbols(self, linked: Symbols) -> Symbols:
        """Where they run."""
        rows = zip(linked.starts, linked.ends, linked.names, strict=True)
        local = {self.running(start): self.running(entry) for start, entry in linked.local.items()}
        return in_order(((self.running(a), self.running(a) + b - a, name) for a, b, name in rows), local)
