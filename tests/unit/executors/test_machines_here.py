# SPDX-License-Identifier: GPL-2.0-or-later
"""A cluster on this machine, for one run: real processes, no guests."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator.errors import ConfigError
from orchestrator.executors import machines
from orchestrator.executors.joining import Join
from orchestrator.executors.machines import of_this_machine


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_workers_come_and_are_gone_when_the_run_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setenv("HOME", str(tmp_path))

    async def run() -> tuple[list[int], list[str]]:
        import distributed

        said: list[str] = []
        async with of_this_machine(2, 256, said.append) as join:
            assert join.address.startswith("tls://127.0.0.1:")
            client = await distributed.Client(
                join.address, security=join.security(), asynchronous=True, set_as_default=False
            )
            try:
                await client.wait_for_workers(2, timeout=40)
                there = (await client.scheduler.identity())["workers"]
            finally:
                await client.close()
            assert sorted("wall" in its["resources"] for its in there.values()) == [False, True]
            found = [int(its["name"].rpartition("-")[2]) for its in there.values()]
            assert all(_alive(pid) for pid in found)
        return found, said

    found, said = asyncio.run(run())
    assert not any(_alive(pid) for pid in found)
    assert said == []


def test_a_worker_waits_for_the_file_of_a_scheduler_that_starts_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machines, "AGAIN", 0.1)
    said: list[str] = []
    file = tmp_path / "join.json"

    async def run() -> None:
        waiting = asyncio.create_task(machines._written(file, 20, said.append))
        await asyncio.sleep(0.4)
        assert not waiting.done()
        Join("tcp://127.0.0.1:1").save(file)
        await asyncio.wait_for(waiting, 5)

    asyncio.run(run())
    assert said == [f"waits for {file}, which kmatrix scheduler writes"]


def test_but_not_for_ever(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(ConfigError, match="nowhere"):
        asyncio.run(machines.worker(tmp_path / "nowhere", False, 0.1, 1, 0, 1.0, print))
