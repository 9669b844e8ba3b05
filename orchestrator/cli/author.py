# SPDX-License-Identifier: GPL-2.0-or-later
"""What a check takes over from the series' author: the source that it was made for, and the patches before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator.analyse.contract import AuthorRow
from orchestrator.build import origin, there
from orchestrator.build.kernel import Builder
from orchestrator.build.origin import Origin
from orchestrator.config.sources import BASE
from orchestrator.engine import Manner, finish, this_command
from orchestrator.measure.host import cores
from orchestrator.model import Matrix
from orchestrator.series import author, prerequisites, undone
from orchestrator.series.arguments import Change, upon
from orchestrator.series.letters import Patch


def followed(
    wanted: Change, words: Sequence[str], base: str, matrix: Matrix, manner: Manner
) -> tuple[Change, AuthorRow | None]:
    """The change upon the author's base, with its prerequisites; and what there is to tell of that."""
    builder = Builder.of(matrix, manner.jobs or cores(), manner.refresh)
    return finish(_followed(wanted, words, base, matrix, builder), this_command())


async def _followed(
    wanted: Change, words: Sequence[str], base: str, matrix: Matrix, builder: Builder
) -> tuple[Change, AuthorRow | None]:
    files = [Path(word).expanduser() for word in words]
    its = author.of(wanted.series)
    found = await prerequisites.found(its, wanted.series, files)
    own = not base and wanted.source.name == BASE  # commits, and what is not committed: they bring theirs
    free = not base

    async def choose(*before: Patch) -> Origin:
        if own:
            return Origin(wanted.source)
        whole = replace(found.series, patches=(*before, *found.series.patches))
        return await origin.choose(
            author.of(whole), wanted.source, matrix.sources, builder, free, bool(found.missing)
        )

    taken = await choose(*found.patches)
    if found.patches and not (taken.fit and taken.fit.whole):
        other = await choose()  # they may be in a source already
        taken = other if other.fit and other.fit.whole else taken
    change = replace(upon(wanted, taken.source, matrix), series=found.series)
    needed = await there.without(found.patches, taken.source, builder)
    notes = [*taken.notes, *(f"in {taken.source.name} already: prerequisite {title}" for title in needed.already)]
    notes += undone.told(found.series.patches)
    row = AuthorRow(
        source=taken.source.name,
        files=taken.fit.files if taken.fit else 0,
        other=list(taken.fit.other) if taken.fit else [],
        why=taken.why,
        prerequisites=[patch.title for patch in needed.patches],
        missing=list(found.missing),
        notes=notes,
    )
    told = any(row[key] for key in ("files", "why", "prerequisites", "missing", "notes"))
    return replace(change, prerequisites=needed.patches), row if told else None
