# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches whose Makefiles do what no Makefile should: none of it happens, and the reply says how they were built."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.boot.conftest import SMALL, Done, Kmatrix, children, until

PATCH = """\
--- a/mm/Makefile
+++ b/mm/Makefile
@@ -1,3 +1,{count} @@
 # SPDX-License-Identifier: GPL-2.0
{lines}
 #
 # Makefile for the linux memory manager.
"""
SLEEP = "4327"  # seconds; by it processes are known again


def check(kmatrix: Kmatrix, *commands: str, home: Path | None = None, matrix: str = SMALL) -> Done:
    """Of a patch that has make run these commands."""
    patch = kmatrix.folder / "hostile.patch"
    lines = "\n".join(f"+$(shell {command})" for command in commands)
    patch.write_text(PATCH.format(count=3 + len(commands), lines=lines))
    env = {"HOME": str(home), "KMATRIX_CACHE": str(cache())} if home else None
    arguments = ("check", patch, "--config", kmatrix.matrix(matrix), "--out", kmatrix.folder / "run")
    return kmatrix(*arguments, env=env)


def cache() -> Path:
    """The one that all tests share."""
    from orchestrator.store import cache_root

    return cache_root()


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def test_nothing_is_written_to_home_and_nothing_is_connected_to(
    ready: None, kmatrix: Kmatrix, server: socket.socket
) -> None:
    """The build goes on without either; the kernel is measured, and the reply says what held it."""
    home = kmatrix.folder / "home"
    home.mkdir()
    port = server.getsockname()[1]
    connect = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
    mark = f"/var/tmp/kmatrix-test-{os.getpid()}"
    write = f"echo evil >$$HOME/evil; echo evil >{home}/evil; echo evil >{mark}"
    done = check(kmatrix, write, f'python3 -c "{connect}"', home=home)
    assert done.code == 0, done.out + done.err
    assert not (home / "evil").exists() and not Path(mark).exists()
    with pytest.raises(BlockingIOError):
        server.accept()
    assert done.cell("aarch64/patched/small")["status"] == "passed"
    log = (done.folder / "builds/aarch64/patched/build.log").read_text()
    assert "Connection refused" in log and "evil: " in log, "the commands did not run at all"
    mail = kmatrix("report", done.folder, "--format", "mail").out
    assert "built in a sandbox: no network, no HOME" in mail


def test_a_guests_emulator_is_sealed_off(ready: None, kmatrix: Kmatrix) -> None:
    """As its process is seen from outside. What a program in its place can do: tests/unit/guest/test_sealed.py."""
    words = ("--config", kmatrix.matrix(SMALL), "--command", "sleep 60")
    started = kmatrix.start("shell", "aarch64/patched", *words)

    def emulator() -> int:
        found = children(started.pid).items()
        return next((pid for pid, line in found if line.startswith("/") and " -kernel " in line), 0)

    place = Path("/proc", str(until(emulator)))
    for name in ("net", "pid", "user", "mnt"):
        assert (place / "ns" / name).readlink() != Path("/proc/self/ns", name).readlink()
    for hidden in (Path("/etc/passwd"), cache() / "ccache", kmatrix.folder / "matrix.yaml"):
        assert hidden.exists() and not (place / "root" / str(hidden).lstrip("/")).exists()


def test_forks_without_end_end_the_build(ready: None, kmatrix: Kmatrix) -> None:
    done = check(kmatrix, f"while :; do sleep {SLEEP} & done")
    assert done.code == 3, done.out + done.err
    failure = done.cell("aarch64/patched/small")["failure"]
    assert failure["kind"] == "sandbox" and "processes; it may have" in failure["message"]
    assert not [command for command in children(1).values() if f"sleep {SLEEP}" in command]
    mail = kmatrix("report", done.folder, "--format", "mail").out
    assert "processes; it may have" in " ".join(mail.replace("| ", "").split())


def test_a_disk_is_not_filled(ready: None, kmatrix: Kmatrix) -> None:
    """20 GiB are to be written, of which one may be; what was written is gone."""
    matrix = SMALL.replace("limits: {", "limits: {disk_gib: 1, ")
    free = shutil.disk_usage(cache()).free
    done = check(kmatrix, "head -c 20G /dev/zero >$$PWD/evil; sleep 60", matrix=matrix)
    assert done.code == 3, done.out + done.err
    failure = done.cell("aarch64/patched/small")["failure"]
    assert failure["kind"] == "sandbox" and "MiB of the disk; it may take 1024" in failure["message"]
    assert free - shutil.disk_usage(cache()).free < 3 << 30
    mail = kmatrix("report", done.folder, "--format", "mail").out
    assert "MiB of the disk; it may take 1024" in " ".join(mail.replace("| ", "").split())
