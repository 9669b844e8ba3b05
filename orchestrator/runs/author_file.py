# SPDX-License-Identifier: GPL-2.0-or-later
"""How a check's source is that of the series' author, as a run folder keeps it."""

from __future__ import annotations

from orchestrator.analyse.contract import AuthorRow
from orchestrator.runs.folder import RunFolder

FILE = "author.json"


def save(folder: RunFolder, row: AuthorRow) -> None:
    """For reports."""
    folder.write_json(FILE, row)


def load(folder: RunFolder) -> AuthorRow | None:
    """None where nothing was told of it."""
    row: AuthorRow | None = folder.read_json(FILE)
    return row
