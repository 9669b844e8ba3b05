# SPDX-License-Identifier: GPL-2.0-or-later
"""Which commit of a git tree has certain files, by their ids: the author's base, where no mail names it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator import proc
from orchestrator.errors import InfraError
from orchestrator.series.author import ABSENT

USUAL = ("mm-new", "mm-unstable", "mm-stable", "linux-next", "mainline")  # where no matrix file says which refs
TRUNKS = ("master", "main", "HEAD")  # what a tree that is a remote of its own name calls its branch
MOST = 2000  # commits of a ref that change any of the files, and are looked at; and files that are asked for
FEW = 8  # files that are looked at in all of them
PATIENCE = 60.0  # seconds for the history of a ref
_FOUND = re.compile(r"[0-9a-f]{40,64} \w+ \d+$")
_ALIASES = {"next": "linux-next", "mm": "mm-unstable", "torvalds": "mainline", "linus": "mainline"}


@dataclass(frozen=True)
class Found:
    """A commit, and by which ref it was come to."""

    commit: str
    ref: str


async def newest(
    tree: str, wanted: Mapping[str, str], names: Sequence[str], last: str, only: bool = False
) -> Found | None:
    """The newest commit in which all of the files are as wanted: {file: its id, maybe short; ABSENT}.

    Refs are gone through in the order of the names, then last, a revision; then all branches, unless only these are
    meant. The first that has such a commit counts. TimeoutError where none was found, and a history was too long to
    be gone through.
    """
    if not await _known(tree, [name for name in wanted.values() if name]):
        return None
    groups = [*await refs(tree, names), [last]]
    groups += [] if only else [await _branches(tree)]
    late: TimeoutError | None = None
    for group in filter(None, groups):
        try:
            if commit := await _newest_of(tree, group, wanted):
                return Found(commit, await _named(tree, commit, group))
        except TimeoutError as error:
            late = error
    if late:
        raise late
    return None


async def ids(tree: str, revision: str, files: Iterable[str]) -> dict[str, str]:
    """{file: git's id of what is in it at a revision; ABSENT}."""
    names = list(files)
    found = await _objects(tree, [f"{revision}:{name}" for name in names])
    return dict(zip(names, found, strict=True))


async def refs(tree: str, names: Sequence[str]) -> list[list[str]]:
    """For each name, in order, the refs of the tree that are meant: its branch, that of a remote, a tag, a remote's
    trunk. mainline is whatever follows Linus: also a remote called origin, torvalds or linus."""
    listed = (await _git(tree, "for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes")).split()
    groups = []
    for name in names:
        alias = _ALIASES.get(name, name)
        groups.append([ref for ref in listed if any(_means(word, ref) for word in {name, alias})])
    return groups


def _means(name: str, ref: str) -> bool:
    short = ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")
    remote, _, branch = short.partition("/")
    if name in (short, branch):
        return True
    trunk = branch in TRUNKS and ref.startswith("refs/remotes/")
    if name == "mainline":
        return (trunk and remote in ("origin", "torvalds", "linus", name)) or short == "master"
    return trunk and remote == name


async def _branches(tree: str) -> list[str]:
    order = ["--sort=-committerdate", "--format=%(refname)", "refs/heads", "refs/remotes"]
    return (await _git(tree, "for-each-ref", *order)).split()


async def _known(tree: str, ids: Sequence[str]) -> bool:
    """Does the tree have all of these? Else no commit of it can be the one."""
    rows = await _batch(tree, ids)
    return all(not row.endswith(" missing") for row in rows)


async def _newest_of(tree: str, starts: Sequence[str], wanted: Mapping[str, str]) -> str:
    """Of what can be reached from some revisions; "" if there is none.

    The newest such commit is a tip, or it has a child that changes one of the files.
    """
    tips = (await _git(tree, "rev-parse", *(f"{start}^{{commit}}" for start in starts))).split()
    if commit := await _first(tree, tips, wanted):
        return commit
    walk = ["--full-history", "--format=%P", f"--max-count={MOST}", *tips, "--", *list(wanted)[:MOST]]
    rows = await _git(tree, "log", *walk)
    return await _first(tree, list(dict.fromkeys(rows.split())), wanted)


async def _first(tree: str, commits: Sequence[str], wanted: Mapping[str, str]) -> str:
    """The first of the commits in which all files are as wanted; "" for none. A few files leave few commits."""
    few = dict(list(wanted.items())[:FEW])
    for commit in await _those(tree, commits, few):
        if len(few) == len(wanted) or await _those(tree, [commit], wanted):
            return commit
    return ""


async def _those(tree: str, commits: Sequence[str], wanted: Mapping[str, str]) -> list[str]:
    found = await _objects(tree, [f"{commit}:{file}" for commit in commits for file in wanted])
    columns = [found[place :: len(wanted)] for place in range(len(wanted))]
    pairs = [(want, column) for want, column in zip(wanted.values(), columns, strict=True)]
    return [c for row, c in enumerate(commits) if all(same(want, column[row]) for want, column in pairs)]


def same(wanted: str, found: str) -> bool:
    """wanted may be short."""
    return not found if wanted == ABSENT else found.startswith(wanted)


async def _objects(tree: str, names: Sequence[str]) -> list[str]:
    """The id of each; ABSENT where it is not there."""
    return [row.partition(" ")[0] if _FOUND.fullmatch(row) else ABSENT for row in await _batch(tree, names)]


async def _batch(tree: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    text = "".join(f"{name}\n" for name in names)
    said = await _git(tree, "cat-file", "--batch-check", input=text.encode(errors="surrogateescape"))
    rows = said.splitlines()
    if len(rows) != len(names):
        raise InfraError(f"git cat-file in {tree}: {said[-500:]}", kind="git")
    return rows


async def _named(tree: str, commit: str, group: Sequence[str]) -> str:
    """The ref of the group that has it, in short."""
    if len(group) > 1:
        holds = await _git(tree, "for-each-ref", "--count=1", "--contains", commit, "--format=%(refname)", *group)
        group = holds.split() or group
    return group[0].removeprefix("refs/heads/").removeprefix("refs/remotes/")


async def _git(tree: str, *words: str, input: bytes | None = None) -> str:
    env = {**os.environ, "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}  # only what is here, and left as it is
    options = ["--no-pager", "--literal-pathspecs", "-c", "log.showSignature=false"]
    argv = ["git", "-C", tree, *options, *words]
    done = await proc.run(argv, env=env, input=input, timeout=PATIENCE, apart=True)
    if done.code:
        raise InfraError(f"git {words[0]} in {tree}: {done.said.strip()[-500:]}", kind="git")
    return done.output
