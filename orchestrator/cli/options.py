# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that several verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
Json = Annotated[bool, typer.Option("--json", help="One JSON event a line on standard output.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="Look for newer packages of the sources.")]
Unsandboxed = Annotated[bool, typer.Option("--unsandboxed", help="Build patches without bubblewrap: you trust them.")]
Diff = Annotated[bool, typer.Option("--profile-diff", help="Also say where the instructions went.")]
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="make -j; default: all cores.")]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Measure all, also what was measured before and repeats exactly.")
]
