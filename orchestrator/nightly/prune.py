# SPDX-License-Identifier: GPL-2.0-or-later
"""Old runs and caches go: by number and age, and by size with the longest unused first."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.model import Nightly
from orchestrator.store import Store

GIB = 2**30
YOUNG = 86_400.0  # seconds: what was used since then stays, whatever its size, for someone may be at it
KEPT = {"ccache", "locks", "scratch", "timings", "kvm", "hashes"}  # ccache keeps to a limit of its own


@dataclass(frozen=True)
class Entry:
    """A folder of the cache: bytes on disk, and when something in it was last read or written."""

    path: Path
    size: int
    used: float


def prune_runs(folder: Path, keep: Nightly, needed: Collection[Path]) -> list[Path]:
    """Remove run folders beyond the number or the age; those needed stay. Returns what went."""
    runs = sorted((path for path in folder.glob("[!.]*") if path.is_dir()), key=lambda path: path.name, reverse=True)
    oldest = time.time() - keep.days * 86_400
    old = [run for number, run in enumerate(runs) if number >= keep.runs or run.stat().st_mtime < oldest]
    gone = [run for run in old if run not in needed]
    for run in gone:
        shutil.rmtree(run, ignore_errors=True)
    return [run for run in gone if not run.exists()]


def prune_cache(store: Store, keep: Nightly) -> tuple[list[Path], float]:
    """Remove what was not used for so many days, then the longest unused until it fits; (what went, GiB left)."""
    now = time.time()
    entries = sorted(cache(store.root), key=lambda entry: entry.used)
    left = sum(entry.size for entry in entries)
    gone = []
    for entry in entries:
        old = entry.used < now - keep.days * 86_400
        if entry.used > now - YOUNG or not (old or left > keep.cache_gib * GIB):
            continue
        store.discard(entry.path)
        gone.append(entry.path)
        left -= entry.size
    return gone, left / GIB


def cache(root: Path) -> Iterator[Entry]:
    """Every artifact; a file that several hold counts for the first."""
    seen: set[tuple[int, int]] = set()
    for kind in sorted(root.glob("[!.]*")):
        if kind.is_dir() and kind.name not in KEPT:
            for path in sorted(kind.glob("[!.]*")):
                if path.is_dir() and not path.is_symlink():
                    yield _entry(path, seen)


def touch(folders: Iterable[Path]) -> None:
    """Mark as used: a file system may not say when something was read."""
    for folder in folders:
        if folder.exists():
            os.utime(folder)


def _entry(path: Path, seen: set[tuple[int, int]]) -> Entry:
    size, used = 0, path.stat().st_mtime
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                found = os.lstat(os.path.join(folder, name))  # noqa: PTH118  # a tree has 80,000 files
            except FileNotFoundError:
                continue
            used = max(used, found.st_atime)
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                size += found.st_blocks * 512
    return Entry(path, size, used)
