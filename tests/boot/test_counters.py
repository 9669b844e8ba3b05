# SPDX-License-Identifier: GPL-2.0-or-later
"""Counters that nobody named: what a kernel counts more is found, to the last one, and nothing beside it."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from tests.boot.conftest import LAB, LIGHT_MIB, ROOT, Done, Kmatrix

ARCHES = ("x86_64", "aarch64", "s390x")
PAGES = LIGHT_MIB << 8
# shmem-write without a metric that tells of faults.
TOML = f"""\
title = "write one byte a page to fresh shared shmem"
unit = "page"
metrics = ["time"]
args = ["--mib", "{LIGHT_MIB}"]
memory_mib = 256
"""
# The three shared kernels, and one in which each fault takes a page and gives it back.
MATRIX = (
    LAB.replace("[shmem-light]", "[uncounted]")
    .replace("boots: 1", "boots: 2")
    .replace("compare:\n", "  more: {source: debian-6.1, patches: [patches/page-more.patch]}\ncompare:\n")
    .replace("measure:", "  - {base: patched, new: more}\nmeasure:")
)

LISTED = 64  # pages of a CPU's lists that one refill brings


def matrix(kmatrix: Kmatrix) -> str:
    """Its text; the workload is beside it."""
    kmatrix.matrix(MATRIX)
    folder = kmatrix.folder / "guest-tools/uncounted"
    shutil.copytree(ROOT / "guest-tools/shmem-write", folder)
    (folder / "workload.toml").write_text(TOML)
    return MATRIX


@pytest.fixture(scope="module")
def run(kmatrix_module: Kmatrix, ready: None) -> Done:
    done = kmatrix_module.run(matrix(kmatrix_module))
    assert done.code == 0, done.out + done.err
    return done


def counters(run: Done, arch: str, new: str) -> dict[tuple[str, str], int]:
    """{(source, counter): how many more in a pass}"""
    rows = [row for row in run.json()["counters"] if (row["arch"], row["new"]) == (arch, new)]
    assert all(row["units"] == PAGES for row in rows)
    return {(row["source"], row["counter"]): row["new_count"] - row["base_count"] for row in rows}


def left_out(run: Done, arch: str, new: str) -> list[Any]:
    return [row for row in run.json()["counters_left_out"] if (row["arch"], row["new"]) == (arch, new)]


@pytest.mark.parametrize("arch", ARCHES)
def test_a_page_more_in_each_fault_is_found_without_being_named(run: Done, arch: str) -> None:
    """Taken and given back: one zone's count, that of pages given back, and with NUMA where it was taken. How many
    pages lie on the CPU's own lists afterwards may differ, too."""
    found = counters(run, arch, "more")
    assert abs(found.pop(("vmstat", "nr_free_pages"), 0)) < LISTED
    names = {name for _, name in found}
    [zone] = (name for name in names if name.startswith("pgalloc_"))
    there = set(run.cell(f"{arch}/more/uncounted")["vmstat"])
    assert names == {zone, "pgfree"} | ({"numa_hit", "numa_local"} & there) and set(found.values()) == {PAGES}
    assert "pgfree +1.000 per page on " in " ".join(run.out.split())


@pytest.mark.parametrize("arch", ARCHES)
def test_a_fault_less_a_page_is_found_and_nothing_else(run: Done, arch: str) -> None:
    assert counters(run, arch, "patched") == {("vmstat", "pgfault"): -PAGES}
    assert "pgfault -1.000 per page on x86_64, aarch64 and s390x" in " ".join(run.out.split())


@pytest.mark.parametrize("arch", ARCHES)
def test_of_a_change_that_counts_nothing_else_nothing_is_told(run: Done, arch: str) -> None:
    """Of instructions alone."""
    assert counters(run, arch, "lab") == {}


@pytest.mark.parametrize("arch", ARCHES)
def test_nearly_all_counters_repeat(run: Done, arch: str) -> None:
    assert all(row["not_repeating"] <= 5 for new in ("patched", "lab", "more") for row in left_out(run, arch, new))
    assert len(run.cell(f"{arch}/patched/uncounted")["vmstat"]) > 100
