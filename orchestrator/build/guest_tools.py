# SPDX-License-Identifier: GPL-2.0-or-later
"""Workloads: static native binaries, cross-compiled, kept in the store."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator import proc
from orchestrator.build import toolchain
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
HOOK = "-fsanitize-coverage=trace-pc"  # guest-tools/adapters/will-it-scale.c says why
_NO_HEADER = re.compile(r"fatal error: (\S+): No such file or directory")


@dataclass(frozen=True)
class Tool:
    """What goes into a guest: the program to start, and the one that it starts, if that measures from outside."""

    runner: Path
    program: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """One or both, in this order."""
        return (self.runner, *((self.program,) if self.program else ()))

    @property
    def sha256(self) -> str:
        """The runner's own; of two files, that of their sums."""
        sums = [sha256(path) for path in self.files]
        return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()


async def tool(store: Store, arch: Arch, workload: Workload) -> Tool:
    """The workload's programs for an arch. Raises BuildError with the compiler's words."""
    own, box = workload.own, workload.toolbox
    if own is None:
        c_files, headers = (sorted(workload.folder.glob(pattern)) for pattern in ("*.c", "*.h"))
        return Tool(await _Job(arch, box, workload.name, c_files, headers).binary(store))
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
        key = digest("guest-tool", self.name, self.place, *how, [(p.name, sha256(p)) for p in [*sources, *headers]])
        folder = store.folder("guest-tools", key)
        async with store.lock(f"guest-tool-{key}"):
            if not folder.exists():
                with store.publish("guest-tools", key) as temporary:
                    await self._make(temporary)
        return folder / self.name

    def _ours(self) -> list[Path]:
        """C files of the project that are part of it. They come first: an order that no folder's place changes."""
        adapter = [self.toolbox / ADAPTERS / f"{self.adapter}.c"] if self.adapter else []
        return [*adapter, *(self._shared("*.c") if self.common else ())]

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
        libraries = LIBRARIES if self.own else ()
        done = await proc.run(
            [
                f"{self.arch.cross_prefix}gcc",
                *flags,
                *self.place,
                *places,
                *headers,
                "-I",
                str(self.toolbox / COMMON),
                *map(str, files),
                *options,
                *libraries,
            ]
        )
        if done.code:
            raise self._failed(done.output)

    def _failed(self, output: str) -> BuildError:
        error = next((row for row in output.splitlines() if "error" in row), "see the log")
        hint = ""
        if lacking := _NO_HEADER.search(output):
            error = f"it includes {lacking[1]}, which is not there"
            hint = f'put {lacking[1]} beside the C file (#include "NAME"), or leave the program out'
        message = f"{self.name} does not compile for {self.arch.name}: {error}"
        return BuildError(message, kind="workload_compile", hint=hint, log=output)
