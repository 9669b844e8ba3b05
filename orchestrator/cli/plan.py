# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that says what a run would do."""

from __future__ import annotations

import typer
from rich.console import Console

from orchestrator.analyse.expect import lacking, remarks, unanswerable
from orchestrator.cli.console import took
from orchestrator.cli.options import Config, Preset, Select, Suites, Workloads
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan as make_plan
from orchestrator.config.sources import buildable
from orchestrator.model import Arch, Build, Clock, Matrix, Plan, Workload


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command()(plan)


def plan(
    config: Config = None,
    preset: Preset = "",
    select: Select = None,
    workload: Workloads = None,
    suite: Suites = None,
) -> None:
    """Print the builds, cells and boots of a run, without starting anything.

    Example: kmatrix plan --select 's390x/*'
    """
    file = took(config)
    workload = [*(workload or ()), *matrix_file.of_suites(suite or (), file)]
    matrix = matrix_file.load(file, preset, matrix_file.named_or_absolute(workload, file))
    made = make_plan(matrix, select or [])
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{len(made.builds)} builds")
    for build in made.builds:
        patches = ", ".join(path.name for path in build.kernel.patches) or "no patches"
        its = (build.kernel.config or matrix.config).name if buildable(build.kernel.source) else "ready"
        console.print(f"  {build.id}: {build.kernel.source.name}, {patches}, config {its}")
        if lost := foreseen(build, matrix):
            console.print(f"    built without what this Linux does not have or take: {', '.join(lost)}")
    for arch in {cell.arch.name: cell.arch for cell in made.cells}.values():
        console.print(f"CPU of {arch.name}: {', '.join(f'{model} ({accel})' for accel, model in _cpus(arch, made))}")
    console.print(f"{len(made.cells)} cells")
    for cell in made.cells:
        console.print(f"  {cell.id}")
    for each in {cell.workload.name: cell.workload for cell in made.cells}.values():
        if workload:
            console.print(f"{each.name}: {each.title}{f' ({each.note})' if each.note else ''}")
        for line in _expected(each, matrix):
            console.print(f"{each.name}: {line}")
    measure = made.measure
    console.print(
        f"{len(made.boots)} boots of {measure.warmup} warm-up + {measure.passes} counted passes, "
        f"clock {measure.clock.value}, in this order"
    )
    for boot in made.boots:
        console.print(f"  {boot.id}")


def _cpus(arch: Arch, made: Plan) -> list[tuple[str, str]]:
    """(accelerator, model) of those that a cell of the arch may get."""
    clocks = {made.measure.of(cell.workload).clock for cell in made.cells if cell.arch == arch}
    kvm = made.measure.accel != "tcg" and Clock.WALL in clocks
    tcg = made.measure.accel != "kvm" or Clock.ICOUNT in clocks
    return [(name, model) for name, model in arch.cpu.items() if {"tcg": tcg, "kvm": kvm}[name]]


def foreseen(build: Build, matrix: Matrix) -> list[str]:
    """Wished options that a kernel is known to lack. Nothing is fetched to know it."""
    if not buildable(build.kernel.source):
        return []
    import asyncio  # all of this only here: `--help` is instant

    from orchestrator.build.kernel import Builder
    from orchestrator.measure.host import cores

    return list(asyncio.run(Builder.of(matrix, cores()).foreseen(build)))


def _expected(workload: Workload, matrix: Matrix) -> list[str]:
    """What this matrix cannot judge of a workload's expectations."""
    kernels = [kernel.name for kernel in matrix.kernels]
    lost = unanswerable(workload.expectations, kernels, matrix.comparisons)
    others = lacking([one for one in workload.expectations if one not in lost], kernels)
    partly = f"expectations have figures for kernels that are not in this matrix, too: {', '.join(others)}"
    return remarks(lost, kernels, matrix.comparisons) + ([partly] if others else [])
