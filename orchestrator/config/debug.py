# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels that watch themselves: lines of kconfig upon whatever a kernel is configured with."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.config.fragments import SHIPPED, flat
from orchestrator.model import Config
from orchestrator.registry import pick

MORE_MEMORY = 1.5  # times what others need: KASAN alone takes an eighth
BUILDS = ("locks", "memory")  # one kernel cannot have all: each check costs time and room, and some exclude others


def chosen(every: bool, names: Iterable[str]) -> tuple[str, ...]:
    """Of the builds these, or all; () if none is asked for. ConfigError for one that there is not."""
    known = {name: name for name in BUILDS}
    mine = {pick("debug build", name, known) for name in names}
    return tuple(name for name in BUILDS if name in mine or (every and not mine))


def configs(builds: Iterable[str], arches: Iterable[str]) -> tuple[Config, ...]:
    """The lines of each build, by arch."""
    names = tuple(arches)
    return tuple(
        Config(build, {arch: flat(SHIPPED / "debug" / f"{build}.config", arch) for arch in names}) for build in builds
    )
