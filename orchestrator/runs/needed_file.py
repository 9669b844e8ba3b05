# SPDX-License-Identifier: GPL-2.0-or-later
"""What a change needs of its kernels' config, and what of that was had, as a run folder keeps it."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.analyse.contract import NeededRow
from orchestrator.runs.folder import RunFolder

FILE = "needed.json"


def save(folder: RunFolder, rows: Sequence[NeededRow]) -> None:
    """For reports."""
    folder.write_json(FILE, list(rows))


def load(folder: RunFolder) -> list[NeededRow]:
    """[] where no config followed a patch."""
    return list(folder.read_json(FILE) or ())
