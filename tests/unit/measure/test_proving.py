# SPDX-License-Identifier: GPL-2.0-or-later
"""What keeps a machine from asking whether a change is right is kept, and given to whoever may ask another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.analyse.findings import How
from orchestrator.config import debug, matrix_file
from orchestrator.config.plan import plan as make_plan
from orchestrator.errors import InfraError
from orchestrator.events import Bus
from orchestrator.measure import proving
from orchestrator.measure.proving import Proving
from orchestrator.model import KernelArtifact, Step, StepKind
from orchestrator.runs import debug_file
from orchestrator.runs.folder import RunFolder
from orchestrator.store import Store
from tests.unit.measure.conftest import TEXT, gives


class Guests:
    """None comes up."""

    async def watched(self, *_: Any) -> None:
        raise InfraError("QEMU was killed")


@pytest.mark.parametrize("before", [[], [InfraError("once")]])
def test_no_guest_came_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: Sequence[InfraError]) -> None:
    """Tried again here first; then an answer, and an error that another machine may not have."""
    monkeypatch.setattr(proving.guest_tools, "tool", gives(None))
    matrix = matrix_file.from_text(TEXT, tmp_path / "matrix.yaml")
    plan = make_plan(replace(matrix, debug=debug.configs(["locks"], ["aarch64"])))
    its = plan.watching[0]
    folder, comparing = RunFolder(tmp_path / "run"), SimpleNamespace(store=Store(tmp_path / "cache"))
    proves = Proving(plan, folder, Bus(), comparing, Guests)  # type: ignore[arg-type]
    kernel = KernelArtifact(its.id, "k", tmp_path, tmp_path / "Image", "6.1.192", {}, True)
    step = Step(StepKind.DEBUG, its.id, ("kernel", "image"), after=("watching",), retries=1)
    done = proves(step, {"kernel": kernel, "image": tmp_path, "watching": kernel}, before)
    if not before:
        with pytest.raises(InfraError):
            asyncio.run(done)
        assert not proves.has(step)
        return
    answer = asyncio.run(done)
    assert isinstance(answer, InfraError) and answer.message == "QEMU was killed"
    seen = folder.read_json(f"{debug_file.place(its)}/{debug_file.SEEN}")
    assert "QEMU was killed" in str(seen) and not any(how["how"] == How.RAN for how in seen["ran"].values())
