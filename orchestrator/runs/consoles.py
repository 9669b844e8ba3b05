# SPDX-License-Identifier: GPL-2.0-or-later
"""What guests and builds left in a run folder as text, cut to what a page can carry: consoles, commands, logs."""

from __future__ import annotations

from pathlib import Path

from orchestrator.errors import printable
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.run import Start

TAIL = 60  # lines of a console
LOG_TAIL = 20  # lines of a build's log
BYTES = 64 << 10  # of the file's end that are looked at


def starts(folder: RunFolder, cell_id: str) -> tuple[Start, ...]:
    """Of a cell's boots, in order."""
    boots = sorted((folder.path / "cells" / cell_id).glob("boot-*"), key=lambda path: int(path.name[5:]))
    return tuple(
        _start(place, title)
        for boot in boots
        for place, title in (
            (boot, boot.name.replace("-", " ")),
            (boot / "counted", f"{boot.name.replace('-', ' ')}, counted passes from its snapshot"),
        )
        if place.is_dir()
    )


def build_log(folder: RunFolder, build_id: str) -> str:
    """The end of what make printed."""
    return tail(folder.path / "builds" / build_id / "build.log", LOG_TAIL)


def _start(place: Path, title: str) -> Start:
    return Start(title, tail(place / "qemu.txt"), tail(place / "console.log"), tail(place / "qemu.stderr"))


def tail(path: Path, lines: int = TAIL) -> str:
    """A text file's last lines, without control characters; "" if it is not there."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - BYTES))
            rows = printable(file.read().decode(errors="replace")).splitlines()
    except OSError:
        return ""
    return "\n".join(["...", *rows[-lines:]] if len(rows) > lines else rows)
