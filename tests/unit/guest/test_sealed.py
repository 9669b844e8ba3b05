# SPDX-License-Identifier: GPL-2.0-or-later
"""What a program in place of the emulator can do in its sandbox, and that SSH would get in all the same."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator import arches, proc
from orchestrator.errors import InfraError, ToolMissing
from orchestrator.guest.command_line import Machine, Plugin
from orchestrator.guest.qemu import Guest
from orchestrator.guest.sealed import _brought, seal
from orchestrator.model import Clock, Disk, Limits
from orchestrator.sandbox import bubblewrap

SERVER = """
import socket, time
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        server.accept()[0].sendall(b"hello")
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a secret, images in its cache, and a folder of programs for PATH."""
    home = tmp_path / "home"
    for name in ("home/.cache/kernels", "home/.ssh", "opt/bin"):
        (tmp_path / name).mkdir(parents=True)
    for name in (".ssh/id", ".cache/kernels/Image", ".cache/initrd", ".cache/other", ".cache/disk.img"):
        (home / name).write_text(f"{name}\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SECRET", "told")
    monkeypatch.setenv("PATH", f"{tmp_path / 'opt/bin'}:{os.environ['PATH']}")
    return tmp_path


def machine(house: Path, script: str) -> Machine:
    """Its emulator is this script."""
    program = house / "opt/bin/qemu-fake"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    arch = replace(arches.known()["s390x"], qemu="qemu-fake")
    cache = house / "home/.cache"
    return Machine(arch, "tcg", Clock.ICOUNT, 64, 1, cache / "kernels/Image", cache / "initrd")


def said(made: Machine, *words: str) -> tuple[int, str]:
    """(exit status, output) of its emulator."""

    async def play() -> tuple[int, str]:
        async with AsyncExitStack() as stack:
            sealed, theirs = seal(made, [made.arch.qemu, *words], stack)
            with theirs:
                spawned = proc.spawn(sealed.argv, env=sealed.env, stdout=-1, stderr=-2, pass_fds=[theirs.fileno()])
                process = await stack.enter_async_context(spawned)
            output, _ = await process.communicate()
            return process.returncode or 0, output.decode()

    return asyncio.run(play())


def test_it_reads_its_images_and_nothing_else_of_the_home(house: Path) -> None:
    home = house / "home"
    made = machine(house, f"cat {home}/.cache/kernels/Image {home}/.cache/initrd; find {home} -type f | sort; env")
    code, text = said(made)
    lines = text.splitlines()
    assert code == 0 and lines[:2] == [".cache/kernels/Image", ".cache/initrd"]
    assert lines[2:4] == [f"{home}/.cache/initrd", f"{home}/.cache/kernels/Image"]
    assert not [line for line in lines[4:] if line.startswith((str(home), "HOME=", "SECRET="))]


@pytest.mark.parametrize(
    "what",
    [
        "cat $1/home/.ssh/id",
        "cat $1/home/.cache/other",
        "echo evil >$1/home/.cache/kernels/Image",
        "rm $1/home/.cache/initrd",
        "echo evil >$1/home/.cache/disk.img",
        "echo evil >$1/opt/bin/evil",
        "touch /usr/evil",
        "cat /etc/passwd",
        "unshare -U true",
        "kill -0 $2",
        "ls /dev/kvm",
    ],
)
def test_it_sees_and_writes_nothing_else(house: Path, what: str) -> None:
    made = replace(machine(house, what), disk=Disk(1), disk_image=house / "home/.cache/disk.img")
    code, text = said(made, str(house), str(os.getpid()))
    assert code != 0, text
    assert (house / "home/.cache/kernels/Image").read_text() == ".cache/kernels/Image\n"
    assert not (house / "opt/bin/evil").exists()


def test_it_reaches_no_network(house: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ask = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 5)"
        code, text = said(machine(house, f'exec python3 -c "{ask}"'))
    assert code != 0 and "refused" in text, text


def test_a_plugin_writes_to_its_folder_and_a_disk_to_one_that_goes(house: Path) -> None:
    folder = house / "home/plugin"
    folder.mkdir()
    library = house / "home/.cache/other"
    made = machine(house, f"cat {library}; echo counts >{folder}/out; echo disk >/var/tmp/disk; ls /var/tmp")
    made = replace(made, plugin=Plugin("x", library, folder), disk=Disk(1), disk_image=house / "home/.cache/disk.img")
    before = set(Path("/var/tmp").iterdir())
    assert said(made) == (0, ".cache/other\ndisk\n")
    assert (folder / "out").read_text() == "counts\n" and set(Path("/var/tmp").iterdir()) == before


def test_of_devices_it_gets_kvm_where_that_is_used(house: Path) -> None:
    async def command(accel: str) -> str:
        made = replace(machine(house, "true"), accel=accel)
        async with AsyncExitStack() as stack:
            sealed, theirs = seal(made, [made.arch.qemu], stack)
            theirs.close()
            return " ".join(sealed.argv)

    assert " --dev /dev --dev-bind /dev/kvm /dev/kvm " in asyncio.run(command("kvm"))
    assert "/dev/kvm" not in asyncio.run(command("tcg"))


def test_a_connection_comes_out_where_nobody_else_gets_in(house: Path) -> None:
    """And its end is told: the dialer ends with the emulator, however that ends."""

    async def play() -> None:
        async with AsyncExitStack() as stack:
            made = machine(house, f"exec python3 -c '{SERVER}'")
            sealed, theirs = seal(made, [made.arch.qemu], stack)
            with theirs:
                spawned = proc.spawn(sealed.argv, env=sealed.env, stdout=-1, stderr=None, pass_fds=[theirs.fileno()])
                process = await stack.enter_async_context(spawned)
            assert process.stdout
            port = int(await process.stdout.readline())
            for _ in range(2):
                with await asyncio.to_thread(sealed.dial, port) as connection:
                    assert connection.recv(9) == b"hello"
            with pytest.raises(OSError):
                socket.create_connection(("127.0.0.1", port), 1).recv(9).index(b"hello")
            with pytest.raises(ConnectionRefusedError):
                await asyncio.to_thread(sealed.dial, 1)
            inner = bubblewrap.inside(process.pid)
            assert (
                "qemu-fake" in Path(f"/proc/{inner}/cmdline").read_text()
                or "python3" in Path(f"/proc/{inner}/cmdline").read_text()
            )
            os.kill(inner, signal.SIGKILL)
            assert await process.wait() == 128 + signal.SIGKILL
            with pytest.raises(OSError):
                await asyncio.to_thread(sealed.dial, port)

    asyncio.run(play())


def test_a_signal_that_ends_it_is_told_as_one(house: Path, tmp_path: Path) -> None:
    """As without a sandbox: exit status 139 is none of QEMU's."""

    async def play() -> None:
        running = Guest(machine(house, "sleep 1; kill -SEGV $$"), Limits(), tmp_path)
        async with AsyncExitStack() as stack:
            await running.start(stack)

    with pytest.raises(InfraError, match="QEMU did not start"):
        asyncio.run(play())


def test_where_it_cannot_be_had_the_guest_says_so(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bubblewrap, "_usable", {"why": "no user namespaces"})

    async def play(sealed: bool) -> list[str]:
        running = Guest(
            replace(machine(house, "cat $HOME/.ssh/id >&2"), sealed=sealed, vouched=True), Limits(), tmp_path
        )
        with pytest.raises(InfraError, match=r"QEMU did not start: \.ssh/id"):
            async with AsyncExitStack() as stack:
                await running.start(stack)
        return running.notes

    strange = Guest(machine(house, "cat $HOME/.ssh/id >&2"), Limits(), tmp_path)
    with pytest.raises(ToolMissing, match="bubblewrap cannot hold it here: no user namespaces"):
        asyncio.run(strange.start(AsyncExitStack()))
    assert asyncio.run(play(True)) == ["QEMU ran without a sandbox: no user namespaces"]
    assert asyncio.run(play(False)) == []


def test_a_home_is_not_shown_by_its_other_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HOME may be a link, and another one than the system knows."""
    real = tmp_path / "data/me"
    (real / "bin").mkdir(parents=True)
    (real / "bin/qemu").touch()
    (tmp_path / "home").symlink_to(real)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert _brought(tmp_path / "home/bin/qemu") == [tmp_path / "home/bin", real / "bin"]
    monkeypatch.setenv("HOME", "/elsewhere")
    monkeypatch.setattr("pwd.getpwuid", lambda _: SimpleNamespace(pw_dir=str(real)))
    assert _brought(real / "bin/qemu") == [real / "bin"]


WAITS = """
import asyncio, signal, sys
from contextlib import AsyncExitStack
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from orchestrator import proc
from orchestrator.guest.sealed import seal
from tests.unit.guest.test_sealed import machine

async def play():
    made = machine(Path(sys.argv[2]), sys.argv[3])
    async with AsyncExitStack() as stack:
        box, theirs = seal(made, [made.arch.qemu], stack)
        with theirs:
            spawned = proc.spawn(box.argv, env=box.env, stdout=None, pass_fds=[theirs.fileno()])
            process = await stack.enter_async_context(spawned)
        await process.wait()

signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that a shell started in the background ignore it
asyncio.run(play())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_of_it_outlives_us(house: Path, number: signal.Signals) -> None:
    """Neither an emulator that ignores what it can, nor what it started in a session of its own."""
    wait = f"sleep {50_000 + os.getpid() % 9999}"
    script = f"trap '' TERM INT HUP; setsid {wait} & echo up; {wait}; {wait}"
    words = [sys.executable, "-c", WAITS, str(Path(__file__).parents[3]), str(house), script]

    def left() -> list[str]:
        return [line for path in Path("/proc").glob("[0-9]*/cmdline") if (line := _words(path)).startswith(wait)]

    with subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True) as started:
        assert started.stdout and started.stdout.readline() == b"up\n"
        _until(lambda: len(left()) == 2)
        started.send_signal(number)
        started.wait(30)
    _until(lambda: not left())


def _words(path: Path) -> str:
    try:
        return path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_a_program_of_ones_own_brings_is_shown_but_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    places = {
        "/usr/bin/qemu": [],
        "/opt/qemu/bin/qemu": ["/opt/qemu"],
        "/home/me/src/qemu/build/qemu": ["/home/me/src/qemu"],
        "/home/me/bin/qemu": ["/home/me/bin"],
        "/home/me/qemu": ["/home/me/qemu"],
        "/home/qemu/qemu": ["/home/qemu/qemu"],
        "/bin0/qemu": ["/bin0"],
        "/srv/all/qemu/qemu": ["/srv/all/qemu"],
        "/tmp/qemu/bin/qemu": ["/tmp/qemu"],
        "/tmp/bin/qemu": ["/tmp/bin"],
        "/tmp/qemu": ["/tmp/qemu"],
    }
    assert {name: [*map(str, _brought(Path(name)))] for name in places} == places
