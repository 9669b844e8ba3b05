# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run folder holds of a cell, cut to what a page can carry: consoles, commands, build facts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import printable
from orchestrator.runs.folder import RunFolder

TAIL = 60  # lines of a console or log
BYTES = 64 << 10  # of the file's end that are looked at


@dataclass(frozen=True)
class Start:
    """One start of a guest: the way to the workload, or the counted passes from a snapshot of it."""

    title: str  # boot 0; boot 0, counted from its snapshot
    command: str  # QEMU's
    console: str  # its last lines
    complaint: str  # what QEMU itself said


def starts(folder: RunFolder | None, cell_id: str) -> list[Start]:
    """Of a cell's boots, in order; [] without a run folder."""
    if folder is None:
        return []
    boots = sorted((folder.path / "cells" / cell_id).glob("boot-*"), key=lambda path: int(path.name[5:]))
    return [
        _start(place, title)
        for boot in boots
        for place, title in (
            (boot, boot.name.replace("-", " ")),
            (boot / "counted", f"{boot.name.replace('-', ' ')}, counted passes from its snapshot"),
        )
        if place.is_dir()
    ]


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


def build(folder: RunFolder | None, build_id: str, info: dict[str, Any] | None) -> dict[str, str]:
    """{what: value} of a kernel's build; log is the end of what make printed."""
    shown = {key: _shown(value) for key, value in (info or {}).items()}
    log = tail(folder.path / "builds" / build_id / "build.log", 20) if folder else ""
    return {**shown, "log": log} if shown or log else {}


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name}  sha256 {sha}" for name, sha in value.items()) or "none"
    return value if isinstance(value, str) else json.dumps(value)
