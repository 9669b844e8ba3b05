# SPDX-License-Identifier: GPL-2.0-or-later
"""Architectures: one frozen record a file. KMATRIX_ARCHES names further folders (colon-separated)."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.model import Arch
from orchestrator.registry import scan


def known() -> dict[str, Arch]:
    """{name: record} of this folder and of those in KMATRIX_ARCHES."""
    extra = [Path(p) for p in os.environ.get("KMATRIX_ARCHES", "").split(":") if p]
    return scan([Path(__file__).parent, *extra], "ARCH", Arch)
