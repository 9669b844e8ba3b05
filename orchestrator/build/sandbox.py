# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds of patches that nobody vouches for: a Makefile is a program. bubblewrap shows it little and lets it do less.

No network, no processes but its own, no HOME; the source and the tools can be read, one folder written. What all its
processes use together, files in memory included, is looked at twice a second from outside.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator import proc
from orchestrator.errors import BuildError, ToolMissing

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/ld.so.cache")
WORDS = "no network, no HOME; memory, processes and time limited"
MEMORY = ("/tmp", "/dev/shm")  # what can be written besides: files that are kept in memory
INODE = 1024  # bytes of the kernel's for each of them, at least
LOOK = 0.5  # seconds between two looks
PAGE = resource.getpagesize()
_usable: dict[str, str] = {}


@dataclass(frozen=True)
class Bounds:
    """What a build may use: MiB of memory in all, processes in all."""

    memory_mib: int
    processes: int


@dataclass(frozen=True)
class Sandbox:
    """read: folders that can be seen; write: {folder of ours: where it is seen}, which can be written; shown: {folder
    or file of ours: where it is seen}, each over those before it."""

    read: tuple[Path, ...]
    write: Mapping[Path, Path]
    bounds: Bounds
    shown: Mapping[Path, Path] = field(default_factory=dict)

    async def run(
        self, argv: Sequence[str], *, env: Mapping[str, str], log: Path, timeout: float, niceness: int = 0
    ) -> proc.Finished:
        """As proc.run. BuildError when it used more than it may; TimeoutError."""
        with log.open("ab") as sink, _pipe() as (told, tell):
            command = self.command(argv, tell)
            sink.write(f"$ {' '.join(command)}\n".encode())
            sink.flush()
            async with (
                asyncio.timeout(timeout),
                proc.spawn(command, env=env, stdout=sink, pass_fds=[tell], niceness=niceness) as process,
            ):
                watch = asyncio.create_task(self._watch(told))
                ended = asyncio.create_task(process.wait())
                try:
                    await asyncio.wait({watch, ended}, return_when=asyncio.FIRST_COMPLETED)
                    if watch.done():
                        why = watch.result()
                        raise BuildError(
                            why, kind="sandbox", hint="no kernel needs that: look at what the patch does"
                        )
                    await ended
                finally:
                    watch.cancel()
                    ended.cancel()
        return proc.Finished(tuple(command), process.returncode or 0, "")

    def command(self, argv: Sequence[str], status_fd: int) -> list[str]:
        """bwrap's command line. Pure but for which system folders there are.

        In a user namespace of its own it could mount what nobody counts, so it may have none.
        """
        tmp, shm = (["--size", str(self.bounds.memory_mib << 20), "--tmpfs", path] for path in MEMORY)
        system = [option for path in SYSTEM for option in _system(path)]
        shown = [word for path, inside in self.shown.items() for word in ("--ro-bind", str(path), str(inside))]
        seen = [option for path in self.read for option in ("--ro-bind", str(path), str(path))]
        own = [option for path, inside in self.write.items() for option in ("--bind", str(path), str(inside))]
        return [
            "bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session",
            "--json-status-fd", str(status_fd), "--cap-drop", "ALL", "--hostname", "kmatrix",
            "--proc", "/proc", "--dev", "/dev", *shm, "--remount-ro", "/dev", *tmp,
            *system, *seen, *shown, *own, "--remount-ro", "/", "--chdir", "/", "--", *argv,
        ]  # fmt: skip

    async def _watch(self, told: int) -> str:
        """Why it must end; does not return otherwise."""
        child = await _child(told)
        if not child:
            return "bubblewrap does not say what it runs, so nobody can watch it"
        while True:
            pages, count = usage(child)
            used = pages * PAGE + kept(child)
            if count > self.bounds.processes:
                return f"the build has {count} processes; it may have {self.bounds.processes}"
            if used > self.bounds.memory_mib << 20:
                return f"the build uses {used >> 20} MiB; it may use {self.bounds.memory_mib}"
            await asyncio.sleep(LOOK)


async def check() -> None:
    """ToolMissing where bubblewrap is not there or may not do its work; asked once."""
    if "why" not in _usable:
        try:
            nothing = Sandbox((), {}, Bounds(1, 1)).command(["true"], 1)
            done = await proc.run(nothing)
            _usable["why"] = done.output.strip() if done.code else ""
        except ToolMissing as error:
            _usable["why"] = error.message
    if _usable["why"]:
        raise ToolMissing(
            f"a patch is a program when it is built, and bubblewrap cannot hold it here: {_usable['why']}",
            hint="install bubblewrap, allow user namespaces, or say --unsandboxed if you trust every patch",
        )


def usage(child: int) -> tuple[int, int]:
    """(resident pages, number) of all processes in the child's PID namespace, itself included."""
    try:
        space = Path(f"/proc/{child}/ns/pid").readlink()
    except OSError:
        return 0, 0
    pages = count = 0
    for entry in os.listdir("/proc"):  # noqa: PTH208 (a Path for each would take longer than the rest)
        if entry.isdigit():
            with suppress(OSError):
                if Path(f"/proc/{entry}/ns/pid").readlink() == space:
                    count += 1
                    pages += int(Path(f"/proc/{entry}/statm").read_text().split()[1])
    return pages, count


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
