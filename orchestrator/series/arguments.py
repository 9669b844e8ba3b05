# SPDX-License-Identifier: GPL-2.0-or-later
"""What check is to check: the words of its command line, as a series and the source that it is for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from orchestrator.config import sources
from orchestrator.config.sources import kind_of
from orchestrator.errors import ConfigError
from orchestrator.model import Config, Matrix, Source
from orchestrator.registry import pick
from orchestrator.series import author, fetch, prerequisites
from orchestrator.series.fetch import Range
from orchestrator.series.letters import Patch
from orchestrator.series.series import Series, Several, from_mails, read

_FORMS = (
    "name patch files or their folder, an mbox, a range A..B, or one Message-Id (also as its address in an archive)"
)


@dataclass(frozen=True)
class Change:
    """What is to be checked, and upon which source."""

    series: Series
    source: Source
    kconfig: tuple[str, ...] = ()  # lines that the matrix file adds for this source, beside the common ones
    config: Config | None = None  # that it has for this source; None: its usual one
    notes: tuple[str, ...] = ()  # what a person must know of how it was understood
    prerequisites: tuple[Patch, ...] = ()  # of others: they are applied to all kernels, first
    missing: tuple[str, ...] = ()  # prerequisites that its mails name, and that are not at hand


def from_words(
    words: list[str], base: str, tree: Path, matrix: Matrix, pick: str = "", partial: bool = False
) -> Change:
    """Files, commits or a Message-Id; commits bring their own base. No word: what is not committed in the tree.

    pick, partial: see series.from_mails(). ConfigError for anything else.
    """
    series, source, notes = _found(words, base, tree, matrix, pick, partial)
    found = asyncio.run(prerequisites.found(author.of(series), series, _files(words)))
    change = Change(found.series, source, notes=notes, prerequisites=found.patches, missing=found.missing)
    return upon(change, source, matrix)


def upon(change: Change, source: Source, matrix: Matrix) -> Change:
    """The same change upon a source, with what the matrix file says of that."""
    mine = next((kernel for kernel in matrix.kernels if _same(kernel.source, source)), None)
    return replace(change, source=source, kconfig=mine.kconfig if mine else (), config=mine.config if mine else None)


def _found(
    words: list[str], base: str, tree: Path, matrix: Matrix, pick: str, partial: bool
) -> tuple[Series, Source, tuple[str, ...]]:
    files = _files(words)
    if not words:
        return _uncommitted(base, tree, matrix)
    if all(file.exists() for file in files):
        series = _read(files, pick, partial)
        return series, _source(base, series.base, matrix), ()
    word = words[0] if len(words) == 1 else ""
    address = word.startswith(("https://", "http://"))
    if ".." in word and not address:
        return *_commits(asyncio.run(fetch.git_range(tree, word)), base, matrix), ()
    if address or ("@" in word and "/" not in word.strip("<>").partition("@")[2]):
        name = word.strip("<>")
        mails = asyncio.run(fetch.message(name))
        asked = next((part for part in reversed(unquote(name).split("/")) if "@" in part), "")
        series = from_mails([mails], pick, partial, asked)
        return series, _source(base, series.base, matrix), ()
    if word and (commit := asyncio.run(fetch.commit(tree, word))):
        return *_commits(asyncio.run(fetch.git_range(tree, f"{commit}^..{commit}")), base, matrix), ()
    lacking = ", ".join(str(file) for file in files if not file.exists())
    raise ConfigError(f"no such file: {lacking}", hint=_FORMS)


def _files(words: list[str]) -> list[Path]:
    """A folder stands for the patches in it, as git format-patch makes one."""
    paths = [Path(word).expanduser() for word in words]
    return [file for path in paths for file in (sorted(path.glob("*.patch")) if path.is_dir() else [path])]


def _read(files: list[Path], pick: str, partial: bool) -> Series:
    """Of several series in a file the one that is made upon the others is meant."""
    try:
        return read(files, pick, partial)
    except Several as several:
        place = asyncio.run(prerequisites.on_top([lineage.newest for lineage in several.lineages]))
        if not place:
            raise
        return read(files, str(place), partial)


def _commits(found: Range, base: str, matrix: Matrix) -> tuple[Series, Source]:
    own = sources.at_path(found.top, found.base)
    return from_mails(found.patches), _source(base, "", matrix) if base else own


def _uncommitted(base: str, tree: Path, matrix: Matrix) -> tuple[Series, Source, tuple[str, ...]]:
    """Against the commit that is checked out, unless another base is named."""
    found = asyncio.run(fetch.uncommitted(tree))
    left_out = [f"not in git, so left out: {fetch.few(found.untracked)} (git add -N takes it in)"]
    source = _source(base, "", matrix) if base else sources.at_path(found.top, found.base)
    return from_mails([found.patch]), source, tuple(left_out if found.untracked else ())


def _source(word: str, commit: str, matrix: Matrix) -> Source:
    """--base; else the source that has the base-commit; else the first kernel's."""
    if not word:
        return _of_commit(commit, matrix)
    table = {source.name: source for source in matrix.sources}
    path, _, revision = word.partition("@")
    place = Path(path).expanduser().resolve()
    if word not in table and revision and path in table:
        if exact := asyncio.run(kind_of(table[path]).at_commit(table[path], revision)):
            return exact
        raise ConfigError(
            f"source {path} has no commit {revision}", hint="--base takes a source, or SOURCE@REVISION of a git tree"
        )
    if word in table or not place.exists():
        return pick("source", word, table)
    return sources.at_path(place, revision)


def _of_commit(commit: str, matrix: Matrix) -> Source:
    for source in matrix.sources if commit else ():
        if exact := asyncio.run(kind_of(source).at_commit(source, commit)):
            return exact
    first = next((kernel.source for kernel in matrix.kernels), None)
    if first is None:
        raise ConfigError("the matrix file has no kernel", hint="name the base with --base")
    return first


def _same(one: Source, other: Source) -> bool:
    """Whatever the revision."""
    return replace(one, revision="") == replace(other, revision="")
