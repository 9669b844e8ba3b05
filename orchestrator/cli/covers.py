# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that tells what the library of workloads runs of a kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import typer

from orchestrator import library
from orchestrator.build.kernel import Builder
from orchestrator.cli.console import say, took
from orchestrator.cli.options import Config, Executor, Jobs, Unsandboxed, Workers
from orchestrator.config import matrix_file
from orchestrator.engine import Manner, finish, this_command
from orchestrator.errors import ConfigError
from orchestrator.library import Known
from orchestrator.measure.host import cores
from orchestrator.model import Arch, Kernel, Matrix
from orchestrator.profile import cover
from orchestrator.profile.cover import Counts, Cover, Share
from orchestrator.registry import pick
from orchestrator.runs import cover_file

TABLE = "README.md"  # in guest-tools/covers/: shares by file, written with what is shipped
_MM = "mm/"


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command()(covers)


def covers(
    place: Annotated[
        str, typer.Argument(metavar="[FILE:LINE]", help="Which workloads run this line of the kernel's source.")
    ] = "",
    function: Annotated[str, typer.Option("--function", "-f", help="Which run this function.")] = "",
    holes: Annotated[
        str, typer.Option("--holes", help="Functions that are built and no workload runs, of a file or folder: mm/")
    ] = "",
    base: Annotated[str, typer.Option("--base", help="A source of the matrix file; default: its first.")] = "",
    arch: Annotated[list[str] | None, typer.Option("--arch", "-a", help="Only this one; repeatable.")] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Run the library now, also where it is known what it runs.")
    ] = False,
    ship: Annotated[
        bool, typer.Option("--ship", help="Then write guest-tools/covers/ anew (for maintainers).")
    ] = False,
    config: Config = None,
    jobs: Jobs = None,
    unsandboxed: Unsandboxed = False,
    executor: Executor = "",
    workers: Workers = 2,
) -> None:
    """Which workloads of the library run a line or a function of the kernel; what they do not run.

    Without a place, a function or --holes: the share of mm/ that they run, by file. What is shipped is of the default
    base; of another kernel it is found by running the whole library on it once.

    Example: kmatrix covers mm/mremap.c:420; kmatrix covers --function move_ptes; kmatrix covers --holes mm/ksm.c
    """
    file = took(config)
    matrix = matrix_file.load(file)
    wanted = [pick("arch", name, {its.name: its for its in matrix.arches}) for name in arch or ()] or matrix.arches
    kernel = Kernel(
        "base", pick("source", base, {its.name: its for its in matrix.sources}) if base else matrix.sources[0]
    )
    manner = Manner(jobs=jobs, unsandboxed=unsandboxed, executor=executor, workers=workers)
    known = _known(matrix, kernel, tuple(wanted), manner, measure or ship)
    if ship:
        _ship(known)
    for name, its in known.items():
        lines = list(_answer(its.cover, place, function, holes))
        say(
            f"{name}: {its.told}{'' if its.exactly else ' (the account that is shipped)'}", *(f"  {x}" for x in lines)
        )


def _known(
    matrix: Matrix, kernel: Kernel, arches: tuple[Arch, ...], manner: Manner, anew: bool
) -> Mapping[str, Known]:
    builder = Builder.of(matrix, manner.jobs or cores(), unsandboxed=manner.unsandboxed)
    found = {} if anew else finish(library.known(matrix, kernel, builder), this_command())
    if lacking := [its for its in arches if its.name not in found]:
        more, why = library.find(matrix, kernel, lacking, manner)
        for cell, text in why.items():
            say(f"{cell}: {text}", stderr=True)
        found = {**found, **more}
    return {its.name: found[its.name] for its in arches if its.name in found}


def _answer(its: Cover, place: str, function: str, holes: str) -> Iterator[str]:
    if place:
        file, _, line = place.rpartition(":")
        if not (file and line.isdigit()):
            raise ConfigError(f"{place}: a place is FILE:LINE", hint="kmatrix covers mm/mremap.c:420")
        yield from _line(its, file, int(line))
    if function:
        found = its.named(function)
        if not found:
            yield f"no function {function}() is built, or it is of no file below {_MM} and runs nowhere"
        for where, one in found.items():
            yield f"{where}:{one.first}: {function}()"
            yield from (f"  {row}" for row in _runs(its, one.runs, one.boot))
    if holes:
        yield from _holes(its, holes)
    if not (place or function or holes):
        yield from _shares(its)


def _line(its: Cover, file: str, line: int) -> Iterator[str]:
    if file not in its.lines:
        yield f"{file}: nothing of it is built, or it is not below {_MM} and runs nowhere"
    elif line not in its.lines[file]:
        near = min(its.lines[file], key=lambda one: abs(one - line))
        yield f"{file}:{line} has no instructions of its own; the nearest line that has is {near}"
    else:
        yield from _runs(its, its.of_line(file, line), line in its.boot.get(file, ()))


def _runs(its: Cover, counts: Counts, boot: bool) -> Iterator[str]:
    if not counts:
        yield "no workload runs it" + (", only what comes before their counted passes" if boot else "")
    for name, count in sorted(counts.items(), key=lambda row: -row[1] / max(its.workloads[row[0]].ns, 1)):
        yield f"{name}: {count:,.4g} times per {its.workloads[name].unit}"


def _holes(its: Cover, folder: str) -> Iterator[str]:
    rows = list(cover.holes(its, folder))
    for file, name, one in rows:
        yield f"{file}:{one.first}: {name}(){' (before counted passes only)' if one.boot else ''}"
    yield f"{len(rows)} functions of {folder} that no workload runs"


def _shares(its: Cover) -> Iterator[str]:
    total = Share()
    rows = [(file, cover.share(its, file)) for file in sorted(its.functions) if file.startswith(_MM)]
    yield f"{'':32}  functions run   built   share     lines run   built   share"
    for file, one in rows:
        total += one
        yield _share(file, one)
    yield _share(f"all of {_MM}", total)


def _share(name: str, one: Share) -> str:
    functions, lines = one.functions_run / max(one.functions, 1), one.lines_run / max(one.lines, 1)
    return (
        f"{name:32}  {one.functions_run:13}  {one.functions:6}  {functions:6.1%}  "
        f"{one.lines_run:12}  {one.lines:6}  {lines:6.1%}"
    )


def _ship(known: Mapping[str, Known]) -> None:
    """Into the checkout."""
    cover_file.SHIPPED.mkdir(exist_ok=True)
    for arch, its in known.items():
        cover_file.shipped(arch).write_bytes(cover_file.encode(its.of, its.cover))
    (cover_file.SHIPPED / TABLE).write_text(_page(known))


def _page(known: Mapping[str, Known]) -> str:
    """A table of shares: files of mm/, functions and lines of each arch."""
    files = sorted({file for its in known.values() for file in its.cover.functions if file.startswith(_MM)})
    head = "| file | " + " | ".join(f"{arch}: functions | lines" for arch in known) + " |"
    rows = [_page_row(f"`{file}`", [cover.share(its.cover, file) for its in known.values()]) for file in files]
    totals = [sum((cover.share(its.cover, file) for file in files), Share()) for its in known.values()]
    about = ", ".join(f"{arch}: {its.told}" for arch, its in known.items())
    return "\n".join(
        [
            "<!-- SPDX-License-Identifier: GPL-2.0-or-later -->",
            "# What the library runs of mm/",
            "",
            "Written by `kmatrix covers --ship`, with the accounts beside it (`runs/cover_file.py` says how they are",
            f"kept). Of {about}. Functions and lines that are built and have instructions, without",
            "what is thrown away after boot (`.init.text`): those that counted passes run; in brackets those that",
            "only what comes before does: boot, and what workloads set up.",
            "",
            head,
            "|---" * (1 + 2 * len(known)) + "|",
            _page_row("**all**", totals),
            *rows,
            "",
        ]
    )


def _page_row(name: str, shares: list[Share]) -> str:
    cells = []
    for one in shares:
        for ran, boot, built in (
            (one.functions_run, one.functions_boot, one.functions),
            (one.lines_run, one.lines_boot, one.lines),
        ):
            cells.append(f"{ran} ({boot}) of {built}, {ran / built:.0%}" if built else "not built")
    return f"| {name} | " + " | ".join(cells) + " |"
