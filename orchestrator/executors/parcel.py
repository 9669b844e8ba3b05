# SPDX-License-Identifier: GPL-2.0-or-later
"""Values for another machine, and back: as pickle has them, but for paths, which mean something there.

What is in the store, or among the project's data, is named by its place there; another file is sent along, once. Only
for whoever has the cluster's key: a pickle does what it says.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from orchestrator.errors import InfraError
from orchestrator.paths import ROOT
from orchestrator.store import Store, write_atomically
from orchestrator.store.shared import FOLDERS

KIND = "parcels"  # in the store: files that were sent
LARGEST = 64 << 20  # bytes of a file that is sent along
_STORE, _PROJECT, _FILE, _PATH = "store", "project", "file", "path"


def packed(value: object, store: Store) -> bytes:
    """For unpacked(). InfraError for a file that is too large to be sent."""
    files: dict[str, bytes] = {}
    body = io.BytesIO()
    _Packer(body, store, files).dump(value)
    return pickle.dumps((files, body.getvalue()), protocol=5)


def unpacked(data: bytes, store: Store) -> Any:
    """As it was, with this machine's paths. InfraError where what it is of in the store cannot be had here."""
    files, body = pickle.loads(data)
    return _Unpacker(io.BytesIO(body), store, files).load()


class _Packer(pickle.Pickler):
    def __init__(self, body: io.BytesIO, store: Store, files: dict[str, bytes]) -> None:
        super().__init__(body, protocol=5)
        self.store, self.files = store, files

    def persistent_id(self, value: Any) -> tuple[str, ...] | None:
        """Of a path."""
        if not isinstance(value, PurePath):
            return None
        path = Path(value)
        for name, top in ((_STORE, self.store.root), (_PROJECT, ROOT)):
            if path.is_relative_to(top):
                if name == _STORE:
                    self._given(path.relative_to(top).parts)
                return (name, str(path.relative_to(top)))
        if not path.is_absolute() or not path.is_file():
            return (_PATH, str(path))
        content = path.read_bytes()
        if len(content) > LARGEST:
            raise InfraError(f"{path} is too large to be sent to a worker", kind="parcel")
        digest = hashlib.sha256(content).hexdigest()[:16]
        self.files[digest] = content
        return (_FILE, digest, path.name)

    def _given(self, parts: Sequence[str]) -> None:
        """It may have been made before there was a store to share it in."""
        if self.store.shared and len(parts) >= 2 and parts[0] in FOLDERS:
            self.store.shared.give(parts[0], parts[1], self.store.root.joinpath(*parts[:2]))


class _Unpacker(pickle.Unpickler):
    def __init__(self, body: io.BytesIO, store: Store, files: dict[str, bytes]) -> None:
        super().__init__(body)
        self.store, self.files = store, files

    def persistent_load(self, named: tuple[str, ...]) -> Path:
        """The path here."""
        kind, name = named[:2]
        if kind == _PROJECT:
            return ROOT / name
        if kind == _PATH:
            return Path(name)
        if kind == _FILE:
            place = self.store.root / KIND / name / named[2]
            if not place.exists():
                write_atomically(place, self.files[name])
            return place
        return self._in_store(Path(name))

    def _in_store(self, name: Path) -> Path:
        if len(name.parts) >= 2 and name.parts[0] in FOLDERS:
            folder = self.store.folder(*name.parts[:2])
            if not folder.exists():
                hint = "workers and whoever asks them need a store that they share: kmatrix scheduler --store"
                raise InfraError(f"{'/'.join(name.parts[:2])} is not here", kind="not_shared", hint=hint)
        return self.store.root / name
