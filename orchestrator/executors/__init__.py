# SPDX-License-Identifier: GPL-2.0-or-later
"""Executors: where the steps of a run take place. One file each; local is this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from orchestrator.config.steps import Results
from orchestrator.errors import KmatrixError
from orchestrator.model import Step


class Runner(Protocol):
    """Does what a step says."""

    async def __call__(self, step: Step, results: Results, failures: Sequence[KmatrixError]) -> object:
        """results: of its inputs and of those it comes after; failures: of its attempts before this one."""
        ...


class Executor(Protocol):
    """Has steps done, each when all that it waits for has ended. One failure stops nothing else."""

    async def run(self, steps: Sequence[Step], runner: Runner) -> Results:
        """Of all steps. Ends every one that is under way when it is cancelled itself."""
        ...
