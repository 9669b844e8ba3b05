# SPDX-License-Identifier: GPL-2.0-or-later
"""What a library of workloads runs of a kernel: from what the boots of a run noted, and the kernel's line table."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from orchestrator.build import addr2line, readelf
from orchestrator.errors import InfraError
from orchestrator.measure import addresses, noted
from orchestrator.measure.against import VMLINUX
from orchestrator.model import Arch, CellResult, KernelArtifact, Status
from orchestrator.profile import cover as covers
from orchestrator.profile import line_table, symbols
from orchestrator.profile.cover import Cover, Measured
from orchestrator.profile.line_table import Executed
from orchestrator.profile.lines import parse_places
from orchestrator.profile.relocation import Relocation
from orchestrator.runs.folder import RunFolder

FILES = "mm/"  # of which all that is built is told, not only what runs
_INIT = ("_sinittext", "_einittext")  # symbols around what is thrown away after boot


async def look(kernel: KernelArtifact, arch: Arch, folder: RunFolder, cells: Iterable[CellResult]) -> Cover:
    """cells: of this kernel. InfraError where nobody noted what ran."""
    passed = [cell for cell in cells if cell.status is Status.PASSED]
    relocation = await asyncio.to_thread(addresses.relocation, kernel, arch)
    measured, before = await asyncio.to_thread(_noted, folder, passed, relocation)
    vmlinux, known = kernel.folder / VMLINUX, addresses.linked(kernel, arch)
    init = symbols.addresses(addresses.system_map(kernel), _INIT)
    text = await readelf.line_table(vmlinux, arch.cross_prefix)
    executed = [its.executed for its in measured.values()]
    left_out = init.get(_INIT[0], 0), init.get(_INIT[1], 0)
    rows, asked = await asyncio.to_thread(lambda: covers.asked(line_table.all_rows(text), FILES, executed, left_out))
    places = parse_places(await addr2line.places(vmlinux, arch.cross_prefix, asked))
    return await asyncio.to_thread(covers.cover, rows, places, known, measured, before)


def _noted(
    folder: RunFolder, cells: Iterable[CellResult], relocation: Relocation
) -> tuple[dict[str, Measured], Executed]:
    """Of each workload; and all that ran before the counted passes of any."""
    measured: dict[str, Measured] = {}
    before: dict[tuple[int, int, int], None] = {}
    for cell in cells:
        place = folder.path / "cells" / cell.id / "boot-0"
        counted, last = noted.counted(place, relocation), cell.boots[0].passes[-1]
        if (time := last.values.get("time")) is None:
            raise InfraError(f"{cell.id} has no time", kind="cover")
        units = last.units * counted.regions
        measured[cell.workload] = Measured(counted.executed, units, cell.unit, time * 1000 / last.units)
        before.update(dict.fromkeys(noted.seen(place, relocation).blocks))
    return measured, Executed.of(before)
