# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of several patches a source has already."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator import proc
from orchestrator.build.kernel import Builder
from orchestrator.model import Source
from orchestrator.series.diff import bare, touched
from orchestrator.series.letters import Patch


@dataclass(frozen=True)
class Needed:
    """patches: that are still to be applied; already: titles of those that are there."""

    patches: tuple[Patch, ...]
    already: tuple[str, ...] = ()


async def without(these: Sequence[Patch], source: Source, builder: Builder) -> Needed:
    """Those that the source does not have. One that it has can be taken out of it, after all that follow it.

    They are tried from the last to the first: what follows one may have changed its lines again.
    """
    if not these:
        return Needed(())
    tree = await builder.source(source)
    left: list[Patch] = []
    already: list[str] = []
    with builder.store.scratch() as scratch:
        for patch in reversed(these):
            if await _taken_out(tree.folder, scratch, bare(patch.text)):
                already.insert(0, patch.title)
            else:
                left.insert(0, patch)
    return Needed(tuple(left), tuple(already))


async def _taken_out(pristine: Path, scratch: Path, diff: str) -> bool:
    """Take it out of the files below scratch, which are the source's where they are not there yet; False, and
    nothing done, where it is not in them."""
    try:
        if not all(_brought(pristine, scratch, file) for file in touched(diff)):
            return False
    except (OSError, ValueError):  # a name that no file can have
        return False
    command = ["patch", "-p1", "-R", "--fuzz=0", "--force", "--no-backup-if-mismatch", "-r", "-", "-d", str(scratch)]
    content = diff.encode(errors="surrogateescape")
    if (await proc.run([*command, "--dry-run"], input=content)).code:
        return False
    return (await proc.run(command, input=content)).code == 0


def _brought(pristine: Path, scratch: Path, file: str) -> bool:
    """A file of the source into the scratch; False for one that leads elsewhere: patches.apply() says why."""
    path, copy = pristine / file, scratch / file
    places = ((path, pristine), (copy, scratch))
    if path.is_symlink() or not all(one.resolve().is_relative_to(top.resolve()) for one, top in places):
        return False
    if path.is_file() and not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    return True
