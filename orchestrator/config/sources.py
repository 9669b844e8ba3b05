# SPDX-License-Identifier: GPL-2.0-or-later
"""Kinds of kernel sources: what each of build/sources/ says and does. Their files are read when one is asked for.

The Protocol is here, below what builds: matrix.yaml's keys are the kinds' own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Protocol, runtime_checkable

from orchestrator.errors import ConfigError
from orchestrator.model import Source
from orchestrator.paths import PACKAGE
from orchestrator.registry import pick, scan
from orchestrator.store import Store

BASE = "base"  # the name of a source that a command line named, not a matrix file


class Files(Protocol):
    """How paths in a matrix file are understood."""

    def existing(self, key: str, name: str) -> Path:
        """The file or folder, relative to the matrix file or to the project; what is not there is told later."""

    def absolute(self, name: str) -> Path:
        """Relative to the matrix file, whether it is there or not."""


@runtime_checkable
class Kind(Protocol):
    """One kind of source. What most of them have nothing to say to has an answer here."""

    keys: Mapping[str, str | None]  # in matrix.yaml, with defaults; None: it must be given. The first is the kind

    def parse(self, name: str, given: Mapping[str, str], files: Files) -> Source:
        """The source that these keys (defaults put in) say."""
        ...

    def describe(self, source: Source) -> dict[str, str]:
        """Back to the keys of matrix.yaml, without those that are as by default."""
        ...

    def mention(self, source: Source) -> str:
        """How --base names it to others: without this machine's paths."""
        return source.name

    def at_path(self, place: Path, revision: str) -> Source | None:
        """The source that a file or folder is, where it is one of this kind."""
        return None

    async def at_commit(self, source: Source, commit: str) -> Source | None:
        """The source as of a commit, if it has that."""
        return None

    async def at_files(self, source: Source, files: Mapping[str, str], tree: str) -> tuple[Source, str] | None:
        """The source as of its newest commit in which these files are so ({name: git's id, maybe short; "" for one
        that is not there}), and what to call that commit. tree: where to look first, by name."""
        return None

    async def file_ids(self, source: Source, files: Collection[str]) -> dict[str, str] | None:
        """{file: git's id of it, "" for one that is not there}; None where only an unpacked tree tells."""
        return None

    async def refresh(self, store: Store, source: Source) -> str:
        """Bring what is new; "" or why that could not be: then what is here is what counts."""
        return ""

    def pin(self, source: Source, identity: str) -> Source:
        """The source as it was when it had this identity, where a name of its stands for another thing every day."""
        return source


@runtime_checkable
class Buildable(Kind, Protocol):
    """Kernels are built of it."""

    async def locate(self, store: Store, source: Source, refresh: bool) -> tuple[Path, str]:
        """An archive or tree on this machine, and the identity of what is in it."""
        ...

    async def unpack(self, archive: Path, identity: str, folder: Path) -> None:
        """Its files, into an empty folder."""
        ...


@runtime_checkable
class Ready(Kind, Protocol):
    """Built already: nothing can be patched or configured."""

    def image(self, source: Source, arch: str) -> tuple[Path, Path]:
        """The kernel of an arch, and its System.map."""
        ...


@cache
def known() -> dict[str, Kind]:
    """{kind: how}: the files of build/sources/."""
    return scan([PACKAGE / "build/sources"], "SOURCE", Kind)  # type: ignore[type-abstract]


def kind_of(source: Source) -> Kind:
    """How the source is come by."""
    return pick("kind of source", source.kind, known())


def buildable(source: Source) -> bool:
    """Can kernels be built of it?"""
    return isinstance(kind_of(source), Buildable)


def given_kind(given: Mapping[str, object]) -> str:
    """Which kind these keys of matrix.yaml are of. ValueError for none, for several, and for keys of another."""
    found = [name for name in known() if given.get(name) is not None]
    if len(found) != 1:
        raise ValueError(f"give exactly one of {', '.join(known())}")
    keys = known()[found[0]].keys
    for key, value in given.items():
        if value is not None and key not in keys:
            raise ValueError(f"{key} does not go with {found[0]}, which takes {', '.join(keys)}")
    lacking = [key for key, usual in keys.items() if usual is None and given.get(key) is None]
    if lacking:
        raise ValueError(f"{found[0]} needs {' and '.join(lacking)} beside it")
    return found[0]


def parse(name: str, given: Mapping[str, str | None], files: Files) -> Source:
    """A source by its keys in matrix.yaml. ValueError as given_kind()."""
    kind = known()[given_kind(given)]
    values = {key: given.get(key) or usual or "" for key, usual in kind.keys.items()}
    return kind.parse(name, values, files)


def at_path(place: Path, revision: str = "") -> Source:
    """The source that a file or folder is. ConfigError if it is none."""
    for kind in known().values():
        if source := kind.at_path(place, revision):
            return source
    raise ConfigError(f"{place} is no source of kernels", hint="a git tree, or a tarball")
