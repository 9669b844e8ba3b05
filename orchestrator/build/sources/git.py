# SPDX-License-Identifier: GPL-2.0-or-later
"""A commit of a git tree on this machine; revision is whatever git takes for one."""

from __future__ import annotations

from pathlib import Path

from orchestrator import proc
from orchestrator.build.sources import Kind, must
from orchestrator.errors import ConfigError
from orchestrator.model import Source
from orchestrator.store import Store


async def _locate(store: Store, source: Source, refresh: bool) -> tuple[Path, str]:
    done = await proc.run(["git", "-C", source.location, "rev-parse", f"{source.revision}^{{commit}}"])
    if done.code:
        raise ConfigError(f"{source.location} has no revision {source.revision}", log=done.output)
    return Path(source.location), f"git:{done.output.strip()}"


async def _unpack(archive: Path, identity: str, folder: Path) -> None:
    tar = folder / ".source.tar"
    await must(["git", "-C", str(archive), "archive", "-o", str(tar), identity.removeprefix("git:")])
    await must(["tar", "-xf", str(tar), "-C", str(folder)])
    tar.unlink()


SOURCE = Kind(locate=_locate, unpack=_unpack)
