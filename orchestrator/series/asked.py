# SPDX-License-Identifier: GPL-2.0-or-later
"""What check is asked: the words of its command line, as a series and the source that it is for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.errors import ConfigError
from orchestrator.model import Matrix, Source
from orchestrator.registry import pick
from orchestrator.series import fetch
from orchestrator.series.series import Series, parse, read


@dataclass(frozen=True)
class Asked:
    """What is to be checked, and upon which source."""

    series: Series
    source: Source
    kconfig: tuple[str, ...] = ()  # lines that the matrix file adds for this source, beside the common ones
    note: str = ""  # what a person must know of the choice of the source


def asked(words: list[str], base: str, tree: Path, matrix: Matrix) -> Asked:
    """Files, a range or a Message-Id; a range brings its own base. ConfigError for anything else."""
    series, source = _found(words, base, tree, matrix)
    mine = [kernel.kconfig for kernel in matrix.kernels if _same(kernel.source, source)]
    lost = not base and series.base and source.revision != series.base
    note = f"no git source has base-commit {series.base}: {source.name} is the base" if lost else ""
    return Asked(series, source, mine[0] if mine else (), note)


def _found(words: list[str], base: str, tree: Path, matrix: Matrix) -> tuple[Series, Source]:
    files = [Path(word).expanduser() for word in words]
    if all(file.exists() for file in files):
        series = read(files)
        return series, _source(base, series.base, matrix)
    word = words[0] if len(words) == 1 else ""
    address = word.startswith(("https://", "http://"))
    if ".." in word and not address:
        found = asyncio.run(fetch.git_range(tree, word))
        own = Source("base", "git", str(tree.resolve()), found.base)
        return parse(found.patches), _source(base, "", matrix) if base else own
    if address or ("@" in word and "/" not in word.strip("<>").partition("@")[2]):
        series = parse([asyncio.run(fetch.message(word.strip("<>")))])
        return series, _source(base, series.base, matrix)
    lacking = ", ".join(str(file) for file in files if not file.exists())
    hint = "name patch files, an mbox, a range A..B, or one Message-Id (also as its address in an archive)"
    raise ConfigError(f"no such file: {lacking}", hint=hint)


def _source(word: str, commit: str, matrix: Matrix) -> Source:
    """--base; else the git source that has the base-commit; else the first kernel's."""
    if not word:
        return _of_commit(commit, matrix)
    sources = {source.name: source for source in matrix.sources}
    path, _, revision = word.partition("@")
    place = Path(path).expanduser().resolve()
    if word in sources or not place.exists():
        return pick("source", word, sources)
    if place.is_dir():
        return Source("base", "git", str(place), revision or "HEAD")
    return Source("base", "tarball", str(place))


def _of_commit(commit: str, matrix: Matrix) -> Source:
    for source in matrix.sources if commit else ():
        if source.kind == "git" and asyncio.run(fetch.has(Path(source.location), commit)):
            return replace(source, revision=commit)
    first = next((kernel.source for kernel in matrix.kernels), None)
    if first is None:
        raise ConfigError("the matrix file has no kernel", hint="name the base with --base")
    return first


def _same(one: Source, other: Source) -> bool:
    """Whatever the revision."""
    return replace(one, revision="") == replace(other, revision="")
