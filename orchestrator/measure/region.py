# SPDX-License-Identifier: GPL-2.0-or-later
"""The region of a workload that is measured, in the words of QEMU's plugins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from orchestrator.guest.command_line import Plugin
from orchestrator.model import Clock, Marks, Measure
from orchestrator.profile.symbols import RUNNER, USER, Symbols, code_at

_FIRST, _LAST = "km_begin", "km_end"  # the region is between them
_CODE = 4096  # bytes of a function that are told at most


def uncounted(measure: Measure, marks: Marks | None, arch: str) -> str:
    """Why what a pass executes cannot be counted; empty if it can."""
    if measure.clock is not Clock.ICOUNT:
        return "it is measured by the wall clock; an account needs the instruction clock"
    if measure.cpus != 1:
        return f"it runs on {measure.cpus} CPUs, whose passes do not repeat; an account needs one CPU"
    return "" if marks else f"{arch} has no marks in arches/"


def bounds(user: Symbols, files: Sequence[Path], marks: Marks) -> list[str]:
    """Where it begins and ends. files: what the workload is; the first one has the markers.

    What else runs while it sleeps may have code at the same addresses, so theirs is told, too.
    """
    prefix = USER if len(files) == 1 else RUNNER
    found = []
    for name in (_FIRST, _LAST):
        start, end = user.find(prefix + name)
        start = user.called(start)
        found.append(f"{start:x}-{end:x}:{code_at(files[0], start, min(end, start + _CODE)).hex()}")
    first, last = found
    return [f"begin={first}", *(f"ret={pattern}" for pattern in marks.returns), f"end={last}"]


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
