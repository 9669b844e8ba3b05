# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian packages of any suite and architecture: apt in a private root, signatures checked, no root rights."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from orchestrator import proc
from orchestrator.errors import InfraError
from orchestrator.store import Store, digest

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_HINT = "check the network and the host's apt sources; KMATRIX_DEBIAN_MIRROR names another mirror of Debian"


async def fetch(
    store: Store,
    suite: str,
    arch: str | None,
    packages: Sequence[str],
    *,
    dependencies: bool,
    refresh: bool = False,
    security: bool = True,
) -> Path:
    """A folder with the .deb files of the packages (NAME or NAME=VERSION), kept until refresh.

    No arch is for packages without one. dependencies adds what they depend on, as for an empty system. Without
    security: as they were released.
    """
    key = digest("debs", suite, arch or "all", list(packages), dependencies, *(() if security else ("released",)))
    folder = store.folder("debs", key)
    async with store.lock(f"debs-{key}"):
        if refresh or not folder.exists():
            with store.publish("debs", key) as temporary:
                await _download(temporary, suite, arch, packages, dependencies, security)
    return folder


async def newer(store: Store, suite: str, package: str) -> bool:
    """Has the mirror another version of an architecture-less package than fetch() keeps? Downloads lists only."""
    kept = store.folder("debs", digest("debs", suite, "all", [package], False))
    with store.scratch() as folder:
        options = await _root(
            folder / "apt", suite, (await proc.run(["dpkg", "--print-architecture"])).output.strip()
        )
        await _apt([*options, "update"], folder)
        told = await _apt([*options, "--print-uris", "download", package], folder)
    names = re.findall(r"^'[^']+' (\S+\.deb) ", told, re.M)
    return any(not (kept / name).exists() for name in names)


async def _root(root: Path, suite: str, arch: str, security: bool = True) -> list[str]:
    """A private root for apt; the options that make it use it."""
    for name in ("lists/partial", "archives/partial", "etc/preferences.d"):
        (root / name).mkdir(parents=True)
    (root / "status").touch()
    sources = root / "etc/sources.list"
    lines = (await sources_list(suite)).splitlines(keepends=True)
    sources.write_text("".join(line for line in lines if security or f" {suite}-security " not in line))
    return _options(root, sources, arch)


async def _download(
    folder: Path, suite: str, arch: str | None, packages: Sequence[str], dependencies: bool, security: bool
) -> None:
    root = folder / "apt"
    if arch is None:  # such packages are listed with every architecture's
        arch = (await proc.run(["dpkg", "--print-architecture"])).output.strip()
    options = await _root(root, suite, arch, security)
    await _apt([*options, "update"], folder)
    if dependencies:
        await _apt([*options, "--download-only", "--yes", "--no-install-recommends", "install", *packages], folder)
        for deb in (root / "archives").glob("*.deb"):
            deb.rename(folder / deb.name)
    else:
        await _apt([*options, "download", *packages], folder)
    await proc.run(["rm", "-r", str(root)])


def _options(root: Path, sources: Path, arch: str) -> list[str]:
    """apt's configuration: the host's proxies and the like hold, its state and sources do not."""
    settings = {
        "Dir::State": root,
        "Dir::State::lists": root / "lists",
        "Dir::State::status": root / "status",
        "Dir::Cache": root,
        "Dir::Cache::archives": root / "archives",
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": root / "etc/preferences.d",
        "APT::Architecture": arch,
        "APT::Architectures": arch,
        "APT::Sandbox::User": "root",
        "APT::Get::AllowUnauthenticated": "false",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


async def _apt(arguments: Sequence[str], folder: Path) -> str:
    try:
        done = await proc.run(["apt-get", "-q", *arguments], cwd=folder, timeout=900)
    except TimeoutError as error:
        raise InfraError("apt-get took over 900 s", kind="fetch", hint=_HINT) from error
    if done.code:
        errors = [row for row in done.output.splitlines() if row.startswith(("E:", "W:", "Err"))]
        verb = next(a for a in arguments if a in ("update", "install", "download"))
        raise InfraError(
            f"apt-get {verb} failed: {errors[-1] if errors else 'see the log'}",
            kind="fetch",
            hint=_HINT,
            log="\n".join(errors[-10:]),
        )
    return done.output


async def sources_list(suite: str) -> str:
    """apt source lines of the suite, on the mirrors that the host's own apt is set up with."""
    if named := os.environ.get("KMATRIX_DEBIAN_MIRROR"):
        return sources_from([(named, suite)], suite)
    fields = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)"
    done = await proc.run(["apt-get", "indextargets", "--format", fields])
    rows = sorted({tuple(row.split()) for row in done.output.splitlines() if len(row.split()) == 4})
    targets = [
        (uri, release)
        for uri, release, component, origin in rows
        if component == "main" and (origin == "Debian" or re.search(r"/debian(-security)?/?$", uri))
    ]
    return sources_from(targets, suite)


def sources_from(targets: Sequence[tuple[str, str]], suite: str) -> str:
    """From the host's (uri, release) pairs: the main archive and, where known, security. Pure."""
    signed = f"[signed-by={KEYRING}]"
    lines: dict[str, None] = {}
    for uri, release in targets:
        if release.endswith("-security"):
            lines[f"deb {signed} {uri} {suite}-security main"] = None
        elif "-" not in release:
            lines[f"deb {signed} {uri} {suite} main"] = None
    if not lines:
        raise InfraError("the host's apt knows no mirror of Debian", kind="fetch", hint=_HINT)
    return "\n".join(lines) + "\n"
