# SPDX-License-Identifier: GPL-2.0-or-later
"""Sizes of a linked kernel, as `readelf --sections --symbols` tells them: by function, and by section. Pure."""

from __future__ import annotations

import re
from collections import Counter

from orchestrator.profile.names import stem
from orchestrator.profile.symbols import preferred

_SECTION = re.compile(r"^ *\[ *\d+\] (\S+) +[A-Z_]+ +[0-9a-f]+ [0-9a-f]+ ([0-9a-f]+) [0-9a-f]+ +(\w*) ", re.M)
_FUNCTION = re.compile(
    r"^ *\d+: ([0-9a-f]+) +(\w+) FUNC +\w+ +\w+ +(?:\[[^]]*\] +)?\d+ (\S+)$", re.M
)  # [<localentry>: 8]: what some machines say of a function besides
_NOT_A_FUNCTION = ("__pfx_", "__cfi_", ".L")  # what stands before one


def functions(text: str) -> dict[str, int]:
    """{function: bytes}. Clones and parts that the compiler made of one are added up, as bloat-o-meter does; several
    names of one address are one function."""
    names: dict[int, list[str]] = {}
    sizes: dict[int, int] = {}
    for address, size, name in _FUNCTION.findall(text):
        if not name.startswith(_NOT_A_FUNCTION) and "@" not in name:  # @: what a linker adds by address
            at = int(address, 16)
            names.setdefault(at, []).append(name)
            sizes[at] = max(sizes.get(at, 0), int(size, 0))
    found: Counter[str] = Counter()
    for at, its in names.items():
        found[stem(preferred(its))] += sizes[at]
    return dict(found)


def sections(text: str) -> dict[str, int]:
    """{section: bytes} of all that the kernel has in memory."""
    return {name: int(size, 16) for name, size, flags in _SECTION.findall(text) if "A" in flags}
