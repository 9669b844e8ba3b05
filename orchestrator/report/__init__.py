# SPDX-License-Identifier: GPL-2.0-or-later
"""Report formats, one file each. RENDER takes a run, as a value, and returns text: a format reads no files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType

from orchestrator.registry import scan


@dataclass(frozen=True)
class Telling:
    """What whoever asks for a report adds to it."""

    left_out: tuple[str, ...] = ()  # what was measured and is not told: report --arch, --select
    vouched: bool = True  # may it offer to vouch for all of the run? Not a part of one that is not clean
    signer: str = ""  # Name <address> of who may vouch for it; a person signs, never kmatrix


PLAIN = Telling()


@cache
def known() -> dict[str, FunctionType]:
    """{format: function} of this folder."""
    return scan([Path(__file__).parent], "RENDER", FunctionType)
