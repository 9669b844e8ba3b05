# SPDX-License-Identifier: GPL-2.0-or-later
"""This machine: steps are done side by side, as far as its places go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config.steps import Results
from orchestrator.executors import Runner
from orchestrator.executors.loop import attempted, in_order
from orchestrator.model import Step


@dataclass(frozen=True)
class Local:
    """places: {lane: how many of its steps at a time}; root: whose disk is full where an error does not say it."""

    places: Mapping[str, int]
    root: Path = Path()

    async def run(self, steps: Sequence[Step], runner: Runner) -> Results:
        """See Executor."""

        async def done(step: Step, results: Results) -> object:
            return await attempted(step, results, runner, self.root)

        return await in_order(steps, self.places, done)
