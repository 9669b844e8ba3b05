# SPDX-License-Identifier: GPL-2.0-or-later
"""Cells, builds and the order of boots."""

from pathlib import Path

import pytest

from orchestrator.config import matrix_file
from orchestrator.config.plan import plan
from orchestrator.errors import ConfigError

MATRIX = matrix_file.load(Path(__file__).parents[3] / "matrix.yaml")


def test_boots_go_abba_within_an_arch() -> None:
    ids = [boot.id for boot in plan(MATRIX, ["s390x"]).boots]
    assert ids == [
        "s390x/unpatched/shmem-write#0",
        "s390x/patched/shmem-write#0",
        "s390x/patched/shmem-write#1",
        "s390x/unpatched/shmem-write#1",
    ]


def test_the_kernel_with_fewer_patches_is_built_first() -> None:
    made = plan(MATRIX)
    assert [b.id for b in made.builds[:2]] == ["x86_64/patched", "x86_64/unpatched"]
    assert len(made.builds) == 6 and len(made.cells) == 6 and len(made.boots) == 12


@pytest.mark.parametrize(
    ("globs", "count"), [(["*"], 6), (["s390x/*"], 2), (["*/patched"], 3), (["x86_64/patched/shmem-*"], 1)]
)
def test_globs_select_and_leave_needless_builds_out(globs: list[str], count: int) -> None:
    made = plan(MATRIX, globs)
    assert len(made.cells) == count
    assert {b.id for b in made.builds} == {c.build_id for c in made.cells}


def test_a_glob_that_matches_nothing_is_an_error_that_lists_the_cells() -> None:
    with pytest.raises(ConfigError) as caught:
        plan(MATRIX, ["riscv64/*"])
    assert "riscv64" in caught.value.message and "s390x/patched/shmem-write" in caught.value.hint
