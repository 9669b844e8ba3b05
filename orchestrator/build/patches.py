# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches: a shared tree is moved from one variant to another by writing only the files that differ."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrator import proc
from orchestrator.build.headers import Previous
from orchestrator.errors import BuildError, InfraError
from orchestrator.series.diff import bare
from orchestrator.store import write_atomically

_NAME = re.compile(r"^(?:(?:---|\+\+\+) [^/\n]+/|(?:rename|copy) (?:from|to) )([^\t\r\n]+)", re.M)
_GIT = re.compile(r"^diff --git [^/\n]+/(.+) [^/\n]+/\1\r?$", re.M)  # a change of mode has no other names
_BINARY = re.compile(r"^(?:Binary files .* differ|GIT binary patch)\r?$", re.M)
_FAILED = re.compile(r"^Hunk #(\d+) FAILED at (\d+)", re.M)


def touched(text: str) -> set[str]:
    """Names of the files that a unified diff changes, the first component taken off as -p1 does."""
    return {*_NAME.findall(text), *_GIT.findall(text)} - {"null"}


async def switch(pristine: Path, tree: Path, patches: Sequence[Path]) -> dict[str, Previous]:
    """Make tree equal pristine plus patches; returns the files that were written, as they were before.

    Unchanged files keep their time, so make rebuilds what differs and nothing else. Raises BuildError
    that names the patch, the file and the hunk.
    """
    if not pristine.is_dir():
        raise InfraError(f"the source {pristine} is not there", kind="source", hint="try again: it is unpacked anew")
    state, before = _state(tree), switched(tree)
    with tempfile.TemporaryDirectory(dir=tree.parent, prefix=".patched-") as name:
        scratch = Path(name)
        now = await apply(pristine, scratch, patches)
        write_atomically(state, json.dumps(sorted(before | now)))
        written = {
            file: previous
            for file in sorted(before | now)
            if (previous := _place(file, pristine, scratch if file in now else None, tree))
        }
        write_atomically(state, json.dumps(sorted(now)))
    return written


def switched(tree: Path) -> set[str]:
    """Names of the files that are not as in the pristine source."""
    state = _state(tree)
    return set(json.loads(state.read_text())) if state.exists() else set()


def _state(tree: Path) -> Path:
    return tree.with_name(f"{tree.name}.touched.json")


async def apply(pristine: Path, scratch: Path, patches: Sequence[Path]) -> set[str]:
    """The touched files with all patches applied, below scratch; their names. No links. BuildError as switch()."""
    files: set[str] = set()
    for patch in patches:
        diff = bare(patch.read_bytes().decode(errors="surrogateescape"))
        new = touched(diff)
        if not new:
            raise BuildError(f"{patch.name}: no change in it", kind="patch", hint="a unified diff is wanted")
        if binary := _BINARY.search(diff):
            hint = "leave that file out: what is built of it would be that of before"
            raise BuildError(f"{patch.name} has a binary change: {binary[0]}", kind="patch", hint=hint)
        for file in sorted(new):
            _refuse_links(patch, pristine, file)
            if file not in files:
                _copy(_inside(pristine, file), scratch / file)
        files |= new
        command = ["patch", "-p1", "--fuzz=0", "--forward", "--no-backup-if-mismatch", "--batch", "-d", str(scratch)]
        done = await proc.run(command, input=diff.encode(errors="surrogateescape"))
        found = list(_below(scratch))
        for name in found:
            _refuse_links(patch, scratch, name)
        if done.code:
            raise _failure(patch, done.output)
        files.update(name for name in found if (scratch / name).is_file())  # those whose names are quoted, too
    return files


def _refuse_links(patch: Path, root: Path, file: str) -> None:
    """BuildError if root/file or a folder on the way to it is a link: what is behind it may be anybody's."""
    for part in (Path(file), *Path(file).parents):
        if (root / part).is_symlink() and part.name:
            raise BuildError(
                f"{patch.name}: {part} is a symbolic link, and patches of links are refused",
                kind="patch",
                hint="a link may lead out of the source: leave that part of the patch out",
            )


def _below(folder: Path) -> Iterator[str]:
    """All that is in a folder; links are named, not followed."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield str(Path(place, name).relative_to(folder))


def _inside(root: Path, file: str) -> Path:
    """root/file, or BuildError for a name that climbs out of the tree."""
    path = root / file
    if "\0" in file or not path.resolve().is_relative_to(root.resolve()):
        raise BuildError(f"a patch names {file}, outside of the source", kind="patch")
    return path


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.exists():
        shutil.copy2(source, target)


def _place(file: str, pristine: Path, scratch: Path | None, tree: Path) -> Previous | None:
    """Bring one file of the tree to what is wanted, None if it is so already; replaced, never written into."""
    wanted = (scratch or pristine) / file
    target = tree / file
    present = target.read_bytes() if target.exists() else None
    content = wanted.read_bytes() if wanted.exists() else None
    if present == content and (content is None or target.stat().st_mode == wanted.stat().st_mode):
        return None
    previous = Previous(present, target.stat().st_mtime_ns if present is not None else 0)
    if content is None:
        target.unlink()
        return previous
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(target.name + ".kmatrix")
    temporary.write_bytes(content)
    temporary.chmod(wanted.stat().st_mode)
    temporary.replace(target)
    return previous


def _failure(patch: Path, output: str) -> BuildError:
    """The first hunk that failed: which patch, file and hunk, with the hunk's text."""
    hunk = _FAILED.search(output)
    if "Reversed (or previously applied) patch" in output:
        hint = "the source has this change already: name a source without it, or leave the patch out"
        return BuildError(f"{patch.name} is applied already", kind="patch", hint=hint, log=output[-2000:])
    if hunk is None:
        first = next((row for row in output.splitlines() if row.strip()), "patch failed")
        return BuildError(f"{patch.name} does not apply: {first}", kind="patch", log=output[-2000:])
    names = re.findall(r"^patching file (\S+)", output[: hunk.start()], re.M)
    file = names[-1] if names else "?"
    number, line = int(hunk[1]), hunk[2]
    text = _hunk(patch.read_text(errors="replace"), file, number)
    return BuildError(
        f"{patch.name} does not apply: hunk #{number} of {file} fails at line {line}",
        kind="patch",
        hint="rebase the patch on this source, or name another source in matrix.yaml",
        log=text,
    )


def _hunk(text: str, file: str, number: int) -> str:
    """The text of a file's Nth hunk."""
    start = re.search(rf"^\+\+\+ (?:b/)?{re.escape(file)}\b", text, re.M)
    if start is None:
        return ""
    section = re.split(r"^(?:diff |--- )", text[start.end() :], maxsplit=1, flags=re.M)[0]
    hunks = re.split(r"^(?=@@ )", section, flags=re.M)[1:]
    return hunks[number - 1].rstrip() if number <= len(hunks) else ""
