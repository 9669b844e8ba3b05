# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a boot's stages take: what they took with other kernels, and when one is late, or too late.

timings/stages-ARCH-KEY.json    {stage: [seconds of the host, CPU seconds of QEMU]}, of the last boot that ended well
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from orchestrator.model import KernelProvenance, Provenance
from orchestrator.store import Store, digest

KIND = "timings"
SHARED = ("boot", "login", "push")  # stages that are the same for all workloads
LOOKS_S = 15.0  # before a limit, that it can be told where the guest was


@dataclass(frozen=True)
class Took:
    """Seconds of the host, which may be busy, and CPU seconds of QEMU."""

    host: float
    cpu: float


def late(known: Took | None, now: Took, limit: float) -> bool:
    """Is a stage late enough to be looked into? known: what it took before; None: then it is when its limit (s) is
    near. By CPU time, that a busy host makes nobody late, unless nothing is done at all."""
    if now.host > limit - min(LOOKS_S, limit / 2):
        return True
    return known is not None and (now.cpu > 2 * known.cpu + 2 or now.host > 3 * known.host + 10)


def spent(known: Took | None, now: Took) -> bool:
    """Is it ended if it spins? By CPU time alone, and not before a patch that costs much has had its time."""
    return known is not None and now.cpu > 3 * known.cpu + 3


def waited(known: Took | None, now: Took) -> bool:
    """Is it ended if it waits?"""
    return known is not None and now.host > 3 * known.host + 20


def over(known: Took | None, now: Took, limit: float) -> bool:
    """Is it to be ended, whatever it does? limit (s) is the ceiling."""
    if now.host >= limit - 0.5:
        return True
    return known is not None and (now.cpu > 10 * known.cpu + 30 or now.host > 20 * known.host + 120)


@dataclass(frozen=True)
class Pace:
    """Of boots that differ in nothing but the kernel's source and patches; workload: the key of all stages,
    machine: of those that are SHARED."""

    store: Store
    workload: str
    machine: str

    def took(self, stage: str) -> Took | None:
        """With whatever kernel; also what another boot of this run has learnt meanwhile. None: nobody knows."""
        for name in (self.workload, self.machine) if stage in SHARED else (self.workload,):
            if known := _recall(self.store, name).get(stage):
                return known
        return None

    def learn(self, stages: Mapping[str, Took]) -> None:
        """What the stages of a boot took that ended well."""
        shared = {stage: took for stage, took in stages.items() if stage in SHARED}
        for name, new in ((self.workload, stages), (self.machine, shared)):
            if new:
                table = {**_recall(self.store, name), **new}
                with suppress(OSError):  # an estimate is not worth a result
                    self.store.remember(KIND, name, {stage: [its.host, its.cpu] for stage, its in table.items()})

    def learn_old(self, seconds: Mapping[str, float]) -> None:
        """Of a boot of before, whose CPU time was not kept: it was not more. What is known better stays."""
        self.learn({stage: Took(took, took) for stage, took in seconds.items() if not self.took(stage)})


def of(store: Store, arch: str, its: Provenance) -> Pace:
    """What may be compared: the same workload and passes, machine and options of the kernel."""
    kernel = KernelProvenance(source="", kconfig=its.kernel.kconfig)
    machine = replace(its.machine, qemu="", command="")
    same = replace(its, kernel=kernel, machine=machine, guest_image="", format=0, host="")
    names = (digest("pace", asdict(same)), digest("pace", asdict(kernel), asdict(replace(machine, disk=""))))
    return Pace(store, *(f"stages-{arch}-{name}" for name in names))


def _recall(store: Store, name: str) -> dict[str, Took]:
    known = store.recall(KIND, name)
    try:
        return {stage: Took(host, cpu) for stage, (host, cpu) in known.items()} if isinstance(known, dict) else {}
    except (TypeError, ValueError):
        return {}
