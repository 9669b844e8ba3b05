# SPDX-License-Identifier: GPL-2.0-or-later
"""Executed instructions by call path: what the plugin wrote of its shadow stack, and whether that holds. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from orchestrator.errors import InfraError
from orchestrator.profile.symbols import Symbols

_HEAD = "kmatrix-paths"
_ENTERS, _SWITCHES, _WORKLOAD, _UNRETURNED = 1, 2, 4, 8  # the plugin's flags
OTHER_TASKS = "(other tasks)"  # after a switch of the stack, until the workload's own code goes on
REACH = 1e-5  # of all instructions: what sums by function may differ by from the account by function


@dataclass(frozen=True)
class Paths:
    """nodes: (number of the parent or -1, function, instructions of its own), parents first."""

    nodes: tuple[tuple[int, str, int], ...]
    strays: int  # ways between workload and kernel that nothing explains


def functions_file(
    kernel: Symbols, user: Symbols, enters: Iterable[str], switches: Iterable[str], unreturned: Iterable[str] = ()
) -> str:
    """The plugin's file of functions. Globs name where the kernel is entered, what changes the stack, and what drops
    the address that it was called from."""
    table = (tuple(enters), _ENTERS), (tuple(switches), _SWITCHES), (tuple(unreturned), _UNRETURNED)
    rows = [
        (start, end, sum(flag for globs, flag in table if any(fnmatchcase(name, glob) for glob in globs)))
        for start, end, name in zip(kernel.starts, kernel.ends, kernel.names, strict=True)
    ]
    rows += [(start, end, _WORKLOAD) for start, end in zip(user.starts, user.ends, strict=True)]
    local = {**kernel.local, **user.local}
    return "".join(f"{start:x} {end:x} {flags:x} {local.get(start, start):x}\n" for start, end, flags in sorted(rows))


def parse_paths(text: str, kernel: Symbols, user: Symbols, left_out: Collection[str]) -> Paths:
    """The plugin's file. left_out: functions that only lead to interrupts. InfraError when it is not whole."""
    rows = [row.split() for row in text.splitlines()]
    if not rows or len(rows[0]) != 3 or rows[0][:2] != [_HEAD, "1"]:
        raise InfraError("the plugin's call paths are not there or not whole", kind="profile", log=text[:400])
    nodes = [(-1, OTHER_TASKS, 0)]
    for parent, start, own in rows[2:]:
        name = user.at(int(start, 16))[0] or kernel.at(int(start, 16))[0]
        nodes.append((int(parent) - 1, name, 0 if name in left_out else int(own)))
    return Paths(tuple(nodes), int(rows[0][2]))


def doubt(paths: Paths, functions: Mapping[str, tuple[int, int]], unattributed: int) -> str:
    """Why these paths are not exact; "" if they are."""
    sums: dict[str, int] = {name: -count for name, (count, _) in functions.items()}
    sums[""] = -unattributed
    for _, name, own in paths.nodes[1:]:
        sums[name] = sums.get(name, 0) + own
    total = sum(count for count, _ in functions.values())
    off = sum(map(abs, sums.values()))
    if off > REACH * total:
        return f"their sums by function are {off} instructions off the account of {total}"
    return f"{paths.strays} ways into or out of the kernel are not known" if paths.strays else ""
