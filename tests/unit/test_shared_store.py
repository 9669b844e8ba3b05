# SPDX-License-Identifier: GPL-2.0-or-later
"""A store that machines share: what one made others take, and what is damaged nobody does."""

from __future__ import annotations

import asyncio
import functools
import http.server
import json
import logging
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from orchestrator.errors import ConfigError
from orchestrator.store import Store
from orchestrator.store.shared import VARIABLE, Shared


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "shared"


def machine(place: Path, name: str) -> Store:
    return Store(place.parent / name, Shared(place.as_uri()))


def kernel(store: Store, image: str = "image", key: str = "abc") -> None:
    with store.publish("kernels", key) as folder:
        (folder / "bzImage").write_text(image)
        (folder / "info.json").write_text(json.dumps({"image_sha256": f"sha of {image}"}))
    settle(store)


def settle(store: Store) -> None:
    assert store.shared is not None
    store.shared.settled()


def said(store: Store) -> list[str]:
    assert store.shared is not None
    settle(store)
    return store.shared._told


def test_what_one_made_others_take(place: Path) -> None:
    one, other = machine(place, "one"), machine(place, "other")
    kernel(one)
    one.remember("debug", "key", {"reports": []})
    assert (other.folder("kernels", "abc") / "bzImage").read_text() == "image"
    assert other.recall("debug", "key") == {"reports": []}
    assert not said(one) + said(other)


def test_a_machine_of_its_own_takes_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    kernel(machine(place, "one"))
    assert not Store(place.parent / "alone").folder("kernels", "abc").exists()


def test_what_others_have_no_use_for_is_kept_at_home(place: Path) -> None:
    one = machine(place, "one")
    with one.publish("sources", "abc") as folder:
        (folder / "Makefile").touch()
    one.remember("timings", "build", 3.0)
    assert not place.exists() or not [*place.iterdir()]


@pytest.mark.parametrize("where", ["start", "middle", "end"])
def test_a_byte_that_is_another_is_noticed_told_and_made_anew(place: Path, where: str) -> None:
    one, other = machine(place, "one"), machine(place, "other")
    kernel(one)
    (packed,) = place.glob("kernels/abc.*.tar")
    content = bytearray(packed.read_bytes())
    at = {"start": 0, "middle": len(content) // 2, "end": len(content) - 1}[where]
    content[at] ^= 1
    packed.write_bytes(content)
    assert not other.folder("kernels", "abc").exists()
    assert len(said(other)) == 1 and "kernels/abc is damaged: set aside" in said(other)[0]
    kernel(other)
    third = machine(place, "third")
    assert (third.folder("kernels", "abc") / "bzImage").read_text() == "image" and not said(third)
    assert [*place.glob("kernels/abc.damaged-*.json")]


def test_a_value_that_is_another_is_noticed(place: Path) -> None:
    one, other = machine(place, "one"), machine(place, "other")
    one.remember("debug", "key", {"reports": ["none"]})
    (file,) = place.glob("debug/key.json")
    file.write_text(file.read_text().replace("none", "some"))
    assert other.recall("debug", "key") is None and "damaged" in said(other)[0]


def test_two_that_should_be_the_same_and_are_not_are_an_alarm_and_both_are_kept(place: Path) -> None:
    one, other = machine(place, "one"), machine(place, "other")
    kernel(one)
    kernel(other, image="another")
    assert "not what it was" in said(other)[0]
    assert (machine(place, "third").folder("kernels", "abc") / "bzImage").read_text() == "image"
    (kept,) = place.glob("kernels/abc.other-*.json")
    about = json.loads(kept.read_text())
    assert about["proof"] == "sha of another" and b"another" in (place / "kernels" / about["tar"]).read_bytes()


def test_another_that_comes_while_it_is_sent_is_an_alarm_too(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = machine(place, "one"), machine(place, "other")
    assert one.shared is not None
    real = one.shared._put

    def slow(name: str, content: Any) -> None:
        real(name, content)
        if name.endswith(".tar"):
            kernel(other, image="another")

    monkeypatch.setattr(one.shared, "_put", slow)
    kernel(one)
    assert "not what it was" in said(one)[0] and not said(other)


def test_what_could_not_be_given_is_given_later(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.store.shared.REST", 0.0)
    one, other = machine(place, "one"), machine(place, "other")
    place.write_text("no folder")
    for key in ("a", "b", "c"):
        kernel(one, key=key)
    place.unlink()
    assert one.shared is not None and len(said(one)) >= 3
    one.shared.give("kernels", "a", one.root / "kernels/a")
    settle(one)
    assert (other.folder("kernels", "a") / "bzImage").exists()


def test_what_somebody_has_tidied_up_is_given_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.store.shared.REST", 0.0)
    one, other = machine(place, "one"), machine(place, "other")
    kernel(one)
    for path in place.rglob("*.tar"):
        path.unlink()
    assert not other.folder("kernels", "abc").exists() and "made anew" in said(other)[0]
    kernel(one)
    assert (machine(place, "third").folder("kernels", "abc") / "bzImage").exists()


def test_what_is_of_no_use_is_not_taken_again(place: Path) -> None:
    one, other = machine(place, "one"), machine(place, "other")
    kernel(one)
    assert other.folder("kernels", "abc").exists()
    other.refuse("kernels", "abc")
    assert not other.folder("kernels", "abc").exists() and "is of no use: set aside" in said(other)[0]
    kernel(other, image="anew")
    assert (machine(place, "third").folder("kernels", "abc") / "bzImage").read_text() == "anew"


def test_what_was_taken_is_not_the_first_to_go(place: Path) -> None:
    one, other = machine(place, "one"), machine(place, "other")
    with one.publish("kernels", "abc") as folder:
        (folder / "bzImage").touch()
        os.utime(folder, (1, 1))
    settle(one)
    assert other.folder("kernels", "abc").stat().st_mtime > time.time() - 60


def test_what_another_process_has_taken_meanwhile_stays(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel(machine(place, "one"))
    two, three = (Store(place.parent / "same", Shared(place.as_uri())) for _ in range(2))
    assert two.shared is not None
    real, seen = two.shared._opened, list[int]()

    def slow(name: str, mode: str) -> Any:
        if name.endswith(".tar") and not seen:
            seen.append(three.folder("kernels", "abc").stat().st_ino)
        return real(name, mode)

    monkeypatch.setattr(two.shared, "_opened", slow)
    assert [two.folder("kernels", "abc").stat().st_ino] == seen


def test_who_is_stopped_need_not_wait_until_all_is_sent(place: Path) -> None:
    one = machine(place, "one")
    assert one.shared is not None
    one.shared._give = lambda kind, key, folder: time.sleep(5)  # type: ignore[method-assign]
    with one.publish("kernels", "abc") as folder:
        (folder / "bzImage").touch()

    async def waits() -> None:
        assert one.shared is not None
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(one.shared.all_sent(), 0.1)

    began = time.monotonic()
    asyncio.run(waits())
    assert time.monotonic() - began < 3 and one.shared._sender is not None and one.shared._sender.daemon


def test_results_of_boots_are_compared_by_what_was_counted(place: Path) -> None:
    def result(store: Store, count: int, seconds: float) -> None:
        passes = [{"units": 1, "values": {"pgfault": count, "time": seconds}, "vmstat": {"pgfault": [0, count]}}]
        kept = json.dumps({"result": {"passes": passes, "seconds": seconds}})
        with store.publish("results", "abc") as folder:
            (folder / "stored.json").write_text(json.dumps({"kept": kept}))
        settle(store)

    one, other, third = (machine(place, name) for name in ("one", "other", "third"))
    result(one, 2, 1.0)
    result(other, 2, 9.0)
    assert not said(other)
    result(third, 3, 1.0)
    assert "both are kept" in said(third)[0]


def test_where_nothing_can_be_written_everything_is_made_here_and_that_is_told(place: Path) -> None:
    place.write_text("no folder")
    one = machine(place, "one")
    kernel(one)
    assert (one.folder("kernels", "abc") / "bzImage").exists() and said(one)


def test_a_name_in_a_tar_does_not_lead_out_of_its_folder(place: Path) -> None:
    import hashlib
    import io
    import tarfile

    (place / "kernels").mkdir(parents=True)
    with tarfile.open(place / "kernels/abc.tar", "w") as tar:
        entry = tarfile.TarInfo("../../evil")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"evil"))
    seen = hashlib.sha256((place / "kernels/abc.tar").read_bytes()).hexdigest()
    (place / "kernels/abc.json").write_text(json.dumps({"format": 2, "tar": "abc.tar", "sha256": seen, "proof": ""}))
    other = machine(place, "other")
    assert not other.folder("kernels", "abc").exists() and said(other)
    assert not [*place.parent.rglob("evil")]


def test_an_address_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nosuch"):
        Store(tmp_path, Shared("nosuch://there")).folder("kernels", "abc")


def test_what_is_told_is_told_once(place: Path) -> None:
    place.write_text("no folder")
    one = machine(place, "one")
    kernel(one)
    kernel(one, key="def")
    settle(one)
    assert one.shared is not None
    assert one.shared.tell()[-1].endswith("left alone for 60 s") and one.shared.tell() == []
    kernel(one, key="ghi")
    assert one.shared.tell() == []


def test_secrets_of_an_address_are_not_told() -> None:
    shared = Shared("https://user:token@there.example/store?signature=abc")
    assert shared.shown == "https://there.example/store"


def test_over_http_it_is_read_and_not_written(place: Path) -> None:
    one = machine(place, "one")
    kernel(one)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(place))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        other = Store(place.parent / "other", Shared(url))
        assert (other.folder("kernels", "abc") / "bzImage").read_text() == "image"
        assert not other.folder("kernels", "nothing").exists() and not said(other)
        kernel(other, key="def")
        kernel(other, key="ghi")
        server.shutdown()
    assert not [*place.glob("kernels/def*")] and len(said(other)) <= 1


def test_everybody_who_waits_waits_for_all(place: Path) -> None:
    one = machine(place, "one")
    assert one.shared is not None
    begun, goes_on, waited = threading.Event(), threading.Event(), list[bool]()
    one.shared._give = lambda kind, key, folder: (begun.set(), goes_on.wait(10))[0]  # type: ignore[method-assign]
    with one.publish("kernels", "abc") as folder:
        (folder / "bzImage").touch()
    begun.wait(10)
    settled = one.shared.settled
    each = [threading.Thread(target=lambda: (settled(), waited.append(goes_on.is_set()))) for _ in range(2)]
    for thread in each:
        thread.start()
    goes_on.set()
    for thread in each:
        thread.join(10)
    assert waited == [True, True]


def test_nor_where_it_is_no_address(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as told:
        Store(tmp_path, Shared("nosuch://user:token@there")).folder("kernels", "abc")
    assert "token" not in told.value.message and "there" in told.value.message


def test_who_gives_to_an_address_that_is_none_does_not_wait_for_ever(tmp_path: Path) -> None:
    """Each of these alone used to end whoever sends, and the next one was never sent."""
    shared = Shared("nosuch://there")
    (tmp_path / "its").mkdir()
    for key in ("abc", "def"):
        shared.give("kernels", key, tmp_path / "its")
        waits = threading.Thread(target=shared.settled, daemon=True)
        waits.start()
        waits.join(10)
        assert not waits.is_alive()
    assert "nosuch" in shared.tell()[0] and not shared.tell()


def test_others_go_on_while_it_is_taken_and_it_is_taken_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel(machine(place, "one"))
    other, taken = machine(place, "other"), []
    assert other.shared is not None
    real, go_on = other.shared.take, threading.Event()

    def slow(*words: Any) -> bool:
        taken.append(words[:2])
        assert go_on.wait(20)
        return real(*words)

    async def all_of_it() -> list[Path]:
        asking = [asyncio.create_task(other.arrived("kernels", "abc")) for _ in range(3)]
        await asyncio.sleep(0.05)  # which would not end
        assert not any(task.done() for task in asking)
        go_on.set()
        return await asyncio.gather(*asking)

    monkeypatch.setattr(other.shared, "take", slow)
    found = asyncio.run(all_of_it())
    assert taken == [("kernels", "abc")] and {(path / "bzImage").read_text() for path in found} == {"image"}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 of our own, on loopback."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "team")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield "s3://kernels/of-team"
    finally:
        server.stop()


def test_in_a_bucket_of_s3_it_is_the_same(bucket: str, tmp_path: Path) -> None:
    """Larger than a part of an upload; asked for before it was there; damaged; another under the same name."""
    one, other, third = (Store(tmp_path / name, Shared(bucket)) for name in ("one", "other", "third"))
    assert not other.folder("kernels", "abc").exists() and other.recall("debug", "key") is None
    image = random.Random(1).randbytes(26 << 20).hex()
    kernel(one, image)
    one.remember("debug", "key", {"reports": []})
    assert hash((other.folder("kernels", "abc") / "bzImage").read_text()) == hash(image)
    assert other.recall("debug", "key") == {"reports": []}
    assert not said(one) + said(other)

    its = third.shared
    assert its is not None
    its._connect()
    (packed,) = its._files.glob("kernels/of-team/kernels/abc.*.tar")
    its._files.pipe(packed, its._files.cat(packed).replace(b"info.json", b"info.jsom"))
    assert not third.folder("kernels", "abc").exists() and "damaged" in said(third)[0]
    kernel(third, "anew")
    kernel(Store(tmp_path / "fourth", Shared(bucket)), "anew")
    last = Store(tmp_path / "last", Shared(bucket))
    assert (last.folder("kernels", "abc") / "bzImage").read_text() == "anew" and not said(last)
    kernel(fifth := Store(tmp_path / "fifth", Shared(bucket)), "not the same")
    assert "both are kept" in said(fifth)[0]
