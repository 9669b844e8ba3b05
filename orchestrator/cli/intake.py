# SPDX-License-Identifier: GPL-2.0-or-later
"""How a check takes its patch: what was understood is told first; then whether it applies, and if not, what would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.analyse.contract import SeriesRow, TakenRow
from orchestrator.build import patches
from orchestrator.build.fitting import adapted
from orchestrator.build.kernel import Builder
from orchestrator.build.sources import Tree
from orchestrator.cli.console import say
from orchestrator.config.sources import buildable
from orchestrator.errors import BuildError, printable
from orchestrator.model import Matrix, Source
from orchestrator.report.parts.taken import notes, series_line
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.reproduce import GIVEN, GIVEN_BEFORE, SERIES
from orchestrator.series.arguments import Change
from orchestrator.series.fit import MOST_FUZZ
from orchestrator.series.letters import Patch


@dataclass(frozen=True)
class Choice:
    """What a person chose for a patch that does not apply: see build/fitting.py."""

    fuzz: int = 0
    partial: bool = False


def taken(wanted: Change, choice: Choice, told: Sequence[str] = ()) -> TakenRow:
    """For the record; told: what was applied otherwise than the patches say."""
    series = wanted.series
    rows = [
        SeriesRow(
            title=printable(its.title), version=its.version, author=printable(its.author), date=its.date,
            message_id=printable(its.message_id), parts=its.parts, total=its.total,
        )
        for its in series.origins
    ]  # fmt: skip
    return TakenRow(
        series=rows,
        notes=[printable(note) for note in (*series.notes, *wanted.notes)],
        left_out=[printable(line) for line in series.left_out],
        fuzz=choice.fuzz,
        partial=choice.partial,
        adapted=[printable(line) for line in told],
    )


def tell(row: TakenRow) -> None:
    """Which series it is, and how it was understood, before anything starts: to standard error."""
    head = [f"patch: {series_line(series)}" for series in row["series"]]
    say(*head, *notes({**row, "fuzz": 0, "partial": False}), stderr=True)


def written(folder: RunFolder, series: Sequence[Patch], where: str = SERIES) -> list[Path]:
    """The patches as files of the run."""
    for place, patch in enumerate(series, 1):
        folder.write_bytes(f"{where}/{patch.file_name(place)}", patch.text.encode(errors="surrogateescape"))
    return [folder.path.resolve() / where / patch.file_name(place) for place, patch in enumerate(series, 1)]


@dataclass(frozen=True)
class Fitting:
    """A change as it is applied; its files: first those of its prerequisites; told: what was done otherwise than they
    say."""

    change: Change
    first: list[Path]
    files: list[Path]
    told: tuple[str, ...] = ()


async def fit(
    folder: RunFolder, wanted: Change, first: list[Path], files: list[Path], choice: Choice, builder: Builder
) -> Fitting:
    """The patches as they apply with what was chosen, as files of the run; as they stand where that does not do."""
    as_they_stand = Fitting(wanted, first, files)
    if choice == Choice() or not buildable(wanted.source):
        return as_they_stand
    pristine = await builder.source(wanted.source)
    with builder.store.scratch() as scratch:
        try:
            done = await adapted(pristine.folder, scratch, [*first, *files], choice.fuzz, choice.partial)
        except BuildError:
            return as_they_stand
    before, its = done.texts[: len(first)], done.texts[len(first) :]
    if not any(text is None or text for text in its):
        return as_they_stand
    kept = _rewritten(folder, files, its, GIVEN)
    mine = tuple(replace(wanted.series.patches[at], text=patches.text_of(files[at])) for at in kept)
    changed = replace(wanted, series=replace(wanted.series, patches=mine))
    needed = [first[at] for at in _rewritten(folder, first, before, GIVEN_BEFORE)]
    return Fitting(changed, needed, [files[at] for at in kept], done.told)


def _rewritten(folder: RunFolder, files: Sequence[Path], texts: Sequence[str | None], given: str) -> list[int]:
    """Files whose text is another now are kept as they were, too; places of those of which something is left."""
    for path, text in zip(files, texts, strict=True):
        if text is not None:
            folder.write_bytes(f"{given}/{path.name}", path.read_bytes())
            path.unlink()
        if text:
            folder.write_bytes(f"{path.parent.name}/{path.name}", text.encode(errors="surrogateescape"))
    return [place for place, text in enumerate(texts) if text is None or text]


async def refusal(pristine: Tree, files: Sequence[Path], scratch: Path) -> BuildError | None:
    """Why they do not apply; None if they do."""
    try:
        await patches.apply(pristine.folder, scratch, files)
    except BuildError as error:
        return error
    return None


async def elsewhere(matrix: Matrix, source: Source, files: Sequence[Path], builder: Builder) -> list[str]:
    """On which other sources of the matrix file they would apply, of those that are here already; with which fuzz."""
    said = []
    for other in matrix.sources:
        if other == source or not buildable(other) or (tree := builder.unpacked(other)) is None:
            continue
        with builder.store.scratch() as scratch:
            try:
                done = await adapted(tree.folder, scratch, files, MOST_FUZZ, False)
            except BuildError:
                continue
        more = f" --fuzz {done.fuzz}" if done.fuzz else ""
        said.append(f"it applies to {other.name} (Linux {tree.linux}): --base {other.name}{more}")
    return said
