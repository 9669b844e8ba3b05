# SPDX-License-Identifier: GPL-2.0-or-later
"""Profiles in run folders: profile.json from the accounts that cells left there."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.analyse.profiles import ProfileReport, assemble
from orchestrator.model import Comparison
from orchestrator.results import RunFolder

FILE = "profile.json"  # of the run; each profiled cell's folder has its own account under this name, too


def diff_of(pair: Comparison) -> str:
    """Where a run keeps what the sources of two kernels differ by."""
    return f"diffs/{pair.base}..{pair.new}.diff"


def report(folder: RunFolder, cells: Sequence[str], comparisons: Sequence[Comparison]) -> ProfileReport:
    """cells are ids in order; those without an account are left out."""
    accounts = [folder.read_json(f"cells/{cell_id}/{FILE}") for cell_id in cells]
    paths = {pair: folder.path / diff_of(pair) for pair in comparisons}
    diffs = {pair: path.read_text() for pair, path in paths.items() if path.is_file()}
    return assemble([account for account in accounts if account], comparisons, diffs)
