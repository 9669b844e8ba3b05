# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches: a shared tree is moved from one variant to another by writing only the files that differ."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from orchestrator import proc
from orchestrator.build.headers import Previous
from orchestrator.build.refusal import Reading, refused
from orchestrator.errors import BuildError, InfraError
from orchestrator.series.diff import bare, touched
from orchestrator.store import write_atomically

_BINARY = re.compile(r"^(?:Binary files .* differ|GIT binary patch)\r?$", re.M)


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
        files |= await apply_one(pristine, scratch, patch.name, text_of(patch), files)
    return files


def text_of(patch: Path) -> str:
    """What is in it; what is no UTF-8 is in surrogate escapes."""
    return patch.read_bytes().decode(errors="surrogateescape")


async def apply_one(pristine: Path, scratch: Path, name: str, text: str, files: Collection[str]) -> set[str]:
    """One more patch upon those that scratch has, whose files are given; those that it has then. BuildError as
    switch(), and then scratch is as before."""
    diff = bare(text)
    new = touched(diff)
    if not new:
        raise BuildError(f"{name}: no change in it", kind="patch", hint="a unified diff is wanted")
    if binary := _BINARY.search(diff):
        hint = "leave that file out: what is built of it would be that of before"
        raise BuildError(f"{name} has a binary change: {binary[0]}", kind="patch", hint=hint)
    for file in sorted(new):
        _refuse_links(name, pristine, file)
        if (pristine / file).is_dir():
            raise BuildError(f"{name}: {file} is a folder, and no file", kind="patch", hint="is it for this source?")
        if file not in files:
            _copy(_inside(pristine, file), scratch / file)
    before = {file: _kept(scratch / file) for file in new}
    command = ["patch", "-p1", "--fuzz=0", "--forward", "--no-backup-if-mismatch", "--batch", "-d", str(scratch)]
    done = await proc.run(command, input=diff.encode(errors="surrogateescape"))
    found = list(_below(scratch))
    for file in found:
        _refuse_links(name, scratch, file)
    if done.code:
        for file in {*found, *new} - set(files):
            if (scratch / file).is_file():
                (scratch / file).unlink()
        for file, content in before.items():
            if content is not None:
                (scratch / file).parent.mkdir(parents=True, exist_ok=True)
                (scratch / file).write_bytes(content)
        raise refused(name, diff, done.output, Reading(pristine, scratch, {*files, *new}))
    return {*files, *new, *(file for file in found if (scratch / file).is_file())}  # those with quoted names, too


def _kept(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _refuse_links(patch: str, root: Path, file: str) -> None:
    """BuildError if root/file or a folder on the way to it is a link: what is behind it may be anybody's."""
    for part in (Path(file), *Path(file).parents):
        if (root / part).is_symlink() and part.name:
            raise BuildError(
                f"{patch}: {part} is a symbolic link, and patches of links are refused",
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
