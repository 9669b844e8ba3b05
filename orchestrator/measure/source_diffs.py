# SPDX-License-Identifier: GPL-2.0-or-later
"""The changes that a run compares, as diffs in its folder: a profile tells of their lines."""

from __future__ import annotations

from pathlib import Path

from orchestrator.build import sourcediff
from orchestrator.build.kernel import Builder
from orchestrator.config.sources import buildable
from orchestrator.errors import KmatrixError
from orchestrator.model import Kernel, Plan
from orchestrator.runs.account_files import diff_of
from orchestrator.runs.folder import RunFolder


async def save(folder: RunFolder, plan: Plan, builder: Builder, scratch: Path) -> list[str]:
    """A diff for each pair of kernels that come from one source; returns what could not be had, and why."""
    kernels = {build.kernel.name: build.kernel for build in plan.builds}
    failed = []
    for number, pair in enumerate(plan.comparisons):
        base, new = kernels.get(pair.base), kernels.get(pair.new)
        if base is None or new is None or not (builder.has(base.source) and builder.has(new.source)):
            continue
        try:
            text = await _diff(base, new, builder, scratch / f"diff-{number}")
        except (KmatrixError, OSError) as error:
            failed.append(f"no diff of {pair.base} and {pair.new}: {error}")
            continue
        if text is not None:
            folder.write_text(diff_of(pair), text)
    return failed


async def _diff(base: Kernel, new: Kernel, builder: Builder, scratch: Path) -> str | None:
    """None where the kernels' sources have more between them than patches, or are ready images."""
    if not (buildable(base.source) and buildable(new.source)):
        return None
    before, after = await builder.source(base.source), await builder.source(new.source)
    if before.key != after.key:
        return None
    return await sourcediff.between(before.folder, base.patches, new.patches, scratch)
