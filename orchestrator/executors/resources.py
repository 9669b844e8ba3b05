# SPDX-License-Identifier: GPL-2.0-or-later
"""What workers have, and what a step takes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.config.steps import QEMU_OVERHEAD_MIB, Want
from orchestrator.model import Step, StepKind

CORE, BUILD, WALL, MEMORY = "core", "build", "wall", "memory"
BUILDS = frozenset({StepKind.KERNEL, StepKind.VARIANT})  # what compiles


def wanted(step: Step, guest_mib: int) -> dict[str, float]:
    """Of a worker's resources."""
    if step.kind in BUILDS:
        return {BUILD: 1}
    wall = {WALL: 1} if step.priority in (Want.PROMPT, Want.ALONE) else {}
    return {CORE: 1, MEMORY: guest_mib + QEMU_OVERHEAD_MIB, **wall}


def can(its: Mapping[str, Any], wants: Mapping[str, float]) -> bool:
    """Has a worker room for it when it does nothing else?"""
    return all(its["resources"].get(name, 0) >= much for name, much in wants.items())


def gate(wants: Mapping[str, float]) -> str:
    """Which of the places that are counted it takes. By the clock on the wall, one at a time: all by one machine."""
    return next((what for what in (WALL, BUILD) if what in wants), CORE)


def places_of(its: Mapping[str, Any], guest_mib: int) -> Mapping[str, float]:
    """{gate: how many steps at a time} of one worker."""
    have, guest = its["resources"], guest_mib + QEMU_OVERHEAD_MIB
    return {BUILD: have.get(BUILD, 0), CORE: min(have.get(CORE, 0), have.get(MEMORY, 0) // guest)}
