# SPDX-License-Identifier: GPL-2.0-or-later
"""Architectures beside the default three: the seed's case on each, measured and accounted for as on those."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator import arches
from tests.boot.conftest import LAB, Done, Kmatrix

pytestmark = pytest.mark.night
PORTS = ("riscv64", "ppc64le")
APART = 200e-6  # relative, the boots of a cell: without snapshots a tick more or less may be in one
BESIDE = 900  # instructions between the clock's two readings and the region, of the whole pass
SEED = (
    LAB.replace("[x86_64, aarch64, s390x]", f"[{', '.join(PORTS)}]")
    .replace("  lab: {source: debian-6.1, patches: [patches/lab.patch]}\n", "")
    .replace("  - {base: patched, new: lab}\n", "")
    .replace("boots: 1", "boots: 2")
    .replace(", memory_mib: 256", ", memory_mib: 512")
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Both kernels on every port, two boots each."""
    return done(tmp_path_factory.mktemp("ports"), "run")


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """And where their instructions went, of one boot."""
    return done(tmp_path_factory.mktemp("profiled"), "profile")


def done(folder: Path, verb: str) -> Done:
    kmatrix = Kmatrix(folder)
    found = kmatrix(verb, "--config", kmatrix.matrix(SEED), "--out", folder / "run", timeout=7200)
    assert found.code == 0, found.out + found.err
    return found


def metric(run: Done, cell: str, name: str) -> Any:
    """Per page, by boot and pass."""
    row = run.cell(cell)
    return [[value / row["units"] for value in boot] for boot in row["metrics"][name]["boots"]]


def account(run: Done, cell: str) -> Any:
    return next(row for row in run.json("profile.json")["cells"] if row["id"] == cell)


@pytest.mark.parametrize("arch", PORTS)
def test_the_seeds_second_fault_is_there_and_gone(measured: Done, arch: str) -> None:
    for kernel, faults, major in (("unpatched", 2, 1), ("patched", 1, 0)):
        cell = f"{arch}/{kernel}/shmem-light"
        assert measured.cell(cell)["status"] == "passed" and measured.cell(cell)["exact"]
        assert metric(measured, cell, "pgfault") == [[faults]] * 2
        assert metric(measured, cell, "majflt") == [[major]] * 2


@pytest.mark.parametrize("arch", PORTS)
def test_boots_are_close_together(measured: Done, arch: str) -> None:
    for kernel in ("unpatched", "patched"):
        times = [value for boot in metric(measured, f"{arch}/{kernel}/shmem-light", "time") for value in boot]
        assert max(times) - min(times) <= APART * min(times), (arch, kernel, times)


@pytest.mark.parametrize("arch", PORTS)
def test_a_boot_without_a_snapshot_says_so(measured: Done, arch: str) -> None:
    notes = measured.cell(f"{arch}/patched/shmem-light")["notes"]
    assert any(f"from a snapshot of {arch}" in note for note in notes) != arches.known()[arch].snapshots


@pytest.mark.parametrize("arch", PORTS)
def test_the_profile_balances(profiled: Done, arch: str) -> None:
    for kernel in ("unpatched", "patched"):
        cell = account(profiled, f"{arch}/{kernel}/shmem-light")
        assert cell["balances"], cell
        assert abs(cell["total"] - cell["clock_profiled"]) * cell["units"] < BESIDE
        assert cell["unattributed"] < 0.1


@pytest.mark.parametrize("arch", PORTS)
def test_calls_and_paths_tell_of_the_second_walk(profiled: Done, arch: str) -> None:
    [row] = [row for row in profiled.json("profile.json")["differences"] if row["arch"] == arch]
    functions = {f["name"]: f for f in row["functions"]}
    for name in ("handle_mm_fault", "mtree_range_walk"):
        assert functions[name]["base_calls"] == pytest.approx(2, abs=0.005), name
        assert functions[name]["new_calls"] == pytest.approx(1, abs=0.005), name
    outer = [path for path in row["paths"] if path["depth"] == 0]
    assert outer[0]["name"] == "user:main" and outer[0]["base_instructions"] > 0.99 * row["base_total"]
    assert sum(f["change"] for f in row["functions"]) == pytest.approx(row["total"])
