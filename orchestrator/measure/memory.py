# SPDX-License-Identifier: GPL-2.0-or-later
"""The pass of a boot that says what is loaded and stored: once more from the same state, with QEMU's plugin."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from orchestrator.analyse.suite import METRIC
from orchestrator.build import plugin
from orchestrator.errors import InfraError, KmatrixError
from orchestrator.guest.command_line import Plugin
from orchestrator.measure import addresses, noted, region
from orchestrator.measure.addresses import Places
from orchestrator.measure.boot import Task, once_more
from orchestrator.measure.provenance import key
from orchestrator.model import MEMORY, BootResult
from orchestrator.profile import costs, memory, symbols
from orchestrator.profile.costs import Piece
from orchestrator.profile.memory import Accesses
from orchestrator.sandbox.bubblewrap import own_file
from orchestrator.store import digest

FILE = "memory.gz"  # in the boot's folder
PASS = "memory"  # a folder there: the boot's files of that pass
LARGEST = 1 << 30  # bytes that its plugin writes
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
    arch, metrics = task.boot.cell.arch, task.boot.cell.workload.metrics
    if why := region.uncounted(task.measure, arch.marks, arch.name):
        return why
    if METRIC not in metrics:
        return "it measures no time, because how much it does depends on how long something else takes"
    return "" if arch.memory else f"{arch.name} has no memory in arches/"


def known(task: Task, result: BootResult) -> bool:
    """Has somebody looked, as is done today?"""
    return set(MEMORY) <= result.costs.keys() and _kept(task) is not None


def _rules(task: Task) -> str:
    """Of all that an account rests on: what was measured, and how it is told."""
    its = task.boot.cell.arch.memory
    return digest(memory.FORMAT, plugin.sources(), asdict(its) if its else None, key(task.provenance))


def _kept(task: Task) -> str | None:
    """The plugin's file of the boot, if it is of this, and told as today."""
    try:
        rules, _, text = gzip.decompress((task.folder / FILE).read_bytes()).decode().partition("\n")
    except (OSError, EOFError, ValueError, zlib.error):
        return None
    return text if rules == _rules(task) else None


async def with_memory(task: Task, result: BootResult) -> BootResult:
    """The boot's result with what a pass loads and stores, by a pass of its own if nobody has looked. Without it the
    boot is what it is, and says why."""
    if known(task, result):
        return result
    plain = {name: count for name, count in result.costs.items() if name not in MEMORY}
    try:
        done = await take(task, result)
    except KmatrixError as error:
        why = f"what it loads and stores is not known: {error.message} {error.hint}".strip()
        return replace(result, costs=plain, unseen=(why,))
    units = result.passes[-1].units
    found = {name: float(count) for name, count in done.accesses.sums.items()}
    told = tuple(done.notes(units, task.boot.cell.workload.unit))
    return replace(result, costs={**plain, **found}, unseen=told)


async def take(task: Task, plain: BootResult) -> Pass:
    """Of the boot, from its file if there is one, else by a pass. plain: its result. KmatrixError without both."""
    if why := impossible(task):
        raise InfraError(why, kind="memory")
    assert task.kernel is not None
    places = addresses.places_of(task.kernel, task.boot.cell.arch)
    pieces, regions = await asyncio.to_thread(noted.pieces, task.folder, places.relocation)
    units = plain.passes[-1].units
    text = _kept(task)
    if text is None:
        user = symbols.of_programs(*task.tool.files)
        text = await _measure(task, places, await asyncio.to_thread(memory.turns, pieces, user, units * regions))
    found = await asyncio.to_thread(_read, task, places, pieces, regions, text)
    (task.folder / FILE).write_bytes(gzip.compress(f"{_rules(task)}\n{text}".encode(), compresslevel=4, mtime=0))
    return found


def _read(task: Task, places: Places, pieces: Iterable[Piece], regions: int, text: str) -> Pass:
    arch = task.boot.cell.arch
    assert arch.memory is not None
    accesses = memory.parse(text, places.relocation)
    decode = costs.decoder(arch)
    silent = memory.silent(pieces, decode, arch.memory.silent, accesses) if decode else {}
    return Pass(accesses, {name: count // regions for name, count in silent.items()})


async def _measure(task: Task, places: Places, turns: Iterable[int]) -> str:
    """What the plugin writes in a pass. Whatever an earlier one has left is gone before: an emulator that was taken
    over may have left links in it."""
    folder = task.folder / PASS
    shutil.rmtree(folder, ignore_errors=True)
    raw = folder.resolve() / "plugin"
    raw.mkdir(parents=True)
    (raw / "turns").write_text("".join(f"{address:x}\n" for address in turns))
    library = await plugin.plugin(task.store, task.provenance.machine.qemu, plugin.MEMORY)
    await once_more(task, _options(task, places, library, raw), folder)
    out = raw / "accesses"
    if not out.is_file():
        raise InfraError("the plugin saw no region: km_begin() and km_end() did not run", kind="memory")
    if own_file(out).stat().st_size > LARGEST:
        raise InfraError("the plugin's account of memory is larger than any can be", kind="memory")
    text = out.read_text(errors="replace")
    shutil.rmtree(folder, ignore_errors=True)
    return text


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
