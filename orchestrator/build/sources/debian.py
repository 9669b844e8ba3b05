# SPDX-License-Identifier: GPL-2.0-or-later
"""linux-source-6.1 of a suite of Debian; revision pins the package's version."""

from __future__ import annotations

from pathlib import Path

from orchestrator.build import apt
from orchestrator.build.sources import Kind, must
from orchestrator.model import Source
from orchestrator.store import Store


async def _locate(store: Store, source: Source, refresh: bool) -> tuple[Path, str]:
    package = source.location + (f"={source.revision}" if source.revision else "")
    folder = await apt.fetch(store, source.suite, None, [package], dependencies=False, refresh=refresh)
    deb = next(folder.glob("*.deb"))
    name, version = deb.stem.split("_")[:2]
    return deb, f"debian:{name}={version.replace('%3a', ':')}"


async def _unpack(archive: Path, identity: str, folder: Path) -> None:
    await must(["dpkg-deb", "-x", str(archive), str(folder / ".deb")])
    tar = next((folder / ".deb/usr/src").glob("*.tar.*"))
    await must(["tar", "-xf", str(tar), "--strip-components=1", "-C", str(folder)])
    await must(["rm", "-rf", str(folder / ".deb")])


SOURCE = Kind(locate=_locate, unpack=_unpack)
