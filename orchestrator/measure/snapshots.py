# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshots: guests that booted, got their workload, warmed up and were stopped. Kept by content."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.guest.command_line import Machine, qemu_argv
from orchestrator.guest.keys import Keys
from orchestrator.measure.provenance import nowhere
from orchestrator.model import Provenance
from orchestrator.store import Store, digest, write_atomically

FORMAT = 4  # raised when what is done before the snapshot changes
KIND = "snapshots"
LIMIT = 12 << 30  # bytes of all together; the least recently used goes first


@dataclass(frozen=True)
class Snapshot:
    """The workload in it waits at the gate; console is what the guest said until then."""

    folder: Path
    keys: Keys
    console: str
    command: str
    seconds: Mapping[str, float]  # host time of the stages that led to it

    @property
    def state(self) -> Path:
        """QEMU's migration stream."""
        return self.folder / "state"

    @property
    def initrd(self) -> Path:
        """With the keys of this snapshot."""
        return self.folder / "initramfs.cpio"


def key(machine: Machine, its: Provenance, args: tuple[str, ...], start: int) -> str:
    """Of all that a boot's state depends on; its: of the cell; start: the boot's number, which of several alike."""
    return digest(
        "snapshot", FORMAT, its.machine.qemu, qemu_argv(nowhere(machine), 0, 1), its.kernel.key, its.kernel.image,
        its.guest_image, its.workload.program, args, start,
    )  # fmt: skip


async def find(store: Store, name: str) -> Snapshot | None:
    """The snapshot of this key, marked as used just now."""
    folder = await store.arrived(KIND, name)
    try:
        data = json.loads((folder / "snapshot.json").read_text())
        os.utime(folder)
    except (OSError, json.JSONDecodeError):
        return None
    keys = Keys(data["client_pem"], bytes.fromhex(data["host_public"]), {})
    return Snapshot(folder, keys, data["console"], data["command"], data["seconds"])


def write(snapshot: Snapshot) -> None:
    """Complete a snapshot's folder; for the owner's eyes alone, because the keys are in it."""
    data = {name: value for name, value in asdict(snapshot).items() if name not in ("folder", "keys")}
    secret = {"client_pem": snapshot.keys.client_pem, "host_public": snapshot.keys.host_public.hex()}
    write_atomically(snapshot.folder / "snapshot.json", json.dumps({**data, **secret}))
    snapshot.folder.chmod(0o700)


def prune(store: Store, limit: int = LIMIT) -> None:
    """Delete those not used for longest until all together take at most limit bytes."""
    sizes: list[tuple[float, int, Path]] = []
    for folder in store.folder(KIND, "").glob("[!.]*"):
        with contextlib.suppress(OSError):
            size = sum(path.stat().st_blocks * 512 for path in folder.iterdir())
            sizes.append((folder.stat().st_mtime, size, folder))
    total = sum(size for _, size, _ in sizes)
    for _, size, folder in sorted(sizes):
        if total <= limit:
            break
        store.discard(folder)
        total -= size


def command_text(argv: list[str]) -> str:
    """For a run folder's qemu.txt."""
    return shlex.join(argv) + "\n"
