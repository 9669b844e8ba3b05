# SPDX-License-Identifier: GPL-2.0-or-later
"""The library of workloads: each runs, checks itself, or says what is not there; and a check chooses of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import workloads
from orchestrator.paths import GUEST_TOOLS, ROOT
from tests.boot.conftest import COLD, EVERYWHERE, HERE, Done, Kmatrix

ARCHES = ("x86_64", "aarch64", "s390x")
LIBRARY = {  # of one CPU: the others need a newer QEMU than there may be
    name: folder for name, folder in workloads.library(GUEST_TOOLS).items() if workloads.load(folder).cpus == 1
}
SOME = ("anon-write", "mremap-move", "fork-exit", "write-tmpfs", "swap-out", "epoll-add")  # one of each kind
PPM, EACH = 20e-6, 0.1  # boots are apart by no more of their time, or by no more instructions per unit
EXACT = 0.9  # the share of workloads of which that holds
PATCHES = HERE / "patches"
MATRIX = EVERYWHERE.replace("[small]", "[shmem-write]").replace("limits: {ready: 40, work: 60}\n", "")


def run(kmatrix: Kmatrix, *arguments: str | Path) -> Done:
    done = kmatrix.run(MATRIX, *arguments)
    assert done.code == 0, done.out + done.err
    return done


def ended(done: Done) -> dict[str, str]:
    """{cell: how}, but for what says that it is not there."""
    rows = done.json()["cells"]
    return {row["id"]: row["status"] for row in rows if row.get("reason") != "absent"}


@pytest.fixture(scope="module")
def all_of_it(kmatrix_module: Kmatrix, ready: None) -> Done:
    return run(kmatrix_module, "--suite", "all", "--select", "x86_64/*")


def test_each_workload_runs_or_says_what_is_not_there(all_of_it: Done) -> None:
    found = ended(all_of_it)
    assert set(found.values()) == {"passed"} and len(found) >= len(LIBRARY) - 6
    for row in all_of_it.json()["cells"]:
        if row.get("reason") == "absent":
            assert row["status"] == "skipped" and row["failure"]["message"], row


def test_one_guest_is_booted_for_all_of_them(all_of_it: Done) -> None:
    """The others go on from where it was saved: they have no boot, no login and no push of their own."""
    booted = [row["id"] for row in all_of_it.json()["cells"] if "boot" in row.get("seconds", [{}])[0]]
    kinds = {workloads.load(LIBRARY[name.rpartition("/")[2]]).nodes for name in booted}
    assert len(booted) == len(kinds), booted


def test_some_on_all_architectures(kmatrix: Kmatrix, ready: None) -> None:
    words = [word for name in SOME for word in ("--workload", name)]
    assert set(ended(run(kmatrix, *words)).values()) == {"passed"}


def _moved(report: Any) -> dict[tuple[str, str], float]:
    return {
        (row["arch"], row["workload"]): row["per_unit_new"] - row["per_unit_base"]
        for row in report["comparisons"]
        if row["metric"] == "time"
    }


def checked(kmatrix: Kmatrix, patch: str) -> Done:
    """As a user does, in a folder without a matrix file."""
    shutil.copy(PATCHES / patch, kmatrix.folder / patch)
    return kmatrix("check", "--no-static", "--out", kmatrix.folder / "run", kmatrix.folder / patch, timeout=2 * COLD)


def test_a_check_chooses_who_runs_the_changed_line(kmatrix: Kmatrix, ready: None) -> None:
    """200 nops where mprotect() has nothing to do: no write fault runs them."""
    done = checked(kmatrix, "protects.patch")
    report = done.json()
    assert done.code == 1, done.out + done.err  # slower
    chosen = {row["workload"] for row in report["chosen"] if not row["control"]}
    controls = {row["workload"] for row in report["chosen"] if row["control"]}
    assert "mprotect-same" in chosen and len(chosen) <= 8 and len(controls) == 2
    moved = _moved(report)
    for arch in ARCHES:
        # A pass is 3 ms: a timer that comes within the longer one alone is 1.5 instructions a call (s390x).
        assert moved[arch, "mprotect-same"] == pytest.approx(200, abs=2)
        assert all(abs(moved[arch, name]) < 1 for name in controls), moved
    assert {row["base"]: (row["worse"] >= 3) for row in report["suite"]} == {"unpatched": True}


SEVEN = {
    "a": ("vma-name", "ksm-unmerge", "madvise-cold", "uffd-zeropage", "file-write-private"),
    "b": ("page-idle", "mremap-grow", "vmalloc", "swap-out", "fadvise"),
}  # workloads that run one of the changed functions once per unit


@pytest.mark.night
@pytest.mark.parametrize("patch", SEVEN)
def test_ten_functions_are_found_by_the_choice_alone(kmatrix: Kmatrix, ready: None, patch: str) -> None:
    done = checked(kmatrix, f"seven-in-five-{patch}.patch")
    report = done.json()
    assert done.code == 1, done.out + done.err
    functions = {name: set(row["functions"]) for row in report["chosen"] if (name := row["workload"])}
    controls = {row["workload"] for row in report["chosen"] if row["control"]}
    moved = _moved(report)
    found = {name for name in SEVEN[patch] if name in functions}
    assert len(found) >= 4, functions  # two workloads may run the same function as often
    for arch in ARCHES:
        for name in found:
            assert moved[arch, name] == pytest.approx(7, abs=1.5), (arch, name, moved)
        assert all(abs(moved[arch, name]) < 0.2 for name in controls), moved


@pytest.mark.night
@pytest.mark.parametrize("arch", ARCHES)
def test_boots_are_as_near_as_is_promised(kmatrix: Kmatrix, ready: None, arch: str) -> None:
    rows = run(kmatrix, "--suite", "all", "--select", f"{arch}/*", "--boots", "2").json()["cells"]
    rows = [row for row in rows if row["status"] == "passed"]
    apart = {row["workload"]: [boot[-1] for boot in row["metrics"]["time"]["boots"]] for row in rows}
    units = {row["workload"]: row["units"] for row in rows}
    far = {
        name: (times, units[name])
        for name, times in apart.items()
        if (max(times) - min(times)) / min(times) > PPM and 1000 * (max(times) - min(times)) / units[name] > EACH
    }
    assert len(far) <= (1 - EXACT) * len(rows), far


@pytest.mark.night
@pytest.mark.parametrize("preset", ["linux-6.12", "linux-newest"])
def test_on_other_kernels(kmatrix: Kmatrix, preset: str) -> None:
    words = ["--preset", preset, "--suite", "all", "--select", "*/patched/*", "--boots", "1"]
    done = kmatrix("run", *words, "--config", ROOT / "matrix.yaml", "--out", kmatrix.folder / "run", timeout=3 * COLD)
    assert set(ended(done).values()) == {"passed"}, done.out
