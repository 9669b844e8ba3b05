# SPDX-License-Identifier: GPL-2.0-or-later
"""The source that a series is for: what its author had, looked for among those that are known."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.build import commits
from orchestrator.build.kernel import Builder
from orchestrator.config.sources import buildable, kind_of
from orchestrator.errors import InfraError
from orchestrator.model import Source
from orchestrator.series.author import ABSENT, Author


@dataclass(frozen=True)
class Fit:
    """How many of the files that a series touches are byte for byte those that its author had, and which are not."""

    source: Source
    files: int
    other: tuple[str, ...] = ()

    @property
    def same(self) -> int:
        """How many are."""
        return self.files - len(self.other)

    @property
    def whole(self) -> bool:
        """All of them, and there are some."""
        return bool(self.files) and not self.other


@dataclass(frozen=True)
class Origin:
    """The source to take; why, where there was a choice; how it fits, None where that cannot be known; notes."""

    source: Source
    why: str = ""
    fit: Fit | None = None
    notes: tuple[str, ...] = ()


async def choose(
    author: Author, usual: Source, sources: Sequence[Source], builder: Builder, free: bool, lacking: bool
) -> Origin:
    """Where the author worked, as far as that is known. usual: what is taken else; free: nobody named that; lacking:
    prerequisites are not at hand, so that a base-commit alone is not what the author had.

    A commit that has all files as the author had them comes before all; then the source, of those that are here, with
    the most of them. Nothing but the usual one is fetched.
    """
    at_base = bool(author.base) and usual.revision == author.base
    nowhere = free and author.base and not at_base
    notes = (f"no git source has its base-commit {author.base}",) if nowhere else ()
    why = f"{usual.name} at {usual.revision[:12]}: its base-commit; it is the base" if free and at_base else ""
    if not author.blobs:
        return Origin(usual, f"{usual.name} is the base" if nowhere else why, None, notes)
    if not free or (at_base and not lacking):
        return Origin(usual, why, await fit(author, usual, builder, fetch=True), notes)
    for source in sources:
        try:
            found = await kind_of(source).at_files(source, author.blobs, author.tree)
        except (InfraError, TimeoutError) as error:
            notes = (*notes, f"{source.name} was not looked at for the author's base: {error or 'it took too long'}")
            continue
        if found:
            exact, place = found
            why = f"{source.name} at {place}: the newest commit with all files as the author had them; it is the base"
            return Origin(exact, why, Fit(exact, len(author.blobs)), notes)
    return await _best(author, usual, sources, builder, notes, why)


async def _best(
    author: Author, usual: Source, sources: Sequence[Source], builder: Builder, notes: tuple[str, ...], why: str
) -> Origin:
    """why: the usual one is taken, unless another has more of the files."""
    others = [source for source in sources if source != usual and buildable(source)]
    known = {source.name: its for source in others if (its := await fit(author, source, builder, fetch=False))}
    whole = next((its for its in known.values() if its.whole), None)
    own = await fit(author, usual, builder, fetch=whole is None)
    fits = [*([own] if own else []), *known.values()]
    best = max(fits, key=lambda its: its.same, default=None)  # the usual one where others are no better
    unseen = [source.name for source in others if source.name not in known]
    exact = best is not None and best.whole
    if unseen and not exact:
        also = f"not here, and not looked at: {', '.join(unseen)} (--base takes one)"
        notes = (*notes, also)
    if author.tree and not exact:
        lacks = "no git source has a commit of it with all files as the author had them"
        notes = (*notes, f"its subject names {author.tree}: {lacks}")
    if best is None or best is own:
        return Origin(usual, why, best, notes)
    rest = ", ".join(f"{its.source.name}: {its.same}" for its in fits if its is not best) or "none here"
    better = f"{best.source.name} is the base: more of it is as the author had it than of others ({rest})"
    return Origin(best.source, better, best, notes)


async def fit(author: Author, source: Source, builder: Builder, fetch: bool) -> Fit | None:
    """None for a ready image, and where the source is not here and is not to be fetched."""
    if not buildable(source):
        return None
    try:
        found = await kind_of(source).file_ids(source, list(author.blobs))
    except (InfraError, TimeoutError):
        found = None
    if found is None:
        tree = await builder.source(source) if fetch else builder.unpacked(source)
        if tree is None:
            return None
        found = ids_below(tree.folder, author.blobs)
    other = [name for name, wanted in author.blobs.items() if not commits.same(wanted, found[name])]
    return Fit(source, len(author.blobs), tuple(other))


def ids_below(folder: Path, files: Mapping[str, str]) -> dict[str, str]:
    """{file: the id that git would give what is in it; ABSENT}. Files outside of the folder are not there."""
    return {name: _blob(folder, name) for name in files}


def _blob(folder: Path, name: str) -> str:
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            return ABSENT
        content = path.read_bytes()
    except (OSError, ValueError):  # a name that no file can have
        return ABSENT
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
