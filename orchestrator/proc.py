# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes: the only module that starts one. Every child is waited for, and dies with us."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from orchestrator.errors import InfraError, Interrupted, ToolMissing

if TYPE_CHECKING:
    import asyncio  # else where it is used: who only looks starts no process, and need not wait for it

GRACE = 5.0  # seconds between SIGTERM and SIGKILL
AT_ONCE = 6.0  # seconds
KILLED = 20  # times that what was forked may be killed at once, one after the other, before it is left so
PR_SET_PDEATHSIG, PR_SET_THP_DISABLE = 1, 41  # prctl(2)

# The child asks to be killed when we die (setpriv), then checks that we had not died before it asked. Where Linux
# groups processes by session for scheduling, niceness counts only if the group has it, too.
_DIE_WITH_PARENT = """\
test "$PPID" = "$0" || exit 125
nice=$1; shift
test "$nice" = 0 || { echo "$nice" >/proc/self/autogroup; renice -n "$nice" -p $$ >/dev/null; } 2>/dev/null
exec "$@"
"""


@dataclass(frozen=True)
class Finished:
    """A process that ended: its exit status (negative: signal) and output, if captured; errors: what it wrote to
    standard error, where that was kept apart."""

    argv: tuple[str, ...]
    code: int
    output: str
    errors: str = ""

    @property
    def said(self) -> str:
        """Both, for whoever reads why it failed."""
        return self.output + self.errors


def require(program: str) -> str:
    """The program's path; ToolMissing says how to get it."""
    path = shutil.which(program)
    if path is None:
        raise ToolMissing(
            f"{program} is not installed",
            hint="kmatrix doctor names the package and the command that installs it",
        )
    return path


def _tied_to_us(argv: Sequence[str], niceness: int) -> list[str]:
    """argv behind a wrapper that has it killed when we die, however we die."""
    setpriv = [require("setpriv"), "--pdeathsig", "KILL", "--"]
    return [*setpriv, "sh", "-c", _DIE_WITH_PARENT, str(os.getpid()), str(niceness), require(argv[0]), *argv[1:]]


@asynccontextmanager
async def spawn(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = subprocess.DEVNULL,
    stderr: int | IO[bytes] | None = subprocess.STDOUT,
    pass_fds: Sequence[int] = (),
    niceness: int = 0,
    huge_pages: bool = True,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start argv in its own process group; on leaving, whatever happened, it is ended and waited for. huge_pages: may
    it have transparent ones?

    The calling thread must outlive the child, whose parent-death signal is tied to it.
    """
    import asyncio

    with nullcontext() if huge_pages else _small_pages():
        process = await asyncio.create_subprocess_exec(
            *_tied_to_us(argv, niceness),
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=pass_fds,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        await asyncio.shield(stop(process))


@contextmanager
def _small_pages() -> Iterator[None]:
    """Whoever is started meanwhile inherits it. A kernel that has no such pages does not mind, or says so in vain."""
    _prctl(PR_SET_THP_DISABLE, 1)
    try:
        yield
    finally:
        _prctl(PR_SET_THP_DISABLE, 0)


def _prctl(what: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(what, value, 0, 0, 0)


async def stop(process: asyncio.subprocess.Process, grace: float = GRACE) -> bool:
    """End the process group: SIGTERM, then SIGKILL after grace seconds. True if SIGKILL was needed."""
    import asyncio

    hard = False
    if process.returncode is None:
        _signal_group(process.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), grace)
        except TimeoutError:
            hard = True
    _signal_group(process.pid, signal.SIGKILL)
    await process.wait()
    return hard


def forked(many: int, say: Callable[[str], None]) -> int | None:
    """That many workers, which are this process once more and numbered from 0: in each, this returns its number.
    Whoever called keeps them until all have ended, then it returns None. One that is killed is started again, unless
    that happens at once KILLED times on end; what becomes of one is said.

    What is loaded by then is shared. No thread may have been started, and no event loop.
    One that ends by itself is not; if that was with an error it has said which, and InfraError tells in the end.
    """
    import gc

    gc.collect()
    gc.freeze()  # else looking through it copies what is shared
    keeper, there, killed, wrong = os.getpid(), dict[int, tuple[int, float]](), [0] * many, 0

    def one_more(number: int) -> bool:
        pid = os.fork()
        if pid:
            there[pid] = number, time.monotonic()
            return False
        there.clear()
        for its in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(its, signal.SIG_DFL)
        _dies_with(keeper)
        return True

    for its in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(its, _interrupt)
    try:
        for number in range(many):
            if one_more(number):
                return number
        while there:
            pid, status = os.wait()
            number, since = there.pop(pid, (-1, 0.0))
            code = os.waitstatus_to_exitcode(status)
            if number < 0:
                continue
            killed[number] = killed[number] + 1 if time.monotonic() - since < AT_ONCE else 0
            if code >= 0 or killed[number] == KILLED:
                wrong += code != 0
                say(f"a worker ended ({code}), and is not started again")
                continue
            say(f"a worker ended ({code}), and another one is started")
            if one_more(number):
                return number
    except KeyboardInterrupt:
        raise Interrupted("ended") from None
    finally:
        _all_ended(there)
    if wrong:
        raise InfraError(f"{wrong} of {many} workers ended with an error", hint="see what they said", kind="worker")
    return None


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _dies_with(parent: int) -> None:
    """This process, with the one that forked it."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(125)


def _all_ended(pids: Collection[int]) -> None:
    """They are told, and then made to."""
    left = set(pids)
    for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        until = time.monotonic() + patience
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while left and time.monotonic() < until:
            left = {pid for pid in left if not _reaped(pid)}
            time.sleep(0.01)


def _reaped(pid: int) -> bool:
    """Has it ended? Then nothing of it is left."""
    try:
        return bool(os.waitpid(pid, os.WNOHANG)[0])
    except ChildProcessError:  # just before a signal came
        return True


def cpu_seconds(pid: int) -> float:
    """Host CPU time of a running process so far; 0 when it has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


async def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    timeout: float | None = None,
    input: bytes | None = None,
    niceness: int = 0,
    apart: bool = False,
) -> Finished:
    """Run to the end. Output goes to log (appended) or is returned; TimeoutError when timeout passes. apart: standard
    error is kept apart, as an answer that is read must be from any warning."""
    import asyncio

    sink = log.open("ab") if log else None
    if sink:
        sink.write(f"$ {shlex.join(argv)}\n".encode())
        sink.flush()
    try:
        async with (
            asyncio.timeout(timeout),
            spawn(
                argv,
                cwd=cwd,
                env=env,
                stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
                stdout=sink or subprocess.PIPE,
                stderr=subprocess.PIPE if apart else subprocess.STDOUT,
                niceness=niceness,
            ) as process,
        ):
            output, errors = await process.communicate(input)
    finally:
        if sink:
            sink.close()
    texts = ((text or b"").decode(errors="replace") for text in (output, errors))
    return Finished(tuple(argv), process.returncode or 0, *texts)
