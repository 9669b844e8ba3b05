# SPDX-License-Identifier: GPL-2.0-or-later
"""How long steps will take, by what such steps took here before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestrator.model import Step, StepKind
from orchestrator.registry import counted
from orchestrator.store import Store


@dataclass(frozen=True)
class Foretold:
    """seconds: of one after the other; never: how many steps were never done here."""

    seconds: float
    never: int

    def words(self, at_a_time: int) -> str:
        """about 4 min, by what it took before; 2 steps were never done here"""
        spent = self.seconds / max(1, at_a_time)
        took = f"about {spent / 60:.0f} min" if spent >= 90 else f"about {spent:.0f} s"
        known = f"{took}, by what it took before" if self.seconds else ""
        more = f"{counted(self.never, 'step')} never done here" if self.never else ""
        return "; ".join(filter(None, (known, more)))


def foretold(steps: Iterable[Step], store: Store, times: Mapping[str, int]) -> Foretold:
    """Of those that tell what is right. times: {build: how often its tests run}."""
    seconds, never = 0.0, 0
    for step in steps:
        if (name := _timing(step)) is None:
            continue
        known = store.recall("timings", name)
        if isinstance(known, int | float):
            seconds += known * times.get(step.subject, 1)
        else:
            never += 1
    return Foretold(seconds, never)


def _timing(step: Step) -> str | None:
    """Under which the store has what it took; None of what is no matter here."""
    arch, _, rest = step.subject.partition("/")
    match step.kind:
        case StepKind.KERNEL if "~" in rest:
            return f"build-{arch}-{rest}"
        case StepKind.DEBUG:
            return f"debug-{arch}-{rest.partition('~')[2]}"
        case StepKind.VARIANT:
            return f"variant-{arch}"
        case StepKind.SELFTEST:
            return f"selftest-{arch}"
    return None
