# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's state, to a file and from it, through a socket: QEMU itself opens no file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path

from qemu.qmp import QMPClient

from orchestrator.errors import InfraError
from orchestrator.guest.stream import without_zeros

BLOCK = 1 << 20
SECONDS = 60.0  # for a state to be written


async def save(qmp: QMPClient, file: Path, memory: int) -> None:
    """Stop the guest and write its state (memory without zero pages, devices, clock) to file. memory: its bytes.

    Raises InfraError when QEMU cannot, and the disk's OSError.
    """
    ours, theirs = socket.socketpair()
    with ours:
        await qmp.execute("stop")
        with theirs:
            qmp.send_fd_scm(theirs.fileno())
            await qmp.execute("getfd", {"fdname": "state"})
        await qmp.execute("migrate-set-parameters", {"max-bandwidth": 1 << 40})
        writing = asyncio.create_task(asyncio.to_thread(_receive, ours, file))
        try:
            await qmp.execute("migrate", {"uri": "fd:state"})
            await asyncio.wait_for(asyncio.shield(writing), SECONDS)
        except TimeoutError as error:
            raise InfraError(
                f"QEMU did not write the guest's state within {SECONDS:.0f} s", kind="snapshot"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                ours.shutdown(socket.SHUT_RDWR)  # also ends the thread
            await asyncio.wait({writing})
    told = await qmp.execute("query-migrate")
    if not isinstance(told, dict) or told.get("status") != "completed":
        raise InfraError("QEMU could not write the guest's state", kind="snapshot", log=str(told))
    await asyncio.to_thread(_lessen, file, memory)


def _receive(source: socket.socket, file: Path) -> None:
    with file.open("wb") as out:
        while chunk := source.recv(BLOCK):
            out.write(chunk)


def _lessen(file: Path, memory: int) -> None:
    stream = file.read_bytes()
    if (less := without_zeros(stream, memory)) is not stream:
        file.write_bytes(less)


def feed(file: Path, sink: socket.socket) -> None:
    """Send the file into a socket and close it; a reader that goes away is its own matter."""
    with sink, file.open("rb") as source, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        offset, size = 0, os.fstat(source.fileno()).st_size
        while offset < size:
            offset += os.sendfile(sink.fileno(), source.fileno(), offset, BLOCK)
