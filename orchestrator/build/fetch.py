# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches that are not in a file yet: a range of a git tree, a mail of a public list."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from orchestrator import proc
from orchestrator.errors import ConfigError, ToolMissing

NETWORK = 120.0  # seconds for b4


@dataclass(frozen=True)
class Range:
    """mbox: the patches; base: the commit that they apply to."""

    mbox: Path
    base: str


async def git_range(tree: Path, words: str) -> Range:
    """A..B of a git tree. ConfigError with git's words."""
    first, _, last = words.partition("..")
    base = await _git(tree, "merge-base", first or "HEAD", last.lstrip(".") or "HEAD")
    text = await _git(
        tree, "format-patch", "--stdout", "--no-renames", f"{base.strip()}..{last.lstrip('.') or 'HEAD'}"
    )
    if not text.strip():
        raise ConfigError(f"{words} of {tree.resolve()} has no commit", hint="the newer end stands last: A..B")
    return Range(_kept(text), base.strip())


async def has(tree: Path, commit: str) -> bool:
    """Does the tree have the commit?"""
    done = await proc.run(["git", "-C", str(tree), "cat-file", "-e", f"{commit}^{{commit}}"])
    return done.code == 0


async def message(message_id: str) -> Path:
    """The newest whole series of a thread, by b4. ConfigError where b4 or the network is not there."""
    hint = "save the thread as an mbox (b4 mbox, or raw from the archive) and name the file"
    with tempfile.TemporaryDirectory() as name:
        try:
            done = await proc.run(["b4", "--no-interactive", "am", "-o", name, message_id], timeout=NETWORK)
        except ToolMissing as error:
            raise ConfigError(
                "a Message-Id is fetched by b4, which is not installed (pip install b4)", hint=hint
            ) from error
        except TimeoutError as error:
            raise ConfigError(f"b4 had nothing after {NETWORK:.0f} s", hint=hint) from error
        found = sorted(Path(name).glob("*.mbx"))
        if done.code or not found:
            raise ConfigError(f"b4 found no series under {message_id}", hint=hint, log=done.output[-1500:])
        return _kept(found[0].read_text(errors="surrogateescape"))


async def _git(tree: Path, *words: str) -> str:
    done = await proc.run(["git", "-C", str(tree), *words])
    if done.code:
        raise ConfigError(
            f"git {words[0]} in {tree.resolve()}: {done.output.strip()}", hint="--tree names the git tree"
        )
    return done.output


def _kept(text: str) -> Path:
    with tempfile.NamedTemporaryFile("w", suffix=".mbox", delete=False, errors="surrogateescape") as file:
        file.write(text)
    return Path(file.name)
