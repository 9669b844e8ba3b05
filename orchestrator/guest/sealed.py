# SPDX-License-Identifier: GPL-2.0-or-later
"""The sandbox of a guest's QEMU: a stranger's kernel runs in it, and what that breaks out to has nothing to take.

No HOME, no network but a loopback of its own, no processes but its own; images can be read, and the files of a plugin
written. SSH goes through the dialer, which is in there with it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import InfraError
from orchestrator.guest import dialer
from orchestrator.guest.command_line import Machine
from orchestrator.sandbox.bubblewrap import SYSTEM, Bounds, Sandbox

ANSWER = 20.0  # seconds for a connection
MEMORY_MIB = 64  # of files in memory, which QEMU needs none of
FILES_MIB = 1024  # that a file of a plugin may have
TEMPORARY = Path("/var/tmp")  # where QEMU keeps what a guest writes to its disk
KEPT = ("PATH", "LD_LIBRARY_PATH", "QEMU_MODULE_DIR")  # of the environment
# The dialer is a child of QEMU then, and ends with the namespace. It is not in QEMU's way: nobody dials for a while.
_DIALER = 'nice -n 10 "$python" -I -S -c "$text" "$control" </dev/null'
_START = f'python=$1 text=$2 control=$3; shift 3; {_DIALER} & exec "$@"'


@dataclass(frozen=True)
class Sealed:
    """A command in its sandbox, and our end of the dialer."""

    argv: list[str]
    env: dict[str, str]
    control: socket.socket

    def dial(self, port: int) -> socket.socket:
        """A connection to a port of the guest's loopback. OSError as of any connection."""
        self.control.settimeout(ANSWER)
        self.control.send(str(port).encode())
        _, fds, _, _ = socket.recv_fds(self.control, 16, 1)
        if not fds:
            raise ConnectionRefusedError("the guest's port takes no connection")
        return socket.socket(fileno=fds[0])


def seal(machine: Machine, argv: Sequence[str], stack: AsyncExitStack) -> tuple[Sealed, socket.socket]:
    """argv in the sandbox, and the dialer's end of its socket, which must be handed over and closed."""
    found = shutil.which(argv[0])
    if found is None:
        raise InfraError(f"{argv[0]} is not installed", kind="tool_missing")
    program = str(Path(found).absolute())
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stack.callback(ours.close)
    python = _python()
    start = ["sh", "-c", _START, "sh", str(python), Path(dialer.__file__).read_text(), str(theirs.fileno())]
    box = Sandbox(
        read=tuple(dict.fromkeys([*_brought(Path(program)), *_brought(python)])),
        write=_written(machine, stack),
        bounds=Bounds(MEMORY_MIB, 0, FILES_MIB + (2 * machine.disk.mib if machine.disk else 0)),
        shown={path: path for path in _files(machine)},
        devices=(Path("/dev/kvm"),) if machine.accel == "kvm" else (),
    )
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    return Sealed(box.command([*start, program, *argv[1:]]), env, ours), theirs


def _files(machine: Machine) -> list[Path]:
    """What it reads."""
    plugin = machine.plugin.library if machine.plugin else None
    return [path for path in (machine.image, machine.initrd, machine.disk_image, plugin) if path]


def _written(machine: Machine, stack: AsyncExitStack) -> dict[Path, Path]:
    """{ours: where it is seen} of folders that it writes to."""
    found = {machine.plugin.folder: machine.plugin.folder} if machine.plugin else {}
    if machine.disk:
        own = stack.enter_context(tempfile.TemporaryDirectory(prefix="kmatrix-disk-", dir=TEMPORARY))
        found[Path(own)] = TEMPORARY
    return found


def _brought(program: Path) -> list[Path]:
    """What a program outside of the system brings is beside the bin/ or build/ that it is in: /opt/qemu,
    for /opt/qemu/bin/qemu-system-x86_64; else in its folder. Of a home, or of a place of everybody's files, only that
    folder is shown, or the program alone."""
    homes = [Path(os.environ.get("HOME") or "/root")]
    with suppress(KeyError):
        homes.append(Path(pwd.getpwuid(os.getuid()).pw_dir))  # whatever HOME says
    homes += [home.resolve() for home in homes]
    found = []
    for path in dict.fromkeys((program.absolute(), program.resolve())):
        if any(path.is_relative_to(folder) for folder in SYSTEM):
            continue
        places = [*([path.parent.parent] if path.parent.name in ("bin", "build") else []), path.parent]
        found.append(next((p for p in places if not _shared(p, homes)), path))
    return found


def _shared(folder: Path, homes: Iterable[Path]) -> bool:
    """Is it, or is in it, a home or what all users write to?"""
    places = (*homes, Path("/root"), Path("/tmp"), Path("/var/tmp"), Path("/run"))
    return folder.parent == Path("/home") or any(place.is_relative_to(folder) for place in places)


def _python() -> Path:
    """The interpreter itself, not a virtual environment's link to it."""
    return Path(getattr(sys, "_base_executable", "") or sys.executable).resolve()
