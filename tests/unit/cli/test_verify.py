# SPDX-License-Identifier: GPL-2.0-or-later
"""Words of the verb that repeats a run."""

from __future__ import annotations

from pathlib import Path

from orchestrator.cli.verify import lacking
from orchestrator.runs.folder import RunFolder


def test_snapshots_that_are_gone_are_told(tmp_path: Path) -> None:
    """Then it takes much longer than was asked for."""
    folder = RunFolder(tmp_path / "run")
    never, made = {"boot": 3.0, "measure": 1.0}, {"boot": 3.0, "snapshot": 0.1, "measure": 1.0}
    stages = {0: {"measure": 1.0}, 1: never, 2: made}
    for number, seconds in stages.items():
        folder.write_json(f"cells/x86_64/base/own/boot-{number}/result.json", {"seconds": seconds})
        assert bool(lacking(folder)) == (number == 2)
    assert lacking(folder) == "1 of 3 boots had no snapshot to go on from: they were done anew"
