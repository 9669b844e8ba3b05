# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's life: started paused, watched over QMP and console, stopped softly, then hard."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from qemu.qmp import EventListener, QMPClient, QMPError

from orchestrator import proc
from orchestrator.errors import DiskFull, InfraError, KernelBroke, KmatrixError, TimedOut
from orchestrator.guest import state
from orchestrator.guest.command_line import Machine, qemu_argv
from orchestrator.guest.console import Console, find_broken, tail
from orchestrator.guest.keys import Keys
from orchestrator.guest.registers import QUESTION, places
from orchestrator.guest.sealed import Sealed, seal
from orchestrator.guest.shell import Shell
from orchestrator.model import Limits
from orchestrator.profile.standstill import Place
from orchestrator.sandbox import bubblewrap

T = TypeVar("T")
ROOM = "make room (kmatrix clean), then run --resume"
LAST_WORDS = 3.0  # seconds that a dying guest gets to print its backtrace


class Guest:
    """A running guest. Everything awaited on it goes through during(), which ends when the guest does."""

    def __init__(self, machine: Machine, limits: Limits, folder: Path, patient: bool = False) -> None:
        self.machine, self.limits, self.folder, self.patient = machine, limits, folder, patient
        self.notes: list[str] = []
        self.argv: list[str] = []
        self.qmp = QMPClient(machine.arch.name)
        self._events = EventListener(("GUEST_PANICKED", "SHUTDOWN", "GUEST_CRASHLOADED"))
        self._shutdown = ""
        self._condemned = asyncio.Event()
        self._sentence: KmatrixError | None = None
        self._sealed: Sealed | None = None
        self._pid = 0

    async def start(self, stack: AsyncExitStack, said: str = "", niceness: int = 0) -> None:
        """Start QEMU with both sockets handed over, connect, let it run; said is on its console by then."""
        ours_qmp, theirs_qmp = socket.socketpair()
        ours_console, theirs_console = socket.socketpair()
        theirs_state = self._feed_state(stack)
        ends = [end for end in (theirs_qmp, theirs_console, theirs_state) if end]
        fds = [end.fileno() for end in ends]
        self.argv = qemu_argv(self.machine, *fds)
        command, env = self.argv, None
        if self.machine.sealed and not (why := await bubblewrap.usable()):
            self._sealed, dialer = seal(self.machine, self.argv, stack)
            command, env = self._sealed.argv, self._sealed.env
            ends.append(dialer)
        elif self.machine.sealed:
            if not self.machine.vouched:
                await bubblewrap.check()
            self.notes.append(f"QEMU ran without a sandbox: {why}")
        self.console = Console(ours_console, self.folder / "console.log", self.patient)
        errors = stack.enter_context((self.folder / "qemu.stderr").open("wb"))
        try:
            self.process = await stack.enter_async_context(
                proc.spawn(
                    command,
                    env=env,
                    stdout=errors,
                    pass_fds=[end.fileno() for end in ends],
                    niceness=niceness,
                    huge_pages=self.machine.accel != "tcg",
                )
            )
        finally:
            for end in ends:
                end.close()
        self._drain = asyncio.create_task(self.console.drain())
        self._death = asyncio.create_task(self._watch())
        stack.push_async_callback(self._end_tasks)
        try:
            self.qmp.register_listener(self._events)
            await asyncio.wait_for(self.qmp.connect(ours_qmp), 10)
            await asyncio.wait_for(self._loaded(), 30)
            await asyncio.wait_for(self._go_on(said), 10)
        except (QMPError, TimeoutError, OSError, EOFError) as error:
            raise await self._no_start(error) from error

    async def _go_on(self, said: str) -> None:
        """What is said waits in the guest's UART before the guest runs: no host time is in when it hears it.

        QEMU's main loop takes what lies in the console's socket at the latest in the turn of a command that came
        after it, so two commands later it is there.
        """
        if said:
            await self.console.say(said)
            for _ in range(2):
                await self.qmp.execute("query-status")
        await self.qmp.execute("cont")

    async def _loaded(self) -> None:
        """Until a snapshot's state is read: a guest that was stopped stays so, and cont before that is lost."""
        while True:
            told = await self.qmp.execute("query-status")
            if not isinstance(told, dict) or told.get("status") != "inmigrate":
                return
            await asyncio.sleep(0.01)

    def _feed_state(self, stack: AsyncExitStack) -> socket.socket | None:
        """The end from which QEMU reads a snapshot's state; the other is fed by a thread."""
        if self.machine.state is None:
            return None
        ours, theirs = socket.socketpair()
        feeding = asyncio.create_task(asyncio.to_thread(state.feed, self.machine.state, ours))

        async def fed() -> None:
            await asyncio.wait({feeding})

        stack.push_async_callback(fed)
        return theirs

    async def save(self, file: Path) -> None:
        """Stop the guest and keep its state in file; it does not go on."""
        try:
            await state.save(self.qmp, file, self.machine.memory_mib << 20)
        except (QMPError, TimeoutError, EOFError) as error:
            raise InfraError(f"the guest's state could not be kept: {error!r}", kind="snapshot") from error

    async def _no_start(self, error: BaseException) -> InfraError:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), 1)
        words = (self.folder / "qemu.stderr").read_text(errors="replace").strip()
        first = words.splitlines()[0] if words else str(error)
        return InfraError(f"QEMU did not start: {first}", kind="qemu_start", log=words)

    async def ready(self) -> None:
        """Until init says so. TimedOut, or what during() raises."""
        await self.during(self.console.ready.wait(), self.limits.ready, "did not become ready", "not_ready")

    async def shell(self, keys: Keys, limit: float | None = None) -> Shell:
        """Logged in, within limit (s; default: that of becoming ready)."""
        limit = limit or self.limits.ready
        port = await self.during(self._port(), limit, "has no port of its own", "qemu_port")
        dial = partial(self._sealed.dial, port) if self._sealed else partial(_connected, port)
        shell = Shell(dial, keys)
        await self.during(shell.connect(limit), limit + 5, "let nobody log in", "ssh_login")
        return shell

    def cpu_seconds(self) -> float:
        """Host CPU time of QEMU so far; 0 when it has gone."""
        self._pid = self._pid or (bubblewrap.inside(self.process.pid) if self._sealed else self.process.pid)
        return proc.cpu_seconds(self._pid)

    async def look(self) -> tuple[Place, ...]:
        """What each CPU is at; none where that cannot be told, or QEMU does not answer."""
        registers = self.machine.arch.registers
        if registers is None:
            return ()
        try:
            return places(await self._monitor(QUESTION), registers)
        except (QMPError, TimeoutError, OSError, EOFError):
            return ()

    def condemn(self, error: KmatrixError) -> None:
        """It does not go on: whoever waits for it gets this error, unless the console says what broke."""
        self._sentence = self._sentence or error
        self._condemned.set()

    async def _monitor(self, question: str) -> str:
        """The answer in words, within 10 s."""
        asked = self.qmp.execute("human-monitor-command", {"command-line": question})
        return str(await asyncio.wait_for(asked, 10))

    async def _port(self) -> int:
        """The port that QEMU chose for the guest's port 22, on the loopback that it has."""
        try:
            text = await self._monitor("info usernet")
        except (QMPError, TimeoutError, OSError, EOFError) as error:
            raise InfraError(f"QEMU does not answer: {error!r}", kind="qemu_died") from error
        found = re.search(r"TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)", text)
        if found is None:
            raise InfraError("QEMU forwards no port", kind="qemu_port", log=text)
        return int(found[1])

    async def during(self, work: Coroutine[Any, Any, T], limit: float, what: str, kind: str) -> T:
        """work's result; or the guest's death, which explains a failure of work; or TimedOut after limit (s)."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task, self._death}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if not self._death.done() and task.done() and (task.exception() or self.console.broken.is_set()):
                await asyncio.wait({self._death}, timeout=LAST_WORDS * 2)
            if self._death.done():
                raise self._death.result()
            if not task.done() or isinstance(task.exception(), TimeoutError):
                raise TimedOut(
                    f"the guest {what} within {limit:g} s",
                    kind=kind,
                    hint="the log has the guest's last console lines",
                    log=tail(self.console.text),
                )
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    async def _watch(self) -> KmatrixError:
        """Wait for the guest to die in whichever way; say how."""
        exited = asyncio.create_task(self.process.wait())
        broken = asyncio.create_task(self.console.broken.wait())
        panicked = asyncio.create_task(self._panic_event())
        condemned = asyncio.create_task(self._condemned.wait())
        try:
            first = {exited, broken, panicked, condemned, self._drain}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if not self._sentence:
                await asyncio.wait({self._drain, exited}, timeout=LAST_WORDS, return_when=asyncio.ALL_COMPLETED)
        finally:
            for task in (exited, broken, panicked, condemned):
                task.cancel()
        return self._obituary()

    async def _panic_event(self) -> None:
        async for event in self._events:
            if event["event"] == "SHUTDOWN":
                self._shutdown = str(event["data"])
            else:
                return
        await asyncio.Event().wait()

    def broken(self) -> KernelBroke | None:
        """What the console shows of a broken kernel."""
        found = find_broken(self.console.text)
        if found is None:
            return None
        hint = "the whole console is in the run folder (console.log)"
        return KernelBroke(f"the kernel broke: {found.line}", kind=found.kind, hint=hint, log=found.excerpt)

    def _obituary(self) -> KmatrixError:
        text = self.console.text
        if broken := self.broken():
            return broken
        if self._sentence:
            return self._sentence
        if self._drain.done() and not self._drain.cancelled() and (lost := self._drain.exception()):
            full = isinstance(lost, OSError) and lost.errno in (errno.ENOSPC, errno.EDQUOT)
            return (DiskFull if full else InfraError)(f"the console could not be saved: {lost}", hint=ROOM)
        code = self.process.returncode
        if self._sealed and code is not None and code > 128:
            code = 128 - code  # as a shell tells of a signal
        if code is not None and code != 0:
            how = f"signal {-code}" if code < 0 else f"exit status {code}"
            words = (self.folder / "qemu.stderr").read_text(errors="replace")
            return InfraError(f"QEMU died ({how})", kind="qemu_died", log=words or tail(text))
        return KernelBroke(
            f"the guest stopped by itself {self._shutdown}".strip(), kind="guest_reset", log=tail(text)
        )

    async def stop(self) -> None:
        """quit over QMP; SIGTERM and SIGKILL only if that does not help, and then it is noted."""
        started = time.monotonic()
        with suppress(QMPError, EOFError, OSError, TimeoutError):
            await asyncio.wait_for(self.qmp.execute("quit"), self.limits.stop)
        with suppress(QMPError, EOFError, OSError, TimeoutError):
            await asyncio.wait_for(self.qmp.disconnect(), self.limits.stop)
        try:
            await asyncio.wait_for(self.process.wait(), self.limits.stop)
        except TimeoutError:
            hard = await proc.stop(self.process)
            sign = "SIGKILL" if hard else "SIGTERM"
            self.notes.append(f"QEMU ignored quit for {time.monotonic() - started:.0f} s and was ended by {sign}")

    async def _end_tasks(self) -> None:
        await asyncio.wait({self._drain}, timeout=LAST_WORDS)  # what QEMU wrote last
        for task in (self._death, self._drain):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


def _connected(port: int) -> socket.socket:
    """To a QEMU that is on the host's own loopback."""
    return socket.create_connection(("127.0.0.1", port), 20)


@asynccontextmanager
async def guest(
    machine: Machine, limits: Limits, folder: Path, said: str = "", niceness: int = 0, patient: bool = False
) -> AsyncIterator[Guest]:
    """A started guest; gone when the block ends, however it ends. folder gets console.log and qemu.stderr.

    said is on its console before it runs. patient: whatever its kernel says of itself, only a panic is its end.
    """
    running = Guest(machine, limits, folder, patient)
    async with AsyncExitStack() as stack:
        await running.start(stack, said, niceness)
        try:
            yield running
        finally:
            await asyncio.shield(running.stop())
