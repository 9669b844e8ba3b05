# SPDX-License-Identifier: GPL-2.0-or-later
"""The file that machines join by."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from orchestrator.errors import ConfigError, KmatrixError
from orchestrator.executors import chosen, machines
from orchestrator.executors.joining import Join, days_left, new_keys


def test_it_is_its_owner_s_alone_and_comes_back(tmp_path: Path) -> None:
    join = Join("tls://10.0.0.1:8786", *new_keys(), store="/net/kmatrix")
    join.save(tmp_path / "join.json")
    assert (tmp_path / "join.json").stat().st_mode & 0o777 == 0o600
    assert Join.load(tmp_path / "join.json") == join
    assert join.security().require_encryption


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:8786", "tcp://0.0.0.0:8786", "tcp://nowhere.invalid:1"])
def test_without_tls_it_is_for_loopback(tmp_path: Path, address: str) -> None:
    Join(address).save(tmp_path / "join.json")
    with pytest.raises(ConfigError, match="no TLS: refused"):
        Join.load(tmp_path / "join.json")
    Join("tcp://127.0.0.1:8786").save(tmp_path / "join.json")
    assert Join.load(tmp_path / "join.json").security() is None


def test_a_scheduler_refuses_it_as_well(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="loopback alone"):
        asyncio.run(machines.scheduler(tmp_path / "join.json", "0.0.0.0", 0, "", False, print))
    assert not (tmp_path / "join.json").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"address": 1, "what": 2}', "\x00"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "join.json").write_text(text)
    with pytest.raises(KmatrixError, match="no file to join by"):
        Join.load(tmp_path / "join.json")


def test_an_executor_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="local, dask, or a file"):
        chosen.prepared(str(tmp_path / "nothing"))


def test_the_shared_store_of_the_file_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMATRIX_SHARED_STORE", "before")
    (tmp_path / "join.json").write_text(json.dumps({"address": "tcp://127.0.0.1:1", "store": "file:///net"}))
    chosen.prepared(str(tmp_path / "join.json"))
    import os

    assert os.environ["KMATRIX_SHARED_STORE"] == "file:///net"


def test_a_certificate_tells_how_long_it_is_taken() -> None:
    certificate, _ = new_keys()
    assert 360 < days_left(certificate) <= 365
    assert days_left("") == days_left("no certificate") == 0


@pytest.mark.parametrize(("renewed", "same"), [(30, True), (400, False)])
def test_a_scheduler_keeps_its_keys_until_they_are_near_their_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renewed: int, same: bool
) -> None:
    monkeypatch.setattr(machines, "RENEWED", renewed)
    file, said, keys = tmp_path / "join.json", list[str](), new_keys()
    Join("tls://127.0.0.1:1", *keys).save(file)

    async def begin() -> None:
        there = asyncio.Event()

        def say(text: str) -> None:
            said.append(text)
            if "scheduler at" in text:
                there.set()

        task = asyncio.create_task(machines.scheduler(file, "127.0.0.1", 0, "", True, say))
        await asyncio.wait_for(there.wait(), 60)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(begin())
    now = Join.load(file)
    assert ((now.certificate, now.key) == keys) is same
    assert any("at its end" in text for text in said) is not same
