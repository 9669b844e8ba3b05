# SPDX-License-Identifier: GPL-2.0-or-later
"""The ruler: known instructions added to the shared write fault are measured as that many, on every architecture."""

from __future__ import annotations

import pytest

from tests.boot.conftest import Done, Kmatrix

ARCHES = ("x86_64", "aarch64", "s390x")
NOPS = (1, 5, 20)
TEXT = """\
arches: [x86_64, aarch64, s390x]
workloads: [shmem-write]
sources:
  debian-6.1: {debian: linux-source-6.1}
kernels:
  patched: {source: debian-6.1}
  comment: {source: debian-6.1, patches: [patches/comment.patch]}
  nop-1: {source: debian-6.1, patches: [patches/nop-1.patch]}
  nop-5: {source: debian-6.1, patches: [patches/nop-5.patch]}
  nop-20: {source: debian-6.1, patches: [patches/nop-20.patch]}
compare:
  - {base: patched, new: comment}
  - {base: patched, new: nop-1}
  - {base: patched, new: nop-5}
  - {base: patched, new: nop-20}
measure: {boots: 2, passes: 1}
"""


@pytest.fixture(scope="module")
def ruler(seed: Done, kmatrix_module: Kmatrix) -> Done:
    """`patched` is shared with the shipped matrix."""
    done = kmatrix_module.run(TEXT)
    assert done.code == 0, done.out + done.err
    return done


def time_row(ruler: Done, arch: str, kernel: str) -> dict[str, float | str]:
    rows = ruler.json()["comparisons"]
    return next(r for r in rows if (r["arch"], r["new"], r["metric"]) == (arch, kernel, "time"))


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("count", NOPS)
def test_instructions_are_counted(ruler: Done, arch: str, count: int) -> None:
    row = time_row(ruler, arch, f"nop-{count}")
    assert float(row["per_unit_new"]) - float(row["per_unit_base"]) == pytest.approx(count, abs=0.2)
    assert row["verdict"] == "worse"


@pytest.mark.parametrize("arch", ARCHES)
def test_a_comment_changes_nothing(ruler: Done, arch: str) -> None:
    row = time_row(ruler, arch, "comment")
    assert abs(float(row["per_unit_new"]) - float(row["per_unit_base"])) <= 0.2
    assert row["verdict"] == "same"
