# SPDX-License-Identifier: GPL-2.0-or-later
"""Build trees: one for a source and arch, which all its variants share; builds of a few configs are kept in it."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from orchestrator import proc
from orchestrator.build.sources import Tree
from orchestrator.errors import DiskFull
from orchestrator.store import Store, remove

WANTED = ".kmatrix-wanted"  # of a build: the lines that its .config was made of
RECONFIGURE = ".kmatrix-reconfigure"  # of a build: Kconfig files are others than when its .config was made
CONFIGURED = "configured"
KEPT = 4  # builds of a tree, each of another config: half a gigabyte each


@dataclass(frozen=True)
class SharedTree:
    """One source and arch: source/ (hard links of the pristine tree), build/, and beside it builds of other configs.

    private: what make writes is thrown away afterwards, so that nothing of it gets into another kernel. apart: where
    that is, if it is not beside them. name: what O= is called; CONFIGURED where nothing is compiled.
    """

    folder: Path
    private: bool = False
    apart: Path | None = None
    name: str = "build"

    @property
    def source(self) -> Path:
        """Where patches are applied."""
        return self.folder / "source"

    @property
    def build(self) -> Path:
        """make's O=, as make sees it."""
        return self.folder / self.name

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
            await copied(tree.folder, copy, links=True)
            copy.rename(self.source)
        self.build.mkdir(exist_ok=True)

    def builds(self) -> list[Path]:
        """All that have objects, the current one first."""
        return [its for its in (self.folder / "build", *sorted(self.folder.glob("build-*"))) if its.exists()]

    async def turn_to(self, wanted: str) -> bool:
        """Was there a build with this config? It is the current one then; else that is kept as it is, too. make finds
        each at the same place: by their paths they do not differ."""
        current, *others = self.builds() or [self.build]
        if _wanted(current) != wanted:
            found = next((build for build in others if _wanted(build) == wanted), None)
            if found is None:
                await self._keep(current, others)
                return False
            aside = self.folder / "turning"
            current.rename(aside)
            found.rename(current)
            aside.rename(found)
        os.utime(current / WANTED)
        return True

    async def _keep(self, current: Path, others: list[Path]) -> None:
        if not _wanted(current):
            return
        others.sort(key=lambda build: (build / WANTED).stat().st_mtime if _wanted(build) else 0)
        for build in others[: max(0, len(others) + 2 - KEPT)]:
            await asyncio.to_thread(remove, build)
        free = next(n for n in range(KEPT) if not (self.folder / f"build-{n}").exists())
        await copied(current, self.folder / f"build-{free}")

    async def separate(self) -> None:
        """A private tree starts with what is built already. From here on the shared one is left alone."""
        if self.made.exists():
            await asyncio.to_thread(remove, self.made)
        await copied(self.build, self.made)
        self.dirty.unlink(missing_ok=True)


def _wanted(build: Path) -> str:
    path = build / WANTED
    return path.read_text() if path.exists() else ""


async def copied(folder: Path, target: Path, *, links: bool = False, niceness: int = 0) -> None:
    """All of a folder; links: its files are the same ones. DiskFull, or OSError where it cannot be."""
    done = await proc.run(["cp", "-al" if links else "-a", str(folder), str(target)], niceness=niceness)
    if done.code:
        raise no_room(OSError(done.output))


def no_room(error: OSError) -> Exception:
    """DiskFull if that is what it says."""
    if error.errno == 28 or "No space left" in str(error):
        return DiskFull("the disk of the cache is full", hint="make room (kmatrix clean)")
    return error
