# SPDX-License-Identifier: GPL-2.0-or-later
"""SSH into a guest: fabric on paramiko behind one typed class; one connection a boot, a limit on every call."""

from __future__ import annotations

import asyncio
import getpass
import io
import logging
import os
import shlex
import socket
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar

import fabric
import paramiko
from invoke.exceptions import CommandTimedOut, ThreadException, UnexpectedExit
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from orchestrator.errors import InfraError, WorkloadFailed
from orchestrator.guest.keys import Keys, host_key

T = TypeVar("T")
HOST = "guest"  # as its key is known by; nobody looks it up
logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what it would print, the errors here say
MOST = 8 << 20  # characters that one call may print
LOST = (OSError, EOFError, paramiko.SSHException, ThreadException)


def _named() -> None:
    """fabric asks who the user is before it is told that it is root. A user id of no name (a container's) has one."""
    try:
        getpass.getuser()
    except (KeyError, OSError):  # the latter since Python 3.13
        os.environ["LOGNAME"] = str(os.getuid())


@dataclass(frozen=True)
class Output:
    """Exit status (negative: ended by a signal), standard output and standard error."""

    code: int
    stdout: str
    stderr: str


class _Heard(io.StringIO):
    """What fabric is to repeat of what it reads. It is only counted: too much of it ends the call."""

    count = 0

    def write(self, text: str) -> int:
        """As a stream's."""
        self.count += len(text)
        if self.count > MOST:
            raise OSError("too much output")
        return len(text)


class _Dialled(fabric.Connection):  # type: ignore[misc]
    """Opened, and opened again, over a connection that somebody else makes."""

    def open(self) -> Any:
        """As fabric calls it, before whatever it does."""
        if not self.is_connected:
            self.connect_kwargs["sock"] = self.dial()
        return super().open()


class Shell:
    """A connected guest. Calls run in a thread; cancelling one closes the connection, which ends it."""

    def __init__(self, dial: Callable[[], socket.socket], keys: Keys) -> None:
        """dial: a new connection to the guest's sshd. OSError where there is none (yet)."""
        _named()
        config = fabric.Config(lazy=True, overrides={"load_ssh_configs": False})  # nobody's own settings
        client_key = paramiko.Ed25519Key.from_private_key(io.StringIO(keys.client_pem))
        options = {"pkey": client_key, "allow_agent": False, "look_for_keys": False}
        self._connection: Any = _Dialled(HOST, user="root", config=config, connect_timeout=20, connect_kwargs=options)
        self._connection._set(dial=dial)
        client: paramiko.SSHClient = self._connection.client
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        client.get_host_keys().add(HOST, "ssh-ed25519", host_key(keys.host_public))

    async def connect(self, limit: float) -> None:
        """Log in; tried again until limit (s), because sshd may still be starting when the port is there."""
        attempts = AsyncRetrying(
            stop=stop_after_delay(limit),
            wait=wait_fixed(0.1),
            retry=retry_if_exception_type(LOST),
            reraise=True,
        )
        try:
            await attempts(self._call, self._connection.open)
        except paramiko.BadHostKeyException as error:
            raise InfraError("another host answered on the guest's port", kind="ssh_host_key") from error
        except LOST as error:
            raise InfraError(f"SSH login failed: {error}", kind="ssh_login") from error

    async def run(self, command: str, limit: float) -> Output:
        """Run to the end. TimeoutError after limit (s); WorkloadFailed when it prints too much; InfraError when the
        connection is lost."""
        heard = _Heard()
        try:
            done = await self._call(
                self._connection.run, command, warn=True, pty=False, in_stream=False, timeout=limit, out_stream=heard,
                err_stream=heard,
            )  # fmt: skip
        except CommandTimedOut as error:
            raise TimeoutError(command) from error
        except LOST as error:
            if heard.count > MOST:
                self.close()
                raise WorkloadFailed(f"it printed more than {MOST >> 20} MiB", kind="output") from error
            raise _lost(error) from error
        if done.exited < 0 and not await self._call(self._alive):
            raise _lost(EOFError("the channel closed without an exit status"))
        return Output(done.exited, done.stdout, done.stderr)

    def _alive(self) -> bool:
        """Does the guest still answer? If so, a command without an exit status was ended by a signal."""
        with suppress(*LOST):
            self._connection.client.get_transport().open_session(timeout=10).close()
            return True
        return False

    async def push(self, local: Path, remote: str, limit: float) -> None:
        """Copy a file into the guest, executable; limit (s) is for each step of it."""
        try:
            await self._call(self._put, local, remote, limit)
        except LOST as error:
            raise _lost(error) from error

    def _put(self, local: Path, remote: str, limit: float) -> None:
        """Through cat: an sftp server would have to be loaded in the guest, which takes longer than the copy."""
        channel: paramiko.Channel = self._connection.client.get_transport().open_session(timeout=limit)
        with channel:
            channel.settimeout(limit)
            place = shlex.quote(remote)
            channel.exec_command(f"cat > {place} && chmod 755 {place}")
            channel.sendall(local.read_bytes())
            channel.shutdown_write()
            channel.recv(1)  # nothing, at the end
            if not channel.status_event.wait(limit) or channel.exit_status != 0:
                raise paramiko.SSHException(f"the guest did not take {remote}")

    def terminal(self) -> int:
        """The user's own terminal becomes a login shell's; its exit status. Ctrl-C goes to the guest."""
        with _raw(sys.stdin):
            try:
                return int(self._connection.shell().exited)
            except UnexpectedExit as error:  # whatever was typed last went wrong
                return int(error.result.exited)

    def close(self) -> None:
        """Also ends a call that is under way."""
        with suppress(*LOST):
            self._connection.close()

    async def _call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        try:
            return await asyncio.to_thread(function, *args, **kwargs)
        except asyncio.CancelledError:
            self.close()
            raise


@contextmanager
def _raw(stream: TextIO) -> Iterator[None]:
    """Every key is a character, none a signal for us."""
    if not stream.isatty():
        yield
        return
    before = termios.tcgetattr(stream)
    try:
        tty.setraw(stream)
        yield
    finally:
        termios.tcsetattr(stream, termios.TCSADRAIN, before)


def _lost(error: BaseException) -> InfraError:
    return InfraError(f"the SSH connection was lost: {error or type(error).__name__}", kind="ssh_lost")
