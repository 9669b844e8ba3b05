# SPDX-License-Identifier: GPL-2.0-or-later
"""What nobody vouches for: a patch's Makefile is a program, and so is its kernel, in an emulator. bubblewrap shows it
little and lets it do less.

No network, no processes but its own, no HOME; what it needs can be read, one folder written. What all processes of a
build use together, files in memory included, is looked at twice a second from outside, what they take of the disk
ten times.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import stat
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator import proc
from orchestrator.errors import BuildError, DiskFull, InfraError, KmatrixError, ToolMissing
from orchestrator.sandbox import seccomp

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/ld.so.cache")
WORDS = "no network, no HOME; memory, disk, processes and time limited"
MEMORY = ("/tmp", "/dev/shm")  # what can be written besides: files that are kept in memory
INODE = 1024  # bytes of the kernel's for each of them, at least
LOOK, DISK_LOOK = 0.5, 0.1  # seconds between two looks at processes, at the disk
RECOUNT = 20.0  # seconds after which files are counted, however much of the disk is free
STEP = 64 << 20  # bytes: files are not counted for less
SHARE = 16 << 10  # bytes of a disk that a file takes, however empty: as many have an inode on ext4
PRINTED = 64 << 20  # bytes that a build may print: it is a file of ours
SLACK = 512 << 20  # bytes by which one file may pass the bound of all, if nobody looks in time
FLOOR = 1 << 30  # bytes of a disk: with less left, what has taken as much meanwhile is ended, whoever it was
PAGE = resource.getpagesize()
_usable: dict[str, str] = {}


@dataclass(frozen=True)
class Bounds:
    """What it may use in all: MiB of memory, processes, MiB of the disk below what it may write."""

    memory_mib: int
    processes: int
    disk_mib: int = 1024


@dataclass(frozen=True)
class Sandbox:
    """read: folders that can be seen; write: {folder of ours: where it is seen}, which can be written; shown: {folder
    or file of ours: where it is seen}, each over those before it; devices: of /dev, beside null and its like."""

    read: tuple[Path, ...]
    write: Mapping[Path, Path]
    bounds: Bounds
    shown: Mapping[Path, Path] = field(default_factory=dict)
    devices: tuple[Path, ...] = ()

    async def run(
        self, argv: Sequence[str], *, env: Mapping[str, str], log: Path, timeout: float, niceness: int = 0
    ) -> proc.Finished:
        """As proc.run. BuildError when it used more than it may; TimeoutError."""
        with log.open("ab") as sink, _pipe() as (told, tell), _filter() as filter_:
            command = self.command(argv, tell, filter_)
            sink.write(f"$ {' '.join(command)}\n".encode())
            sink.flush()
            disk = _Disk(tuple(self.write), self.bounds.disk_mib << 20, log)
            async with (
                asyncio.timeout(timeout),
                proc.spawn(command, env=env, stdout=sink, pass_fds=[tell, filter_], niceness=niceness) as process,
            ):
                watch = asyncio.create_task(self._watch(told, disk))
                ended = asyncio.create_task(process.wait())
                try:
                    await asyncio.wait({watch, ended}, return_when=asyncio.FIRST_COMPLETED)
                    if watch.done():
                        raise watch.result()
                    await ended
                finally:
                    watch.cancel()
                    ended.cancel()
        return proc.Finished(tuple(command), process.returncode or 0, "")

    def command(self, argv: Sequence[str], status_fd: int | None = None, filter_fd: int | None = None) -> list[str]:
        """bwrap's command line. Pure but for which system folders there are.

        In a user namespace of its own it could mount what nobody counts, so it may have none. A session of its own it
        has (proc.spawn); in another one, which Linux schedules for itself, its niceness would not count.
        """
        status = ["--json-status-fd", str(status_fd)] if status_fd is not None else []
        status += ["--seccomp", str(filter_fd)] if filter_fd is not None else []
        devices = [word for path in self.devices for word in ("--dev-bind", str(path), str(path))]
        tmp, shm = (["--size", str(self.bounds.memory_mib << 20), "--tmpfs", path] for path in MEMORY)
        system = [option for path in SYSTEM for option in _system(path)]
        shown = [word for path, inside in self.shown.items() for word in ("--ro-bind", str(path), str(inside))]
        seen = [option for path in self.read for option in ("--ro-bind", str(path), str(path))]
        own = [option for path, inside in self.write.items() for option in ("--bind", str(path), str(inside))]
        return [
            "prlimit", f"--fsize={(self.bounds.disk_mib << 20) + SLACK}", "--core=0",
            "bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent",
            *status, "--cap-drop", "ALL", "--hostname", "kmatrix",
            "--proc", "/proc", "--dev", "/dev", *devices, *shm, "--remount-ro", "/dev", *tmp,
            *system, *seen, *shown, *own, "--remount-ro", "/", "--chdir", "/", "--", *argv,
        ]  # fmt: skip

    async def _watch(self, told: int, disk: _Disk) -> KmatrixError:
        """Why it must end; does not return otherwise."""
        child = await _child(told)
        if not child:
            return InfraError("bubblewrap does not say what it runs, so nobody can watch it", kind="sandbox")
        looked = 0.0
        while True:
            if time.monotonic() >= looked + LOOK:
                looked = time.monotonic()
                if why := self._too_much(child):
                    return why
            if full := await disk.look(child):
                return full
            await asyncio.sleep(DISK_LOOK)

    def _too_much(self, child: int) -> BuildError | None:
        """Of what is not on a disk."""
        pages, count = usage(child)
        used = pages * PAGE + kept(child)
        if count > self.bounds.processes:
            return _refused(f"the build has {count} processes; it may have {self.bounds.processes}")
        if used > self.bounds.memory_mib << 20:
            return _refused(f"the build uses {used >> 20} MiB; it may use {self.bounds.memory_mib}")
        return None


class _Disk:
    """What a build takes of the disk, as exactly as it needs to be known.

    How much is free is asked all the time, and costs nothing. Files are counted when that has fallen by what may
    still be written, whoever wrote it; the build stands still meanwhile, so that what is counted is what there is.
    """

    def __init__(self, folders: Sequence[Path], bound: int, log: Path) -> None:
        self._folders, self._bound, self._log = folders, bound, log
        self._printed = log.stat().st_size
        self._first, inodes = self._left_on_disk()
        self._free, self._due, self._counted = self._first + inodes, 0, 0.0

    async def look(self, child: int) -> KmatrixError | None:
        """Why it must end."""
        if self._log.stat().st_size - self._printed > PRINTED:
            return _refused(f"the build has printed more than {PRINTED >> 20} MiB")
        room, inodes = self._left_on_disk()
        free = room + inodes
        if room < FLOOR < self._first - room:
            hint = "make room (kmatrix clean): it is not known that the build took it"
            return DiskFull(f"{self._folders[0]}: while it was built in, the disk has become nearly full", hint=hint)
        if self._folders and (self._free - free >= self._due or time.monotonic() > self._counted + RECOUNT):
            used = await self._count(child)
            if used > self._bound:
                return _refused(f"the build takes {used >> 20} MiB of the disk; it may take {self._bound >> 20}")
            self._free, self._due = sum(self._left_on_disk()), max(self._bound - used, STEP)
            self._counted = time.monotonic()
        return None

    def _left_on_disk(self) -> tuple[int, int]:
        """Bytes that are free, and what the free inodes are worth; (0, 0) if nothing is written."""
        if not self._folders:
            return 0, 0
        there = os.statvfs(self._folders[0])  # they are all in the cache
        return there.f_bavail * there.f_frsize, there.f_favail * SHARE

    async def _count(self, child: int) -> int:
        """Bytes of all files there, and of those without a name that somebody has open. du takes any depth."""
        stopped = _stop(child)
        try:
            used = 0
            for options, unit in ((["--block-size=1"], 1), (["--inodes"], SHARE)):
                done = await proc.run(["du", "-s", *options, "--", *map(str, self._folders)])
                used += unit * sum(int(n) for row in done.output.splitlines() if (n := row.split("\t")[0]).isdigit())
            return used + _nameless(stopped, {folder.stat().st_dev for folder in self._folders})
        finally:
            for pid in stopped:
                with suppress(OSError):
                    os.kill(pid, signal.SIGCONT)


def _refused(why: str) -> BuildError:
    return BuildError(why, kind="sandbox", hint="no kernel needs that: look at what the patch does")


async def usable() -> str:
    """Why bubblewrap cannot hold anything here; "" if it can. Asked once."""
    if "why" not in _usable:
        try:
            done = await proc.run(Sandbox((), {}, Bounds(1, 1)).command(["true"]))
            _usable["why"] = done.output.strip() or "it cannot start anything" if done.code else ""
        except ToolMissing as error:
            _usable["why"] = error.message
    return _usable["why"]


async def check() -> None:
    """ToolMissing where bubblewrap is not there or may not do its work."""
    if why := await usable():
        raise ToolMissing(
            f"a patch is a program when it is built and when it is booted, and bubblewrap cannot hold it here: {why}",
            hint="install bubblewrap, allow user namespaces, or say --unsandboxed if you trust every patch",
        )


def inside(pid: int) -> int:
    """The process that a bwrap was started for: its child is the first of the namespace, whose child it is. 0: there
    is none (yet)."""
    for _ in range(2):
        try:
            pid = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        except (OSError, IndexError):
            return 0
    return pid


def own_file(path: Path) -> Path:
    """A file that who is inside wrote, to be read by us. InfraError if it is a link to what it could not read."""
    if path.is_symlink() or not path.is_file():
        raise InfraError(f"{path} is no file", kind="sandbox")
    return path


def _processes(child: int) -> list[int]:
    """All in the child's PID namespace, itself included."""
    try:
        space = Path(f"/proc/{child}/ns/pid").readlink()
    except OSError:
        return []
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 (a Path for each would take longer than the rest)
        if entry.isdigit():
            with suppress(OSError):
                if Path(f"/proc/{entry}/ns/pid").readlink() == space:
                    found.append(int(entry))
    return found


def _stop(child: int) -> set[int]:
    """All of them stand still then: who is stopped starts nobody."""
    stopped: set[int] = set()
    while new := {*_processes(child)} - stopped:
        for pid in new:
            with suppress(OSError):
                os.kill(pid, signal.SIGSTOP)
        stopped |= new
    return stopped


def _nameless(processes: Collection[int], devices: Collection[int]) -> int:
    """Bytes of files on these devices that have no name any more, but are open."""
    found: dict[tuple[int, int], int] = {}
    for pid in processes:
        with suppress(OSError):
            for entry in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
                with suppress(OSError):
                    file = os.stat(f"/proc/{pid}/fd/{entry}")  # noqa: PTH116
                    if stat.S_ISREG(file.st_mode) and not file.st_nlink and file.st_dev in devices:
                        found[file.st_dev, file.st_ino] = file.st_blocks * 512
    return sum(found.values())


def usage(child: int) -> tuple[int, int]:
    """(resident pages, number) of all processes in the child's PID namespace, itself included."""
    pages = 0
    found = _processes(child)
    for pid in found:
        with suppress(OSError):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages, len(found)


def kept(child: int) -> int:
    """Bytes of the child's files in memory."""
    used = 0
    for path in MEMORY:
        with suppress(OSError):
            inside = f"/proc/{child}/root{path}"
            if os.stat(inside).st_dev != os.stat(path).st_dev:  # noqa: PTH116 (ours, until the child has its own)
                there = os.statvfs(inside)
                used += (there.f_blocks - there.f_bfree) * there.f_frsize + (there.f_files - there.f_ffree) * INODE
    return used


def _system(path: str) -> list[str]:
    """A link stays a link: /bin to usr/bin."""
    real = Path(path)
    if real.is_symlink():
        return ["--symlink", str(real.readlink()), path]
    return ["--ro-bind", path, path] if real.exists() else []


@contextmanager
def _filter() -> Iterator[int]:
    made = seccomp.file()
    try:
        yield made
    finally:
        os.close(made)


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    told, tell = os.pipe()
    os.set_blocking(told, False)
    try:
        yield told, tell
    finally:
        os.close(told)
        os.close(tell)


async def _child(told: int) -> int:
    """bwrap says which process is the first of the namespace. 0: it said nothing for five seconds."""
    text = b""
    for _ in range(100):
        with suppress(BlockingIOError):
            text += os.read(told, 4096)
        for line in text.splitlines():
            with suppress(json.JSONDecodeError):
                if child := json.loads(line).get("child-pid"):
                    return int(child)
        await asyncio.sleep(0.05)
    return 0
