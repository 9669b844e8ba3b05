# SPDX-License-Identifier: GPL-2.0-or-later
"""Profiles in run folders: profile.json from the accounts that cells left there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.analyse.contract import UnprofiledRow
from orchestrator.model import Comparison
from orchestrator.profile.cell_account import CellAccount
from orchestrator.profile.comparison import ProfileReport, compare_accounts
from orchestrator.runs.folder import RunFolder
from orchestrator.store import write_atomically

FILE = "profile.json"  # of the run; each profiled cell's folder has its own account under this name, too
WHY_NOT = "no-profile.json"  # in a cell's folder, instead


def diff_of(pair: Comparison) -> str:
    """Where a run keeps what the sources of two kernels differ by."""
    return f"diffs/{pair.base}..{pair.new}.diff"


def load(folder: RunFolder, cells: Sequence[str], comparisons: Sequence[Comparison]) -> ProfileReport:
    """cells are ids in order; those without an account are left out."""
    found = [folder.read_json(f"cells/{cell_id}/{FILE}") for cell_id in cells]
    accounts = [CellAccount._from_json(data) for data in found if data]
    return compare_accounts(accounts, comparisons, diffs(folder, comparisons))


def diffs(folder: RunFolder, comparisons: Iterable[Comparison]) -> dict[Comparison, str]:
    """What the sources of two kernels differ by, where the run kept it."""
    paths = {pair: folder.path / diff_of(pair) for pair in comparisons}
    return {pair: path.read_text(errors="replace") for pair, path in paths.items() if path.is_file()}


def taken(folder: RunFolder, cell_id: str) -> bool:
    """Does the run folder have this cell's account?"""
    return (folder.path / "cells" / cell_id / FILE).is_file()


def has_memory(folder: RunFolder, cell_id: str) -> bool:
    """Does that say what is loaded and stored?"""
    return "data_lines_median" in (folder.read_json(f"cells/{cell_id}/{FILE}") or {})


def load_account(cell_folder: Path) -> CellAccount:
    """A cell's. OSError or ValueError where there is none that is whole."""
    return CellAccount._from_json(json.loads((cell_folder / FILE).read_text()))


def refuse(folder: RunFolder, cell_id: str, why: str, log: str, possible: bool) -> None:
    """Keep why a cell has no account; one of an earlier start is another boot's. possible: it may be tried again."""
    folder.write_json(f"cells/{cell_id}/{WHY_NOT}", {"why": why, "log": log, "possible": possible})
    (folder.path / "cells" / cell_id / FILE).unlink(missing_ok=True)


def save(cell_folder: Path, account: CellAccount) -> None:
    """Keep a cell's account in its folder, atomically."""
    write_atomically(cell_folder / FILE, json.dumps(account._to_json()) + "\n")


def accept(folder: RunFolder, cell_id: str) -> None:
    """There is an account now."""
    (folder.path / "cells" / cell_id / WHY_NOT).unlink(missing_ok=True)


def unprofiled(folder: RunFolder, passed: Sequence[str]) -> list[UnprofiledRow]:
    """Of cells that passed, those without an account; none in a run that was never profiled."""
    lacking = [cell_id for cell_id in passed if not taken(folder, cell_id)]
    reasons = {cell_id: folder.read_json(f"cells/{cell_id}/{WHY_NOT}") for cell_id in lacking}
    asked = (folder.path / FILE).is_file() or len(lacking) < len(passed) or any(reasons.values())
    return [_row(cell_id, reason or {}) for cell_id, reason in reasons.items()] if asked else []


def _row(cell_id: str, reason: Mapping[str, Any]) -> UnprofiledRow:
    return UnprofiledRow(
        id=cell_id,
        why=reason.get("why", "its account is not there"),
        log=reason.get("log", ""),
        possible=reason.get("possible", True),
    )
