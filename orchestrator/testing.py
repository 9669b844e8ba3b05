# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests for a kernel developer's own tests: what the pytest plugin's `guest` fixture hands out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from orchestrator.build import guest_tools
from orchestrator.build.kernel import Builder
from orchestrator.config import matrix_file, plan, workloads
from orchestrator.engine import Manner, work
from orchestrator.errors import BuildError, ConfigError, KernelBroke, KmatrixError
from orchestrator.guest import qemu
from orchestrator.guest.shell import Output as Output
from orchestrator.guest.shell import Shell
from orchestrator.measure.host import check_host, cores
from orchestrator.measure.session import session
from orchestrator.model import Build, KernelArtifact, Matrix
from orchestrator.runs.folder import RunFolder, disk_error
from orchestrator.store import Store

T = TypeVar("T")
QUIET = 0.02  # seconds in which a console that has more to say says it
PATIENCE = 50  # times that


@dataclass(frozen=True, eq=False)
class Target:
    """A kernel that a guest can boot, and the matrix that it is of."""

    matrix: Matrix
    build: Build


def targets(path: Path, preset: str = "") -> tuple[Target, ...]:
    """All of a matrix file. ConfigError as from `kmatrix plan`."""
    matrix = matrix_file.load(path, preset)
    return tuple(Target(matrix, build) for build in plan.builds(matrix))


def chosen(among: Sequence[Target], globs: Sequence[str], said: str) -> list[Target]:
    """Those whose ARCH/KERNEL matches any of the globs, all if there is none. said: how the globs were given."""
    ids = plan.chosen_ids([target.build.id for target in among], globs, said, "kernel")
    return [target for target in among if target.build.id in ids]


class Loop:
    """An event loop in a thread of its own: between calls it goes on, and reads what the guest prints.

    Nobody else would: QEMU drops what a console's reader does not take, an oops for one. The thread ends after all
    that it started has.
    """

    def __init__(self) -> None:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="kmatrix guest", daemon=True)
        self._started = threading.Event()

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        await self._end.wait()

    def __enter__(self) -> Loop:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """work's result. Who is interrupted meanwhile (Ctrl-C) ends it, and waits until it has ended."""
        __tracebackhide__ = True
        ended = threading.Event()
        tasks: list[asyncio.Task[T]] = []

        def begin() -> None:
            tasks.append(self._loop.create_task(work))
            tasks[0].add_done_callback(lambda _: ended.set())

        self._loop.call_soon_threadsafe(begin)
        try:
            ended.wait()
        except BaseException:
            self._loop.call_soon_threadsafe(lambda: tasks[0].cancel())
            ended.wait()
            raise
        return tasks[0].result()


class Guest:
    """A booted guest, with one SSH connection. Calls wait for their end.

    They raise KernelBroke when the guest's kernel breaks, TimedOut, and InfraError when the testbed fails.
    """

    arch: str
    kernel: str
    linux: str  # 6.1.192
    folder: Path  # console.log, qemu.stderr; pytest keeps it for some runs

    def __init__(
        self,
        target: Target,
        linux: str,
        folder: Path,
        store: Store,
        loop: Loop,
        running: qemu.Guest,
        shell: Shell,
    ) -> None:
        self.arch, self.kernel, self.linux = target.build.arch.name, target.build.kernel.name, linux
        self.folder = folder
        self.told: list[KmatrixError] = []  # what calls have raised
        self._target, self._store = target, store
        self._loop, self._running, self._shell = loop, running, shell
        self._limits = target.matrix.limits
        self._gone = False

    def __repr__(self) -> str:
        return f"<Guest {self.arch}/{self.kernel}>"

    def run(self, command: str, timeout: float | None = None) -> Output:
        """Run a shell command to its end. timeout in seconds; default: limits.work of the matrix."""
        __tracebackhide__ = True
        limit = timeout or self._limits.work
        return self._during(self._shell.run(command, limit), limit, f"did not finish {command!r}", "hang")

    def push(self, local: str | Path, remote: str) -> None:
        """Copy a file into the guest, executable."""
        __tracebackhide__ = True
        limit = self._limits.ready
        self._during(self._shell.push(Path(local), remote, limit), limit, f"did not take {remote}", "push")

    def compile(self, source: str | Path) -> str:
        """Cross-compile a C file that has a main(), static, and push it; its path in the guest.

        BuildError has the compiler's words.
        """
        __tracebackhide__ = True
        path = Path(source).absolute()
        tool = self._do(self._compiled(path))
        remote = f"/tmp/{path.stem}"
        self.push(tool, remote)
        return remote

    @property
    def console(self) -> str:
        """What the kernel has printed so far: warnings and worse. `dmesg` in the guest has the rest."""
        if not self._gone:
            self._do(self._settle())
        return self._running.console.text

    def verify(self, answers: bool = True) -> None:
        """Raise what the kernel broke with, if it did. With answers, the guest must also run a command."""
        __tracebackhide__ = True
        self._do(self._settle())
        limit = self._limits.ready
        work = self._shell.run("true", limit) if answers else asyncio.sleep(0)
        self._during(work, limit, "did not answer", "hang")

    def gone(self) -> None:
        """From now on there is only what it has said."""
        self._gone = True

    def _during(self, work: Coroutine[Any, Any, T], limit: float, what: str, kind: str) -> T:
        __tracebackhide__ = True
        return self._do(self._running.during(work, limit, what, kind))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        """work's result. Of an error, only the test's own lines are shown."""
        __tracebackhide__ = True
        try:
            return self._loop.run(work)
        except KmatrixError as error:
            self.told.append(_pointed(error, self.folder))
            raise error.with_traceback(None) from None

    async def _settle(self) -> None:
        """Until all that was printed is read; a console that never stops is left."""
        for _ in range(PATIENCE):
            size = len(self._running.console.text)
            await asyncio.sleep(QUIET)
            if size == len(self._running.console.text):
                return

    async def _compiled(self, path: Path) -> Path:
        if path.suffix != ".c":
            raise ConfigError(f"{path} is no C file", hint="push() takes ready programs and scripts")
        tool = await guest_tools.tool(self._store, self._target.build.arch, workloads.load_file(path))
        return tool.program or tool.runner


class Lab:
    """Builds kernels, each once, and boots them. folders makes a new folder; tell gets a line for the user;
    unsandboxed: whoever says so trusts every kernel; executor: where kernels are built, guests are here."""

    def __init__(
        self,
        store: Store,
        folders: Callable[[str], Path],
        tell: Callable[[str], None],
        unsandboxed: bool = False,
        executor: str = "",
    ) -> None:
        self._store, self._folders, self._tell, self._unsandboxed = store, folders, tell, unsandboxed
        self._executor = executor
        self._builders: dict[int, Builder] = {}
        self._failed: dict[Target, BuildError] = {}

    @contextmanager
    def guest(self, target: Target) -> Iterator[Guest]:
        """A booted guest, gone when the block ends."""
        folder = self._folders(target.build.id.replace("/", "-"))
        stack = AsyncExitStack()
        with self._store.bounded(target.matrix.cache_gib), Loop() as loop:
            try:
                booted = self._booted(target, loop, stack, folder)
            except KmatrixError as error:
                raise _pointed(error, folder) from error.__cause__
            except OSError as error:
                raise disk_error(error, self._store.root) from None
            try:
                yield booted
            finally:
                booted.gone()
                loop.run(stack.aclose())

    def _booted(self, target: Target, loop: Loop, stack: AsyncExitStack, folder: Path) -> Guest:
        kernel = self._kernel(target, loop, folder / "build.log")
        booting = session(target.build, kernel, target.matrix, self._store, folder, self._unsandboxed)
        running, shell = loop.run(stack.enter_async_context(booting))
        return Guest(target, kernel.linux, folder, self._store, loop, running, shell)

    def _kernel(self, target: Target, loop: Loop, log: Path) -> KernelArtifact:
        """From the cache, else built. A build that failed is not tried again."""
        if target in self._failed:
            raise self._failed[target]
        check_host()
        fresh = Builder.of(target.matrix, cores(), unsandboxed=self._unsandboxed)
        builder = self._builders.setdefault(id(target.matrix), fresh)
        try:
            found = loop.run(builder.find(target.build))
            if found is None:
                self._tell(f"kmatrix builds {target.build.id}, log: {log}")
                if self._executor:
                    loop.run(self._elsewhere(target, log.parent))
                found = loop.run(builder.make(target.build, log))
        except BuildError as error:
            self._failed[target] = error
            raise
        return found

    async def _elsewhere(self, target: Target, folder: Path) -> None:
        """Built where the executor has it done, into a store that is ours, too."""
        made = plan.of_one(target.matrix, target.build)
        manner = Manner(quiet=True, unsandboxed=self._unsandboxed, executor=self._executor)
        for error in await work(target.matrix, made, RunFolder(folder), manner).build():
            raise error


def _pointed(error: KmatrixError, folder: Path) -> KmatrixError:
    """The error, its hint saying where the console is here."""
    if isinstance(error, KernelBroke):
        error.hint = f"the whole console is in {folder / 'console.log'}"
    return error
