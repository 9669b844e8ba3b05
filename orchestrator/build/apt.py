# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian packages of any suite and architecture: apt in a private root, signatures checked, no root rights."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_chain, wait_fixed

from orchestrator import proc
from orchestrator.build.suites import Suites, needed, sources_from
from orchestrator.errors import InfraError
from orchestrator.store import Store, digest

T = TypeVar("T")
SYNCING = (20, 60, 120)  # seconds that a mirror in the middle of a sync is waited for, each time
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
                await _until_synced(partial(_download, temporary, suite, arch, packages, dependencies, security))
    return folder


async def newer(store: Store, suite: str, package: str) -> bool:
    """Has the mirror a newer version of an architecture-less package than fetch() keeps? Downloads lists only."""
    kept = store.folder("debs", digest("debs", suite, "all", [package], False))
    versions = [version_of(deb.name) for deb in kept.glob("*.deb")]
    offered = version_of(await _until_synced(partial(_offered, store, suite, package)))
    return not any([await _at_least(version, offered) for version in versions])


async def offered(store: Store, suite: str, package: str, arch: str) -> str:
    """The version that the mirror has. Downloads lists only."""
    return version_of(await _until_synced(partial(_offered, store, suite, package, arch)))


async def _offered(store: Store, suite: str, package: str, arch: str | None = None) -> str:
    """The file that download would write."""
    with store.scratch() as folder:
        async with _root(folder, suite, arch) as options:
            told = await _apt([*options, "--print-uris", "download", package], folder)
    names = re.findall(r"^'[^']+' (\S+\.deb) ", told, re.M)
    if not names:
        raise InfraError(f"apt-get does not say where {package} is", kind="fetch", hint=_HINT, log=told)
    return str(names[0])


def version_of(deb: str) -> str:
    """1:2.3-4 of NAME_1%3a2.3-4_all.deb"""
    return deb.split("_")[1].replace("%3a", ":")


async def _at_least(version: str, other: str) -> bool:
    """As dpkg orders them: 7.3.4-1~bpo13+1 comes before 7.3.4-1."""
    return (await proc.run(["dpkg", "--compare-versions", version, "ge", other])).code == 0


async def _until_synced(work: Callable[[], Awaitable[T]]) -> T:
    """Lists and files of a mirror in the middle of a sync do not fit together: that is over in a while."""
    attempts = AsyncRetrying(
        stop=stop_after_attempt(len(SYNCING) + 1),
        wait=wait_chain(*map(wait_fixed, SYNCING)),
        retry=retry_if_exception_type(_Syncing),
        reraise=True,
    )
    return await attempts(work)


class _Syncing(InfraError):
    """What the mirror gave is not what its lists say."""


@asynccontextmanager
async def _root(folder: Path, suite: str, arch: str | None, security: bool = True) -> AsyncIterator[list[str]]:
    """A private root for apt below folder, its lists up to date; the options that make apt use it."""
    if arch is None:  # such packages are listed with every architecture's
        arch = (await proc.run(["dpkg", "--print-architecture"])).output.strip()
    suites = needed(suite) if security else replace(needed(suite), security=())
    root = folder / "apt"
    for name in ("lists/partial", "archives/partial", "etc/preferences.d"):
        (root / name).mkdir(parents=True)
    (root / "status").touch()
    sources = root / "etc/sources.list"
    sources.write_text(sources_from(await _mirrors(), suites))
    options = _options(root, sources, arch, suites)
    try:
        await _apt([*options, "update"], folder)
        yield options
    finally:
        await proc.run(["rm", "-rf", str(root)])


async def _download(
    folder: Path, suite: str, arch: str | None, packages: Sequence[str], dependencies: bool, security: bool = True
) -> None:
    async with _root(folder, suite, arch, security) as options:
        if not dependencies:
            await _apt([*options, "download", *packages], folder)
            return
        await _apt([*options, "--download-only", "--yes", "--no-install-recommends", "install", *packages], folder)
        for deb in (folder / "apt/archives").glob("*.deb"):
            deb.rename(folder / deb.name)


def _options(root: Path, sources: Path, arch: str, suites: Suites) -> list[str]:
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
        "APT::Default-Release": suites.preferred,  # the host's own would be none of these suites
        "APT::Sandbox::User": "root",
        "APT::Get::AllowUnauthenticated": "false",
        "APT::Update::Error-Mode": "any",  # else a suite that could not be asked is as one without the package
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
        raise (_Syncing if syncing(verb, done.output) else InfraError)(
            f"apt-get {verb} failed: {errors[-1] if errors else 'see the log'}",
            kind="fetch",
            hint=_HINT,
            log="\n".join(errors[-10:]),
        )
    return done.output


def syncing(verb: str, output: str) -> bool:
    """Do apt's words tell of a mirror whose lists and files do not fit together?"""
    broken = r"File has unexpected size|Hash Sum mismatch"
    gone = r"Failed to fetch \S+\.deb\s+404 "  # a list that was fetched a second ago names it
    return bool(re.search(broken if verb == "update" else f"{broken}|{gone}", output))


async def _mirrors() -> list[tuple[str, str]]:
    """Mirrors of Debian that the host's own apt is set up with: (uri, a release that is fetched from there)."""
    if named := os.environ.get("KMATRIX_DEBIAN_MIRROR"):
        return [(named, "stable")]
    fields = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)"
    done = await proc.run(["apt-get", "indextargets", "--format", fields])
    rows = sorted({tuple(row.split()) for row in done.output.splitlines() if len(row.split()) == 4})
    return [
        (uri, release)
        for uri, release, component, origin in rows
        if component == "main" and (origin == "Debian" or re.search(r"/debian(-security)?/?$", uri))
    ]
