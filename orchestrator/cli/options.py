# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that several verbs take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.errors import ConfigError

Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="The matrix file; default: ./matrix.yaml, else kmatrix's own.")
]
Select = Annotated[
    list[str] | None,
    typer.Option("--select", "-s", help="Glob over cell ids, ARCH/KERNEL/WORKLOAD; repeatable."),
]
OneSeries = Annotated[
    str,
    typer.Option("--series", help="Of several series in a file this one: a Message-Id, or its number in the list."),
]
Preset = Annotated[str, typer.Option("--preset", "-p", help="A preset of the matrix file.")]
Workloads = Annotated[
    list[str] | None,
    typer.Option(
        "--workload",
        "-w",
        help="Instead of the file's: name, folder, C file, program or script, and its arguments; repeatable.",
    ),
]
Suites = Annotated[
    list[str] | None,
    typer.Option(
        "--suite",
        help="Instead of the file's: all, an area of guest-tools/, a tag, a glob over names, or a folder of "
        "programs; repeatable.",
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
Json = Annotated[bool, typer.Option("--json", help="One JSON event a line on standard output.")]
Executor = Annotated[
    str,
    typer.Option(
        "--executor",
        envvar="KMATRIX_EXECUTOR",
        help="Where it is done: local; dask, a cluster on this machine; or a file that kmatrix scheduler wrote.",
    ),
]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Of --executor dask: so many processes.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="Look for newer packages of the sources.")]
Unsandboxed = Annotated[
    bool, typer.Option("--unsandboxed", help="Build and boot patches without bubblewrap: you trust them.")
]
Diff = Annotated[bool, typer.Option("--profile-diff", help="Also say where the instructions went.")]
Reach = Annotated[bool, typer.Option("--reach/--no-reach", help="Say which lines of the changes ran.")]
Memory = Annotated[
    bool,
    typer.Option("--memory", help="Also say what is loaded and stored, and which lines of memory: another pass."),
]
Debug = Annotated[
    bool,
    typer.Option("--debug", help="Then also run it in kernels that watch their locks and memory: is it right?"),
]
DebugBuild = Annotated[
    list[str] | None, typer.Option("--debug-build", help="Of these kernels only: locks, memory; repeatable.")
]
Variants = Annotated[
    bool,
    typer.Option(
        "--variants", help="Then also compile what is touched in other configs and for other architectures."
    ),
]
Quick = Annotated[
    bool,
    typer.Option("--quick", help="The first answer alone: does it apply, build, boot, and is it reached? One boot."),
]
Selftests = Annotated[
    bool, typer.Option("--selftests", help="Then also run the kernel's own tests of mm, before and after.")
]
Selftest = Annotated[
    list[str] | None, typer.Option("--selftest", help="Of these tests only: a program's name or a glob; repeatable.")
]
Tests = Annotated[
    list[Path] | None,
    typer.Option("--tests", help="Also tests of your own, as LTP's: a folder with static programs in FOLDER/ARCH."),
]
Thorough = Annotated[
    bool,
    typer.Option("--thorough", help="All of it: --debug, --variants and those that take long, --selftests."),
]
Static = Annotated[
    bool,
    typer.Option("--static/--no-static", help="Say what differs before anything runs: sizes, stack frames, layouts."),
]
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="make -j; default: all cores.")]
Fresh = Annotated[
    bool,
    typer.Option(
        "--fresh",
        help="Measure all, also what was measured before and repeats exactly, and kernels that are the same.",
    ),
]


def current(words: Sequence[str]) -> list[str]:
    """A command line with --preset for --profile, its name of before. ConfigError where both are there."""
    options = [word.partition("=")[0] for word in words[: words.index("--") if "--" in words else None]]
    if "--profile" not in options:
        return list(words)
    if {"--preset", "-p"} & set(options):
        raise ConfigError("--profile is the old name of --preset: give one of them")
    end = len(options)
    pairs = zip(words, options, strict=False)
    return [*(f"--preset{word[9:]}" if option == "--profile" else word for word, option in pairs), *words[end:]]
