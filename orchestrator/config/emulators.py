# SPDX-License-Identifier: GPL-2.0-or-later
"""Emulators: their versions, and those of a folder, which need not be installed: a package unpacked, or one built."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from orchestrator.errors import ConfigError
from orchestrator.model import Arch, Matrix

_PROGRAMS = ("", "bin", "usr/bin")  # of the folder
_FIRMWARE = ("qemu", "seabios")  # of the share/ beside it


def version(text: str) -> tuple[int, int]:
    """(7, 2) of what QEMU says of itself: 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18); (0, 0) of what is no version."""
    found = re.match(r"(?:.*version )?(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def of_folder(matrix: Matrix, folder: str) -> Matrix:
    """The matrix with the emulators of the folder; "": as it is. ConfigError if they are not there."""
    if not folder or matrix.qemu == folder:
        return matrix
    found = [from_folder(own(arch), Path(folder)) for arch in matrix.arches]
    if None in found:
        raise ConfigError(f"{folder} has not the emulators any more that this began with", hint="kmatrix doctor")
    return replace(matrix, qemu=folder, arches=tuple(filter(None, found)))


def own(arch: Arch) -> Arch:
    """With the emulator that is installed."""
    return replace(arch, qemu=Path(arch.qemu).name, firmware=())


def from_folder(arch: Arch, folder: Path) -> Arch | None:
    """The arch with its emulator of there, and that one's own firmware; None if there is none."""
    for place in _PROGRAMS:
        program = folder / place / arch.qemu
        if program.is_file() and os.access(program, os.X_OK):
            share = program.parent.parent / "share"
            firmware = tuple(str(share / name) for name in _FIRMWARE if (share / name).is_dir())
            return replace(arch, qemu=str(program), firmware=firmware)
    return None
