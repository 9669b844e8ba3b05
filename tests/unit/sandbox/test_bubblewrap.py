# SPDX-License-Identifier: GPL-2.0-or-later
"""What a hostile Makefile can do in the sandbox: nothing that lasts, and nothing that tells."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator import proc
from orchestrator.build.kernel import trusted
from orchestrator.build.made import regular
from orchestrator.errors import BuildError, DiskFull, InfraError, ToolMissing
from orchestrator.paths import IMAGES
from orchestrator.sandbox import bubblewrap
from orchestrator.sandbox.bubblewrap import Bounds, Sandbox, own_file
from orchestrator.store import remove

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """(exit status, output) of a script in the sandbox: source/ to be read, private/ to be written as build/."""
    for name in ("source", "private", "build"):
        (tmp_path / name).mkdir()
    (tmp_path / "source/file").write_text("source\n")
    (tmp_path / "secret").write_text("secret\n")

    def script(text: str, bounds: Bounds | None = None, timeout: float = 20) -> tuple[int, str]:
        made = Sandbox((tmp_path / "source",), {tmp_path / "private": tmp_path / "build"}, bounds or Bounds(1000, 50))
        env = {"PATH": os.environ["PATH"], "HOME": str(Path.home()), "T": str(tmp_path)}
        log = tmp_path / "log"
        done: proc.Finished = asyncio.run(made.run(["sh", "-c", text], env=env, log=log, timeout=timeout))
        return done.code, log.read_text().partition("\n")[2]

    return script


def test_it_reads_the_source_and_writes_the_build_tree(run: Run, tmp_path: Path) -> None:
    assert run("cp $T/source/file $T/build/out && gcc --version >/dev/null") == (0, "")
    assert (tmp_path / "private/out").read_text() == "source\n"
    assert not list((tmp_path / "build").iterdir()), "what others see is left alone"


@pytest.mark.parametrize(
    "what",
    [
        "cat $T/secret",
        "ls $HOME",
        "ls /root /home",
        "cat /etc/passwd",
        "echo evil >$T/source/file",
        "echo evil >$T/source/new",
        "touch /usr/evil",
        "mount -t tmpfs none /mnt",
        "unshare -Um mount -t tmpfs none /tmp",
        "unshare -U true",
        "echo evil >/new",
        "echo evil >/dev/new",
    ],
)
def test_it_sees_and_writes_nothing_else(run: Run, tmp_path: Path, what: str) -> None:
    code, output = run(what)
    assert code != 0, output
    assert (tmp_path / "source/file").read_text() == "source\n"


def test_it_reaches_no_network(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ask = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 5)"
        code, output = run(f'python3 -c "{ask}"')
    assert code != 0 and "refused" in output, output


def test_it_sees_no_process_of_ours(run: Run) -> None:
    assert run("test $(ls -d /proc/[0-9]* | wc -l) -le 6")[0] == 0
    assert run(f"kill {os.getpid()}")[0] != 0


def test_too_many_processes_end_it_all(run: Run) -> None:
    with pytest.raises(BuildError, match=r"the build has .* processes; it may have 50"):
        run("for i in $(seq 80); do setsid sleep 4321 & done; sleep 4321")
    until = time.monotonic() + 5
    while _left() and time.monotonic() < until:
        time.sleep(0.1)  # the kernel ends them one by one
    assert not _left()


def _left() -> list[Path]:
    return [p for p in Path("/proc").glob("[0-9]*/cmdline") if _text(p) == "sleep\x004321\x00"]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def test_too_much_memory_ends_it(run: Run) -> None:
    with pytest.raises(BuildError, match="MiB; it may use 100"):
        run("python3 -c 'import time; x = bytearray(300 << 20); time.sleep(60)'", Bounds(100, 50))


@pytest.mark.parametrize("what", ["head -c 80M /dev/zero >/tmp/a", "head -c 80M /dev/zero >/dev/shm/a"])
def test_a_file_in_memory_is_memory(run: Run, what: str) -> None:
    assert run(f"{what} && sleep 1", Bounds(100, 50)) == (0, "")
    with pytest.raises(BuildError, match="MiB; it may use 100"):
        run(f"{what} && cp /tmp/a /dev/shm/b || cp /dev/shm/a /tmp/b; sleep 60", Bounds(100, 50))


def test_between_two_looks_files_in_memory_end_at_the_limit(run: Run) -> None:
    assert run("df -k --output=size /tmp /dev/shm | tail -n 2 | xargs", Bounds(100, 50)) == (0, "102400 102400\n")


def test_many_empty_files_are_memory_too(run: Run) -> None:
    with pytest.raises(BuildError, match="MiB; it may use 20"):
        run("""cd /tmp; python3 -c 'for i in range(30000): open(str(i), "w")'; sleep 60""", Bounds(20, 50))


def test_its_niceness_counts(tmp_path: Path) -> None:
    """Where Linux schedules by session, that of its session, too."""
    if not Path("/proc/self/autogroup").exists():
        pytest.skip("this Linux schedules process by process")
    made, log = Sandbox((), {}, Bounds(1000, 50)), tmp_path / "log"
    work = made.run(
        ["cat", "/proc/self/autogroup"], env={"PATH": os.environ["PATH"]}, log=log, timeout=20, niceness=7
    )
    assert asyncio.run(work).code == 0
    assert log.read_text().split()[-2:] == ["nice", "7"]


def test_time_is_limited(run: Run) -> None:
    with pytest.raises(TimeoutError):
        run("sleep 60", timeout=1)


HOUSE = "cd $T/build && "
WRITERS = {
    "one file": "head -c 20G /dev/zero >x",
    "many files": "for i in $(seq 20000); do head -c 1M /dev/zero >$i; done",
    "two at a time": "(head -c 20G /dev/zero >x) & head -c 20G /dev/zero >y",
    "a file without a name": "exec 3>x; rm x; head -c 20G /dev/zero >&3",
    "in a deep folder": """python3 -c 'import os
for i in range(3000): os.mkdir("d"); os.chdir("d")
f = open("x", "wb")
while True: f.write(bytes(1 << 20))'""",
    "at once, or not at all": "for i in $(seq 100); do fallocate -l 500M $i; done; head -c 20G /dev/zero >x",
    "nothing but names": """python3 -c 'for i in range(100000): open(str(i), "w")'""",
}


@pytest.mark.parametrize("what", WRITERS.values(), ids=WRITERS)
def test_too_much_of_the_disk_ends_it(run: Run, tmp_path: Path, what: str) -> None:
    """20 GiB were to be written, 100 MiB may be; all of it can be taken away afterwards."""
    with pytest.raises(BuildError, match="MiB of the disk; it may take 100") as raised:
        run(f"{HOUSE}{what}; sleep 60", Bounds(1000, 50, 100), 100)
    assert raised.value.kind == "sandbox"
    done = subprocess.run(["du", "-sm", tmp_path / "private"], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[0]) < 100 + 1024
    remove(tmp_path / "private")
    assert not (tmp_path / "private").exists()


def test_a_file_ends_at_a_limit_if_nobody_looks(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "SLACK", 10 << 20)

    async def blind(*_: object) -> None:
        return None

    monkeypatch.setattr(bubblewrap._Disk, "look", blind)
    code, output = run(f"{HOUSE}head -c 20G /dev/zero >x", Bounds(1000, 50, 20))
    assert code != 0 and "File size limit exceeded" in output
    assert (tmp_path / "private/x").stat().st_size == 30 << 20


def test_a_build_that_is_counted_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands still meanwhile, and does not notice."""
    monkeypatch.setattr(bubblewrap, "RECOUNT", 0)
    counted = []
    count = bubblewrap._Disk._count

    async def noted(self: bubblewrap._Disk, child: int) -> int:
        counted.append(await count(self, child))
        return counted[-1]

    monkeypatch.setattr(bubblewrap._Disk, "_count", noted)
    text = "for i in 1 2 3 4 5 6 7 8; do head -c 5M /dev/zero >$i; sleep 0.2; done; sleep 1; echo done"
    assert run(HOUSE + text, Bounds(1000, 50, 100)) == (0, "done\n")
    assert len(counted) > 3 and 40 << 20 <= counted[-1] < 42 << 20


def test_who_prints_without_end_is_ended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "PRINTED", 10 << 20)
    with pytest.raises(BuildError, match="has printed more than 10 MiB"):
        run("while :; do head -c 5M /dev/zero; sleep 0.05; done")


def test_a_disk_that_becomes_full_is_nobodys_fault(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of files that nobody can count."""
    free = iter([9 << 30, 9 << 30, 9 << 30])
    monkeypatch.setattr(bubblewrap._Disk, "_left_on_disk", lambda _: (next(free, 1 << 29), 9 << 30))
    with pytest.raises(DiskFull, match="has become nearly full"):
        run("sleep 60")


def test_what_nobody_may_write_to_is_removed_too(tmp_path: Path) -> None:
    deep = tmp_path / "made/a/b/c"
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    (tmp_path / "made/link").symlink_to("/etc")
    for folder in (deep, *list(deep.parents)[:3]):
        folder.chmod(0)
    remove(tmp_path / "made")
    assert not (tmp_path / "made").exists() and Path("/etc").is_dir()


def test_a_file_from_inside_is_read_if_it_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("/etc/hostname")
    assert own_file(tmp_path / "file").read_text() == "x"
    for name in ("link", "nothing"):
        with pytest.raises(InfraError, match="is no file"):
            own_file(tmp_path / name)


def test_a_link_made_by_the_build_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "made/arch").mkdir(parents=True)
    (tmp_path / "made/vmlinux").symlink_to("/etc/hostname")
    (tmp_path / "made/boot").symlink_to("/etc")
    for name in ("vmlinux", "boot/hostname", "../secret"):
        with pytest.raises(BuildError, match="link"):
            regular(tmp_path / "made", name)
    assert regular(tmp_path / "made", "arch/Image") == tmp_path / "made/arch/Image"


def test_only_the_projects_patches_are_trusted(tmp_path: Path) -> None:
    own = IMAGES / "patches/seed-review/0001.patch"
    assert trusted([]) and trusted([own])
    assert not trusted([own, tmp_path / "a.patch"])


def test_without_bubblewrap_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "_usable", {"why": "bwrap is not installed"})
    with pytest.raises(ToolMissing, match="bubblewrap cannot hold it here: bwrap is not installed") as raised:
        asyncio.run(bubblewrap.check())
    assert "--unsandboxed" in raised.value.hint
