# SPDX-License-Identifier: GPL-2.0-or-later
"""A tarball on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestrator.build.sources import must
from orchestrator.config.sources import BASE, Buildable, Files
from orchestrator.errors import ConfigError
from orchestrator.model import Source
from orchestrator.store import Store, digest, sha256


class Tarball(Buildable):
    """location: its path; revision: the sha256 that it must have, if any."""

    keys: Mapping[str, str | None] = {"tarball": None, "sha256": ""}

    def parse(self, name: str, given: Mapping[str, str], files: Files) -> Source:
        """The file must be there."""
        return Source(name, "tarball", str(files.existing("tarball", given["tarball"])), given["sha256"])

    def describe(self, source: Source) -> dict[str, str]:
        """The sha256 only where one was wanted."""
        return {"tarball": source.location, **({"sha256": source.revision} if source.revision else {})}

    def mention(self, source: Source) -> str:
        """Its name: everybody has it elsewhere."""
        return Path(source.location).name

    def at_path(self, place: Path, revision: str) -> Source | None:
        """Any file."""
        return Source(BASE, "tarball", str(place)) if place.is_file() else None

    async def locate(self, store: Store, source: Source, refresh: bool) -> tuple[Path, str]:
        """Its sum is remembered for as long as size and time are the same."""
        path = Path(source.location)
        stamp = digest(str(path), path.stat().st_mtime_ns, path.stat().st_size)
        known = store.recall("hashes", stamp)
        value = known if isinstance(known, str) else sha256(path)
        store.remember("hashes", stamp, value)
        if source.revision and source.revision != value:
            raise ConfigError(f"{path} has sha256 {value}, not {source.revision}")
        return path, f"tarball:{value}"

    async def unpack(self, archive: Path, identity: str, folder: Path) -> None:
        """Without the folder that all is in."""
        await must(["tar", "-xf", str(archive), "--strip-components=1", "-C", str(folder)])


SOURCE = Tarball()
