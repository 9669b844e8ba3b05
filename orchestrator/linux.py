# SPDX-License-Identifier: GPL-2.0-or-later
"""Versions of Linux, and specs of them. Pure."""

from __future__ import annotations

import re

_CLAUSE = re.compile(r"^\s*(>=|<=|==|<|>)\s*([\d.]+)\s*$")


def holds_for(spec: str, version: str) -> bool:
    """Is a Linux version (6.1.192) within a spec (">=6.0,<6.4")? Empty: for all. ValueError: it is none."""
    ours = _numbers(version)
    for clause in filter(None, spec.split(",")):
        found = _CLAUSE.match(clause)
        if found is None:
            raise ValueError(f"not a version clause: {clause!r}")
        theirs = _numbers(found[2])
        head = ours[: len(theirs)] if found[1] in ("==", "<=", ">") else ours
        order = (head > theirs) - (head < theirs)
        if order not in {">=": (0, 1), "<=": (0, -1), "==": (0,), "<": (-1,), ">": (1,)}[found[1]]:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
