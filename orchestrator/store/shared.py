# SPDX-License-Identifier: GPL-2.0-or-later
"""A store that several machines share: a folder, s3://, read-only https:// ... (whatever fsspec knows).

KIND/KEY.SHA.tar with KIND/KEY.json beside it, which is written last and names it and its sha256; or a small value, in
KIND/KEY.json itself. Nothing that is there is replaced: a key names what its content depends on. What is damaged is
set aside, told, and made anew; two results that should be the same and are not are both kept, and told.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from orchestrator.errors import ConfigError

VARIABLE = "KMATRIX_SHARED_STORE"
# What others can use; sources, trees and packages each machine has of its own.
FOLDERS = ("covers", "guest-tools", "initramfs", "kernels", "results", "selftests", "snapshots", "static")
VALUES = ("debug", "selftested", "variants")
BLOCK = 1 << 20
PATIENCE = 4  # troubles in a row, after which it is left alone for a while
REST = 60.0  # seconds of that; and for which it is taken to have what it has taken or given
_FORMAT = 2


class Shared:
    """What is at a URL. What is given is packed and sent beside all else; what somebody should know is for tell()."""

    def __init__(self, url: str) -> None:
        self.url = url
        its = urlsplit(url)
        self.shown = urlunsplit((its.scheme, its.netloc.rpartition("@")[2], its.path, "", ""))  # without its secrets
        self._told: list[str] = []
        self._said: set[str] = set()
        self._bad: set[tuple[str, str]] = set()  # damaged ones, which are not asked for again
        self._troubles = 0  # in a row
        self._rests_until = 0.0
        self._to_send: SimpleQueue[tuple[str, str, Path]] = SimpleQueue()
        self._sending: set[tuple[str, str]] = set()  # in the queue, or under way
        self._sender: threading.Thread | None = None
        self._sent = threading.Condition()
        self._files: Any = None
        self._top = ""
        self._mute = False
        self._taking: dict[tuple[str, str], threading.Lock] = {}
        self._known: dict[tuple[str, str], float] = {}  # that are there, and when we have seen so

    @classmethod
    def of_user(cls) -> Shared | None:
        """Where KMATRIX_SHARED_STORE says, one for all of a process; None if it says nothing."""
        url = os.environ.get(VARIABLE)
        return _of_process(url) if url else None

    def tell(self) -> list[str]:
        """What was not told yet, each once."""
        found, self._told = self._told, []
        new = [text for text in dict.fromkeys(found) if text not in self._said]
        self._said |= {*new}
        return new

    def settled(self) -> None:
        """All that was given is there, or is told not to be, whoever waits for it besides."""
        with self._sent:
            self._sent.wait_for(lambda: not self._sending)

    async def all_sent(self) -> None:
        """settled(); who waits can be stopped."""
        import asyncio  # as in Store.lock()

        while self._sending:  # noqa: ASYNC110 (what ends it is in a thread)
            await asyncio.sleep(0.05)

    def one(self, kind: str, key: str) -> threading.Lock:
        """To be held by whoever takes it: no two threads do."""
        return self._taking.setdefault((kind, key), threading.Lock())

    def take(self, kind: str, key: str, into: Callable[[], Any]) -> bool:
        """Unpack the artifact into a folder that into() publishes; False where there is none that is whole."""
        about = self._about(kind, key) if kind in FOLDERS else None
        if about is None:
            return False
        with self._survives(f"{kind}/{key} is not taken", None), tempfile.TemporaryFile() as packed:
            seen = hashlib.sha256()
            try:
                with self._opened(f"{kind}/{about['tar']}", "rb") as source:
                    while block := source.read(BLOCK):
                        seen.update(block)
                        packed.write(block)
            except FileNotFoundError:  # somebody has tidied up there
                pass
            if seen.hexdigest() != about.get("sha256"):
                self._aside(kind, key)
                return False
            packed.seek(0)
            with into() as folder, tarfile.open(fileobj=packed) as tar:
                tar.extractall(folder, filter="tar")
            self._seen(kind, key)
            return True
        return False

    def _seen(self, kind: str, key: str) -> None:
        self._known[kind, key] = time.monotonic()

    def _resting(self) -> bool:
        return time.monotonic() < self._rests_until

    def give(self, kind: str, key: str, folder: Path) -> None:
        """Put the artifact there, if it is not there yet. See settled()."""
        if kind not in FOLDERS or self._mute or self._resting() or not folder.is_dir():
            return
        if time.monotonic() < self._known.get((kind, key), -REST) + REST:
            return
        with self._sent:
            if (kind, key) in self._sending:
                return
            self._sending.add((kind, key))
        self._to_send.put((kind, key, folder))
        if self._sender is None:
            # Whoever is ended in the middle of it need not wait: what is there in part has no name yet.
            self._sender = threading.Thread(target=self._send, name="shared", daemon=True)
            self._sender.start()

    def _send(self) -> None:
        while True:
            kind, key, folder = self._to_send.get()
            try:
                with self._survives(f"{kind}/{key} is not shared", None):
                    self._give(kind, key, folder)
            except (
                ConfigError
            ) as error:  # it is none: whoever looks there ends with it, and who waits for this goes on
                self._mute = True
                self._told.append(str(error))
            finally:
                with self._sent:
                    self._sending.discard((kind, key))
                    self._sent.notify_all()

    def _give(self, kind: str, key: str, folder: Path) -> None:
        proof = _proof(folder)
        if self._is_there(kind, key) and not self._differs(kind, key, proof):
            self._seen(kind, key)
            return
        with tempfile.TemporaryFile() as packed:
            with tarfile.open(fileobj=packed, mode="w") as tar:
                tar.add(folder, ".")
            size = packed.tell()
            packed.seek(0)
            seen = hashlib.file_digest(packed, "sha256").hexdigest()
            packed.seek(0)
            name = f"{key}.{seen[:8]}.tar"
            self._put(f"{kind}/{name}", packed)
        text = json.dumps({"format": _FORMAT, "tar": name, "sha256": seen, "size": size, "proof": proof})
        if self._differs(kind, key, proof):  # also what came while this was packed and sent
            self._alarm(kind, key, text)
        elif self._about(kind, key) is None:
            self._put(f"{kind}/{key}.json", io.BytesIO(text.encode()))
        self._seen(kind, key)

    def _is_there(self, kind: str, key: str) -> bool:
        """As a whole: with what its .json names."""
        about = self._about(kind, key)
        if about is None or "tar" not in about:
            return False
        if self._files.exists(f"{self._top}/{kind}/{about['tar']}"):
            return True
        self._aside(kind, key)
        return False

    def _differs(self, kind: str, key: str, proof: str) -> bool:
        """Is there one that should be the same, and is not?"""
        there = (self._about(kind, key) or {}).get("proof")
        return bool(proof and there and proof != there)

    def refuse(self, kind: str, key: str) -> None:
        """It is whole, and of no use: it is not taken again."""
        if kind in FOLDERS and not self._mute and not self._resting():
            with self._survives(f"{kind}/{key} is not set aside", None):
                if self._about(kind, key) is not None:
                    self._aside(kind, key, "is of no use")

    def recall(self, kind: str, key: str) -> object:
        """A small value; None where there is none that is whole."""
        about = self._about(kind, key) if kind in VALUES else None
        if about is None or "value" not in about:
            return None
        if _digest(about["value"]) != about.get("sha256"):
            self._aside(kind, key)
            return None
        return about["value"]

    def remember(self, kind: str, key: str, value: object) -> None:
        """Keep it, if it is not there yet."""
        if kind not in VALUES or self._mute or self._resting():
            return
        value = json.loads(json.dumps(value, default=str))
        with self._survives(f"{kind}/{key} is not shared", None):
            if self._about(kind, key) is not None:
                return
            about = {"format": _FORMAT, "sha256": _digest(value), "value": value}
            self._put(f"{kind}/{key}.json", io.BytesIO(json.dumps(about).encode()))

    def _about(self, kind: str, key: str) -> dict[str, Any] | None:
        if (kind, key) in self._bad or self._resting():
            return None
        with self._survives(f"{kind}/{key} cannot be looked up", FileNotFoundError):
            with self._opened(f"{kind}/{key}.json", "rb") as file:
                text = file.read()
            try:
                found = json.loads(text)
            except ValueError:
                self._aside(kind, key)
                return None
            self._troubles = 0
            return found if isinstance(found, dict) and found.get("format") == _FORMAT else None
        return None

    def _opened(self, name: str, mode: str) -> Any:
        self._connect()
        return self._files.open(f"{self._top}/{name}", mode)

    def _put(self, name: str, content: io.IOBase | Any) -> None:
        """It has its name when it is whole."""
        self._connect()
        final = f"{self._top}/{name}"
        part = f"{final}.{os.urandom(6).hex()}.part"
        self._files.makedirs(final.rpartition("/")[0], exist_ok=True)
        try:
            with self._files.open(part, "wb") as target:
                while block := content.read(BLOCK):
                    target.write(block)
            self._files.mv(part, final)
        finally:
            with suppress(Exception):
                if self._files.exists(part):
                    self._files.rm(part)

    def _aside(self, kind: str, key: str, why: str = "is damaged") -> None:
        """It is not taken again, and can be looked at."""
        self._told.append(f"{self.shown}: {kind}/{key} {why}: set aside, and made anew")
        try:
            name = f"{self._top}/{kind}/{key}"
            self._files.mv(f"{name}.json", f"{name}.damaged-{os.urandom(3).hex()}.json")
        except Exception:  # then nobody may write there
            self._bad.add((kind, key))
        self._known.pop((kind, key), None)

    def _alarm(self, kind: str, key: str, other: str) -> None:
        """Both are kept. other: what the .json of the other would be."""
        why = "is not what it was, though all that it depends on is the same: both are kept"
        self._told.append(f"{self.shown}: {kind}/{key} {why}")
        name = f"{kind}/{key}.other-{hashlib.sha256(other.encode()).hexdigest()[:8]}.json"
        self._put(name, io.BytesIO(other.encode()))

    def _connect(self) -> None:
        if self._files is None:
            try:
                import fsspec
            except ImportError as error:
                hint = "pip install 'kmatrix[dask]'"
                raise ConfigError(f"{VARIABLE} is set, and fsspec is not installed", hint=hint) from error
            try:
                self._files, self._top = fsspec.core.url_to_fs(self.url)
            except (ValueError, ImportError) as error:
                words = str(error).replace(self.url, self.shown)
                hint = "a folder, s3://..., https://..."
                raise ConfigError(f"{VARIABLE}={self.shown}: {words}", hint=hint) from error

    @contextmanager
    def _survives(self, what: str, silent: type[Exception] | None) -> Iterator[None]:
        """Without what is shared everything is made here. Whoever may not write is told once."""
        try:
            yield
        except ConfigError:
            raise
        except NotImplementedError:
            self._mute = True
        except Exception as error:
            if silent is None or not isinstance(error, silent):
                self._mute |= isinstance(error, PermissionError)
                self._troubles += 1
                words = str(error).replace(self.url, self.shown).replace(self._top or "\0", self.shown)
                self._told.append(f"{self.shown}: {what}: {words or type(error).__name__}")
                if self._troubles == PATIENCE:
                    self._troubles, self._rests_until = 0, time.monotonic() + REST
                    self._told.append(f"{self.shown}: left alone for {REST:.0f} s")


@cache
def _of_process(url: str) -> Shared:
    return Shared(url)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _proof(folder: Path) -> str:
    """What must be the same whoever makes it: of a kernel, its image; of a boot's result, what the kernel counted in
    its passes (times of two boots are some ppm apart). "" of others."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        if (folder / "info.json").is_file():
            return str(json.loads((folder / "info.json").read_text()).get("image_sha256", ""))
        passes = json.loads(json.loads((folder / "stored.json").read_text())["kept"])["result"]["passes"]
        return _digest([_counts(its) for its in passes])
    return ""


def _counts(its: dict[str, Any]) -> dict[str, Any]:
    return {"units": its["units"], "values": {k: v for k, v in its["values"].items() if k in its["vmstat"]}}
