# SPDX-License-Identifier: GPL-2.0-or-later
"""What kernels that watch themselves said, as run folders have it, old ones, too."""

from __future__ import annotations

from pathlib import Path

from orchestrator.model import Comparison
from orchestrator.runs import debug_file
from orchestrator.runs.folder import RunFolder


def test_a_folder_of_0_9_is_read(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    seen = {
        "reports": [], "ran": {"msync": "ran", "mseal": "not there: no mseal", "brk": "failed: wrong page"},
        "failing": [], "notes": [], "boots": 1, "stored": False, "linux": "6.1.192", "counts": {},
    }  # fmt: skip
    folder.write_json("debug/s390x/patched/locks/seen.json", seen)
    facts = debug_file.facts(folder, ["s390x/patched"], [Comparison("unpatched", "patched")], {})
    assert facts is not None
    (row,) = facts["watched"]
    assert (row["ran"], row["failed"], row["left_out"]) == (["msync"], ["brk"], ["mseal: not there: no mseal"])
    assert facts["findings"][0]["message"] == "brk failed: wrong page"
