# SPDX-License-Identifier: GPL-2.0-or-later
"""A tarball on this machine; revision is the sha256 that it must have, if any."""

from __future__ import annotations

from pathlib import Path

from orchestrator.build.sources import Kind, must
from orchestrator.errors import ConfigError
from orchestrator.model import Source
from orchestrator.store import Store, digest, sha256


async def _locate(store: Store, source: Source, refresh: bool) -> tuple[Path, str]:
    path = Path(source.location)
    stamp = digest(str(path), path.stat().st_mtime_ns, path.stat().st_size)
    known = store.recall("hashes", stamp)
    value = known if isinstance(known, str) else sha256(path)
    store.remember("hashes", stamp, value)
    if source.revision and source.revision != value:
        raise ConfigError(f"{path} has sha256 {value}, not {source.revision}")
    return path, f"tarball:{value}"


async def _unpack(archive: Path, identity: str, folder: Path) -> None:
    await must(["tar", "-xf", str(archive), "--strip-components=1", "-C", str(folder)])


SOURCE = Kind(locate=_locate, unpack=_unpack)
