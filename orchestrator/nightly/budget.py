# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a group of cells will take, by what such builds and boots took last time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path

from orchestrator.build.kernel import Builder
from orchestrator.config.sources import buildable
from orchestrator.errors import KmatrixError
from orchestrator.measure import timings
from orchestrator.model import Build, Plan
from orchestrator.runs.folder import RunFolder
from orchestrator.store import Store

BUILD, BOOT = 600.0, 30.0  # seconds, where nothing is known


async def estimate(part: Plan, folder: RunFolder, builder: Builder) -> float:
    """Seconds for what the run folder does not have yet; 0 when it has all."""
    todo = [cell for cell in part.cells if folder.load_cell(cell.id) is None]
    builds = {cell.build_id for cell in todo}
    seconds = 0.0
    for build in part.builds:
        if build.id in builds and await _unbuilt(build, builder):
            seconds += _recall(builder.store, timings.of_build(build), BUILD)
    ids = {cell.id for cell in todo}
    boots = [boot for boot in part.boots if boot.cell.id in ids]
    return seconds + sum(_recall(builder.store, timings.of_boot(boot.cell.arch.name), BOOT) for boot in boots)


async def within(work: Awaitable[object], seconds: float) -> bool:
    """Do it, or stop it when the time is up; did it end?"""
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        return False
    return True


async def used(made: Plan, builder: Builder) -> list[Path]:
    """Folders of the cache that a plan rests on; they are marked as used."""
    found = set[Path]()
    for build in made.builds:
        if not buildable(build.kernel.source):
            continue
        try:
            tree = await builder.source(build.kernel.source)
            found |= {tree.folder, builder.store.folder("trees", f"{tree.key}-{build.arch.name}")}
            found.add(builder.store.folder("kernels", await builder.key(build, tree)))
        except KmatrixError:
            continue  # told where it is needed
    return sorted(found)


async def _unbuilt(build: Build, builder: Builder) -> bool:
    try:
        return await builder.find(build) is None
    except KmatrixError:
        return False  # it will fail at once


def _recall(store: Store, name: str, usual: float) -> float:
    known = timings.recall(store, name)
    return usual if known is None else known
