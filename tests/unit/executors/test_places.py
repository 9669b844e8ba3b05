# SPDX-License-Identifier: GPL-2.0-or-later
"""What is given out to workers, and in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from orchestrator.executors import places
from orchestrator.executors.places import Places


@dataclass
class Shop:
    """Workers, and who does something in which order."""

    room: dict[str, float]
    began: list[float] = field(default_factory=list)
    most: int = 0
    now: int = 0

    async def asked(self) -> Mapping[str, float]:
        return self.room

    async def work(self, given: Places, what: str, turn: float) -> None:
        async with given.one(what, turn):
            self.began.append(turn)
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.01)
            self.now -= 1


def test_as_many_as_there_is_room_for_and_the_most_wanted_first() -> None:
    async def run() -> Shop:
        shop = Shop({"core": 2})
        given = Places(shop.asked)
        async with given.kept(), asyncio.TaskGroup() as group:
            await asyncio.sleep(0.01)
            for turn in (5.0, 4.0, 3.0, 2.0, 1.0, 0.0):
                group.create_task(shop.work(given, "core", turn))
        return shop

    shop = asyncio.run(run())
    assert shop.most == 2
    assert shop.began[2:] == sorted(shop.began[2:]), "the first two were given out when nothing else had come"
    assert sorted(shop.began) == [0, 1, 2, 3, 4, 5]


def test_what_the_end_of_a_step_makes_ready_comes_before_what_is_wanted_less() -> None:
    """It is asked for a moment later: one arch's last boot, beside the next one's first."""

    async def run() -> Shop:
        shop = Shop({"core": 1})
        given = Places(shop.asked)

        async def two() -> None:
            await shop.work(given, "core", 0.0)
            await asyncio.sleep(0)  # its result is looked at
            await shop.work(given, "core", 1.0)

        async with given.kept(), asyncio.TaskGroup() as group:
            group.create_task(two())
            await asyncio.sleep(0.005)
            group.create_task(shop.work(given, "core", 2.0))
        return shop

    assert asyncio.run(run()).began == [0, 1, 2]


def test_one_is_given_out_where_there_is_nobody_and_more_when_somebody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "SOON", 0.02)

    async def run() -> tuple[int, int]:
        shop = Shop({})
        given = Places(shop.asked)
        hold = asyncio.Event()
        out = 0

        async def one(turn: float) -> None:
            nonlocal out
            async with given.one("core", turn):
                out += 1
                await hold.wait()

        async with given.kept(), asyncio.TaskGroup() as group:
            for turn in range(4):
                group.create_task(one(turn))
            await asyncio.sleep(0.05)
            before = out
            shop.room["core"] = 3
            await asyncio.sleep(0.1)
            after = out
            hold.set()
        return before, after

    assert asyncio.run(run()) == (1, 3)


def test_who_gives_up_takes_no_place() -> None:
    async def run() -> list[float]:
        shop = Shop({"core": 1})
        given = Places(shop.asked)
        async with given.kept():
            first = asyncio.create_task(shop.work(given, "core", 0))
            await asyncio.sleep(0)
            gone = asyncio.create_task(shop.work(given, "core", 1))
            last = asyncio.create_task(shop.work(given, "core", 2))
            await asyncio.sleep(0)
            gone.cancel()
            await asyncio.wait_for(asyncio.gather(first, last), 5)
            cut = asyncio.create_task(
                shop.work(given, "core", 3)
            )  # and who is ended while it has a place gives it back
            await asyncio.sleep(places.SETTLED + 0.005)
            cut.cancel()
            await asyncio.wait_for(shop.work(given, "core", 4), 5)
        return shop.began

    assert asyncio.run(run()) == [0, 2, 3, 4]


def test_kinds_do_not_wait_for_each_other() -> None:
    async def run() -> int:
        shop = Shop({"core": 1, "build": 1})
        given = Places(shop.asked)
        async with given.kept(), asyncio.TaskGroup() as group:
            group.create_task(shop.work(given, "core", 0))
            group.create_task(shop.work(given, "build", 0))
        return shop.most

    assert asyncio.run(run()) == 2
