# SPDX-License-Identifier: GPL-2.0-or-later
"""Of a series that was checked patch by patch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.analyse.each import lines
from orchestrator.analyse.matrix import assemble
from orchestrator.model import CellResult, Comparison, Status
from tests.unit.conftest import BASE, HOST, cell, failed

STEPS = {"patched-1": 'patch 1/2 "a"', "patched-2": 'patch 2/2 "b"'}
KERNELS = ("unpatched", *STEPS, "patched")


def report(*other: CellResult, reached: dict[str, bool | None] | None = None) -> Any:
    """All pass but for these."""
    cells = {(c.arch, c.kernel): c for c in (cell(a, k, BASE) for a in ("aarch64", "s390x") for k in KERNELS)}
    cells |= {(c.arch, c.kernel): c for c in other}
    pairs = [Comparison("unpatched", "patched-1"), Comparison("patched-1", "patched-2")]
    made = assemble(list(cells.values()), pairs, {}, HOST, {}, {"boots": 2, "passes": 1, "clock": "icount"})
    rows = [{**row, "reached": reached[row["new"]]} if reached else row for row in made["comparisons"]]
    changed = [{"arch": "s390x", "base": pair.base, "new": pair.new, "code": 2, "built": 2} for pair in pairs]
    return {**made, "comparisons": rows, "changed": changed}


def test_each_step_builds() -> None:
    assert lines(report(), STEPS) == ["each of the 2 steps builds on aarch64, s390x"]
    assert lines(report(failed("s390x", "patched-1")), STEPS)[0].startswith("each"), "it builds, and breaks"


def test_a_step_that_does_not_build_is_named_with_its_architectures() -> None:
    lost = failed("s390x", "patched-1", Status.BUILD_FAILED)
    wanted = 'with patch 1/2 "a" as the last it does not build on s390x: a bisection would stop there'
    assert lines(report(lost), STEPS) == [wanted]
    both = replace(failed("aarch64", "patched-1", Status.BUILD_FAILED))
    assert "on aarch64, s390x:" in lines(report(lost, both), STEPS)[0]


def test_what_was_not_tried_is_not_said_to_build() -> None:
    assert lines(report(failed("s390x", "patched-2", Status.SKIPPED)), STEPS) == []


def test_a_step_of_which_nothing_ran_is_named() -> None:
    said = lines(report(reached={"patched-1": True, "patched-2": False}), STEPS)
    assert said[1:] == ['patch 2/2 "b": none of its lines ran in what was measured']
    assert len(lines(report(reached={"patched-1": None, "patched-2": None}), STEPS)) == 1, "not known is not said"
