# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs that only look: doctor, plan, clean."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from orchestrator import doctor as checks
from orchestrator.analyse.expect import lacking, remarks, unanswerable
from orchestrator.cli.console import printer
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan as make_plan
from orchestrator.errors import EXIT_INFRA
from orchestrator.model import Matrix, Workload
from orchestrator.registry import pick
from orchestrator.store import Store, cache_root

Config = Annotated[Path, typer.Option("--config", "-c", help="The matrix file.")]
Select = Annotated[
    list[str] | None,
    typer.Option("--select", "-s", help="Glob over cell ids, ARCH/KERNEL/WORKLOAD; repeatable."),
]
Profile = Annotated[str, typer.Option("--profile", "-p", help="A profile of the matrix file.")]
Workloads = Annotated[
    list[str] | None,
    typer.Option(
        "--workload",
        "-w",
        help="Instead of the file's: name, folder, C file, program or script, and its arguments; repeatable.",
    ),
]
History = Annotated[
    str | None,
    typer.Option(
        "--history",
        envvar="KMATRIX_HISTORY",
        help="Where runs are recorded: a file, postgresql://..., or none; default: the user's data folder.",
    ),
]
DEFAULT = Path("matrix.yaml")


def register(app: typer.Typer) -> None:
    """Add this file's verbs."""
    for verb in (doctor, plan, clean):
        app.command()(verb)


def doctor(tests: Annotated[bool, typer.Option("--tests", help="Also what the tests need.")] = False) -> None:
    """Check what the host must have, and say how to get it.

    Example: kmatrix doctor --tests
    """
    lacking = checks.missing(tests)
    console = printer()
    if not lacking:
        console.print(f"All {len([n for n in checks.needs() if tests or not n.test])} things are there.")
        return
    table = Table("missing", "why", "Debian, Ubuntu", "Fedora", box=None, pad_edge=False)
    for need in lacking:
        table.add_row(need.name, need.why, need.package, need.fedora)
    console.print(table)
    console.print(f"\nInstall them with:\n  {checks.install_command(lacking)}", soft_wrap=True)
    raise typer.Exit(EXIT_INFRA)


def plan(config: Config = DEFAULT, profile: Profile = "", select: Select = None, workload: Workloads = None) -> None:
    """Print the builds, cells and boots of a run, without starting anything.

    Example: kmatrix plan --select 's390x/*'
    """
    matrix = matrix_file.load(config, profile, matrix_file.named_or_absolute(workload or (), config))
    made = make_plan(matrix, select or [])
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{len(made.builds)} builds")
    for build in made.builds:
        patches = ", ".join(path.name for path in build.kernel.patches) or "no patches"
        console.print(f"  {build.id}: {build.kernel.source.name}, {patches}")
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


def _expected(workload: Workload, matrix: Matrix) -> list[str]:
    """What this matrix cannot judge of a workload's expectations."""
    kernels = [kernel.name for kernel in matrix.kernels]
    lost = unanswerable(workload.expectations, kernels, matrix.comparisons)
    others = lacking([one for one in workload.expectations if one not in lost], kernels)
    partly = f"expectations have figures for kernels that are not in this matrix, too: {', '.join(others)}"
    return remarks(lost, kernels, matrix.comparisons) + ([partly] if others else [])


def clean(
    kinds: Annotated[list[str] | None, typer.Argument(help="What to remove: a kind from the list, or all.")] = None,
) -> None:
    """List what the cache holds, or remove kinds of it. Runs are not touched.

    Example: kmatrix clean trees ccache
    """
    root = cache_root()
    folders = {
        path.name: path
        for path in sorted(root.glob("[!.]*"))
        if path.is_dir() and path.name not in ("locks", "scratch")
    }
    console = Console()
    if not kinds:
        for name, path in folders.items():
            console.print(f"{_mib(path):8.0f} MiB  {name}", highlight=False)
        console.print(f"in {root}; remove with: kmatrix clean KIND... or kmatrix clean all", soft_wrap=True)
        return
    chosen = list(folders) if "all" in kinds else kinds
    for old in root.glob(".trash-*"):
        shutil.rmtree(old, ignore_errors=True)
    for path in [pick("kind", kind, folders) for kind in chosen]:
        Store().discard(path)
        console.print(f"removed {path}", soft_wrap=True)


def _mib(folder: Path) -> float:
    """Disk space; a file with several names counts once."""
    seen = {(s.st_dev, s.st_ino): s.st_blocks for p in folder.rglob("*") if (s := p.lstat())}
    return sum(seen.values()) * 512 / 2**20
