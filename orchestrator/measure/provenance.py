# SPDX-License-Identifier: GPL-2.0-or-later
"""What a cell's figures rest on: as far as it is known before anything is built, and all of it before a boot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from orchestrator.build.guest_tools import Tool
from orchestrator.config import emulators
from orchestrator.config.workloads import library_sources
from orchestrator.guest.command_line import Machine, qemu_argv
from orchestrator.model import (
    Build,
    Cell,
    KernelArtifact,
    KernelProvenance,
    MachineProvenance,
    Measure,
    Provenance,
    Workload,
    WorkloadProvenance,
)
from orchestrator.paths import ADAPTERS, COMMON
from orchestrator.store import digest, sha256

Record = Provenance | KernelProvenance
FORMAT = 1  # raise it when what is done in a guest, or how its output is read, changes a figure


def planned(cell: Cell, build: Build, measure: Measure, source: str, compiler: str) -> Provenance:
    """As far as it is known before anything is built. source: its identity; measure: the plan's."""
    mine, workload = measure.of(cell.workload), cell.workload
    return Provenance(
        kernel=KernelProvenance(
            source=source,
            patches=tuple(sha256(path) for path in cell.kernel.patches),
            kconfig=digest(build.kconfig),
            compiler=compiler,
        ),
        workload=WorkloadProvenance(_files(workload), workload.metrics, workload.args),
        machine=MachineProvenance(
            clock=mine.clock.value,
            memory_mib=max(mine.memory_mib, workload.memory_mib),
            cpus=mine.cpus,
            disk=str(asdict(workload.disk)) if workload.disk else "",
        ),
        warmup=mine.warmup,
        passes=mine.passes,
        format=FORMAT,
    )


def complete(
    known: Provenance, kernel: KernelArtifact, tool: Tool, machine: Machine, qemu: str, host: str
) -> Provenance:
    """When all is there that a boot needs. qemu: its version; host: empty where figures are exact."""
    return replace(
        known,
        kernel=complete_kernel(known.kernel, kernel),
        workload=replace(known.workload, program=tool.sha256),
        machine=replace(
            known.machine,
            accel=machine.accel,
            cpu=machine.arch.cpu[machine.accel],
            qemu=qemu,
            command=digest(qemu_argv(nowhere(machine), 0, 1)),
        ),
        guest_image=machine.initrd.parent.name,
        host=host,
    )


def complete_kernel(known: KernelProvenance, kernel: KernelArtifact) -> KernelProvenance:
    """Once it is built."""
    return replace(
        known,
        source=str(kernel.info.get("source", known.source)),
        linux=kernel.linux,
        config=str(kernel.info.get("config_sha256", "")),
        image=str(kernel.info.get("image_sha256", "")),
        key=kernel.key,
    )


def nowhere(machine: Machine) -> Machine:
    """Without places on this machine."""
    disk = Path("disk") if machine.disk_image else None
    arch = emulators.own(machine.arch)
    return replace(
        machine, arch=arch, image=Path("kernel"), initrd=Path("initrd"), disk_image=disk, state=None, plugin=None
    )


def key(provenance: Provenance) -> str:
    """One word for all of it: equal if and only if all is equal."""
    return digest("provenance", asdict(provenance))


def host(facts: Mapping[str, Any]) -> str:
    """AMD EPYC 7B13, 8 cores, 31 GiB, Linux 6.1.0; no name: one that is hired by the night has another each time."""
    memory = round(facts["memory_mib"] / 1024)
    what = facts["cpu"] or facts["machine"]
    return f"{what}, {facts['cores']} cores, {memory} GiB, Linux {facts['kernel']}"


def differing(then: Record, now: Record) -> dict[str, tuple[str, str]]:
    """{kernel.compiler: (then, now)} of all that is known of both."""
    old, new = (dict(_leaves(asdict(one))) for one in (then, now))
    return {at: (value, new[at]) for at, value in old.items() if value and new[at] and value != new[at]}


def _leaves(table: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{at}{key}.")
        else:
            yield f"{at}{key}", " ".join(value) if isinstance(value, tuple) else str(value)


def _files(workload: Workload) -> str:
    """What it declares is no part of it: that is in the other fields, as far as a figure rests on it."""
    own = workload.own
    if workload.area:
        return digest(workload.name, [(name, sha256(path)) for name, path in library_sources(workload.toolbox)])
    mine = own.files if own else sorted(path for path in workload.folder.rglob("*.[ch]") if path.is_file())
    shared = [COMMON, ADAPTERS] if own else [COMMON]
    theirs = [path for folder in shared for path in sorted((workload.toolbox / folder).iterdir())]
    return digest([(path.name, sha256(path)) for path in (*mine, *theirs)])
