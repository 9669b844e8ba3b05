# SPDX-License-Identifier: GPL-2.0-or-later
"""The store: content-addressed artifacts below the cache folder, published by rename, shared by runs."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator.errors import ConfigError
from orchestrator.store.shared import Shared

GIB = 1 << 30
SIZES = "sizes"
# Kinds of artifacts. Nothing else below the root is ever removed: it may be anybody's.
ARTIFACTS = (
    "covers", "debs", "disks", "guest-tools", "initramfs", "kernels", "parcels", "plugins", "results", "selftests",
    "snapshots", "sources", "static", "trees", "variants",
)  # fmt: skip
APART = ("ccache", "hashes", "kvm", "rebuilt", "timings")  # small, or kept to a limit of their own (ccache)
CHEAP = ("snapshots",)  # made again in seconds, and large
DAY = 86_400


_CHOOSE = "set KMATRIX_CACHE to a folder"


def cache_root() -> Path:
    """KMATRIX_CACHE, or kmatrix/ below XDG_CACHE_HOME or ~/.cache. ConfigError where there is no home."""
    place = Path(os.environ.get("KMATRIX_CACHE") or of_user("XDG_CACHE_HOME", ".cache", _CHOOSE) / "kmatrix")
    if place.parts[:1] == ("~",):
        place = of_user("HOME", "", _CHOOSE).joinpath(*place.parts[1:])
    return place.resolve()  # kbuild records real paths, and what it records is compared with ours


def of_user(variable: str, usual: str, instead: str) -> Path:
    """A user's folder by the variable that names it, else below their home. ConfigError says what to do instead."""
    if base := os.environ.get(variable):
        return Path(base)
    try:
        return Path.home() / usual
    except RuntimeError as error:  # no HOME, and a user id that the system does not know
        raise ConfigError("HOME is not set, and the system knows no home of this user", hint=instead) from error


def digest(*parts: object) -> str:
    """The key of these inputs: 16 hex digits of a sha256 over their JSON."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def sha256(path: Path) -> str:
    """Of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_of(path: Path, hint: str = "") -> str:
    """Of a file of the user. ConfigError where it cannot be read, or is no text."""
    try:
        return path.read_text()
    except UnicodeDecodeError as error:
        line = path.read_bytes().count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: this is no text in UTF-8: {error.reason}", hint=hint) from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint=hint) from error


@dataclass(frozen=True)
class Entry:
    """A folder of the store: bytes on disk that are its alone, and when it was last asked for."""

    path: Path
    size: int
    used: float


class Store:
    """Folders by kind and key. A folder that is there is whole: it got its name last."""

    def __init__(self, root: Path | None = None, shared: Shared | None = None) -> None:
        """shared: what other machines made, and what they are given; default: as the user has it."""
        self.root = root or cache_root()
        self.shared = shared or Shared.of_user()

    def folder(self, kind: str, key: str) -> Path:
        """Where the artifact is, or will be. Whoever asks uses it: it is marked so, and taken from others."""
        path = self.root / kind / key
        try:
            os.utime(path)
        except FileNotFoundError:
            if self.shared and "." not in key:
                with self.shared.one(kind, key):
                    into = partial(self._published, kind, key, first=True)
                    if not path.exists() and self.shared.take(kind, key, into):
                        os.utime(path)  # as old as it was where it was made, it would be the first to go
        except OSError:
            pass
        return path

    async def arrived(self, kind: str, key: str) -> Path:
        """folder(); others go on while it is taken from elsewhere, which may be far away."""
        if self.shared is None or (self.root / kind / key).exists():
            return self.folder(kind, key)
        import asyncio  # see lock()

        return await asyncio.to_thread(self.folder, kind, key)

    @contextmanager
    def publish(self, kind: str, key: str) -> Iterator[Path]:
        """A temporary folder that becomes folder(kind, key) when the block ends well."""
        with self._published(kind, key) as temporary:
            yield temporary
        if self.shared:
            self.shared.give(kind, key, self.root / kind / key)

    @contextmanager
    def _published(self, kind: str, key: str, first: bool = False) -> Iterator[Path]:
        """first: one that has come meanwhile stays, as somebody may use it."""
        final = self.root / kind / key
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{key}.", dir=final.parent))
        temporary.chmod(0o755)
        try:
            yield temporary
            if first and final.exists():
                return
            self.discard(final)
            size = _size(temporary)
            temporary.rename(final)
            self._keep_size(final, size)
        finally:
            if temporary.exists():
                shutil.rmtree(temporary, ignore_errors=True)

    def discard(self, folder: Path) -> None:
        """Delete so that an interruption leaves nothing that looks whole: it loses its name first."""
        if folder.exists():
            trash = Path(tempfile.mkdtemp(prefix=".trash-", dir=self.root))
            folder.rename(trash / folder.name)
            shutil.rmtree(trash, ignore_errors=True)

    def refuse(self, kind: str, key: str) -> None:
        """Delete what is of no use, so that it is made anew: others' is not taken for it again."""
        self.discard(self.root / kind / key)
        if self.shared:
            self.shared.refuse(kind, key)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private folder, gone at the end; what processes that were killed left of theirs goes, too."""
        base = self.root / "scratch"
        base.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (base / ".lock").open("w") as together:
            fcntl.flock(together, fcntl.LOCK_EX)
            for old in base.glob("[!.]*"):
                if _unused(old):
                    with suppress(OSError):
                        remove(old)
            folder = Path(tempfile.mkdtemp(dir=base))
            ours = (folder / ".lock").open("w")
            fcntl.flock(ours, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            with suppress(OSError):
                remove(folder)
            ours.close()

    @asynccontextmanager
    async def lock(self, name: str) -> AsyncIterator[None]:
        """Only one process of this machine at a time is in here; the lock goes with the process."""
        import asyncio  # takes as long as all else of the ground, and who only looks needs no lock

        path = self.root / "locks" / name.replace("/", "_")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(0.2)
            yield

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """No other kmatrix takes anything out of the store meanwhile."""
        with self._users().open("w") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    @contextmanager
    def bounded(self, gib: float) -> Iterator[None]:
        """in_use(); at the end at most gib are left, or what was used in here if that is more."""
        began = time.time() - 1  # file systems round
        try:
            with self.in_use():
                yield
        finally:
            with suppress(OSError):  # a result is not worth less for it
                self.prune(gib, began)

    def prune(self, gib: float, since: float, days: float = 0.0) -> tuple[list[Path], float]:
        """Remove what was used longest ago until gib are left, and what was not used for so many days (0: any).

        What was used after since (s) stays, and so does all while another kmatrix is at work: whoever ends last
        prunes. What is made again in seconds goes as if it had been used a day before. Returns what went, and the GiB
        that are left.
        """
        now, gone = time.time(), list[Path]()
        # A source goes after its trees, which are links to its files and are changed from what is in it.
        entries = sorted(self.entries(), key=lambda entry: (_worth(entry), entry.path.parent.name == "sources"))
        left = sum(entry.size for entry in entries)
        with self.alone() as nobody_else:
            if not nobody_else:
                return [], left / GIB
            self._sweep(now - DAY)
            for entry in entries:
                old = days > 0 and entry.used < now - days * DAY
                if _worth(entry) < since and (old or left > gib * GIB):
                    self.discard(entry.path)
                    (self.root / SIZES / entry.path.parent.name / f"{entry.path.name}.json").unlink(missing_ok=True)
                    gone.append(entry.path)
                    left -= entry.size
        return gone, left / GIB

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Is no other kmatrix at work? Then none begins meanwhile."""
        with self._users().open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _sweep(self, before: float) -> None:
        """Remove what was being published or deleted by a process that was killed; nothing takes that long."""
        halves = (path for kind in ARTIFACTS for path in (self.root / kind).glob(".*"))
        for path in (*self.root.glob(".trash-*"), *halves):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    shutil.rmtree(path, ignore_errors=True)

    def entries(self) -> list[Entry]:
        """Every artifact. One is measured once: a tree has 80,000 files."""
        found = []
        for kind in (self.root / name for name in ARTIFACTS):
            for path in sorted(kind.glob("[!.]*")):
                with suppress(FileNotFoundError):
                    if path.is_dir() and not path.is_symlink():
                        found.append(Entry(path, self._size_of(path), path.stat().st_mtime))
        # A tree's files are links to those of its source: that alone would not make room, and must be there for it.
        newest = {entry.path.name.split("-")[0]: entry.used for entry in sorted(found, key=lambda e: e.used)}
        return [
            Entry(e.path, e.size, max(e.used, newest[e.path.name])) if e.path.parent.name == "sources" else e
            for e in found
        ]

    def resized(self, folder: Path) -> None:
        """It has been written to since it was published: measure it again when that matters."""
        (self.root / SIZES / folder.parent.name / f"{folder.name}.json").unlink(missing_ok=True)

    def _size_of(self, folder: Path) -> int:
        known = self.recall(SIZES, f"{folder.parent.name}/{folder.name}")
        if isinstance(known, int):
            return known
        size = _size(folder, folder.parent.name != "trees")
        self._keep_size(folder, size)
        return size

    def _keep_size(self, folder: Path, size: int) -> None:
        with suppress(OSError):
            self.remember(SIZES, f"{folder.parent.name}/{folder.name}", size)

    def _users(self) -> Path:
        path = self.root / "locks" / "users"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def recall(self, kind: str, key: str) -> object:
        """What remember() was told under this key, or None."""
        path = self.folder(kind, f"{key}.json")
        try:
            return json.loads(path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            pass
        if self.shared is None or (value := self.shared.recall(kind, key)) is None:
            return None
        self._keep(path, value)
        return value

    def remember(self, kind: str, key: str, value: object) -> None:
        """Keep a small JSON value."""
        self._keep(self.folder(kind, f"{key}.json"), value)
        if self.shared:
            self.shared.remember(kind, key, value)

    def _keep(self, path: Path, value: object) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(value, indent=1))


def _worth(entry: Entry) -> float:
    """When it was used, for who goes first: a GiB of snapshots is made again in a minute, one of kernels in hours."""
    return entry.used - (DAY if entry.path.parent.name in CHEAP else 0)


def _size(folder: Path, links: bool = True) -> int:
    """Bytes on disk; without links, those of files that have other names are not its own."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                found = os.lstat(os.path.join(place, name))  # noqa: PTH118 (a Path for each would take longer)
                size += found.st_blocks * 512 if links or found.st_nlink == 1 else 0
    return size


def remove(folder: Path) -> None:
    """A folder and all that is in it, however deep, and whatever of it nobody may write: a build may have made it.

    OSError if it stays.
    """
    with suppress(RecursionError, OSError):
        shutil.rmtree(folder)
    if not folder.exists():
        return
    folder.chmod(0o700)
    mine, number = f".{os.urandom(4).hex()}", 0
    while found := [entry for entry in os.scandir(folder) if _gone_or_opened(entry)]:
        for entry in found:
            for inner in os.scandir(entry.path):
                number += 1
                _opened(inner)
                os.rename(inner.path, f"{os.fspath(folder)}/{mine}.{number}")  # noqa: PTH104
            os.rmdir(entry.path)  # noqa: PTH106
    folder.rmdir()


def _gone_or_opened(entry: os.DirEntry[str]) -> bool:
    """Is it a folder that is left? Of others, nothing is left."""
    if entry.is_dir(follow_symlinks=False):
        _opened(entry)
        return True
    os.unlink(entry.path)  # noqa: PTH108
    return False


def _opened(entry: os.DirEntry[str]) -> None:
    """A folder, for its owner; who moves one changes its .. entry."""
    if entry.is_dir(follow_symlinks=False):
        os.chmod(entry.path, 0o700)  # noqa: PTH101


def _unused(folder: Path) -> bool:
    """Has the process that made this scratch folder ended?"""
    try:
        with (folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def write_atomically(path: Path, content: str | bytes) -> None:
    """The file is there whole or as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
