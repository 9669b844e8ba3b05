# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that says what the host lacks."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from orchestrator import doctor as checks
from orchestrator.build import newer_qemu as newer
from orchestrator.cli.console import print_error, printer, took
from orchestrator.cli.options import Config
from orchestrator.config import emulators, matrix_file
from orchestrator.errors import EXIT_INFRA, ConfigError, InfraError
from orchestrator.guest import accel
from orchestrator.model import Arch, Matrix
from orchestrator.sandbox import bubblewrap
from orchestrator.store import Store

USERNS = (
    "Patches are then built and booted only with --unsandboxed, all else without a sandbox. User namespaces mend it: "
    "sysctl kernel.unprivileged_userns_clone=1; on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0."
)
_LACKS = {  # below these versions
    accel.FAIR: "workloads of several CPUs are left out",
    newer.WHOLE: "accounts of memory lack some accesses",
}


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command()(doctor)


def doctor(
    tests: Annotated[bool, typer.Option("--tests", help="Also what the tests need.")] = False,
    newer_qemu: Annotated[
        Path | None,
        typer.Option(
            "--newer-qemu", help="Unpack QEMU of the release's backports there, for qemu: of a matrix file."
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Check what the host must have for the matrix file's architectures, and say how to get it.

    Example: kmatrix doctor --tests; kmatrix doctor --newer-qemu qemu-10
    """
    console = printer()
    if newer_qemu:
        wanted = matrix_file.load(took(config), installed=True).arches  # the file may name what is not there yet
        asyncio.run(newer.unpack(Store(), wanted, newer_qemu))
        there = newer_qemu.absolute()
        names = ", ".join(arch.name for arch in wanted)
        text = f"QEMU for {names} is there. In the matrix file:\nqemu: {there}"
        console.print(text, soft_wrap=True, markup=False, highlight=False)
        return
    matrix = _matrix(config)
    arches = [arch.name for arch in matrix.arches] if matrix else []
    given = {Path(arch.qemu).name for arch in matrix.arches if "/" in arch.qemu} if matrix else set()
    lacking = [need for need in checks.missing(tests, arches) if need.program not in given]
    if not lacking:
        console.print(f"All {len(checks.wanted(tests, arches))} things are there.")
    else:
        table = Table("missing", "why", "Debian, Ubuntu", "Fedora", box=None, pad_edge=False)
        for need in lacking:
            table.add_row(need.name, need.why, need.package, need.fedora)
        console.print(table)
        console.print(f"\nInstall them with:\n  {checks.install_command(lacking)}", soft_wrap=True)
    if shutil.which("bwrap") and (why := asyncio.run(bubblewrap.usable())):
        console.print(f"bubblewrap cannot hold anything here: {why}.\n{USERNS}", soft_wrap=True, markup=False)
    for need in checks.optional(tests):
        console.print(f"Not needed, but good to have: {need.name} ({need.package}), {need.why}.", soft_wrap=True)
    for arch, needs in checks.ports(tests, arches).items():
        how = f"it needs {', '.join(need.package for need in needs)}" if needs else "all that it needs is there"
        console.print(f"Not in this matrix file, but possible: {arch}; {how}.", soft_wrap=True)
    if lacking:
        raise typer.Exit(EXIT_INFRA)
    if matrix:
        console.print(asyncio.run(_old(matrix.arches)), end="", soft_wrap=True, markup=False, highlight=False)


def _matrix(config: Path | None) -> Matrix | None:
    """The matrix file; of one that does not load nothing, and why is said."""
    try:
        return matrix_file.load(took(config))
    except ConfigError as error:
        print_error(error)
        return None


async def _old(arches: Sequence[Arch]) -> str:
    """What the emulators are too old for, and where there are newer ones; "" if they are not."""
    try:
        said = [await accel.qemu_version(arch) for arch in arches]
    except InfraError as error:
        return f"{error.message}\n"
    oldest = min(said, key=emulators.version, default="")
    if not oldest:
        return ""
    told = [text for version, text in _LACKS.items() if emulators.version(oldest) < version]
    if not told:
        return ""
    where = await newer.offered(Store(), map(emulators.own, arches))
    how = f" {where}: kmatrix doctor --newer-qemu FOLDER unpacks it, without installing it." if where else ""
    return f"QEMU is {oldest.split()[0]}: {'; '.join(told)}.{how}\n"
