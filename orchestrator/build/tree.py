# SPDX-License-Identifier: GPL-2.0-or-later
"""Build trees: one for a source and arch, which all its variants share."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from orchestrator import proc
from orchestrator.build.sources import Tree
from orchestrator.errors import DiskFull
from orchestrator.store import Store, remove


@dataclass(frozen=True)
class SharedTree:
    """One source and arch: source/ (hard links of the pristine tree) and build/.

    private: what make writes is thrown away afterwards, so that nothing of it gets into another kernel. apart: where
    that is, if it is not beside them.
    """

    folder: Path
    private: bool = False
    apart: Path | None = None

    @property
    def source(self) -> Path:
        """Where patches are applied."""
        return self.folder / "source"

    @property
    def build(self) -> Path:
        """make's O=, as make sees it."""
        return self.folder / "build"

    @property
    def made(self) -> Path:
        """Where that really is."""
        return self.apart or (self.folder / "private" if self.private else self.build)

    @property
    def dirty(self) -> Path:
        """There while a make runs; there at the start: it was killed, its objects are not trusted."""
        return self.folder.with_name(f"{self.folder.name}.dirty")

    async def prepare(self, tree: Tree, store: Store) -> None:
        """Make the folders; throw away a build that was killed (ccache makes up for it)."""
        if self.dirty.exists():
            await asyncio.to_thread(store.discard, self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.source.exists():
            copy = self.folder / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            done = await proc.run(["cp", "-al", str(tree.folder), str(copy)])
            if done.code:
                raise no_room(OSError(done.output))
            copy.rename(self.source)
        self.build.mkdir(exist_ok=True)

    async def separate(self) -> None:
        """A private tree starts with what is built already. From here on the shared one is left alone."""
        if self.made.exists():
            await asyncio.to_thread(remove, self.made)
        done = await proc.run(["cp", "-a", str(self.build), str(self.made)])
        if done.code:
            raise no_room(OSError(done.output))
        self.dirty.unlink(missing_ok=True)


def no_room(error: OSError) -> Exception:
    """DiskFull if that is what it says."""
    if error.errno == 28 or "No space left" in str(error):
        return DiskFull("the disk of the cache is full", hint="make room (kmatrix clean)")
    return error
