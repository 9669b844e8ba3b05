# SPDX-License-Identifier: GPL-2.0-or-later
"""Which accelerator a guest gets. KVM only after a guest of ours really booted under it."""

from __future__ import annotations

import os
import platform
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator import proc
from orchestrator.config import emulators
from orchestrator.errors import Absent, ConfigError, InfraError, KernelBroke, KmatrixError
from orchestrator.model import Arch, Clock, Measure
from orchestrator.store import Store, digest, sha256

PROBE_SECONDS = 20.0
FAIR = (8, 1)  # QEMU's version with which CPUs that take turns all get theirs
_versions: dict[str, str] = {}


@dataclass(frozen=True)
class Choice:
    """The accelerator that is used, and why it is not another."""

    accel: str
    note: str = ""


async def qemu_version(arch: Arch) -> str:
    """As QEMU prints it: 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18); of one that is not installed with its digest, as
    others may say the same. Asked once. InfraError if it does not start."""
    if arch.qemu not in _versions:
        done = await proc.run([arch.qemu, "--version"])
        said = (done.output.splitlines() or ["it says nothing"])[0]
        if done.code or emulators.version(said) == (0, 0):
            raise InfraError(f"{arch.qemu} does not start: {said}", kind="qemu", log=done.output)
        own = f" [{sha256(Path(arch.qemu))[:12]}]" if "/" in arch.qemu else ""
        _versions[arch.qemu] = said.removeprefix("QEMU emulator version ") + own
    return _versions[arch.qemu]


def refuse_several(version: str, measure: Measure) -> None:
    """Absent if this QEMU stops: before 8.1 a CPU that waits for another one without end gets all of the time, where
    CPUs take turns by instructions."""
    if measure.clock is not Clock.ICOUNT or measure.cpus == 1 or emulators.version(version) >= FAIR:
        return
    wanted = ".".join(map(str, FAIR))
    raise Absent(
        f"QEMU {version.split()[0]} gets stuck with several CPUs under the instruction clock; {wanted} does not",
        hint="qemu: in the matrix file takes one from a folder; kmatrix doctor says where there is one",
    )


async def choose(arch: Arch, measure: Measure, store: Store, boots: Callable[[], Awaitable[None]]) -> Choice:
    """TCG for the instruction clock; else KVM where `boots` (a real guest's boot under KVM) succeeds.

    The answer is remembered until the host boots again. ConfigError when KVM was demanded and is not there.
    """
    if measure.clock is Clock.ICOUNT or measure.accel == "tcg":
        return Choice("tcg")
    why = _impossible(arch)
    if not why:
        key = digest("kvm", arch.name, _boot_id(), await qemu_version(arch))
        known = store.recall("kvm", key)
        if isinstance(known, dict):
            why = str(known["why"])
        else:
            why, sure = await _probe(boots)
            if sure:
                store.remember("kvm", key, {"arch": arch.name, "why": why})
    if not why:
        return Choice("kvm")
    if measure.accel == "kvm":
        raise ConfigError(f"no KVM for {arch.name}: {why}", hint="choose accel: auto or tcg")
    return Choice("tcg", f"KVM is not used: {why}")


def _impossible(arch: Arch) -> str:
    if platform.machine() != arch.uname:
        return f"this host is {platform.machine()}"
    if not Path("/dev/kvm").exists():
        return "there is no /dev/kvm"
    return "" if os.access("/dev/kvm", os.R_OK | os.W_OK) else "/dev/kvm is not accessible"


async def _probe(boots: Callable[[], Awaitable[None]]) -> tuple[str, bool]:
    """Why a guest did not boot under KVM, empty if it did; and whether that is KVM's fault for sure."""
    try:
        await boots()
    except KmatrixError as error:
        return f"a guest under KVM failed: {error.message}", not isinstance(error, KernelBroke)
    return "", True


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
