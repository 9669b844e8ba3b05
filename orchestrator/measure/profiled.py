# SPDX-License-Identifier: GPL-2.0-or-later
"""The profiled pass of a cell: the pass of its first boot once more, from the same state, with QEMU's plugin."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.build import addr2line, plugin
from orchestrator.config.sources import buildable
from orchestrator.errors import InfraError, KmatrixError
from orchestrator.measure.boot import MEASURE_CPU, Task, measure
from orchestrator.model import CALLS, BootResult, Clock, KernelArtifact, Marks, Workload
from orchestrator.profile import account as accounts
from orchestrator.profile import lines as sources
from orchestrator.profile import paths, symbols
from orchestrator.runs import account_files
from orchestrator.store import write_atomically

_FIRST, _LAST = "km_begin", "km_end"  # the region is between them
SWITCHES = ("__switch_to*", "cpu_switch_to")  # what changes the stack
_UNITS_PER_US = 1000  # instructions in a microsecond of the instruction clock


def impossible(task: Task) -> str:
    """Why this boot cannot be profiled; empty if it can."""
    if task.measure.clock is not Clock.ICOUNT:
        return "it is measured by the wall clock; an account needs the instruction clock"
    if task.measure.cpus != 1:
        return f"it runs on {task.measure.cpus} CPUs, whose passes do not repeat; an account needs one CPU"
    return "" if task.boot.cell.arch.marks else f"{task.boot.cell.arch.name} has no marks in arches/"


async def take(task: Task, kernel: KernelArtifact, plain: BootResult) -> None:
    """Measure the profiled pass and write the cell's account. plain is the boot without a plugin."""
    folder = task.folder / "profile"
    folder.mkdir(exist_ok=True)
    marks = task.boot.cell.arch.marks
    assert marks is not None  # impossible() was asked
    system_map = Path(str(kernel.info.get("system_map") or kernel.folder / "System.map")).read_text()
    known = _Known(
        marks, system_map, symbols.kernel(system_map, marks.outside), symbols.programs(*task.tool.files),
        folder.resolve(), alone=task.tool.program is None,
    )  # fmt: skip
    known.functions.write_text(paths.listing(known.kernel, known.user, (*marks.enters, *marks.stubs), SWITCHES))
    library = await plugin.plugin(task.store, task.provenance.machine.qemu)
    one = replace(task.measure, passes=1)
    done = await measure(replace(task, plugin=options(library, known), measure=one, folder=folder))
    if not known.counts.is_file():
        raise InfraError("the plugin saw no region: km_begin() and km_end() did not run", kind="profile")
    region = await asyncio.to_thread(_region, known)
    account = {
        **_account(task, region, plain, done),
        "absent": absent(task.boot.cell.workload, known.kernel, known.user),
    }
    written = {**account, **await _lines(task, kernel, region), **_paths(known, region)}
    write_atomically(task.folder.parent / account_files.FILE, json.dumps(written) + "\n")
    for file in (known.counts, known.functions, known.paths):
        file.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Known:
    """What tells the plugin's addresses, and where its files are."""

    marks: Marks
    system_map: str
    kernel: symbols.Symbols
    user: symbols.Symbols
    folder: Path
    alone: bool  # is all of the workload one program, with markers?

    @property
    def followed(self) -> bool:
        """Can calls be followed? The plugin's shadow stack is that of one task."""
        return self.alone and bool(self.marks.calls)

    def own(self, name: str) -> tuple[int, int]:
        """(first, end) address of a function of ours in the workload."""
        return self.user.find((symbols.USER if self.alone else symbols.RUNNER) + name)

    @property
    def counts(self) -> Path:
        return self.folder / "counts.txt"

    @property
    def functions(self) -> Path:
        return self.folder / "functions.txt"

    @property
    def paths(self) -> Path:
        return self.folder / "paths.txt"


def options(library: Path, known: _Known) -> str:
    """-plugin's argument. Commas in paths are doubled, as QEMU wants it."""
    marks = known.marks
    begin, begin_end = known.own(_FIRST)
    followed = {"functions": known.functions, "paths": known.paths} if known.followed else {}
    files = {"out": known.counts, **followed}
    irqs = symbols.addresses(known.system_map, marks.interrupts).values()
    parts = [
        str(library).replace(",", ",,"),
        *(f"{name}={str(path).replace(',', ',,')}" for name, path in files.items()),
        f"begin={begin:#x}",
        f"begin_end={begin_end:#x}",
        *(f"ret={pattern}" for pattern in marks.returns),
        f"end={known.own(_LAST)[0]:#x}",
        *(f"irq={address:#x}" for address in sorted(set(irqs))),
        *(f"eret={pattern}" for pattern in marks.exception_returns),
        *(f"call={pattern}" for pattern in marks.calls),
    ]
    return ",".join(parts)


@dataclass(frozen=True)
class _Region:
    """What the plugin counted, and what the symbols make of it."""

    counts: accounts.Counts
    made: accounts.Account
    path: tuple[accounts.Row, ...]


def absent(workload: Workload, *known: symbols.Symbols) -> list[str]:
    """Functions of which calls are expected, and which this kernel does not have: they never count one."""
    names = [e.metric.removeprefix(CALLS) for e in workload.expectations if e.metric.startswith(CALLS)]
    return symbols.lacking(names, *known)


def _region(known: _Known) -> _Region:
    counts = accounts.parse(known.counts.read_text())
    entries = set(symbols.addresses(known.system_map, known.marks.interrupts).values())
    made = accounts.account(counts, known.kernel, known.user, entries, known.marks.stubs)
    return _Region(counts, made, tuple(accounts.path(counts, known.kernel, known.user, known.marks.stubs)))


def _paths(known: _Known, region: _Region) -> dict[str, Any]:
    """By call path; where that is not exact, why there is none."""
    if not known.followed:
        return {
            "paths": None,
            "paths_why": "calls are followed in one program, on architectures that say how they call",
        }
    found = paths.parse(known.paths.read_text(), known.kernel, known.user, known.marks.stubs)
    why = paths.doubt(found, region.made.functions, region.made.unattributed)
    return {"paths": None if why else [list(node) for node in found.nodes], "paths_why": why}


async def _lines(task: Task, kernel: KernelArtifact, region: _Region) -> dict[str, Any]:
    """By line of the kernel's source; where that is not known, why. The account by function stands without it."""
    vmlinux = kernel.folder / "vmlinux"
    if not buildable(task.boot.cell.kernel.source) or not vmlinux.is_file():
        return {
            "lines": None,
            "lines_why": f"{task.boot.cell.kernel.name} is a ready image, without debug information",
        }
    asked = (row.address for row in region.path if not row.symbol.startswith(symbols.USER))
    try:
        output = await addr2line.places(vmlinux, task.boot.cell.arch.cross_prefix, asked)
    except KmatrixError as error:
        return {"lines": None, "lines_why": f"{error.message} {error.log}".strip()}
    executed = ((row.address, row.symbol, row.count) for row in region.path)
    made = await asyncio.to_thread(lambda: sources.attribute(executed, sources.parse(output)))
    return {
        "lines": {file: {str(line): pair for line, pair in table.items()} for file, table in made.lines.items()},
        "lines_why": "" if made.lines else f"{task.boot.cell.kernel.name} was built without debug information",
        "unlined": made.unlined,
        "source_functions": [[name, file, count] for (name, file), count in made.functions.items()],
    }


def _account(task: Task, region: _Region, plain: BootResult, done: BootResult) -> dict[str, Any]:
    """The cell's account, of the whole region (nothing is per unit of work here)."""
    cell, made = task.boot.cell, region.made
    return {
        "schema": 1,
        "id": cell.id,
        "arch": cell.arch.name,
        "kernel": cell.kernel.name,
        "workload": cell.workload.name,
        "unit": cell.workload.unit,
        "units": done.passes[-1].units,
        "total": made.total,
        "clock_profiled": _clock(done, -1),
        "clock_unprofiled": _clock(plain, plain.warmup),
        "seconds_profiled": done.seconds.get(MEASURE_CPU, 0.0),
        "seconds_unprofiled": plain.seconds.get(MEASURE_CPU, 0.0),
        "passes_unprofiled": len(plain.passes) - plain.warmup,
        "counters": region.counts.counters,
        "interrupts": made.interrupts,
        "interrupt_count": made.interrupt_count,
        "unattributed": made.unattributed,
        "functions": {name: list(row) for name, row in sorted(made.functions.items())},
    }


def _clock(result: BootResult, number: int) -> float | None:
    """A pass's time by the instruction clock, in instructions; None where it is no metric of the workload."""
    time = result.passes[number].values.get("time")
    return None if time is None else time * _UNITS_PER_US
