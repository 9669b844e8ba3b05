# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's console: drained, saved, searched line by line."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass
from pathlib import Path

READY, GATE, ENDED = "kmatrix: ready", "kmatrix: gate", "kmatrix: ended"  # what init and workloads say
LIMIT = 8 << 20  # bytes of a console that are kept

# First match wins; each is the start of what Linux prints in such a case.
FATAL: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            "lock_imbalance",
            r"WARNING: (bad unlock balance|lock held when|held lock freed|possible (recursive|circular) locking)",
        ),
        (
            "lock_imbalance",
            r"WARNING: (inconsistent lock state|suspicious RCU usage)",
        ),
        ("rcu_stall", r"rcu: INFO: \w+ (self-)?detected (expedited )?stalls?|detected stalls on CPUs"),
        (
            "lockup",
            r"BUG: soft lockup|watchdog: BUG|NMI watchdog|hard LOCKUP|blocked for more than \d+ seconds",
        ),
        ("oops", r"BUG: (unable to handle|kernel NULL|Bad page|KASAN|KFENCE|sleeping|scheduling|workqueue)"),
        ("oops", r"Unable to handle kernel|Internal error: |Oops:|general protection fault|kernel BUG at "),
        ("oops", r"Unable to handle kernel pointer dereference|illegal operation: |Call Trace:.*oops"),
        ("bug", r"\bBUG: "),
        ("warning", r"WARNING: (?:CPU: \d+|(?:\[[^\]]*\] )?[\w./-]+\.[chS]:\d+ at )"),
        ("panic", r"Kernel panic - not syncing"),
    )
)
PANIC = re.compile(r"Kernel panic - not syncing")
OUT_OF_MEMORY = re.compile(r"Out of memory: Killed process \d+ \((?P<name>[^)]+)\)")


@dataclass(frozen=True)
class Broken:
    """What a console shows of a broken kernel: its kind, the first line, an excerpt."""

    kind: str
    line: str
    excerpt: str


def find_broken(text: str) -> Broken | None:
    """The first sign of a broken kernel in a console log, with the lines around it."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        for kind, pattern in FATAL:
            if pattern.search(line):
                excerpt = "\n".join(lines[max(0, number - 3) : number + 45])
                return Broken(kind, _without_time(line), excerpt)
    return None


def tail(text: str, lines: int = 15) -> str:
    """The last lines, for an error message."""
    return "\n".join(text.splitlines()[-lines:])


def _without_time(line: str) -> str:
    return re.sub(r"^(\[ *\d+\.\d+\] *)+", "", line).strip()


class Console:
    """Reads one end of a socket pair into a file until it closes; tells of ready and of a broken kernel."""

    def __init__(self, sock: socket.socket, log: Path, patient: bool = False) -> None:
        """patient: only a panic breaks it, whatever else the kernel says of itself."""
        self._sock, self._log = sock, log
        self._broken = PANIC.search if patient else find_broken
        self._parts: list[str] = []
        self._rest = ""  # of a line that is not whole yet
        self._size = 0
        self.ready, self.gate, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.broken = asyncio.Event()

    @property
    def text(self) -> str:
        """All that was printed so far."""
        return "".join(self._parts) + self._rest

    async def say(self, text: str) -> None:
        """To the guest, as from a keyboard."""
        await asyncio.get_running_loop().sock_sendall(self._sock, text.encode())

    async def drain(self) -> None:
        """Run until the other end closes. Beyond LIMIT nothing is kept: a guest must not fill the host."""
        reader, writer = await asyncio.open_connection(sock=self._sock)
        try:
            with self._log.open("wb") as file:
                while chunk := await reader.read(1 << 16):
                    self._size += len(chunk)
                    if self._size <= LIMIT:
                        file.write(chunk)
                        file.flush()
                        self._take(chunk.decode(errors="replace").replace("\r", ""))
        finally:
            writer.close()

    def _take(self, text: str) -> None:
        """Look at the lines that are whole now."""
        lines, newline, self._rest = (self._rest + text).rpartition("\n")
        self._parts.append(lines + newline)
        for word, event in ((READY, self.ready), (GATE, self.gate), (ENDED, self.ended)):
            if word in lines:
                event.set()
        if self._broken(lines):
            self.broken.set()
