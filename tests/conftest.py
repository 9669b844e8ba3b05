# SPDX-License-Identifier: GPL-2.0-or-later
"""A run of kmatrix 0.1.0, as it lay on disk: what others have kept, and what must stay readable."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECORDED = ROOT / "tests/reference/run-0.1.0.tar.xz"


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    """Its folder, unpacked; @ROOT@ in its files is this checkout. events.jsonl lies beside it."""
    with tarfile.open(RECORDED) as archive:
        archive.extractall(tmp_path, filter="data")
    for path in tmp_path.rglob("*"):
        if path.is_file() and (content := path.read_bytes()).count(b"@ROOT@"):
            path.write_bytes(content.replace(b"@ROOT@", str(ROOT).encode()))
    return tmp_path / "run-0.1.0"
