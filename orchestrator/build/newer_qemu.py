# SPDX-License-Identifier: GPL-2.0-or-later
"""Newer emulators than this host's: of its release's backports, unpacked in a folder and not installed."""

from __future__ import annotations

import asyncio
import platform
import re
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path

from orchestrator import doctor, proc
from orchestrator.build import apt
from orchestrator.config import emulators
from orchestrator.errors import ConfigError, InfraError
from orchestrator.model import Arch
from orchestrator.store import Store

WHOLE = (9, 0)  # plugins can read registers
OTHERS = ("qemu-system-common", "qemu-system-data", "seabios", "opensbi")  # what they come with
PATIENCE = 20.0  # seconds, to ask what there is


def backports() -> str:
    """The suite's name: bookworm-backports. InfraError where this is no release of Debian."""
    try:
        its = platform.freedesktop_os_release()
    except OSError:
        its = {}
    if its.get("ID") != "debian" or not its.get("VERSION_CODENAME"):
        raise InfraError("this host is no release of Debian, so it has no backports", kind="fetch")
    return f"{its['VERSION_CODENAME']}-backports"


async def offered(store: Store, arches: Iterable[Arch]) -> str:
    """bookworm-backports has 10.0.2; "" where this is no release of Debian, or it is not known."""
    try:
        suite = backports()
        async with asyncio.timeout(PATIENCE):
            version = await apt.offered(store, suite, _packages(arches)[0], await _own())
    except (InfraError, TimeoutError):
        return ""
    found = re.search(r"\d+(\.\d+)+", version)
    return f"{suite} has {found[0] if found else version}"


async def unpack(store: Store, arches: Collection[Arch], folder: Path) -> None:
    """The emulators of these arches, for `qemu:` of a matrix file. KmatrixError where there is none, or no folder."""
    if folder.exists():
        raise ConfigError(f"{folder} is there already", hint="name a folder that is to be made")
    debs = await apt.fetch(
        store, backports(), await _own(), [*_packages(arches), *OTHERS], dependencies=False, refresh=True
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as place:
        made = Path(place) / folder.name
        for deb in sorted(debs.glob("*.deb")):
            done = await proc.run(["dpkg-deb", "-x", str(deb), str(made)])
            if done.code:
                raise InfraError(f"{deb.name} cannot be unpacked", kind="fetch", log=done.output)
        for arch in arches:
            its = emulators.from_folder(arch, made)
            if its is None:
                raise InfraError(f"{backports()} has no {arch.qemu} for this host", kind="fetch")
            done = await proc.run([its.qemu, "--version"])
            if done.code:
                hint = f"it needs libraries that come with {_packages([arch])[0]}: install that of this release"
                raise InfraError(f"its {arch.qemu} does not start", kind="fetch", hint=hint, log=done.output)
        made.rename(folder)


def _packages(arches: Iterable[Arch]) -> list[str]:
    """As Debian calls them."""
    programs = {Path(arch.qemu).name for arch in arches}
    found = (need.debian_newer or need.debian for need in doctor.needs() if need.program in programs)
    return list(dict.fromkeys(found))


async def _own() -> str:
    """This host's architecture, in Debian's words."""
    return (await proc.run(["dpkg", "--print-architecture"])).output.strip()
