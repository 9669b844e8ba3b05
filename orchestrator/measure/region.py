# SPDX-License-Identifier: GPL-2.0-or-later
"""The region of a workload that is measured, in the words of QEMU's plugins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from orchestrator.guest.command_line import Plugin
from orchestrator.model import Clock, Marks, Measure
from orchestrator.profile.symbols import RUNNER, USER, Symbols

_FIRST, _LAST = "km_begin", "km_end"  # the region is between them


def uncounted(measure: Measure, marks: Marks | None, arch: str) -> str:
    """Why what a pass executes cannot be counted; empty if it can."""
    if measure.clock is not Clock.ICOUNT:
        return "it is measured by the wall clock; an account needs the instruction clock"
    if measure.cpus != 1:
        return f"it runs on {measure.cpus} CPUs, whose passes do not repeat; an account needs one CPU"
    return "" if marks else f"{arch} has no marks in arches/"


def bounds(user: Symbols, alone: bool, marks: Marks) -> list[str]:
    """Where it begins and ends. alone: all of the workload is one program, with markers."""
    prefix = USER if alone else RUNNER
    (first, first_end), (last, _) = (user.find(prefix + name) for name in (_FIRST, _LAST))
    return [
        f"begin={user.called(first):#x}",
        f"begin_end={first_end:#x}",
        *(f"ret={pattern}" for pattern in marks.returns),
        f"end={user.called(last):#x}",
    ]


def interrupted(addresses: Iterable[int], marks: Marks) -> list[str]:
    """Where an interrupt begins, and how it ends."""
    ends = (f"eret={pattern}" for pattern in marks.exception_returns)
    return [*(f"irq={address:#x}" for address in sorted(addresses)), *ends]


def plugin(library: Path, folder: Path, files: Mapping[str, Path], *others: str) -> Plugin:
    """With its files, which are in the folder. Commas in paths are doubled, as QEMU wants it."""
    named = (f"{name}={_path(path)}" for name, path in files.items())
    return Plugin(",".join([_path(library), *named, *others]), library, folder)


def _path(path: Path) -> str:
    return str(path).replace(",", ",,")
