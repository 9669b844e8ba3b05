# SPDX-License-Identifier: GPL-2.0-or-later
"""How long it will take to say whether a change is right, by what such steps took here before."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.config.steps import variants
from orchestrator.measure.timings import of_build, of_selftests, of_variant, of_watching, recall
from orchestrator.model import Plan
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


def foretold(plan: Plan, store: Store) -> Foretold:
    """Of the steps that tell what is right."""
    names = [
        *(of_build(its.build) for its in plan.watching),
        *(of_watching(its.build.arch.name, its.lines) for its in plan.watching),
        *(of_variant(variant.name) for variant, _ in variants(plan).values()),
        *(of_selftests(its.build.arch.name) for its in plan.testing for _ in range(its.times)),
    ]
    known = [recall(store, name) for name in names]
    return Foretold(sum(one or 0.0 for one in known), known.count(None))
