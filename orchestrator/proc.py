# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes: the only module that starts one. Every child is waited for, and dies with us."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from orchestrator.errors import ToolMissing

if TYPE_CHECKING:
    import asyncio  # else where it is used: who only looks starts no process, and need not wait for it

GRACE = 5.0  # seconds between SIGTERM and SIGKILL
PR_SET_THP_DISABLE = 41  # prctl(2)

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
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0)


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
