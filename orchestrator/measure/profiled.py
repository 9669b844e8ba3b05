# SPDX-License-Identifier: GPL-2.0-or-later
"""The profiled pass of a cell: the pass of its first boot once more, from the same state, with QEMU's plugin."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.build import addr2line, plugin
from orchestrator.config.sources import buildable
from orchestrator.errors import InfraError, KmatrixError
from orchestrator.guest.command_line import Plugin
from orchestrator.measure import addresses, memory, region
from orchestrator.measure.addresses import Places
from orchestrator.measure.boot import MEASURE_CPU, Task, once_more
from orchestrator.model import Arch, BootResult, KernelArtifact, Marks, Workload
from orchestrator.profile import account as accounts
from orchestrator.profile import costs, paths, symbols
from orchestrator.profile import lines as sources
from orchestrator.profile.cell_account import CellAccount
from orchestrator.profile.relocation import Relocation
from orchestrator.runs import account_files
from orchestrator.sandbox.bubblewrap import own_file

SWITCHES = ("__switch_to*", "cpu_switch_to")  # what changes the stack
_UNITS_PER_US = 1000  # instructions in a microsecond of the instruction clock


def impossible(task: Task) -> str:
    """Why this boot cannot be profiled; empty if it can."""
    return region.uncounted(task.measure, task.boot.cell.arch.marks, task.boot.cell.arch.name)


async def take(task: Task, kernel: KernelArtifact, plain: BootResult) -> None:
    """Measure the profiled pass and write the cell's account. plain is the boot without a plugin."""
    folder = task.folder / "profile"
    folder.mkdir(exist_ok=True)
    marks = task.boot.cell.arch.marks
    assert marks is not None  # impossible() was asked
    vmlinux = kernel.folder / "vmlinux" if buildable(task.boot.cell.kernel.source) else None
    local = await asyncio.to_thread(symbols.local_entries, vmlinux) if vmlinux else None
    programs = symbols.of_programs(*task.tool.files)
    arch = task.boot.cell.arch
    places = await asyncio.to_thread(addresses.places_of, kernel, arch)
    relocation = places.relocation
    known = _Known(
        marks, places, relocation.symbols(addresses.linked(kernel, arch, local)), programs,
        folder.resolve() / "plugin", task.tool.files, whole=local is not None,
    )  # fmt: skip
    shutil.rmtree(known.folder, ignore_errors=True)  # an emulator that was taken over may have left links in it
    known.folder.mkdir()
    known.functions.write_text(
        paths.functions_file(known.kernel, known.user, (*marks.enters, *marks.stubs), SWITCHES, marks.unreturned)
    )
    library = await plugin.plugin(task.store, task.provenance.machine.qemu)
    done = await once_more(task, options(library, known), folder)
    if not known.counts.is_file():
        raise InfraError("the plugin saw no region: km_begin() and km_end() did not run", kind="profile")
    counted = await asyncio.to_thread(_region, known)
    tables = (known.user,) if known.misplaced else (known.kernel, known.user)
    lacking = tuple(absent(task.boot.cell.workload, *tables))
    account = replace(_account(task, counted, plain, done), absent=lacking)
    account = await asyncio.to_thread(_with_costs, account, arch, known, counted)
    if task.memory:
        account = await _with_memory(account, task, plain, places)
    account_files.save(
        task.folder.parent, _with_paths(await _with_lines(account, task, kernel, relocation, counted), known, counted)
    )
    for file in (known.counts, known.functions, known.paths):
        file.unlink(missing_ok=True)
    shutil.rmtree(known.folder, ignore_errors=True)


async def add_memory(task: Task, plain: BootResult, why: str) -> None:
    """To a cell's account that has none, what it loads and stores; why: it cannot be known."""
    cell = task.boot.cell
    account = account_files.load_account(task.folder.parent)
    if why or task.kernel is None:
        account = replace(account, memory_why=why or "its kernel is not there")
    else:
        places = await asyncio.to_thread(addresses.places_of, task.kernel, cell.arch)
        account = await _with_memory(account, task, plain, places)
    account_files.save(task.folder.parent, account)


@dataclass(frozen=True)
class _Known:
    """What tells the plugin's addresses, and where its files are."""

    marks: Marks
    places: Places
    kernel: symbols.Symbols  # where they run
    user: symbols.Symbols
    folder: Path  # which the plugin may write to, and nothing else
    files: tuple[Path, ...]  # of the workload
    whole: bool  # is there a vmlinux that says where the kernel's functions are called?

    @property
    def alone(self) -> bool:
        """Is all of the workload one program, with markers?"""
        return len(self.files) == 1

    @property
    def misplaced(self) -> bool:
        """Is it not known where the kernel's functions are called? Then no call of one can be judged."""
        return bool(self.user.local) and not self.whole

    @property
    def followed(self) -> bool:
        """Can calls be followed? The plugin's shadow stack is that of one task."""
        return not self.unfollowed

    @property
    def unfollowed(self) -> str:
        """Why they cannot be."""
        if not (self.alone and self.marks.calls):
            return "calls are followed in one program, on architectures that say how they call"
        if self.misplaced:
            return "the kernel is a ready image, and functions are not called at their start"
        return ""

    @property
    def arrivals(self) -> set[int]:
        """Where exceptions do, as the kernel runs."""
        return set(map(self.places.relocation.running, self.places.exceptions))

    @property
    def counts(self) -> Path:
        return self.folder / "counts.txt"

    @property
    def functions(self) -> Path:
        return self.folder / "functions.txt"

    @property
    def paths(self) -> Path:
        return self.folder / "paths.txt"


def options(library: Path, known: _Known) -> Plugin:
    """The plugin, and what it is told."""
    marks = known.marks
    followed = {"functions": known.functions, "paths": known.paths} if known.followed else {}
    return region.plugin(
        library,
        known.folder,
        {"out": known.counts, **followed},
        *region.bounds(known.user, known.files, marks),
        *region.interrupted(known.places.interrupts, marks),
        *(f"call={pattern}" for pattern in marks.calls),
    )


@dataclass(frozen=True)
class _Region:
    """What the plugin counted, and what the symbols make of it."""

    counts: accounts.Counts
    made: accounts.RegionAccount
    path: tuple[accounts.Row, ...]


def absent(workload: Workload, *known: symbols.Symbols) -> list[str]:
    """Functions of which calls are expected, and which this kernel does not have: they never count one."""
    return symbols.lacking(workload.called, *known)


def _region(known: _Known) -> _Region:
    counts = accounts.parse_counts(own_file(known.counts).read_text())
    made = accounts.by_function(counts, known.kernel, known.user, known.places.interrupts, known.marks.stubs)
    return _Region(counts, made, tuple(accounts.path_under_test(counts, known.kernel, known.user, known.marks.stubs)))


def _with_costs(account: CellAccount, arch: Arch, known: _Known, region: _Region) -> CellAccount:
    """With what hardware pays more for than an instruction, by function."""
    decode = costs.decoder(arch)
    if decode is None:
        return replace(account, costs_why=f"{arch.name} has no costs in arches/")
    told = costs.told(decode, region.counts.pieces, (known.user, known.kernel), known.arrivals, account.units)
    return replace(account, costs=told.functions, code_lines=told.code_lines)


async def _with_memory(account: CellAccount, task: Task, plain: BootResult, places: Places) -> CellAccount:
    """With what it loads and stores, by function; where that is not known, why."""
    try:
        done = await memory.take(task, plain)
    except KmatrixError as error:
        return replace(account, memory_why=f"{error.message} {error.log}".strip())
    tables = (symbols.of_programs(*task.tool.files), places.symbols)
    costs = {name: dict(row) for name, row in (account.costs or {}).items()}
    for name, row in done.accesses.by_function(tables).items():
        costs.setdefault(name, {}).update(row)
    notes = done.notes(account.units, account.unit)
    median = done.accesses.median
    return replace(account, costs=costs, data_lines_median=median, memory_why="", unseen=tuple(notes))


def _with_paths(account: CellAccount, known: _Known, region: _Region) -> CellAccount:
    """By call path, too; where that is not exact, why there is none."""
    if not known.followed:
        return replace(account, paths_why=known.unfollowed)
    found = paths.parse_paths(own_file(known.paths).read_text(), known.kernel, known.user, known.marks.stubs)
    why = paths.doubt(found, region.made.functions, region.made.unattributed)
    return replace(account, paths=None if why else found.nodes, paths_why=why)


async def _with_lines(
    account: CellAccount, task: Task, kernel: KernelArtifact, relocation: Relocation, region: _Region
) -> CellAccount:
    """By line of the kernel's source, too; where that is not known, why. What there is stands without it."""
    vmlinux, name = kernel.folder / "vmlinux", task.boot.cell.kernel.name
    if not buildable(task.boot.cell.kernel.source) or not vmlinux.is_file():
        return replace(account, lines_why=f"{name} is a ready image, without debug information")
    executed = [(relocation.linked(row.address), row.symbol, row.count) for row in region.path]
    asked = (address for address, symbol, _ in executed if not symbol.startswith(symbols.USER))
    try:
        output = await addr2line.places(vmlinux, task.boot.cell.arch.cross_prefix, asked)
    except KmatrixError as error:
        return replace(account, lines_why=f"{error.message} {error.log}".strip())
    classes = await asyncio.to_thread(_classes, task.boot.cell.arch, relocation, region)
    made = await asyncio.to_thread(lambda: sources.by_line(executed, sources.parse_places(output), classes))
    return replace(
        account,
        lines=made.lines,
        lines_why="" if made.lines else f"{name} was built without debug information",
        unlined=made.unlined,
        line_costs=made.costs if classes is not None else None,
        source_functions=tuple((function, file, count) for (function, file), count in made.functions.items()),
    )


def _classes(arch: Arch, relocation: Relocation, region: _Region) -> dict[int, str] | None:
    """{address as it was linked: class of costs} of what was executed, None where no class is known."""
    decode = costs.decoder(arch)
    if decode is None:
        return None
    found = ((address, decode.classes(code)) for address, _, code in region.counts.pieces)
    return {relocation.linked(address): its[0] for address, its in found if its}


def _account(task: Task, region: _Region, plain: BootResult, done: BootResult) -> CellAccount:
    """The cell's account by function."""
    cell, made = task.boot.cell, region.made
    return CellAccount(
        id=cell.id,
        arch=cell.arch.name,
        kernel=cell.kernel.name,
        workload=cell.workload.name,
        unit=cell.workload.unit,
        units=done.passes[-1].units,
        total=made.total,
        clock_profiled=_clock(done, -1),
        clock_unprofiled=_clock(plain, plain.warmup),
        seconds_profiled=done.seconds.get(MEASURE_CPU, 0.0),
        seconds_unprofiled=plain.seconds.get(MEASURE_CPU, 0.0),
        passes_unprofiled=len(plain.passes) - plain.warmup,
        counters=region.counts.counters,
        interrupts=made.interrupts,
        interrupt_count=made.interrupt_count,
        unattributed=made.unattributed,
        functions=dict(sorted(made.functions.items())),
    )


def _clock(result: BootResult, number: int) -> float | None:
    """A pass's time by the instruction clock, in instructions; None where it is no metric of the workload."""
    time = result.passes[number].values.get("time")
    return None if time is None else time * _UNITS_PER_US
