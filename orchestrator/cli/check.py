# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that takes a patch and says what it changes."""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.analyse.contract import MatrixReport
from orchestrator.analyse.each import lines as each_lines
from orchestrator.analyse.matrix import exit_code
from orchestrator.build.kernel import Builder
from orchestrator.build.refusal import Refused
from orchestrator.cli import author, choosing, following, intake
from orchestrator.cli.console import print_run, say, took
from orchestrator.cli.following import PATCHED, UNPATCHED
from orchestrator.cli.intake import Choice
from orchestrator.cli.options import (
    Config,
    Debug,
    DebugBuild,
    Diff,
    Executor,
    Fresh,
    History,
    Jobs,
    Json,
    Memory,
    OneSeries,
    Quick,
    Reach,
    Refresh,
    Selftest,
    Selftests,
    Static,
    Suites,
    Tests,
    Thorough,
    Unsandboxed,
    Variants,
    Workers,
    Workloads,
)
from orchestrator.config import debug as kinds
from orchestrator.config import matrix_file
from orchestrator.config.selftests import chosen as own_tests
from orchestrator.config.sources import buildable
from orchestrator.config.variants import many
from orchestrator.engine import Manner, finish, measured, proven, this_command
from orchestrator.errors import EXIT_OK, EXIT_UNREACHED, BuildError, ConfigError, printable
from orchestrator.events import FirstAnswer
from orchestrator.measure.host import check_host, cores
from orchestrator.model import Arch, Comparison, Kernel, Matrix, Verdict
from orchestrator.paths import GUEST_TOOLS, MATRIX
from orchestrator.profile.never_built import Never, has_code, never_built
from orchestrator.registry import figure, pick
from orchestrator.report.parts.words import listed
from orchestrator.runs import copies, of_check
from orchestrator.runs.folder import RunFolder, new_run
from orchestrator.runs.record import Request
from orchestrator.runs.reproduce import PREREQUISITES
from orchestrator.runs.run import Run
from orchestrator.series.arguments import Change, from_words
from orchestrator.series.diff import bare, touched
from orchestrator.series.fit import MOST_FUZZ, tell
from orchestrator.series.letters import Patch, numbered
from orchestrator.series.series import Series
from orchestrator.store import Store
from orchestrator.ui import JsonLines

MOST_DETAILS = 60  # lines about hunks
SAMPLES = "CONFIG_SAMPLES=y"


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command()(check)


def check(
    patch: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATCH...]",
            help="Patch files or their folder, an mbox, commits (A..B, or one), or a Message-Id; "
            "nothing: what is not committed in the kernel tree that you are in.",
        ),
    ] = None,
    series: OneSeries = "",
    fuzz: Annotated[
        int,
        typer.Option("--fuzz", min=0, max=MOST_FUZZ, help="So many lines of a hunk's context may be others."),
    ] = 0,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Go on without parts that are missing, and hunks that do not apply."),
    ] = False,
    base: Annotated[
        str,
        typer.Option(
            "--base", help="A source of the matrix file or a git tree, of which @REVISION names a commit; a tarball."
        ),
    ] = "",
    tree: Annotated[Path, typer.Option("--tree", help="The git tree of commits; default: this folder's.")] = Path(),
    each: Annotated[bool, typer.Option("--each", help="Also a kernel for every prefix of the series.")] = False,
    arch: Annotated[list[str] | None, typer.Option("--arch", "-a", help="Only this one; repeatable.")] = None,
    workload: Workloads = None,
    suite: Suites = None,
    config: Config = None,
    out: Annotated[Path | None, typer.Option("--out", help="The run's folder; default: runs/check-DATE.")] = None,
    profile_diff: Diff = False,
    reach: Reach = True,
    memory: Memory = False,
    debug: Debug = False,
    debug_build: DebugBuild = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--config-for-patch/--no-config-for-patch",
            help="Then also with the options on that changed lines need and these kernels lack.",
        ),
    ] = True,
    quick: Quick = False,
    variants: Variants = False,
    selftests: Selftests = False,
    selftest: Selftest = None,
    tests: Tests = None,
    thorough: Thorough = False,
    static: Static = True,
    json: Json = False,
    fresh: Fresh = False,
    refresh: Refresh = False,
    jobs: Jobs = None,
    unsandboxed: Unsandboxed = False,
    executor: Executor = "",
    workers: Workers = 2,
    history: History = None,
) -> None:
    """Does a patch apply, build and boot everywhere, and what does it change?

    Kernels are called unpatched and patched; with --each, patched-1 is with the first patch, and so on. Builds are in
    a sandbox. Without --workload or --suite, workloads of the library that run what is changed are chosen. What
    changed lines need of the kernels' config is switched on in both, after a first answer without it.
    Exit code 1: something got worse; 5: none of the changed code is in what was measured. The reply:
    kmatrix report RUN --format mail.

    Example: kmatrix check --arch s390x 0001-mm-do-less.patch; in a kernel tree: kmatrix check HEAD~2..
    """
    check_host()
    _alone(quick, debug, debug_build, variants, selftests, selftest, tests, thorough, memory, profile_diff, each)
    file = took(config, json)
    words = [*(workload or ()), *matrix_file.of_suites(suite or (), file)]
    matrix = matrix_file.load(file, chosen=matrix_file.named_or_absolute(words, file))
    wanted = from_words(patch or [], base, tree, matrix, series, partial)
    choice = Choice(fuzz, partial)
    intake.tell(intake.taken(wanted, choice))
    manner = Manner(
        executor=executor, workers=workers,
        json=json, refresh=refresh, jobs=jobs, fresh=fresh, unsandboxed=unsandboxed, profile=profile_diff,
        reach=reach, memory=memory, static=static and not quick, history=history,
        debug=kinds.chosen(debug or thorough, debug_build or ()), variants=many(variants, thorough),
        selftests=own_tests(selftests or thorough, selftest or (), tests or ()), first=PATCHED,
        kind="check",
    )  # fmt: skip
    asked = _arches(matrix, arch or [])
    if (left_out := _never_built(matrix, wanted, asked)) and not _refused(wanted):
        raise typer.Exit(_at_once(left_out, asked, wanted, manner))
    wanted, theirs = author.followed(wanted, base, matrix, manner)
    with new_run(out, "check") as folder:
        wanted, first, files, told = _fitted(folder, wanted, choice, matrix, manner)
        checked = _matrix(matrix, wanted, files, arch or [], each, first)
        checked = replace(checked, measure=replace(checked.measure, boots=1)) if quick else checked
        select, others = _applicable(checked, manner)
        chosen = None
        if not words and file.resolve() == MATRIX and not select:
            chosen = choosing.first(folder, checked, manner)
            checked = chosen.matrix
        of_check.TAKEN.save(folder, intake.taken(replace(wanted, notes=(*wanted.notes, *others)), choice, told))
        if theirs:
            of_check.AUTHOR.save(folder, theirs)
        request = Request(copies.place(folder), "", select, {})
        done = measured(folder, checked, request, manner)
        shown = functools.partial(_shown, folder, wanted, profile_diff, json)
        shown(done)
        if chosen and not quick and (grown := choosing.after(folder, chosen, done, manner)):
            done, checked = grown
            shown(done)
        more = None if quick else _more(folder, checked, request, done, manner, follow and reach)
    if more:
        shown(more)
    done = more or done
    if each and not json:
        say(*each_lines(done.report, _steps(wanted.series.patches)))
    raise typer.Exit(exit_code(done.report))


def _alone(quick: bool, *more: object) -> None:
    """ConfigError where more is asked for than the first answer."""
    if quick and any(more):
        raise ConfigError("--quick is the first answer alone: what asks for more does not go with it")


def _shown(folder: RunFolder, wanted: Change, profile_diff: bool, json: bool, done: Run) -> None:
    """What there is so far."""
    if not json:
        print_run(done, folder.path, profile_diff, worse(done.report, wanted.series))


def _more(
    folder: RunFolder, checked: Matrix, request: Request, done: Run, manner: Manner, follow: bool
) -> Run | None:
    """What comes behind the figures: whether it is right; and the config follows the patch."""
    right = proven(folder, checked, request, manner)
    return (following.after(folder, checked, right or done, manner) if follow else None) or right


def _never_built(matrix: Matrix, wanted: Change, asked: Sequence[Arch]) -> dict[str, Never]:
    """{file: what it is}, if no file that the patch touches can be part of a kernel, as their names alone tell."""
    config = wanted.config or matrix.config
    lines = [*matrix.kconfig, *wanted.kconfig, *(line for arch in asked for line in config.lines[arch.name])]
    samples = any(line.startswith((SAMPLES, "#: start defconfig")) for line in lines)
    files = sorted({file for patch in wanted.series.patches for file in touched(bare(patch.text))})
    known = {file: never_built(file, {arch.srcarch for arch in asked}, samples) for file in files}
    found = {file: why for file, why in known.items() if why}
    return found if len(found) == len(files) else {}


def _at_once(left_out: Mapping[str, Never], arches: Sequence[Arch], wanted: Change, manner: Manner) -> int:
    """Say so; returns the exit code."""
    said = f"no file of it is built for {listed(arch.name for arch in arches)}: nothing was started"
    code = any(has_code(patch.text) for patch in wanted.series.patches)
    more = ["it changes code, and none of that runs here"] if code else []
    if manner.json:
        JsonLines(sys.stdout)(FirstAnswer("first answer", "; ".join([said, *more])))
    else:
        lines = [said, *(f"  {file}: {why}" for file, why in left_out.items()), *more]
        say(*map(printable, lines))
    return EXIT_UNREACHED if code else EXIT_OK


def _refused(wanted: Change) -> bool:
    """Is it known without fetching the source that it does not apply?"""
    store = Store()
    if (tree := Builder(store, 1, 0, 0).unpacked(wanted.source)) is None:
        return False
    with store.scratch() as scratch:
        files = intake.written(RunFolder(scratch), wanted.series.patches)
        return finish(intake.refusal(tree, files, scratch / "applied"), this_command()) is not None


def _fitted(
    folder: RunFolder, wanted: Change, choice: Choice, matrix: Matrix, manner: Manner
) -> tuple[Change, list[Path], list[Path], tuple[str, ...]]:
    """The prerequisites and the patches as files of the run, as they apply with what was chosen; and what that did to
    them."""
    first = intake.written(folder, wanted.prerequisites, PREREQUISITES)
    files = intake.written(folder, wanted.series.patches)
    builder = Builder.of(matrix, cores(), manner.refresh)
    done = finish(intake.fit(folder, wanted, first, files, choice, builder), this_command())
    if not manner.json:
        say(*done.told)
    return done.change, done.first, done.files, done.told


def _arches(matrix: Matrix, names: list[str]) -> tuple[Arch, ...]:
    known = {arch.name: arch for arch in matrix.arches}
    return tuple(pick("arch", name, known) for name in names) or matrix.arches


def _matrix(
    matrix: Matrix, wanted: Change, files: list[Path], arches: list[str], each: bool, first: Sequence[Path] = ()
) -> Matrix:
    """The file's matrix with these kernels. What the shipped workloads expect is about others. first: patches that
    all of them have."""
    prefixes = {f"{PATCHED}-{i}": tuple(files[:i]) for i in range(1, len(files) + 1)} if each else {}
    table = {UNPATCHED: (), **prefixes, PATCHED: tuple(files)}
    steps = [UNPATCHED, *prefixes]
    pairs = [*itertools.pairwise(steps), (UNPATCHED, PATCHED)]
    theirs = [
        w if w.own or w.folder.resolve().parent != GUEST_TOOLS else replace(w, expectations=())
        for w in matrix.workloads
    ]
    return replace(
        matrix,
        arches=_arches(matrix, arches),
        kernels=tuple(
            Kernel(name, wanted.source, (*first, *its), wanted.kconfig, wanted.config) for name, its in table.items()
        ),
        workloads=tuple(theirs),
        comparisons=tuple(Comparison(*pair) for pair in pairs),
        claims=(),
    )


def _applicable(matrix: Matrix, manner: Manner) -> tuple[tuple[str, ...], list[str]]:
    """Which cells to measure, and where else it would apply. First the fast answer: where it does not apply, nothing
    else is done."""
    error, more = finish(_applies(matrix, manner), this_command())
    if not manner.json:
        lines = [f"applies to {matrix.kernels[0].source.name}: {f'no: {error.message}' if error else 'yes'}"]
        lines += [f"  {line}" for line in _details(error)] if error else []
        say(*lines, *more)
    return (f"*/{PATCHED}/*",) if error else (), more


def _details(error: BuildError) -> list[str]:
    """What became of each hunk, and what to do."""
    hunks = [printable(line) for line in tell(error.fitted.places)] if isinstance(error, Refused) else []
    more = [f"and {len(hunks) - MOST_DETAILS} more lines: kmatrix report"] if len(hunks) > MOST_DETAILS else []
    return [*hunks[:MOST_DETAILS], *more, *([f"next: {error.hint}"] if error.hint else [])]


async def _applies(matrix: Matrix, manner: Manner) -> tuple[BuildError | None, list[str]]:
    """Why not, and on which other sources it would; None if it does."""
    builder = Builder.of(matrix, cores(), manner.refresh)
    whole = next(kernel for kernel in matrix.kernels if kernel.name == PATCHED)
    if not buildable(whole.source):
        raise ConfigError(f"a ready {whole.source.kind} takes no patches", hint="name a source with --base")
    first = next((kernel.patches for kernel in matrix.kernels if kernel.name == UNPATCHED), ())
    pristine = await builder.source(whole.source)
    with builder.store.scratch() as scratch:
        if error := await intake.refusal(pristine, first, scratch / "first") if first else None:
            error.message = f"one of its prerequisites: {error.message}"
        else:
            error = await intake.refusal(pristine, whole.patches, scratch / "whole")
    return error, await intake.elsewhere(matrix, whole.source, whole.patches, builder) if error else []


def worse(report: MatrixReport, series: Series) -> list[str]:
    """A line for each step that made something worse: which patch, where, and by how much."""
    lines = []
    for row in report["comparisons"]:
        if row["verdict"] != Verdict.WORSE:
            continue
        where = f"{row['arch']} {row['workload']} {row['metric']}"
        size = row["per_unit_new"] - row["per_unit_base"]
        share = f" ({row['change']:+.2%})" if row["change"] is not None else ""
        lines.append(
            f"worse: {_culprit(row['base'], row['new'], series.patches)}: {where} {figure(size, 2, '+')}{share}"
        )
    return lines


def _steps(all_of_them: Sequence[Patch]) -> dict[str, str]:
    """{kernel: what it is called}, of a series patch by patch."""
    rows = enumerate(zip(numbered(all_of_them), all_of_them, strict=True), 1)
    return {f"{PATCHED}-{i}": f'{number} "{patch.title}"' for i, (number, patch) in rows}


def _culprit(base: str, new: str, all_of_them: tuple[Patch, ...]) -> str:
    """patch 2/3 "mm: do more" for a step, the series for the whole; where its config followed, with what."""
    if step := _steps(all_of_them).get(new):
        return step
    what = "the series" if len(all_of_them) > 1 else f'"{all_of_them[0].title}"'
    return what if new == PATCHED else f"{what}, from {base} to {new}"
