# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel's addresses: System.map, its symbols, and where they run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestrator.measure.against import CONFIG, SYSTEM_MAP
from orchestrator.model import Arch, KernelArtifact
from orchestrator.profile import symbols
from orchestrator.profile.relocation import Relocation
from orchestrator.profile.symbols import Symbols


def system_map(kernel: KernelArtifact) -> str:
    """Its text. OSError if it is not there."""
    return Path(str(kernel.info.get("system_map") or kernel.folder / SYSTEM_MAP)).read_text()


def linked(kernel: KernelArtifact, arch: Arch, local: Mapping[int, int] | None = None) -> Symbols:
    """Its symbols where they were linked, as line tables have them. local: see symbols.of_kernel()."""
    return symbols.of_kernel(system_map(kernel), arch.marks.outside if arch.marks else {}, local)


def relocation(kernel: KernelArtifact, arch: Arch) -> Relocation:
    """Where they run. Of a ready image no config is known: as it was linked."""
    config = kernel.folder / CONFIG
    if not arch.image_base or not config.is_file():
        return Relocation()
    return Relocation.of(system_map(kernel), config.read_text(), arch.image_base)
