# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks for workloads on files: an empty ext4, the same bits everywhere, kept in the store."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator import proc
from orchestrator.errors import InfraError
from orchestrator.model import Disk
from orchestrator.store import Store, digest

PAGE = 4096
UUID = "6b6d6174-7269-4978-8000-000000000000"  # "kmatrix"
OPTIONS = ("-t", "ext4", "-q", "-F", "-U", UUID, "-E", f"hash_seed={UUID},lazy_itable_init=0,nodiscard")


async def image(store: Store, disk: Disk) -> Path:
    """A raw, sparse image with an empty ext4 of disk.mib. Guests write to a copy of their own."""
    key = digest("disk", disk.mib, OPTIONS)
    folder = store.folder("disks", key)
    async with store.lock(f"disk-{key}"):
        if not folder.exists():
            with store.publish("disks", key) as temporary:
                await _make(temporary / "disk.img", disk.mib)
    return folder / "disk.img"


async def pages(store: Store, mib: int) -> Path:
    """The same as what is not zero in it: each page of 4 KiB behind its place, 8 bytes, little endian."""
    whole = await image(store, Disk(mib))
    key = digest("disk-pages", mib, OPTIONS)
    folder = store.folder("disks", key)
    async with store.lock(f"disk-{key}"):
        if not folder.exists():
            with store.publish("disks", key) as temporary:
                content = whole.read_bytes()
                with (temporary / "disk.pages").open("wb") as out:
                    for place in range(0, len(content), PAGE):
                        if any(page := content[place : place + PAGE]):
                            out.write(place.to_bytes(8, "little") + page)
    return folder / "disk.pages"


async def _make(path: Path, mib: int) -> None:
    fixed = {
        **os.environ,
        "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin",
        "E2FSPROGS_FAKE_TIME": "1651795200",
    }
    done = await proc.run(["mke2fs", *OPTIONS, str(path), f"{mib}M"], env=fixed)
    if done.code:
        raise InfraError("mke2fs failed", kind="disk", log=done.output)
