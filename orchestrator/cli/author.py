# SPDX-License-Identifier: GPL-2.0-or-later
"""What a check takes over from the series' author: the source that it was made for, and the patches before it."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.analyse.contract import AuthorRow
from orchestrator.build import origin, there
from orchestrator.build.kernel import Builder
from orchestrator.build.origin import Origin
from orchestrator.cli.console import say
from orchestrator.config.sources import BASE
from orchestrator.engine import Manner, finish, this_command
from orchestrator.measure.host import cores
from orchestrator.model import Matrix
from orchestrator.report.parts.author import lines
from orchestrator.series import author, undone
from orchestrator.series.arguments import Change, upon
from orchestrator.series.letters import Patch


def followed(wanted: Change, base: str, matrix: Matrix, manner: Manner) -> tuple[Change, AuthorRow | None]:
    """The change upon the author's base, with its prerequisites; and what there is to tell of that, which is told."""
    builder = Builder.of(matrix, manner.jobs or cores(), manner.refresh)
    change, row = finish(_followed(wanted, base, matrix, builder), this_command())
    if row:
        say(*lines(row), stderr=True)
    return change, row


async def _followed(wanted: Change, base: str, matrix: Matrix, builder: Builder) -> tuple[Change, AuthorRow | None]:
    own = not base and wanted.source.name == BASE  # commits, and what is not committed: they bring theirs
    free = not base

    async def choose(*before: Patch) -> Origin:
        if own:
            return Origin(wanted.source)
        its = author.of(replace(wanted.series, patches=(*before, *wanted.series.patches)))
        return await origin.choose(its, wanted.source, matrix.sources, builder, free, bool(wanted.missing))

    taken = await choose(*wanted.prerequisites)
    if wanted.prerequisites and not (taken.fit and taken.fit.whole):
        other = await choose()  # they may be in a source already
        taken = other if other.fit and other.fit.whole else taken
    needed = await there.without(wanted.prerequisites, taken.source, builder)
    notes = [*taken.notes, *(f"in {taken.source.name} already: prerequisite {title}" for title in needed.already)]
    notes += undone.told(wanted.series.patches)
    row = AuthorRow(
        source=taken.source.name,
        files=taken.fit.files if taken.fit else 0,
        other=list(taken.fit.other) if taken.fit else [],
        why=taken.why,
        prerequisites=[patch.title for patch in needed.patches],
        missing=list(wanted.missing),
        notes=notes,
    )
    told = any(row[key] for key in ("files", "why", "prerequisites", "missing", "notes"))
    change = replace(upon(wanted, taken.source, matrix), prerequisites=needed.patches)
    return change, row if told else None
