# SPDX-License-Identifier: GPL-2.0-or-later
"""Old runs go, by number and age. The cache is the store's matter."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from pathlib import Path

from orchestrator.model import Nightly


def prune_runs(folder: Path, keep: Nightly, needed: Collection[Path]) -> list[Path]:
    """Remove run folders beyond the number or the age; those needed stay. Returns what went."""
    runs = sorted((path for path in folder.glob("[!.]*") if path.is_dir()), key=lambda path: path.name, reverse=True)
    oldest = time.time() - keep.days * 86_400
    old = [run for number, run in enumerate(runs) if number >= keep.runs or run.stat().st_mtime < oldest]
    gone = [run for run in old if run not in needed]
    for run in gone:
        shutil.rmtree(run, ignore_errors=True)
    return [run for run in gone if not run.exists()]
