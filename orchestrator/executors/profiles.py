# SPDX-License-Identifier: GPL-2.0-or-later
"""The profiled pass of a cell: the pass of its first boot once more, from the same state, with QEMU's plugin."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.build import plugin
from orchestrator.cell import MEASURE_CPU, Task, measure
from orchestrator.errors import InfraError
from orchestrator.model import BootResult, Cell, Clock, KernelArtifact
from orchestrator.profile import account as accounts
from orchestrator.profile import symbols
from orchestrator.results import RunFolder
from orchestrator.store import write_atomically

FILE = "profile.json"  # in the cell's folder
_FIRST, _LAST = symbols.USER + "km_begin", symbols.USER + "km_end"  # the region is between them
_UNITS_PER_US = 1000  # instructions in a microsecond of the instruction clock


def possible(task: Task) -> str:
    """Why this boot cannot be profiled; empty if it can."""
    if task.measure.clock is not Clock.ICOUNT:
        return "it is measured by the wall clock; an account needs the instruction clock"
    return "" if task.boot.cell.arch.marks else f"{task.boot.cell.arch.name} has no marks in arches/"


def taken(folder: RunFolder, cell: Cell) -> bool:
    """Does the run folder have this cell's account?"""
    return (folder.path / "cells" / cell.id / FILE).is_file()


async def take(task: Task, kernel: KernelArtifact, plain: BootResult) -> None:
    """Measure the profiled pass and write the cell's account. plain is the boot without a plugin."""
    folder = task.folder / "profile"
    folder.mkdir(exist_ok=True)
    counted = folder.resolve() / "counts.txt"
    system_map = Path(str(kernel.info.get("system_map") or kernel.folder / "System.map")).read_text()
    user = symbols.program(task.tool.runner)
    library = await plugin.plugin(task.store, task.qemu)
    done = await measure(
        replace(
            task,
            plugin=options(task, library, counted, system_map, user),
            measure=replace(task.measure, passes=1),
            folder=folder,
        )
    )
    written = await asyncio.to_thread(_account, task, counted, system_map, user, plain, done)
    write_atomically(task.folder.parent / FILE, json.dumps(written, indent=1) + "\n")
    counted.unlink()


def options(task: Task, library: Path, out: Path, system_map: str, user: symbols.Symbols) -> str:
    """-plugin's argument. Commas in paths are doubled, as QEMU wants it."""
    marks = task.boot.cell.arch.marks
    assert marks is not None  # possible() was asked
    begin, begin_end = user.find(_FIRST)
    parts = [
        str(library).replace(",", ",,"),
        f"out={str(out).replace(',', ',,')}",
        f"begin={begin:#x}",
        f"begin_end={begin_end:#x}",
        *(f"ret={pattern}" for pattern in marks.returns),
        f"end={user.find(_LAST)[0]:#x}",
        *(f"irq={address:#x}" for address in sorted(set(symbols.addresses(system_map, marks.interrupts).values()))),
        *(f"eret={pattern}" for pattern in marks.exception_returns),
    ]
    return ",".join(parts)


def _account(
    task: Task, counted: Path, system_map: str, user: symbols.Symbols, plain: BootResult, done: BootResult
) -> dict[str, Any]:
    """The cell's account, of the whole region (nothing is per unit of work here)."""
    cell, marks = task.boot.cell, task.boot.cell.arch.marks
    assert marks is not None
    if not counted.is_file():
        raise InfraError("the plugin saw no region: km_begin() and km_end() did not run", kind="profile")
    counts = accounts.parse(counted.read_text())
    entries = set(symbols.addresses(system_map, marks.interrupts).values())
    made = accounts.account(counts, symbols.kernel(system_map, marks.outside), user, entries, marks.stubs)
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
        "counters": counts.counters,
        "interrupts": made.interrupts,
        "interrupt_count": made.interrupt_count,
        "unattributed": made.unattributed,
        "functions": {name: list(row) for name, row in sorted(made.functions.items())},
    }


def _clock(result: BootResult, number: int) -> float | None:
    """A pass's time by the instruction clock, in instructions; None where it is no metric of the workload."""
    time = result.passes[number].values.get("time")
    return None if time is None else time * _UNITS_PER_US
