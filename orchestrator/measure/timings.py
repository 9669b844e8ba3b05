# SPDX-License-Identifier: GPL-2.0-or-later
"""What stages took last time, as the store has it: under which names, each said once."""

from __future__ import annotations

from orchestrator.config.fragments import wanted
from orchestrator.model import Build
from orchestrator.store import Store

KIND = "timings"


def recall(store: Store, name: str) -> float | None:
    """Seconds; None if it was never done here."""
    known = store.recall(KIND, name)
    return float(known) if isinstance(known, int | float) else None


def of_build(build: Build) -> str:
    """A kernel that is built: another config has more or less to compile."""
    return f"build-{build.arch.name}-{build.kernel.name}-{wanted(build.kconfig, '').name}"


def of_usual_build(build: Build) -> str:
    """The kernel without what was switched on for a change."""
    name, config = build.kernel.name.partition("+")[0], wanted(build.kconfig, "").name.partition("+")[0]
    return f"build-{build.arch.name}-{name}-{config}"


def of_boot(arch: str) -> str:
    """A guest in which something is measured."""
    return f"boot-{arch}"


def of_watching(arch: str, lines: str) -> str:
    """A kernel that watches itself, and what runs in it."""
    return f"debug-{arch}-{lines}"


def of_variant(name: str) -> str:
    """What is compiled in another config."""
    return f"variant-{name}"


def of_selftests(arch: str) -> str:
    """The kernel's own tests, once."""
    return f"selftest-{arch}"
