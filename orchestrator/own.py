# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of the user's own that do not measure themselves with our markers in a folder of their own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """What a file is, and so how it is measured."""

    MARKERS = "C with kmatrix.h"  # measures itself
    WILL_IT_SCALE = "will-it-scale test case"  # an adapter counts its iterations
    SOURCE = "C program"  # measured from its start to its end, as the following
    BINARY = "static ELF program"
    SCRIPT = "script"


WHOLE = frozenset({Kind.SOURCE, Kind.BINARY, Kind.SCRIPT})  # measured from start to end


@dataclass(frozen=True)
class Own:
    """files: all that it is made of, itself first; compiled: C files among them; headers: folders with headers."""

    kind: Kind
    files: tuple[Path, ...]
    compiled: tuple[Path, ...] = ()
    headers: tuple[Path, ...] = ()
    interpreter: tuple[str, ...] = ()  # what runs it in the guest
    skip: int | None = None  # the exit status by which it says that it did not run
    arches: tuple[str, ...] = ()  # it is made for these; () any
    declared: Path | None = None  # the file that declares the rest

    @property
    def inputs(self) -> tuple[Path, ...]:
        """All files that a result depends on."""
        return (*self.files, *((self.declared,) if self.declared else ()))
