# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes in a row, and the kernel that each of them leaves: of a series, or of a git tree between two commits.

All are patches upon one source, so that they share a build tree and a kernel costs what has changed. A state of a git
tree is the difference between it and the source, so that merges are steps like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from orchestrator.config import sources
from orchestrator.errors import ConfigError
from orchestrator.model import Source
from orchestrator.series.fetch import git, top
from orchestrator.series.letters import Patch, numbered
from orchestrator.series.series import Series
from orchestrator.store import write_atomically

_DIFF = ["--no-ext-diff", "--no-textconv", "--no-renames", "--no-color", "--full-index", "--submodule=short"]
_DIFF += ["--src-prefix=a/", "--dst-prefix=b/", "--unified=3"]
_LINKS = ("120000", "160000")  # modes of links, and of other trees
HINT = "the older end stands first: kmatrix bisect v6.1..mine"


@dataclass(frozen=True)
class Change:
    """One step. name: 1a2b3c4d5e6f, or patch 3/5; commit: its whole id, "" of a patch."""

    name: str
    title: str
    commit: str = ""

    @property
    def text(self) -> str:
        """As it is told."""
        return f'{"commit " if self.commit else ""}{self.name} "{self.title}"'


class Chain(Protocol):
    """States 0 to len(changes); change n, which is changes[n - 1], makes state n."""

    @property
    def source(self) -> Source:
        """All states are patches upon it."""
        ...

    @property
    def changes(self) -> tuple[Change, ...]:
        """In order."""
        ...

    def kernel(self, state: int) -> str:
        """What its kernel is called."""
        ...

    async def patches(self, state: int, folder: Path) -> tuple[Path, ...]:
        """What makes the state of the source, as files in the folder."""
        ...

    async def inside(self, change: int) -> Chain | None:
        """What a merge brings, as a row of its own; None for any other change."""
        ...


@dataclass(frozen=True)
class OfSeries:
    """Its patches one by one; first: those that all states have."""

    source: Source
    series: Series
    first: tuple[Patch, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """patch 1/3 ..."""
        its = self.series.patches
        return tuple(Change(number, patch.title) for number, patch in zip(numbered(its), its, strict=True))

    def kernel(self, state: int) -> str:
        """As check --each calls it."""
        return f"patched-{state}" if state else "unpatched"

    async def patches(self, state: int, folder: Path) -> tuple[Path, ...]:
        """As they came."""
        found = []
        for place, patch in enumerate((*self.first, *self.series.patches[:state]), 1):
            found.append(folder.resolve() / patch.file_name(place))
            write_atomically(found[-1], patch.text.encode(errors="surrogateescape"))
        return tuple(found)

    async def inside(self, change: int) -> Chain | None:
        """A patch is no merge."""
        return None


@dataclass(frozen=True)
class OfTree:
    """Commits of a git tree, the older end first. root: the commit that the source is at; own: patches of the kernel
    that is measured, upon each."""

    source: Source
    tree: Path
    root: str
    commits: tuple[str, ...]
    titles: tuple[str, ...]  # of the commits
    own: tuple[Path, ...] = ()
    note: str = ""  # what a person must know of how the range was understood

    @property
    def changes(self) -> tuple[Change, ...]:
        """By their commits."""
        pairs = zip(self.commits[1:], self.titles[1:], strict=True)
        return tuple(Change(commit[:12], title, commit) for commit, title in pairs)

    def kernel(self, state: int) -> str:
        """at-1a2b3c4d5e6f"""
        return f"at-{self.commits[state][:12]}"

    async def patches(self, state: int, folder: Path) -> tuple[Path, ...]:
        """The difference to the source, without what is no text: links and binary files, of which no kernel is."""
        commit = self.commits[state]
        path = folder.resolve() / f"{commit[:12]}.patch"
        ends = (self.root, commit)
        skipped = [f":(top,exclude,literal){name}" for name in await _not_text(self.tree, *ends)]
        await git(self.tree, "diff", *_DIFF, f"--output={_made(path)}", *ends, "--", ":(top)", *skipped)
        return ((path,) if path.stat().st_size else ()) + self.own

    async def inside(self, change: int) -> Chain | None:
        """From where the merged branch began to its tip. A merge of several branches is left whole.

        It brings what the state before it is not upon: the main line's commits where the range begins on a branch.
        """
        before, commit = self.commits[change - 1 : change + 1]
        parents = (await git(self.tree, "rev-parse", f"{commit}^@")).split()
        if len(parents) != 2:
            return None
        base = (await git(self.tree, "merge-base", *parents)).strip()
        found = await _row(self.tree, base, parents[1] if parents[0] == before else parents[0])
        return replace(self, commits=found[0], titles=found[1]) if len(found[0]) > 1 else None


async def of_range(tree: Path, words: str, source: Source | None = None, own: tuple[Path, ...] = ()) -> OfTree:
    """A..B of a git tree, along the first parents of B. ConfigError with git's words, and for no commit.

    source: the same tree as a matrix file names it; default: the tree at the older end.
    """
    older, _, newer = words.partition("..")
    ends = (older or "HEAD", newer.lstrip(".") or "HEAD")
    base = (await git(tree, "merge-base", *ends)).strip()
    commits, titles = await _row(tree, base, ends[1])
    if len(commits) < 2:
        raise ConfigError(f"{words} of {tree.resolve()} has no commit", hint=HINT)
    place = await top(tree) or tree.resolve()
    at = replace(source, revision=base) if source else sources.at_path(place, base)
    begin = (await git(tree, "rev-parse", f"{ends[0]}^{{commit}}")).strip()
    apart = f"{ends[0]} is not before {ends[1]}: what it alone has is left out, the range begins at {base[:12]}"
    return OfTree(at, place, base, commits, titles, own, apart if begin != base else "")


async def _row(tree: Path, older: str, newer: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Commits and their titles along the first parents, the older end before all. Each is upon it: where it is on a
    branch that was merged, they begin with that merge."""
    words = ["--no-walk", "--format=%H %s", older]
    first = (await git(tree, "log", *words)).splitlines()
    rest = await git(tree, "log", "--first-parent", "--reverse", "--format=%H %s", f"{older}..{newer}")
    upon = set((await git(tree, "rev-list", "--ancestry-path", f"{older}..{newer}")).split())
    pairs = [row.partition(" ") for row in (*first, *rest.splitlines())]
    pairs = [row for place, row in enumerate(pairs) if place == 0 or row[0] in upon]
    return tuple(commit for commit, _, _ in pairs), tuple(title for _, _, title in pairs)


async def _not_text(tree: Path, *ends: str) -> list[str]:
    """Files that differ and that no patch can carry."""
    numbers = (await git(tree, "diff", "--numstat", "--no-renames", "-z", *ends)).split("\0")
    binary = [row[4:] for row in numbers if row.startswith("-\t-\t")]
    rows = (await git(tree, "diff", "--raw", "--no-renames", "-z", *ends)).split("\0")
    links = [
        name
        for row, name in zip(rows[::2], rows[1::2], strict=False)
        if any(mode in _LINKS for mode in row.lstrip(":").split()[:2])
    ]
    return [*binary, *links]


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
