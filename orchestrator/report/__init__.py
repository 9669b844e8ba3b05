# SPDX-License-Identifier: GPL-2.0-or-later
"""Report formats: one file each, RENDER takes a matrix report (and Extras) and returns text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType

from orchestrator.registry import scan
from orchestrator.runs.folder import RunFolder


@dataclass(frozen=True)
class Extras:
    """What a format may tell beside the matrix. All of it may be missing: a matrix.json is enough for a report."""

    folder: RunFolder | None = None  # for consoles, commands and build facts
    left_out: tuple[str, ...] = ()  # arches that were measured and are not told: report --arch
    again: str = ""  # the command that does the run again
    signer: str = ""  # Name <address> of who may vouch for it; a person signs, never kmatrix


NOTHING = Extras()


@cache
def known() -> dict[str, FunctionType]:
    """{format: function} of this folder."""
    return scan([Path(__file__).parent], "RENDER", FunctionType)
