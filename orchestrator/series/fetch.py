# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches that are not in a file yet: commits of a git tree, what is not committed there, a mail of a public list."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator import proc
from orchestrator.errors import ConfigError, ToolMissing
from orchestrator.series import mbox

NETWORK = 120.0  # seconds for b4

# What git format-patch writes, whatever the user's configuration: plain mails, names with a/ and b/.
_PLAIN = ["--no-attach", "--no-base", "--no-cover-letter", "--no-renames", "--subject-prefix=PATCH"]
_PLAIN += ["--no-thread", "--no-signoff", "--no-from"]  # each of them would need to know who one is
_PLAIN += ["--src-prefix=a/", "--dst-prefix=b/", "--unified=3"]


_DIFF = ["--binary", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-color", "--full-index"]
_DIFF += ["--src-prefix=a/", "--dst-prefix=b/", "--unified=3", "--submodule=short"]
EXAMPLE = "kmatrix check HEAD~2.."
RUNS = "runs"  # where run folders are made


@dataclass(frozen=True)
class Range:
    """patches: a mail each, in order; base: the commit that they apply to, in the tree at top."""

    patches: tuple[bytes, ...]
    base: str
    top: Path


@dataclass(frozen=True)
class Uncommitted:
    """patch: a diff from base, the commit that is checked out in the tree at top; untracked: files not in it."""

    patch: bytes
    base: str
    top: Path
    untracked: tuple[str, ...]


async def git_range(tree: Path, words: str) -> Range:
    """A..B of a git tree. ConfigError with git's words, for no commit, and for merges, which no patch carries."""
    first, _, last = words.partition("..")
    last = last.lstrip(".") or "HEAD"
    base = (await git(tree, "merge-base", first or "HEAD", last)).strip()
    commits = f"{base}..{last}"
    merges = (await git(tree, "rev-list", "--merges", "--abbrev-commit", commits)).split()
    if merges:
        hint = "patches leave merges out: rebase the branch (git rebase), or name a range without them"
        raise ConfigError(f"{words} of {tree.resolve()} has merges: {', '.join(merges[:9])}", hint=hint)
    with tempfile.TemporaryDirectory() as folder:
        await git(tree, "format-patch", "--output-directory", folder, *_PLAIN, commits)
        patches = tuple(path.read_bytes() for path in sorted(Path(folder).iterdir()))
    if not patches:
        raise ConfigError(f"{words} of {tree.resolve()} has no commit", hint="the newer end stands last: A..B")
    return Range(patches, base, await top(tree) or tree.resolve())


async def commit(tree: Path, word: str) -> str:
    """Which commit of the tree the word names; "" for none, and where there is no tree."""
    words = ["rev-parse", "--quiet", "--verify", f"{word}^{{commit}}"]
    done = await proc.run(["git", "-C", str(tree), *words], apart=True)
    return "" if done.code else done.output.strip()


async def uncommitted(tree: Path) -> Uncommitted:
    """All that differs from HEAD, staged or not. ConfigError outside of a kernel tree, and where nothing differs."""
    top = await _kernel_tree(tree)
    base = (await git(top, "rev-parse", "HEAD")).strip()
    beside = ["--others", "--exclude-standard", f"--exclude=/{RUNS}/", "-z"]  # what checks leave is nobody's change
    new = (await git(top, "ls-files", *beside)).split("\0")
    untracked = tuple(name for name in new if name)
    with tempfile.TemporaryDirectory() as folder:  # a file may be in any encoding, and its patch with it
        out = Path(folder) / "patch"
        await git(top, "diff", *_DIFF, f"--output={out}", "HEAD")
        patch = out.read_bytes() if out.exists() else b""
    if not patch.strip():
        also = f" ({few(untracked)} not in git)" if untracked else ""
        raise ConfigError(f"nothing in {top} differs from its HEAD{also}", hint=f"to check commits: {EXAMPLE}")
    return Uncommitted(b"uncommitted change\n\n" + patch, base, top, untracked)


def few(names: Sequence[str], most: int = 9) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


async def top(tree: Path) -> Path | None:
    """Of the git tree that the folder is in; None outside of any, and of a bare one."""
    done = await proc.run(["git", "-C", str(tree), "rev-parse", "--show-toplevel"], apart=True)
    return None if done.code else Path(done.output.strip())


async def _kernel_tree(tree: Path) -> Path:
    """The top of the git tree of Linux that the folder is in."""
    found = await top(tree)
    if found is None or not ((found / "Kbuild").is_file() and (found / "Makefile").is_file()):
        raise ConfigError(
            f"no patch was named, and {tree.resolve()} is not in a git tree of Linux, whose uncommitted change "
            "would be checked",
            hint=f"name a patch: kmatrix check 0001-mm-do-less.patch; or, in a tree of Linux: {EXAMPLE}",
        )
    return found


async def message(name: str) -> bytes:
    """A whole thread as an mbox, by b4. ConfigError where b4 or the network is not there.

    name: a Message-Id, or the address of a mail in an archive.
    """
    hint = "save the thread as an mbox (b4 mbox, or raw from the archive) and name the file"
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = await proc.run(["b4", "--no-interactive", "mbox", "-o", folder, name], timeout=NETWORK)
        except ToolMissing as error:
            raise ConfigError(
                "a Message-Id is fetched by b4, which is not installed (pip install b4)", hint=hint
            ) from error
        except TimeoutError as error:
            raise ConfigError(f"b4 had nothing after {NETWORK:.0f} s", hint=hint) from error
        found = sorted(Path(folder).glob("*.mbx"))
        if done.code or not found:
            raise ConfigError(f"b4 found no thread of {name}", hint=hint, log=done.output[-1500:])
        return mbox.content(found[0], hint)


async def git(tree: Path, *words: str) -> str:
    """What git says of a tree. ConfigError with its words where it fails."""
    options = ["--no-pager", "-c", "log.showSignature=false"]
    done = await proc.run(["git", "-C", str(tree), *options, *words], apart=True)
    if done.code:
        raise ConfigError(
            f"git {words[0]} in {tree.resolve()}: {done.said.strip()}", hint="--tree names the git tree"
        )
    return done.output
