# SPDX-License-Identifier: GPL-2.0-or-later
"""The processes of a cluster: its scheduler, a worker, and both of them on this machine for one run."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orchestrator import proc
from orchestrator.errors import ConfigError, InfraError, Interrupted
from orchestrator.executors.joining import Join, dask, days_left, loopback, new_keys
from orchestrator.executors.resources import BUILD, CORE, MEMORY, WALL
from orchestrator.executors.worker import tidied
from orchestrator.measure.host import cores, memory_mib
from orchestrator.store import Store
from orchestrator.store.shared import VARIABLE

START = 60.0  # seconds that a scheduler may take to be there, and to write its file
QUICK = 5  # times that the process of the workers may be killed at once
ROOM = 0.9  # of the memory that is free, for guests
RENEWED = 30  # days before its end that a certificate is made anew, when a scheduler starts
AGAIN = 3.0  # seconds between two tries to reach a scheduler
_QUIET = "127.0.0.1:0"  # where dask's own web pages are: nowhere that anybody looks
Say = Callable[[str], None]


async def scheduler(file: Path, host: str, port: int, store: str, tls: bool, say: Say) -> None:
    """Until it is ended. Writes the file to join by; gone on with under the keys of one that is there."""
    if not tls and not loopback(host):
        raise ConfigError(f"--no-tls is for loopback alone, and {host} is not on it")
    before = Join.load(file) if file.exists() else None
    certificate, key = (before.certificate, before.key) if before else ("", "")
    if not tls:
        certificate, key = "", ""
    elif days_left(certificate) < RENEWED:
        certificate, key = new_keys()
        if before:
            say(f"the certificate of {file} is at its end: the file has a new one, which all that join by it need")
    join = Join(f"{'tls' if tls else 'tcp'}://{host}:{port}", certificate, key, store)
    async with _scheduler(join, host, port) as its:
        Join(its.address, certificate, key, store).save(file)
        say(f"scheduler at {its.address}; machines join by {file}: kmatrix worker {file}")
        await its.finished()


def _scheduler(join: Join, host: str, port: int) -> Any:
    """To be entered; with the keys of that file."""
    return dask().Scheduler(
        host=host, port=port, protocol=f"{urlsplit(join.address).scheme}://", security=join.security(),
        dashboard=False, dashboard_address=_QUIET, idle_timeout=None,
    )  # fmt: skip


def worked(
    workers: int, file: Path, wall: bool, patience: float, share: int, memory_mib: int, cache_gib: float,
    *, say: Say, kept: Say,
) -> None:  # fmt: skip
    """So many workers, until they are ended: see worker(). Several are forked from this process, which keeps them.
    say: takes what a worker says; kept: what becomes of one that is kept."""
    number: int | None = 0
    if workers > 1:
        dask().Worker  # noqa: B018 - it is loaded by being named
        number = proc.forked(workers, kept)
    if number is not None:
        first = wall and number == 0  # what goes by that clock is done by one
        until_ended(worker(file, first, patience, share, memory_mib, cache_gib, say))


async def worker(
    file: Path, wall: bool, patience: float, share: int, memory_mib: int, cache_gib: float, say: Say
) -> None:
    """Works until it is ended; when the scheduler goes, it is looked for again for so many seconds. share: how many
    workers this machine's cores and memory are for; memory_mib: for guests, 0 for what is free."""
    tidying = asyncio.create_task(tidied(cache_gib))
    try:
        await _worker(file, wall, patience, share, memory_mib, say)
    finally:
        tidying.cancel()


async def _worker(file: Path, wall: bool, patience: float, share: int, memory_mib: int, say: Say) -> None:
    distributed = dask()
    await _written(file, min(patience, START), say)
    gone = time.monotonic()
    while True:
        join = Join.load(file)
        if join.store:
            os.environ[VARIABLE] = join.store
        mine, free = room(share)
        memory = memory_mib or free
        have = {CORE: mine, BUILD: 1, MEMORY: memory, **({WALL: 1} if wall else {})}
        try:
            with Store().scratch() as scratch:  # gone also after a kill
                async with distributed.Worker(
                    join.address, nthreads=mine + 1, resources=have, security=join.security(), memory_limit=0,
                    local_directory=str(scratch), dashboard=False, dashboard_address=_QUIET, death_timeout=AGAIN,
                    host=_own_address(join), name=f"{socket.gethostname()}-{os.getpid()}",
                ) as its:  # fmt: skip
                    say(f"works for {join.address}, with {mine} cores and {memory} MiB")
                    await its.finished()
                    gone = time.monotonic()
                    say("the scheduler is gone")
        except (OSError, TimeoutError, ValueError, RuntimeError) as error:
            if time.monotonic() - gone > patience:
                hint = f"is it running, and is {file} its file?"
                raise InfraError(f"no scheduler at {join.address}: {error}", kind="cluster", hint=hint) from error
        if time.monotonic() - gone > patience:
            return
        await asyncio.sleep(AGAIN)


async def _written(file: Path, patience: float, say: Say) -> None:
    """Until a scheduler that starts beside us has written its file; for so many seconds, then it is an error."""
    began, told = time.monotonic(), False
    while not file.exists() and time.monotonic() - began < patience:
        if not told and time.monotonic() - began > AGAIN:
            say(f"waits for {file}, which kmatrix scheduler writes")
            told = True
        await asyncio.sleep(0.05)


def room(share: int) -> tuple[int, int]:
    """Cores, and MiB for guests, of one of so many workers: a container or a job has a part of the machine."""
    dask()
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    free = min(memory_mib(), MEMORY_LIMIT >> 20)
    return max(1, min(cores(), CPU_COUNT) // share), int(free * ROOM / share)


def _own_address(join: Join) -> str:
    """This machine's, as the scheduler's network sees it: nothing is open to others."""
    its = urlsplit(join.address)
    family = socket.getaddrinfo(its.hostname, its.port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family[0], socket.SOCK_DGRAM) as probe:
        probe.connect(family[4])  # sends nothing
        return str(probe.getsockname()[0])


@asynccontextmanager
async def of_this_machine(workers: int, guest_mib: int, say: Say) -> AsyncIterator[Join]:
    """A scheduler, here, and workers, for one run; they start while the library is loaded. A worker that dies is
    started again. All are gone when the block ends. guest_mib: what one of them must have room for: where they have
    not, there are fewer, and one has in any case, as without a cluster."""
    many = next((n for n in range(workers, 1, -1) if memory_mib() * ROOM / n >= guest_mib), 1)
    if many < workers:
        say(f"{workers} workers need {guest_mib} MiB each for a guest, and {memory_mib()} are free: {many} of them")
    memory = max(guest_mib, int(memory_mib() * ROOM / many))
    with Store().scratch() as place, (place / "log").open("wb") as log:
        file = place / "join.json"
        argv = [sys.executable, "-m", "orchestrator", "worker", str(file), "--workers", str(many), "--wall"]
        kept = asyncio.create_task(_kept([*argv, "--memory-mib", str(memory)], log, say))
        try:
            await asyncio.to_thread(dask)
            _only_errors()
            certificate, key = new_keys()
            join = Join("tls://127.0.0.1:0", certificate, key)
            async with _scheduler(join, "127.0.0.1", 0) as its:
                nobody = asyncio.create_task(_none_left(kept, its))
                join = replace(join, address=its.address)
                join.save(file)
                try:
                    yield join
                finally:
                    nobody.cancel()
                    await _ended(kept)
        finally:
            await _ended(kept)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _kept(argv: list[str], log: Any, say: Say) -> None:
    """The process of the workers, and another one when that is killed; but not for ever one that is killed at once.
    One that ends by itself has tried all that it can."""
    code, quick = -1, 0
    while code < 0 and quick < QUICK:
        began = time.monotonic()
        async with proc.spawn(argv, stdout=subprocess.PIPE, stderr=log) as process:
            assert process.stdout is not None
            async for line in process.stdout:
                say(line.decode(errors="replace").rstrip())
            code = await process.wait()
        quick = quick + 1 if time.monotonic() - began < 2 * AGAIN else 0
        if code < 0 and quick < QUICK:
            say(f"the workers ended ({code}), and others are started")
            await asyncio.sleep(AGAIN if quick > 1 else 0)
    log.flush()
    said = Path(log.name).read_text(errors="replace").splitlines()[-3:]
    say(f"there are no workers any more: {' '.join(said)}")


async def _none_left(kept: asyncio.Task[None], its: Any) -> None:
    """Without workers the scheduler ends, too: whoever waits for it is told."""
    await asyncio.wait([kept])
    await its.close()


def until_ended(work: Coroutine[Any, Any, None]) -> None:
    """In the main thread: whatever is started ends with it. Ctrl-C and SIGTERM end it well."""
    _only_errors()

    async def guarded() -> None:
        task = asyncio.current_task()
        assert task is not None
        told = itertools.count()

        def once() -> None:  # more would cut the ending short
            if not next(told):
                task.cancel()

        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, once)
        await work

    with suppress(asyncio.CancelledError):
        try:
            asyncio.run(guarded())
        except KeyboardInterrupt:
            raise Interrupted("ended") from None


def _only_errors() -> None:
    logging.getLogger("distributed").setLevel(logging.ERROR)
