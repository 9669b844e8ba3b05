# SPDX-License-Identifier: GPL-2.0-or-later
"""How many steps are given out at a time: as many as workers have room for, the most wanted first.

What a worker has been given early waits there, even where another one is idle, and before what is wanted more.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

SETTLED = 0.01  # seconds for which a place that came free is kept: what now may begin can be wanted more
SOON, LATER = 0.2, 5.0  # seconds between two looks while workers come, and when none has come for a while


@dataclass
class Places:
    """room: asked for {what: how many steps that need it can be done at a time}, by all workers. One step of each
    kind is given out in any case: whoever gives it notices that nobody can do it."""

    room: Callable[[], Awaitable[Mapping[str, float]]]
    _have: Mapping[str, float] = field(default_factory=dict)
    _taken: dict[str, int] = field(default_factory=dict)
    _waiting: dict[str, list[tuple[float, int, asyncio.Future[None]]]] = field(default_factory=dict)
    _number: count[int] = field(default_factory=count)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """For the block: what there is room for is looked at now and then."""
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait([looking])

    async def _look(self) -> None:
        pause = SOON
        while True:
            before, self._have = self._have, await self.room()
            for what in self._waiting:
                self._next(what)
            pause = SOON if self._have != before or not any(self._have.values()) else min(LATER, 1.5 * pause)
            await asyncio.sleep(pause)

    @asynccontextmanager
    async def one(self, what: str, turn: float) -> AsyncIterator[None]:
        """A place for one step; the lowest turn is first."""
        came = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting.setdefault(what, []), (turn, next(self._number), came))
        self._next(what)
        try:
            await came
            yield
        finally:
            if came.done() and not came.cancelled():
                asyncio.get_running_loop().call_later(SETTLED, self._freed, what)

    def _freed(self, what: str) -> None:
        self._taken[what] -= 1
        self._next(what)

    def _next(self, what: str) -> None:
        waiting = self._waiting[what]
        while waiting and self._taken.get(what, 0) < max(1, int(self._have.get(what, 0))):
            came = heapq.heappop(waiting)[2]
            if not came.done():  # whoever waited may be gone
                self._taken[what] = self._taken.get(what, 0) + 1
                came.set_result(None)
