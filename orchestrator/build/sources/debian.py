# SPDX-License-Identifier: GPL-2.0-or-later
"""linux-source-6.1 of a suite of Debian; version pins it. linux-source stands for the newest that the suite has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from orchestrator import proc
from orchestrator.build import apt
from orchestrator.build.sources import must, prepare
from orchestrator.config.sources import Buildable, Files
from orchestrator.errors import KmatrixError
from orchestrator.model import Source
from orchestrator.store import Store


class Debian(Buildable):
    """location: the package's name; revision: its version, "" for the newest; options: suite."""

    keys: Mapping[str, str | None] = {"debian": None, "version": "", "suite": "bookworm"}

    def parse(self, name: str, given: Mapping[str, str], files: Files) -> Source:
        """Nothing is looked up yet."""
        return Source(name, "debian", given["debian"], given["version"], {"suite": given["suite"]})

    def describe(self, source: Source) -> dict[str, str]:
        """The suite is always told: a reader need not know which is the usual one."""
        version = {"version": source.revision} if source.revision else {}
        return {"debian": source.location, "suite": self._suite(source), **version}

    async def locate(self, store: Store, source: Source, refresh: bool) -> tuple[Path, str]:
        """The package, or the one that it does nothing but depend on, downloaded once."""
        package: str | None = source.location + (f"={source.revision}" if source.revision else "")
        while package:
            folder = await apt.fetch(store, self._suite(source), None, [package], dependencies=False, refresh=refresh)
            deb = next(folder.glob("*.deb"))
            package = await _meant(deb)
        name, version = deb.stem.split("_")[:2]
        return deb, f"debian:{name}={version.replace('%3a', ':')}"

    async def unpack(self, archive: Path, identity: str, folder: Path) -> None:
        """The tarball that the package brings."""
        await must(["dpkg-deb", "-x", str(archive), str(folder / ".deb")])
        tar = next((folder / ".deb/usr/src").glob("*.tar.*"))
        await must(["tar", "-xf", str(tar), "--strip-components=1", "-C", str(folder)])
        await must(["rm", "-rf", str(folder / ".deb")])

    async def refresh(self, store: Store, source: Source) -> str:
        """Downloads only what the mirror has newer; a version that is named is never newer."""
        if source.revision:
            return ""
        try:
            if await apt.newer(store, self._suite(source), source.location):
                await prepare(store, source, refresh=True)
        except KmatrixError as error:
            return f"{source.name}: the mirror was not asked, measured as it is here ({error.message})"
        return ""

    def _suite(self, source: Source) -> str:
        return source.options.get("suite") or str(self.keys["suite"])


async def _meant(deb: Path) -> str | None:
    """The versioned package of a kernel's source that another one only stands for, as apt takes it: NAME=VERSION."""
    needs = (await proc.run(["dpkg-deb", "--field", str(deb), "Depends"])).output.strip()
    found = re.fullmatch(r"(linux-source-[\w.]+) \(= (\S+)\)", needs)
    return f"{found[1]}={found[2]}" if found else None


SOURCE = Debian()
