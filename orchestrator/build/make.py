# SPDX-License-Identifier: GPL-2.0-or-later
"""make, for one kernel: its command, its fixed environment, its sandbox, and what its failures mean."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator import proc
from orchestrator.build import toolchain
from orchestrator.build.tree import SharedTree
from orchestrator.errors import BuildError, DiskFull, InfraError, TimedOut
from orchestrator.model import Arch, Build
from orchestrator.paths import PACKAGE
from orchestrator.sandbox.bubblewrap import Bounds, Sandbox
from orchestrator.store import digest, write_atomically

_ERROR = re.compile(r"^(\S+?:\d+(?::\d+)?: (?:fatal )?error: .*|.*: undefined reference to .*|ld: .*)$", re.M)
LINES = "-g1"  # the least debug information: a profile can tell lines of source; no instruction differs by it
# All that there is to tell of an object, of types too that it only includes; no instruction differs by it either.
WHOLE = "-g -gdwarf-4 -fno-eliminate-unused-debug-types -fstack-usage"
# What a .config would tell of this machine, of tools that nothing of it needs: all that is compiled would be compiled
# anew, and be no other, as soon as one is installed. {the variable of make: the option that needs it}
LONGEST = 4096  # characters of a row that a compiler prints: what is longer is no message of its
ABSENT = {"PAHOLE": "CONFIG_DEBUG_INFO_BTF", "RUSTC": "CONFIG_RUST"}
PROCESSES = 100  # for each job of make; a compile is about six
COMPILER, DESCEND = PACKAGE / "build" / "compiler.sh", PACKAGE / "build" / "descend.sh"


@dataclass(frozen=True)
class Make:
    """Calls of make in one tree; in a sandbox if that is private. jobs: -j; timeout in seconds; cache: ccache's.

    told: what objects are to tell of themselves; shown: {ours: where it is seen}, instead of the tree's source;
    written: the same, of what a private tree's make may write besides; disk_gib: that it may take in all.
    """

    build: Build
    shared: SharedTree
    jobs: int
    timeout: float
    cache: Path
    cache_gib: int
    log: Path
    told: str = LINES
    shown: Mapping[Path, Path] = field(default_factory=dict)
    written: Mapping[Path, Path] = field(default_factory=dict)
    disk_gib: float = 8

    async def __call__(self, *targets: str, niceness: int = 0, up_to_date: Sequence[str] = ()) -> None:
        """Raises BuildError with the compiler's first error, TimedOut, DiskFull, or InfraError if make was killed.

        up_to_date: folders that it need not look into, see walk.py.
        """
        argv = self._command(targets)
        try:
            done = await self._run(argv, niceness, up_to_date)
        except TimeoutError as error:
            raise TimedOut(f"make {targets[-1]} took over {self.timeout:.0f} s", hint="limits.build") from error
        if done.code < 0:  # what it was writing cannot be trusted, and the patch is not to blame
            raise InfraError(f"make was killed by signal {-done.code}", kind="make_killed", hint="try again")
        if done.code:
            raise _make_failed(self.build, self.log)

    async def identity(self) -> str:
        """A digest of what decides, beside a source and its .config, what make makes of them."""
        return digest(await toolchain.tools(self.build.arch.cross_prefix), replace(self, jobs=1)._command(()))

    def _command(self, targets: Sequence[str]) -> list[str]:
        scripts = (self._at_hand(COMPILER), self._at_hand(DESCEND))
        wanted = {line.split()[0] for line in self.build.kconfig if line.strip()}
        absent = [name for name, option in ABSENT.items() if f"{option}=y" not in wanted]
        words = [*(f"{name}=none" for name in absent), *targets]
        return make_command(self.build.arch, self.shared, self.jobs, words, self.told, *scripts)

    async def _run(self, argv: list[str], niceness: int, up_to_date: Sequence[str]) -> proc.Finished:
        env = {**self._environment(), "KMATRIX_UP_TO_DATE": f" {' '.join(up_to_date)} "}
        if not self.shared.private:
            return await proc.run(argv, env=env, log=self.log, timeout=self.timeout, niceness=niceness)
        bounds = Bounds(_memory_mib(), PROCESSES * self.jobs, int(self.disk_gib * 1024))
        source = self.shown or {self.shared.source: self.shared.source}
        sandbox = Sandbox((self.cache,), {self.shared.made: self.shared.build, **self.written}, bounds, source)
        return await sandbox.run(argv, env=env, log=self.log, timeout=self.timeout, niceness=niceness)

    def _at_hand(self, script: Path) -> Path:
        """At the same place whatever kmatrix is run from, as make compiles anew what was compiled with another."""
        copy, text = self.cache / script.name, script.read_text()
        if not copy.exists() or copy.read_text() != text:
            self.cache.mkdir(parents=True, exist_ok=True)
            write_atomically(copy, text)
        return copy

    def _environment(self) -> dict[str, str]:
        """Fixed, so that the same inputs give the same bits."""
        closed = {"CCACHE_READONLY": "1", "CCACHE_NOSTATS": "1", "CCACHE_TEMPDIR": "/tmp", "HOME": "/tmp"}
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.cache.parent),
            "LC_ALL": "C",
            "TZ": "UTC",
            "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
            "KBUILD_BUILD_USER": "kmatrix",
            "KBUILD_BUILD_HOST": "kmatrix",
            "KBUILD_BUILD_VERSION": "1",
            "SOURCE_DATE_EPOCH": "0",
            "CCACHE_DIR": str(self.cache),
            "CCACHE_MAXSIZE": f"{self.cache_gib}G",
            "CCACHE_DEPEND": "1",  # a miss costs no run of the preprocessor; see compiler.sh
            "CCACHE_INODECACHE": "1",
            **{name: os.environ[name] for name in ("CCACHE_DISABLE",) if name in os.environ},
            **({"CCACHE_DISABLE": "1"} if self.told != LINES else {}),
            **(closed if self.shared.private else {}),
        }


def _memory_mib() -> int:
    """Three quarters of what the machine has."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 / 4) >> 20


def make_command(
    arch: Arch, shared: SharedTree, jobs: int, targets: Sequence[str], told: str, compiler: Path, descend: Path
) -> list[str]:
    """The make call for an arch. Pure."""
    return [
        "make",
        f"-j{jobs}",
        "-C", str(shared.source),
        f"O={shared.build}",
        f"ARCH={arch.kernel_arch}",
        f"CROSS_COMPILE={arch.cross_prefix}",
        f"CC=sh {compiler} {arch.cross_prefix}gcc",
        f"MAKE=sh {descend}",
        f"KCFLAGS={told} -ffile-prefix-map={shared.source}=. -ffile-prefix-map={shared.build}=.",
        *targets,
    ]  # fmt: skip


def _make_failed(build: Build, log: Path) -> Exception:
    """The compiler's first error, with what was printed around it."""
    text = log.read_text(errors="replace")
    text = text[text.rfind("\n$ ") + 1 :]
    if "No space left on device" in text:
        return DiskFull("the disk is full: the kernel could not be built", hint="make room (kmatrix clean)")
    if "Killed signal terminated program" in text or "virtual memory exhausted" in text:
        return InfraError(
            "a compiler was killed, perhaps for want of memory", kind="make_killed", hint="use --jobs 1"
        )
    found = _ERROR.search(text)
    if found is None:
        tail = "\n".join(text.splitlines()[-15:])
        return BuildError(f"{build.id} does not build", hint=f"the whole log: {log}", log=tail)
    around = text[found.start() :].splitlines()[:8]
    message = re.sub(r"^\S*/source/|^\.\./source/", "", found[1])
    return BuildError(f"{build.id} does not compile: {message}", hint=f"the whole log: {log}", log="\n".join(around))


def rows(log: str) -> Iterator[str]:
    """Rows of what make printed, but for such as no compiler prints: patterns take long for those."""
    return (row for row in log.splitlines() if len(row) <= LONGEST)
