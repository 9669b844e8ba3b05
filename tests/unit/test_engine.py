# SPDX-License-Identifier: GPL-2.0-or-later
"""What is told before a run begins, and leaves no run folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import engine
from orchestrator.errors import ConfigError
from orchestrator.paths import ROOT
from orchestrator.runs.folder import RunFolder


def test_a_cache_that_no_kernel_can_be_built_in_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "check_host", lambda: None)
    monkeypatch.setenv("KMATRIX_CACHE", str(tmp_path / "my cache"))
    matrix, request = engine.asked(ROOT / "matrix.yaml")
    with pytest.raises(ConfigError, match="takes no ' ' in a path"):
        engine.measured(RunFolder(tmp_path / "run"), matrix, request, engine.Manner())
    assert not list(tmp_path.iterdir())
