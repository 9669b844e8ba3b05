# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel's addresses: System.map, its symbols, and where they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from orchestrator import arches
from orchestrator.measure.against import CONFIG, SYSTEM_MAP
from orchestrator.model import Arch, KernelArtifact
from orchestrator.profile import symbols
from orchestrator.profile.relocation import Relocation
from orchestrator.profile.symbols import Symbols


def system_map(kernel: KernelArtifact) -> str:
    """Its text. OSError if it is not there."""
    return _map_file(kernel).read_text()


def _map_file(kernel: KernelArtifact) -> Path:
    return Path(str(kernel.info.get("system_map") or kernel.folder / SYSTEM_MAP))


def linked(kernel: KernelArtifact, arch: Arch, local: Mapping[int, int] | None = None) -> Symbols:
    """Its symbols where they were linked, as line tables have them. local: see symbols.of_kernel()."""
    return symbols.of_kernel(system_map(kernel), arch.marks.outside if arch.marks else {}, local)


def relocation(kernel: KernelArtifact, arch: Arch) -> Relocation:
    """Where they run. Of a ready image no config is known: as it was linked."""
    return _relocation(_map_file(kernel), kernel.folder / CONFIG, arch)


def _relocation(kernel_map: Path, config: Path, arch: Arch) -> Relocation:
    if not arch.image_base or not config.is_file():
        return Relocation()
    return Relocation.of(kernel_map.read_text(), config.read_text(), arch.image_base)


@dataclass(frozen=True)
class Places:
    """What counting in a kernel needs: its functions and where exceptions arrive, as they were linked; where
    interrupts begin as it runs."""

    symbols: Symbols
    exceptions: frozenset[int]
    interrupts: frozenset[int]
    relocation: Relocation


@lru_cache(maxsize=12)  # kernels of a run: each is booted many times
def places(kernel_map: Path, config: Path, arch: str) -> Places:
    """OSError where the map is not there."""
    text, its = kernel_map.read_text(), arches.known()[arch]
    relocation = _relocation(kernel_map, config, its)
    marks, costs = its.marks, its.costs

    def found(globs: Iterable[str]) -> Iterable[int]:
        return symbols.addresses(text, globs).values()

    return Places(
        symbols.of_kernel(text, marks.outside if marks else {}),
        frozenset(found(costs.exceptions if costs else ())),
        frozenset(map(relocation.running, found(marks.interrupts if marks else ()))),
        relocation,
    )


def places_of(kernel: KernelArtifact, arch: Arch) -> Places:
    """As above."""
    return places(_map_file(kernel), kernel.folder / CONFIG, arch.name)
