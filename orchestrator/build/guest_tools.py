# SPDX-License-Identifier: GPL-2.0-or-later
"""Workloads: static native binaries, cross-compiled, kept in the store."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator import proc
from orchestrator.build import disk, toolchain
from orchestrator.config import workloads
from orchestrator.errors import BuildError
from orchestrator.model import WHOLE, Arch, ProgramKind, UserProgram, Workload
from orchestrator.paths import ADAPTERS, COMMON
from orchestrator.store import Store, digest, sha256

# No PIE: the same addresses in every pass, and a profile can name them.
_STATIC = (
    "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g0", "-static", "-no-pie", "-fno-pie", "-pthread",
)  # fmt: skip
FLAGS = (*_STATIC, "-Wall", "-Wextra", "-Werror", "-Wl,--build-id=none")
OWN_FLAGS = (*_STATIC, "-w", "-Wl,--build-id=none")  # a user's warnings are the user's
# Where no other static program is: in a guest both run, and a profile tells them apart by their addresses alone.
APART = ("-Wl,-Ttext-segment=0x60000000",)
LIBRARIES = ("-lm",)
FAILING = "failing.c"  # of ADAPTERS
WRAPPED = ("-Wl,--wrap=km_begin", "-Wl,--wrap=km_end")  # by failing.c
# By which sizes are divided that are written in C: kernels that watch themselves are slow.
ALL, LESS = "-DKM_LESS=1", "-DKM_LESS=16"
HOOK = "-fsanitize-coverage=trace-pc"  # guest-tools/adapters/will-it-scale.c says why
RAM_DISK_MIB = 16  # images/kconfig/boot.config has it so
LIBRARY = "library"  # of ADAPTERS: the main() of workloads that are one program
_INC = "workloads.inc"  # which it includes
_NO_HEADER = re.compile(r"fatal error: (\S+): No such file or directory")


REMOTE, PROGRAM, EMPTY_DISK = "/tmp/workload", "/tmp/program", "/tmp/ext4"  # in the guest


@dataclass(frozen=True)
class Tool:
    """What goes into a guest: the program to start; the one that it starts, if that measures from outside; what an
    empty file system is made of."""

    runner: Path
    program: Path | None = None
    disk: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """One or both, in this order."""
        return (self.runner, *((self.program,) if self.program else ()))

    @property
    def pushed(self) -> tuple[tuple[Path, str], ...]:
        """All of it, each with its place in the guest."""
        found = ((self.runner, REMOTE), (self.program, PROGRAM), (self.disk, EMPTY_DISK))
        return tuple((path, place) for path, place in found if path)

    @property
    def sha256(self) -> str:
        """The runner's own; of several files, that of their sums."""
        sums = [sha256(path) for path, _ in self.pushed]
        return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()


async def tool(store: Store, arch: Arch, workload: Workload, failing: bool = False) -> Tool:
    """The workload's programs for an arch. Raises BuildError with the compiler's words.

    failing: allocations of its regions can be made to fail, see guest-tools/adapters/failing.c. Not of users' own.
    """
    own, box = workload.own, workload.toolbox
    failing = failing and (box / ADAPTERS / FAILING).is_file()  # copies of older runs have none
    if workload.area:
        return Tool(await _Library(arch, box, failing).binary(store), disk=await disk.pages(store, RAM_DISK_MIB))
    if own is None:
        c_files, headers = (sorted(workload.folder.glob(pattern)) for pattern in ("*.c", "*.h"))
        return Tool(await _Job(arch, box, workload.name, c_files, headers, failing=failing).binary(store))
    sources = own.compiled
    others = [path for path in own.files if path not in sources]
    if own.kind is ProgramKind.MARKERS:
        return Tool(await _Job(arch, box, workload.name, sources, others, own).binary(store))
    if own.kind is ProgramKind.WILL_IT_SCALE:
        return Tool(await _Job(arch, box, workload.name, sources, others, own, adapter="will-it-scale").binary(store))
    runner = await _Job(arch, box, "process", [box / ADAPTERS / "process.c"], [], place=APART).binary(store)
    if own.kind is ProgramKind.SOURCE:
        return Tool(runner, await _Job(arch, box, workload.name, sources, others, own, common=False).binary(store))
    return Tool(runner, _kept(store, own.files[0]))


def _how(failing: bool) -> tuple[str, ...]:
    """What the compiler is told of it."""
    return (*WRAPPED, LESS) if failing else (ALL,)


def _failing(toolbox: Path, failing: bool) -> list[Path]:
    """What is linked besides."""
    return [toolbox / ADAPTERS / FAILING] if failing else []


def arguments(workload: Workload, options: Sequence[str], program: str) -> list[str]:
    """What the runner is started with; options are those of km_start(), program is where the other file is."""
    own = workload.own
    if own is None or own.kind not in WHOLE:
        return [*workload.args, *options]
    skip = [] if own.skip is None else ["--skip", str(own.skip)]
    return [*skip, *options, "--", *own.interpreter, program, *workload.args]


def _kept(store: Store, path: Path) -> Path:
    """A copy of a ready file: whoever changes it while a run is under way changes nothing."""
    key = digest("guest-tool-copy", path.name, sha256(path))
    folder = store.folder("guest-tools", key)
    if not folder.exists():
        with store.publish("guest-tools", key) as temporary:
            shutil.copyfile(path, temporary / path.name)
    return folder / path.name


@dataclass(frozen=True)
class _Library:
    """All workloads of a toolbox's areas as one program: what one of them is named by starts it."""

    arch: Arch
    toolbox: Path
    failing: bool = False  # see tool()

    async def binary(self, store: Store) -> Path:
        """From the store; else compiled."""
        names = workloads.library(self.toolbox)
        files = workloads.library_sources(self.toolbox)
        compiler = await toolchain.compiler(self.arch.cross_prefix)
        sums = [(name, sha256(path)) for name, path in files]
        more = [sha256(path) for path in _failing(self.toolbox, self.failing)]
        key = digest("guest-library", FLAGS, _how(self.failing), compiler, [*sums, *more])
        folder = await store.arrived("guest-tools", key)
        async with store.lock(f"guest-tool-{key}"):
            if not folder.exists():
                with store.publish("guest-tools", key) as temporary:
                    await self._make(temporary, names)
        return folder / LIBRARY

    async def _make(self, folder: Path, names: Mapping[str, Path]) -> None:
        work = folder / "objects"
        work.mkdir()
        mains = {name: f"km_main_{re.sub(r'[^0-9a-z]', '_', name)}" for name in names}
        (work / _INC).write_text("".join(f'KM_WORKLOAD("{name}", {main})\n' for name, main in mains.items()))
        common = sorted((self.toolbox / COMMON).glob("*.c"))
        jobs: list[tuple[str, Path, tuple[str, ...]]]
        mine = [*common, self.toolbox / ADAPTERS / f"{LIBRARY}.c", *_failing(self.toolbox, self.failing)]
        jobs = [("common", path, ()) for path in mine]
        jobs += [
            (name, path, (f"-Dmain={mains[name]}",))
            for name, place in names.items()
            for path in sorted(place.glob("*.c"))
        ]
        free = asyncio.Semaphore(len(os.sched_getaffinity(0)))

        async def one(name: str, path: Path, options: tuple[str, ...]) -> str:
            out = work / f"{name}-{path.stem}.o"
            async with free:
                await self._compile(name, [path], ["-c", *options, "-I", str(work), "-o", str(out)])
            return str(out)

        objects = await asyncio.gather(*(one(*job) for job in jobs))
        await self._compile(LIBRARY, map(Path, objects), ["-o", str(folder / LIBRARY)])
        shutil.rmtree(work)

    async def _compile(self, name: str, files: Iterable[Path], options: Sequence[str]) -> None:
        shared = ("-I", str(self.toolbox / COMMON))
        await _gcc(
            name, self.arch,
            [*FLAGS, *_how(self.failing), f"-ffile-prefix-map={self.toolbox}=.", *shared, *map(str, files), *options],
        )  # fmt: skip


@dataclass(frozen=True)
class _Job:
    """One program to compile. With common, what marks the regions is linked to it."""

    arch: Arch
    toolbox: Path
    name: str
    sources: Sequence[Path]
    headers: Sequence[Path]
    own: UserProgram | None = None
    adapter: str = ""  # a file of ADAPTERS that has the main()
    common: bool = True
    place: tuple[str, ...] = ()  # linker options that say at which addresses it is
    failing: bool = False  # see tool()

    async def binary(self, store: Store) -> Path:
        """From the store; else compiled."""
        sources = [*self._ours(), *sorted(self.sources)]
        headers = [*(self._shared("*.h") if self.common else ()), *sorted(self.headers)]
        compiler = await toolchain.compiler(self.arch.cross_prefix)
        how = (
            (FLAGS, compiler)
            if self.own is None
            else (OWN_FLAGS, LIBRARIES, HOOK, self.common, self.adapter, compiler)
        )
        how = (*how, _how(self.failing))
        key = digest("guest-tool", self.name, self.place, *how, [(p.name, sha256(p)) for p in [*sources, *headers]])
        folder = await store.arrived("guest-tools", key)
        async with store.lock(f"guest-tool-{key}"):
            if not folder.exists():
                with store.publish("guest-tools", key) as temporary:
                    await self._make(temporary)
        return folder / self.name

    def _ours(self) -> list[Path]:
        """C files of the project that are part of it. They come first: an order that no folder's place changes."""
        adapter = [self.toolbox / ADAPTERS / f"{self.adapter}.c"] if self.adapter else []
        shared = self._shared("*.c") if self.common else ()
        return [*adapter, *shared, *_failing(self.toolbox, self.failing)]

    def _shared(self, pattern: str) -> list[Path]:
        return sorted((self.toolbox / COMMON).glob(pattern))

    async def _make(self, folder: Path) -> None:
        if not self.adapter:
            await self._compile([*self._ours(), *sorted(self.sources)], ["-o", str(folder / self.name)])
            return
        objects = [folder / f"{number}.o" for number in range(len(self.sources))]
        for source, out in zip(self.sources, objects, strict=True):
            await self._compile([source], ["-c", HOOK, "-o", str(out)])
        await self._compile([*objects, *self._ours()], ["-o", str(folder / self.name)])
        for out in objects:
            out.unlink()

    async def _compile(self, files: Iterable[Path], options: Sequence[str]) -> None:
        """No path of this machine gets into the program."""
        folders = dict.fromkeys([*(path.parent for path in self.sources), self.toolbox / COMMON])
        places = [f"-ffile-prefix-map={folder}=." for folder in folders]
        near = (
            self.own.headers if self.own else ()
        )  # <NAME> is looked for there last: nothing of the system is hidden
        headers = [word for folder in near for word in ("-iquote", str(folder), "-idirafter", str(folder))]
        flags = OWN_FLAGS if self.own else FLAGS
        flags = (*flags, *_how(self.failing))
        libraries = LIBRARIES if self.own else ()
        shared = ("-I", str(self.toolbox / COMMON))
        command = [*flags, *self.place, *places, *headers, *shared, *map(str, files), *options, *libraries]
        await _gcc(self.name, self.arch, command)


async def _gcc(name: str, arch: Arch, arguments: Sequence[str]) -> None:
    """name: of the workload, for people. BuildError with the compiler's words."""
    done = await proc.run([f"{arch.cross_prefix}gcc", *arguments])
    if not done.code:
        return
    error = next((row for row in done.output.splitlines() if "error" in row), "see the log")
    hint = ""
    if lacking := _NO_HEADER.search(done.output):
        error = f"it includes {lacking[1]}, which is not there"
        hint = f'put {lacking[1]} beside the C file (#include "NAME"), or leave the program out'
    message = f"{name} does not compile for {arch.name}: {error}"
    raise BuildError(message, kind="workload_compile", hint=hint, log=done.output)
