# SPDX-License-Identifier: GPL-2.0-or-later
"""A check switches on what its patch's lines need, in kernels of their own, after an answer without it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.boot.conftest import EVERYWHERE, HERE, Done, Kmatrix

NIGHT = pytest.mark.night
LEAN = EVERYWHERE + "config: lean\n"
ARCHES = ["aarch64", pytest.param("x86_64", marks=NIGHT), pytest.param("s390x", marks=NIGHT)]


def check(kmatrix: Kmatrix, patch: str, *arguments: str, text: str = EVERYWHERE) -> Done:
    kmatrix.fresh = False  # else kernels that are the same would be measured, too
    path = HERE / f"patches/{patch}.patch"
    return kmatrix("check", path, *arguments, "--config", kmatrix.matrix(text), "--out", kmatrix.folder / "run")


def states(done: Done, new: str) -> dict[str, set[str]]:
    """{file: what became of its changed lines that are code} in the comparison with this kernel."""
    found: dict[str, set[str]] = {}
    for row in done.json()["reach"]:
        if row["new"] == new and row["state"] != "not_code":
            found.setdefault(row["file"], set()).add(row["state"])
    return found


def needed(done: Done) -> list[tuple[Any, ...]]:
    return [(row["option"], row["own"], row["with_base"], row["with_new"]) for row in done.json()["needed"]]


@pytest.mark.parametrize("arch", ARCHES)
def test_an_option_of_the_patch_is_on_in_a_third_kernel(ready: None, kmatrix: Kmatrix, arch: str) -> None:
    done = check(kmatrix, "own-option", "--arch", arch)
    assert done.code == 1, done.out + done.err
    new = "patched+CONFIG_SLOWER_SHARED_FAULTS"
    assert needed(done) == [("CONFIG_SLOWER_SHARED_FAULTS", True, "patched", new)]
    assert states(done, "patched") == {"mm/memory.c": {"not_built"}} and states(done, new) == {"mm/memory.c": {"ran"}}
    [time] = [row for row in done.json()["comparisons"] if (row["new"], row["metric"]) == (new, "time")]
    assert time["base"] == "patched" and time["verdict"] == "worse" and time["reached"] is True
    assert 5 < time["per_unit_new"] - time["per_unit_base"] < 9
    assert done.cell(f"{arch}/patched/small").get("reason") == "identical", "neither booted before, nor then"
    first, _, then = done.out.partition(f"CONFIG_SLOWER_SHARED_FAULTS needed on {arch}: ")
    assert f"run folder: {done.folder}" in first and "not reached" in first and "the changed line ran." in then
    told = kmatrix("report", done.folder, "--format", "mail")
    assert told.code == 1 and "which the change adds, is on in" in " ".join(told.out.split())
    again = kmatrix("run", "--resume", done.folder)
    assert again.code == 1 and " build " not in again.out and "measure took" not in again.out


@pytest.mark.parametrize("arch", [pytest.param(arch, marks=NIGHT) for arch in ("aarch64", "x86_64", "s390x")])
def test_what_lines_need_is_on_in_both_kernels(ready: None, kmatrix: Kmatrix, arch: str) -> None:
    """A file of its own, and a header's lines under #ifdef."""
    done = check(kmatrix, "needs-option", "--arch", arch)
    pair = ("unpatched+CONFIG_PERCPU_STATS", "patched+CONFIG_PERCPU_STATS")
    assert needed(done) == [("CONFIG_PERCPU_STATS", False, *pair)]
    assert set(states(done, "patched")) == {"mm/percpu-internal.h", "mm/percpu-stats.c"}
    assert all(its == {"not_built"} for its in states(done, "patched").values())
    there = states(done, pair[1])
    assert there["mm/percpu-internal.h"] <= {"boot_only", "ran"} and there["mm/percpu-stats.c"] == {"not_run"}
    assert done.code == (0 if there["mm/percpu-internal.h"] == {"ran"} else 5), done.out + done.err
    for kernel in pair:
        config = (done.folder / f"builds/{arch}/{kernel}/config").read_text()
        assert "CONFIG_PERCPU_STATS=y" in config
    assert "CONFIG_PERCPU_STATS=y" not in (done.folder / f"builds/{arch}/unpatched/config").read_text()


@pytest.mark.night
def test_what_does_not_compile_with_it_is_told(ready: None, kmatrix: Kmatrix) -> None:
    done = check(kmatrix, "not-built", "--arch", "aarch64", text=LEAN)
    assert done.code == 3, done.out + done.err
    assert "with CONFIG_SWAP it does not compile on aarch64: mm/page_io.c:183" in " ".join(done.out.split())
    assert done.cell("aarch64/unpatched+CONFIG_SWAP/small")["status"] == "passed"
    told = kmatrix("report", done.folder, "--format", "mail")
    assert told.code == 3 and told.out.startswith("patched+CONFIG_SWAP does not build on aarch64")


@pytest.mark.night
def test_it_can_be_declined(ready: None, kmatrix: Kmatrix) -> None:
    done = check(kmatrix, "needs-and-breaks", "--arch", "aarch64", "--no-config-for-patch")
    assert done.code == 5 and "needed" not in done.json(), done.out + done.err
