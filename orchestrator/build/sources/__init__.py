# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel sources: fetched or unpacked once, named by what they are, never written to.

One file a kind, with a SOURCE: see config/sources.py for what it can say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from orchestrator import proc
from orchestrator.config.sources import Buildable, kind_of
from orchestrator.errors import BuildError, ConfigError, InfraError
from orchestrator.model import Source
from orchestrator.store import Store, digest


@dataclass(frozen=True)
class Tree:
    """An unpacked source: identity says exactly what it is, linux is its version (6.1.192)."""

    identity: str
    key: str
    folder: Path
    linux: str


async def prepare(store: Store, source: Source, refresh: bool = False) -> Tree:
    """The source's tree. Raises InfraError when it can't be fetched, ConfigError when it is no kernel."""
    kind = kind_of(source)
    if not isinstance(kind, Buildable):
        raise ConfigError(f"{source.name} is a ready {source.kind}: nothing can be built of it")
    archive, identity = await kind.locate(store, source, refresh)
    key = digest("source", identity)
    folder = store.folder("sources", key)
    async with store.lock(f"source-{key}"):
        if not folder.exists():
            with store.publish("sources", key) as temporary:
                await kind.unpack(archive, identity, temporary)
                linux_version(temporary)  # what is no kernel is not kept
    return Tree(identity, key, folder, linux_version(folder))


async def must(argv: list[str]) -> None:
    """Run it; InfraError with its words where it fails."""
    done = await proc.run(argv)
    if done.code:
        full = "No space left" in done.output
        raise InfraError(f"{argv[0]} failed", kind="disk_full" if full else "unpack", log=done.output[-2000:])


def linux_version(folder: Path) -> str:
    """VERSION.PATCHLEVEL.SUBLEVEL of the tree's Makefile."""
    makefile = folder / "Makefile"
    head = makefile.read_text(errors="replace")[:2000] if makefile.exists() else ""
    found = dict(re.findall(r"^(VERSION|PATCHLEVEL|SUBLEVEL) *= *(\d+)", head, re.M))
    if len(found) < 3:
        raise BuildError(f"{folder} is not a Linux source tree", kind="source", hint="no version in its Makefile")
    return f"{found['VERSION']}.{found['PATCHLEVEL']}.{found['SUBLEVEL']}"
