# SPDX-License-Identifier: GPL-2.0-or-later
"""Report formats: one file each, RENDER takes a matrix report and returns text."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import FunctionType

from orchestrator.registry import scan


@cache
def known() -> dict[str, FunctionType]:
    """{format: function} of this folder."""
    return scan([Path(__file__).parent], "RENDER", FunctionType)
