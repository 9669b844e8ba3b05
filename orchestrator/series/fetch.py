# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches that are not in a file yet: a range of a git tree, a mail of a public list."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from orchestrator import proc
from orchestrator.errors import ConfigError, ToolMissing
from orchestrator.series import mbox

NETWORK = 120.0  # seconds for b4

# What git format-patch writes, whatever the user's configuration: plain mails, names with a/ and b/.
_PLAIN = ["--no-attach", "--no-base", "--no-cover-letter", "--no-renames", "--subject-prefix=PATCH"]
_PLAIN += ["--src-prefix=a/", "--dst-prefix=b/", "--unified=3"]


@dataclass(frozen=True)
class Range:
    """patches: a mail each, in order; base: the commit that they apply to."""

    patches: tuple[bytes, ...]
    base: str


async def git_range(tree: Path, words: str) -> Range:
    """A..B of a git tree. ConfigError with git's words, for no commit, and for merges, which no patch carries."""
    first, _, last = words.partition("..")
    last = last.lstrip(".") or "HEAD"
    base = (await _git(tree, "merge-base", first or "HEAD", last)).strip()
    commits = f"{base}..{last}"
    merges = (await _git(tree, "rev-list", "--merges", "--abbrev-commit", commits)).split()
    if merges:
        hint = "patches leave merges out: rebase the branch (git rebase), or name a range without them"
        raise ConfigError(f"{words} of {tree.resolve()} has merges: {', '.join(merges[:9])}", hint=hint)
    with tempfile.TemporaryDirectory() as folder:
        await _git(tree, "format-patch", "--output-directory", folder, *_PLAIN, commits)
        patches = tuple(path.read_bytes() for path in sorted(Path(folder).iterdir()))
    if not patches:
        raise ConfigError(f"{words} of {tree.resolve()} has no commit", hint="the newer end stands last: A..B")
    return Range(patches, base)


async def has(tree: Path, commit: str) -> bool:
    """Does the tree have the commit?"""
    done = await proc.run(["git", "-C", str(tree), "cat-file", "-e", f"{commit}^{{commit}}"])
    return done.code == 0


async def message(name: str) -> bytes:
    """The newest whole series of a thread as an mbox, by b4. ConfigError where b4 or the network is not there.

    name: a Message-Id, or the address of a mail in an archive.
    """
    hint = "save the thread as an mbox (b4 mbox, or raw from the archive) and name the file"
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = await proc.run(["b4", "--no-interactive", "am", "-o", folder, name], timeout=NETWORK)
        except ToolMissing as error:
            raise ConfigError(
                "a Message-Id is fetched by b4, which is not installed (pip install b4)", hint=hint
            ) from error
        except TimeoutError as error:
            raise ConfigError(f"b4 had nothing after {NETWORK:.0f} s", hint=hint) from error
        found = sorted(Path(folder).glob("*.mbx"))
        if done.code or not found:
            raise ConfigError(f"b4 found no series under {name}", hint=hint, log=done.output[-1500:])
        return mbox.content(found[0], hint)


async def _git(tree: Path, *words: str) -> str:
    done = await proc.run(["git", "-C", str(tree), *words])
    if done.code:
        raise ConfigError(
            f"git {words[0]} in {tree.resolve()}: {done.output.strip()}", hint="--tree names the git tree"
        )
    return done.output
