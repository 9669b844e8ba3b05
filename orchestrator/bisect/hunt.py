# SPDX-License-Identifier: GPL-2.0-or-later
"""The search itself: states are measured until it is known which changes moved the figure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.analyse.statistics import centre
from orchestrator.bisect import search
from orchestrator.bisect.chain import Chain, Change
from orchestrator.bisect.figures import Figure, OutOfTime
from orchestrator.bisect.search import Known

Differ = Callable[[Figure, Figure], bool]


class Measure(Protocol):
    """Of a state; None where it has no figure."""

    def __call__(self, chain: Chain, state: int) -> Figure | None: ...


@dataclass(frozen=True)
class Culprit:
    """changes: one, or those that cannot be told apart; via: the merges that brought them."""

    changes: tuple[Change, ...]
    before: Figure
    after: Figure
    via: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Found:
    """What came of it. ends: figures of both, None where one has none; measured: kernels that were asked for, ends
    too; whole: nothing was left for want of time or of builds."""

    ends: tuple[Figure | None, Figure | None]
    culprits: tuple[Culprit, ...] = ()
    measured: int = 0
    whole: bool = True


@dataclass
class Hunt:
    """most: kernels that are measured beside the ends; None: as many as it takes. tell: what is looked at next."""

    measure: Measure
    differ: Differ
    most: int | None = None
    tell: Callable[[str], None] = lambda _: None
    _asked: int = field(default=0, init=False)
    _stopped: bool = field(default=False, init=False)

    def __call__(self, chain: Chain) -> Found:
        """Among all changes of a chain, and inside of merges."""
        figures = self._searched(chain, {})
        ends = (figures.get(0), figures.get(len(chain.changes)))
        if None in ends:
            return Found(ends, (), self._asked, not self._stopped)
        culprits = self._named(chain, self._known(chain, figures), ())
        return Found(ends, culprits, self._asked, not self._stopped)

    def _known(self, chain: Chain, figures: Mapping[int, Figure | None]) -> Known[Figure]:
        there = {state: its for state, its in figures.items() if its is not None}
        lost = figures.keys() - there.keys()
        return Known(len(chain.changes), there, lost, self.differ, _size)

    def _searched(self, chain: Chain, figures: dict[int, Figure | None]) -> dict[int, Figure | None]:
        while (state := search.wanted(self._known(chain, figures))) is not None:
            if self.most is not None and self._asked >= self.most + 2:
                self._stopped = True
                break
            name = chain.changes[state - 1].text if state else f"what is before {chain.changes[0].text}"
            self.tell(f"{len(chain.changes)} changes, {self._asked} kernels measured; next: {name}")
            try:
                figures[state] = self.measure(chain, state)
            except OutOfTime:
                self._stopped = True
                break
            self._asked += 1
        return figures

    def _named(self, chain: Chain, known: Known[Figure], via: tuple[Change, ...]) -> tuple[Culprit, ...]:
        found: list[Culprit] = []
        for its in search.culprits(known):
            changes = chain.changes[its.first - 1 : its.last]
            inner = asyncio.run(chain.inside(its.first)) if len(changes) == 1 and not self._stopped else None
            more = self._inside(inner, (*via, *changes)) if inner else ()
            found += more or [Culprit(changes, its.before, its.after, via)]
        return tuple(found)

    def _inside(self, chain: Chain, via: tuple[Change, ...]) -> tuple[Culprit, ...]:
        """() where the branch alone does not show it: then it is the merge's."""
        figures = self._searched(chain, {})
        return self._named(chain, self._known(chain, figures), via) if len(figures) > 1 else ()


def _size(before: Figure, after: Figure) -> float:
    return abs(centre(after.boots) - centre(before.boots))
