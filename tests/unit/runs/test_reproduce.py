# SPDX-License-Identifier: GPL-2.0-or-later
"""The command that does a run again asks for all that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import matrix_file, variants
from orchestrator.config.plan import plan
from orchestrator.model import Comparison, Kernel
from orchestrator.paths import MATRIX
from orchestrator.runs import copies, record, reproduce
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.record import Request
from tests.unit import conftest as reports


def command(tmp_path: Path, **asked: Any) -> str:
    """Of a check; measure: what of that is not as usual."""
    matrix = matrix_file.load(MATRIX)
    source = matrix.kernels[0].source
    kernels = tuple(Kernel(name, source, (), ()) for name in ("unpatched", "patched"))
    matrix = replace(
        matrix, kernels=kernels, comparisons=(Comparison("unpatched", "patched"),), claims=(),
        measure=replace(matrix.measure, **asked.pop("measure", {})), **asked.pop("matrix", {}),
    )  # fmt: skip
    folder = RunFolder(tmp_path / "run")
    record.save_request(folder, Request(copies.place(folder), "", (), {}, **asked), matrix, plan(matrix))
    report = reports.good()
    report["offered"] = {**record.offered(), "arches": [arch.name for arch in matrix.arches]}
    return reproduce.command(folder, report)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, ""),
        ({"debug": ("locks", "memory")}, " --debug"),
        ({"debug": ("locks",)}, " --debug-build locks"),
        ({"selftests": ("mremap*", "/home/me/ltp")}, " --selftest 'mremap*' --tests ltp"),
        ({"variants": variants.QUICK, "selftests": ("*",)}, " --variants --selftests"),
        ({"debug": ("locks", "memory"), "variants": variants.THOROUGH, "selftests": ("*",)}, " --thorough"),
        ({"measure": {"boots": 1}}, " --quick"),
        ({"measure": {"memory_mib": 4096}}, " --config matrix.yaml"),
        ({"matrix": {"kconfig": ("CONFIG_X=y",)}}, " --config matrix.yaml"),
    ],
)  # fmt: skip
def test_a_check_is_told_as_it_was_asked_for(tmp_path: Path, asked: Mapping[str, Any], words: str) -> None:
    told = command(tmp_path, **asked)
    assert told == f"kmatrix check --base debian-6.1 --workload shmem-write{words}"
