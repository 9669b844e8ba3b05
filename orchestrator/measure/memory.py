# SPDX-License-Identifier: GPL-2.0-or-later
"""The pass of a boot that says what is loaded and stored: once more from the same state, with QEMU's plugin."""

from __future__ import annotations

import asyncio
import gzip
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.build import plugin
from orchestrator.errors import InfraError, KmatrixError
from orchestrator.guest.command_line import Plugin
from orchestrator.measure import addresses, noted, region
from orchestrator.measure.addresses import Places
from orchestrator.measure.boot import Task, measure
from orchestrator.model import MEMORY, BootResult
from orchestrator.profile import costs, memory, symbols
from orchestrator.profile.costs import Piece
from orchestrator.profile.memory import Accesses
from orchestrator.sandbox.bubblewrap import own_file

FILE = "memory.gz"  # in the boot's folder
PASS = "memory"  # a folder there: the boot's files of that pass
LEAST = 0.005  # accesses a unit of work that were not placed: fewer are not told


@dataclass(frozen=True)
class Pass:
    """What was told, and what of the region is not in it. silent: {instruction: executions}."""

    accesses: Accesses
    silent: Mapping[str, int]

    def notes(self, units: int, unit: str) -> list[str]:
        """What a reader must know. units: of work in it."""
        found = [memory.unseen({name: n / units for name, n in self.silent.items()}, unit)]
        if (unplaced := self.accesses.unplaced / units) >= LEAST:
            found.append(f"it is not known which lines {unplaced:.2f} accesses a {unit} went to, so they are in none")
        return [text for text in found if text]


def impossible(task: Task) -> str:
    """Why nothing can be said; empty if it can."""
    arch = task.boot.cell.arch
    if why := region.uncounted(task.measure, arch.marks, arch.name):
        return why
    return "" if arch.memory else f"{arch.name} has no memory in arches/"


def known(task: Task, result: BootResult) -> bool:
    """Has somebody looked?"""
    return set(MEMORY) <= result.costs.keys() and _there(task)


def _there(task: Task) -> bool:
    """Its file, as it is written today?"""
    try:
        return gzip.decompress((task.folder / FILE).read_bytes()).startswith(memory.HEAD.encode())
    except (OSError, EOFError):
        return False


async def with_memory(task: Task, result: BootResult) -> BootResult:
    """The boot's result with what a pass loads and stores, by a pass of its own if nobody has looked. Without it the
    boot is what it is, and says why."""
    if known(task, result):
        return result
    try:
        done = await take(task, result)
    except KmatrixError as error:
        why = f"what it loads and stores is not known: {error.message} {error.hint}".strip()
        return replace(result, notes=(*result.notes, why))
    units = result.passes[-1].units
    found = {name: float(count) for name, count in done.accesses.sums.items()}
    told = tuple(done.notes(units, task.boot.cell.workload.unit))
    return replace(result, costs={**result.costs, **found}, unseen=told)


async def take(task: Task, plain: BootResult) -> Pass:
    """Of the boot, from its file if there is one, else by a pass. plain: its result. KmatrixError without both."""
    if why := impossible(task):
        raise InfraError(why, kind="memory")
    assert task.kernel is not None
    places = addresses.places_of(task.kernel, task.boot.cell.arch)
    pieces, regions = await asyncio.to_thread(noted.pieces, task.folder, places.relocation)
    units = plain.passes[-1].units
    if not _there(task):
        user = symbols.of_programs(*task.tool.files)
        await _measure(task, places, await asyncio.to_thread(memory.turns, pieces, user, units * regions))
    return await asyncio.to_thread(_read, task, places, pieces, regions)


def _read(task: Task, places: Places, pieces: Iterable[Piece], regions: int) -> Pass:
    arch = task.boot.cell.arch
    assert arch.memory is not None
    accesses = memory.parse(gzip.decompress((task.folder / FILE).read_bytes()).decode(), places.relocation)
    decode = costs.decoder(arch)
    silent = memory.silent(pieces, decode, arch.memory.silent, accesses) if decode else {}
    return Pass(accesses, {name: count // regions for name, count in silent.items()})


async def _measure(task: Task, places: Places, turns: Iterable[int]) -> None:
    """The pass, and its file."""
    folder = task.folder / PASS
    raw = folder.resolve() / "plugin"
    raw.mkdir(parents=True, exist_ok=True)
    (raw / "turns").write_text("".join(f"{address:x}\n" for address in turns))
    library = await plugin.plugin(task.store, task.provenance.machine.qemu, plugin.MEMORY)
    one = replace(task.measure, passes=1)
    its = _options(task, places, library, raw)
    await measure(replace(task, plugin=its, blocks=None, pace=None, measure=one, folder=folder))
    out = raw / "accesses"
    if not out.is_file():
        raise InfraError("the plugin saw no region: km_begin() and km_end() did not run", kind="memory")
    (task.folder / FILE).write_bytes(gzip.compress(own_file(out).read_bytes(), compresslevel=4, mtime=0))
    shutil.rmtree(folder, ignore_errors=True)


def _options(task: Task, places: Places, library: Path, raw: Path) -> Plugin:
    arch, files = task.boot.cell.arch, task.tool.files
    assert arch.marks and arch.memory
    return region.plugin(
        library,
        raw,
        {"out": raw / "accesses", "turns": raw / "turns"},
        *region.bounds(symbols.of_programs(*files), files, arch.marks),
        *region.interrupted(places.interrupts, arch.marks),
        *([f"low={arch.memory.low:#x}"] if arch.memory.low else []),
        *arch.memory.hidden,
    )
