# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines of their own: workers in network namespaces, each with its own cache, and one store that they share."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orchestrator.store import cache_root
from tests.boot.conftest import EVERYWHERE, Done, Kmatrix, alive, emulators, until
from tests.boot.test_cluster import same

pytestmark = pytest.mark.night
TEXT = EVERYWHERE.replace("[small]", "[faults, small]").replace("boots: 1", "boots: 2")
NET = "10.213.0"
FRESH = 500.0  # ppm: each cache has snapshots of its own
OWN_CACHE = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'  # in the namespace of mounts that ip netns exec makes
SEEDED = ("sources", "debs", "ccache", "hashes", "kernels")  # there is no network, and no hour to compile in


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass
class Room:
    """A network of its own, and machines on it. workers: by their number."""

    folder: Path
    names: list[str] = field(default_factory=list)
    workers: dict[int, subprocess.Popen[str]] = field(default_factory=dict)
    others: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def join(self) -> Path:
        return self.folder / "join.json"

    def machine(self, number: int) -> str:
        """0 is the one in the middle."""
        name = f"km{os.getpid() % 10000}-{number}"
        ip("netns", "add", name)
        self.names.append(name)
        ip("-n", name, "link", "set", "lo", "up")
        if number == 0:
            ip("-n", name, "link", "add", "middle", "type", "bridge")
            ip("-n", name, "addr", "add", f"{NET}.100/24", "dev", "middle")
            ip("-n", name, "link", "set", "middle", "up")
            return name
        middle = self.names[0]
        ip("-n", middle, "link", "add", f"to{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("-n", middle, "link", "set", f"to{number}", "master", "middle", "up")
        ip("-n", name, "addr", "add", f"{NET}.{number}/24", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        return name

    def start(self, number: int, *words: str | Path) -> subprocess.Popen[str]:
        """On that machine, with its own cache: it is where each has it, and nobody sees another's."""
        env = {**os.environ, "KMATRIX_HISTORY": str(self.folder / "history.sqlite")}
        home = ("sh", "-c", OWN_CACHE, "sh", self.cache(number), cache_root())
        command = ["ip", "netns", "exec", self.names[number], *home, sys.executable, "-m", "orchestrator", *words]
        return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)

    def cache(self, number: int) -> Path:
        return self.folder / f"cache-{number}"

    def work(self, number: int) -> None:
        """A worker, or another one where one died."""
        self.workers[number] = self.start(number, "worker", self.join)


@pytest.fixture
def room(ready: None, kmatrix: Kmatrix) -> Iterator[Room]:
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("network namespaces need root and ip")
    made = Room(kmatrix.folder)
    try:
        for number in range(5):
            made.machine(number)
            made.cache(number).mkdir()
            for kind in SEEDED:
                subprocess.run(["cp", "-al", cache_root() / kind, made.cache(number) / kind], check=True)
        words = ["--host", f"{NET}.100", "--store", (made.folder / "shared").as_uri()]
        made.others.append(made.start(0, "scheduler", made.join, *words))
        until(made.join.exists, 60)
        for number in range(1, 5):
            made.work(number)
        yield made
    finally:
        for process in (*made.workers.values(), *made.others):
            process.terminate()
        for process in (*made.workers.values(), *made.others):
            process.wait(60)
        for name in made.names:
            ip("netns", "delete", name)


def asked(room: Room, kmatrix: Kmatrix, name: str, *words: str, text: str = TEXT) -> subprocess.Popen[str]:
    """text: "" for the matrix that is shipped."""
    config = ["--config", kmatrix.matrix(text)] if text else []
    given = ["--out", room.folder / name, "--executor", room.join, "--no-reach"]
    return room.start(0, "run", *config, *given, *words)


def told(room: Room, process: subprocess.Popen[str], name: str) -> Done:
    out, _ = process.communicate(timeout=3000)
    return Done(process.returncode, out, "", room.folder / name, 0)


@pytest.fixture
def local(ready: None, kmatrix: Kmatrix) -> Done:
    done = kmatrix.run(TEXT, "--no-reach")
    done.folder = done.folder.rename(done.folder.with_name("local"))
    return done


def killed(room: Room, process: subprocess.Popen[str]) -> None:
    """One worker every 20 s, and another in its place, until the run ends; no guest outlives its worker."""
    chance, last, seen = random.Random(1), time.monotonic(), set[int]()
    while process.poll() is None:
        time.sleep(0.5)
        seen |= {guest for worker in room.workers.values() for guest in emulators(worker.pid)}
        if time.monotonic() - last > 20:
            number = chance.choice([*room.workers])
            room.workers[number].send_signal(signal.SIGKILL)
            room.workers[number].wait()
            room.work(number)
            last = time.monotonic()
    assert seen
    until(lambda: not any(map(alive, seen)), 20)


def damage(packed: Path) -> None:
    content = bytearray(packed.read_bytes())
    content[len(content) // 2] ^= 1
    packed.write_bytes(content)


def test_four_machines_give_the_digits_of_one(room: Room, kmatrix: Kmatrix) -> None:
    """The matrix that is shipped. Cold; twice warm, with one killed every 20 s; then what they share is damaged."""
    local = kmatrix("run", "--out", kmatrix.folder / "local", "--no-reach")
    local.folder = kmatrix.folder / "local"
    assert local.code == 0, local.out + local.err
    for number in range(5):
        shutil.rmtree(room.cache(number) / "kernels")
    cold = told(room, asked(room, kmatrix, "cold", text=""), "cold")
    same(cold, local)
    shared = {path.parent.name for path in (room.folder / "shared").rglob("*.tar")}
    assert {"kernels", "initramfs", "results", "snapshots"} <= shared

    for name in ("warm", "again"):
        process = asked(room, kmatrix, name, "--fresh", text="")
        killed(room, process)
        same(told(room, process, name), cold, 0)  # from the same snapshots

    for number in range(1, 5):  # all that they have of these is what is shared
        for kind in ("kernels", "snapshots"):
            shutil.rmtree(room.cache(number) / kind)
    for kind in ("kernels", "snapshots"):
        damage(sorted((room.folder / "shared" / kind).glob("*.tar"))[0])
    done = told(room, asked(room, kmatrix, "damaged", "--fresh", text=""), "damaged")
    same(done, local)
    assert done.out.count("is damaged: set aside, and made anew") == 2, done.out


def test_a_scheduler_that_starts_again_loses_nothing(room: Room, local: Done, kmatrix: Kmatrix) -> None:
    process = asked(room, kmatrix, "run")
    until(lambda: any(emulators(worker.pid) for worker in room.workers.values()), 1800)
    room.others[0].kill()
    room.others[0].wait()
    port = json.loads(room.join.read_text())["address"].rpartition(":")[2]
    words = ["--host", f"{NET}.100", "--port", port, "--store", (room.folder / "shared").as_uri()]
    room.others[0] = room.start(0, "scheduler", room.join, *words)
    done = told(room, process, "run")
    if done.code:  # it could not go on by itself: then it is resumed, and no finished cell is measured again
        resumed = room.start(0, "run", "--resume", room.folder / "run", "--executor", room.join)
        done = told(room, resumed, "run")
    same(done, local, FRESH)


def test_another_compiler_does_nothing_for_a_run(room: Room, kmatrix: Kmatrix) -> None:
    other: Any = room.folder / "bin"
    other.mkdir()
    (other / "s390x-linux-gnu-gcc").write_text("#!/bin/sh\necho 's390x-linux-gnu-gcc (Another) 99.9.9'\n")
    (other / "s390x-linux-gnu-gcc").chmod(0o755)
    for number in range(2, 5):
        room.workers[number].terminate()
        room.workers[number].wait(60)
    before = os.environ["PATH"]
    try:
        os.environ["PATH"] = f"{other}:{before}"
        room.work(2)
    finally:
        os.environ["PATH"] = before
    done = told(room, asked(room, kmatrix, "run", "--select", "s390x/*"), "run")
    assert done.code == 0, done.out
