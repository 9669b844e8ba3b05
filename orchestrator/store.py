# SPDX-License-Identifier: GPL-2.0-or-later
"""The store: content-addressed artifacts below the cache folder, published by rename, shared by runs."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

BLOCK = 1 << 20


def cache_root() -> Path:
    """KMATRIX_CACHE, or kmatrix/ below XDG_CACHE_HOME or ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    usual = (Path(base) if base else Path.home() / ".cache") / "kmatrix"
    # Resolved: kbuild records real paths, and what it records is compared with ours.
    return Path(os.environ.get("KMATRIX_CACHE") or usual).expanduser().resolve()


def digest(*parts: object) -> str:
    """The key of these inputs: 16 hex digits of a sha256 over their JSON."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def sha256(path: Path) -> str:
    """Of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Store:
    """Folders by kind and key. A folder that is there is whole: it got its name last."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_root()

    def folder(self, kind: str, key: str) -> Path:
        """Where the artifact is, or will be."""
        return self.root / kind / key

    @contextmanager
    def publish(self, kind: str, key: str) -> Iterator[Path]:
        """A temporary folder that becomes folder(kind, key) when the block ends well."""
        final = self.folder(kind, key)
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{key}.", dir=final.parent))
        temporary.chmod(0o755)
        try:
            yield temporary
            self.discard(final)
            temporary.rename(final)
        finally:
            if temporary.exists():
                shutil.rmtree(temporary, ignore_errors=True)

    def discard(self, folder: Path) -> None:
        """Delete so that an interruption leaves nothing that looks whole: it loses its name first."""
        if folder.exists():
            trash = Path(tempfile.mkdtemp(prefix=".trash-", dir=self.root))
            folder.rename(trash / folder.name)
            shutil.rmtree(trash, ignore_errors=True)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private folder, gone at the end; what processes that were killed left of theirs goes, too."""
        base = self.root / "scratch"
        base.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (base / ".lock").open("w") as together:
            fcntl.flock(together, fcntl.LOCK_EX)
            for old in base.glob("[!.]*"):
                if _unused(old):
                    shutil.rmtree(old, ignore_errors=True)
            folder = Path(tempfile.mkdtemp(dir=base))
            ours = (folder / ".lock").open("w")
            fcntl.flock(ours, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            ours.close()

    @asynccontextmanager
    async def lock(self, name: str) -> AsyncIterator[None]:
        """Only one process of this machine at a time is in here; the lock goes with the process."""
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

    def recall(self, kind: str, key: str) -> object:
        """What remember() was told under this key, or None."""
        path = self.folder(kind, f"{key}.json")
        try:
            return json.loads(path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def remember(self, kind: str, key: str, value: object) -> None:
        """Keep a small JSON value."""
        path = self.folder(kind, f"{key}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(value, indent=1))


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
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
