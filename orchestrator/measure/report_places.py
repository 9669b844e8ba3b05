# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kernel says of itself, with the functions, files and lines of its source."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from orchestrator.analyse.findings import ReportRow
from orchestrator.build import addr2line
from orchestrator.errors import InfraError
from orchestrator.guest.reports import Frame, Report
from orchestrator.measure import addresses
from orchestrator.model import Arch, KernelArtifact
from orchestrator.profile.lines import parse_places
from orchestrator.profile.symbols import Symbols


async def decoded(kernel: KernelArtifact, arch: Arch, found: Sequence[Report]) -> list[ReportRow]:
    """Each with functions, files and lines of the source."""
    try:
        symbols = await asyncio.to_thread(addresses.linked, kernel, arch)
    except OSError:
        symbols = Symbols((), (), ())
    at = {frame: place for report in found for frame in report.frames if (place := _address(symbols, frame))}
    vmlinux = kernel.folder / "vmlinux"
    told = {}
    if at and vmlinux.is_file():
        with suppress(InfraError):  # what it says is known all the same
            text = await addr2line.places(vmlinux, arch.cross_prefix, sorted(set(at.values())))
            told = parse_places(text)
    rows = []
    for report in found:
        lines = [line for its in report.frames for line in told.get(at.get(its, 0), ()) if line.line]
        frames: list[list[str | int]] = [[line.function, line.file, line.line] for line in lines]
        frames = frames or [[its.function, "", 0] for its in report.frames]
        row = ReportRow(
            kind=report.kind, message=report.message, place=report.place, frames=frames, runs=report.runs,
            text=report.text,
        )  # fmt: skip
        rows.append(row)
    return rows


def _address(symbols: Symbols, frame: Frame) -> int:
    """Of the instruction that runs, or of the call."""
    try:
        return symbols.find(frame.function)[0] + frame.offset - (0 if frame.exact else 1)
    except KeyError:
        return 0
