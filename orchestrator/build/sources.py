# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel sources: fetched or unpacked once, named by what they are, never written to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from orchestrator import proc
from orchestrator.build import debian
from orchestrator.errors import BuildError, ConfigError, InfraError
from orchestrator.model import Source
from orchestrator.store import Store, digest, sha256


@dataclass(frozen=True)
class Tree:
    """An unpacked source: identity says exactly what it is, linux is its version (6.1.192)."""

    identity: str
    key: str
    folder: Path
    linux: str


async def prepare(store: Store, source: Source, refresh: bool = False) -> Tree:
    """The source's tree. Raises InfraError when it can't be fetched, ConfigError when it is no kernel."""
    archive, identity = await _LOCATE[source.kind](store, source, refresh)
    key = digest("source", identity)
    folder = store.folder("sources", key)
    async with store.lock(f"source-{key}"):
        if not folder.exists():
            with store.publish("sources", key) as temporary:
                await _unpack(archive, source, identity, temporary)
    return Tree(identity, key, folder, linux_version(folder))


async def _debian(store: Store, source: Source, refresh: bool) -> tuple[Path, str]:
    package = source.location + (f"={source.revision}" if source.revision else "")
    folder = await debian.fetch(store, source.suite, None, [package], dependencies=False, refresh=refresh)
    deb = next(folder.glob("*.deb"))
    name, version = deb.stem.split("_")[:2]
    return deb, f"debian:{name}={version.replace('%3a', ':')}"


async def _tarball(store: Store, source: Source, refresh: bool) -> tuple[Path, str]:
    path = Path(source.location)
    stamp = digest(str(path), path.stat().st_mtime_ns, path.stat().st_size)
    known = store.recall("hashes", stamp)
    value = known if isinstance(known, str) else sha256(path)
    store.remember("hashes", stamp, value)
    if source.revision and source.revision != value:
        raise ConfigError(f"{path} has sha256 {value}, not {source.revision}")
    return path, f"tarball:{value}"


async def _git(store: Store, source: Source, refresh: bool) -> tuple[Path, str]:
    done = await proc.run(["git", "-C", source.location, "rev-parse", f"{source.revision}^{{commit}}"])
    if done.code:
        raise ConfigError(f"{source.location} has no revision {source.revision}", log=done.output)
    return Path(source.location), f"git:{done.output.strip()}"


_LOCATE = {"debian": _debian, "tarball": _tarball, "git": _git}


async def _unpack(archive: Path, source: Source, identity: str, folder: Path) -> None:
    if source.kind == "git":
        tar = folder / ".source.tar"
        await _must(["git", "-C", source.location, "archive", "-o", str(tar), identity.removeprefix("git:")])
        await _must(["tar", "-xf", str(tar), "-C", str(folder)])
        tar.unlink()
        return
    if source.kind == "debian":
        await _must(["dpkg-deb", "-x", str(archive), str(folder / ".deb")])
        archive = next((folder / ".deb/usr/src").glob("*.tar.*"))
    await _must(["tar", "-xf", str(archive), "--strip-components=1", "-C", str(folder)])
    await _must(["rm", "-rf", str(folder / ".deb")])


async def _must(argv: list[str]) -> None:
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
