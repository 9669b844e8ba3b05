# SPDX-License-Identifier: GPL-2.0-or-later
"""Other kernels than the shipped matrix's: Debian's 6.12 and the newest that it has, on every architecture."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import pytest

from tests.boot.conftest import COLD, Done, Kmatrix

pytestmark = [pytest.mark.guest, pytest.mark.night]
PRESETS = ("linux-6.12", "linux-newest")
ARCHES = ("x86_64", "aarch64", "s390x")
KERNELS = ("unpatched", "patched")
PPM = 50e-6  # of one boot's time from another's, at most


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Done]:
    """The default matrix of a preset, run once."""

    @cache
    def run(preset: str) -> Done:
        mine = Kmatrix(tmp_path_factory.mktemp(preset))
        done = mine("run", "--preset", preset, "--out", mine.folder / "run", timeout=3 * COLD)
        assert (done.folder / "matrix.json").exists(), done.out + done.err
        return done

    return run


@pytest.mark.parametrize("preset", PRESETS)
def test_every_cell_passes_and_all_is_as_expected(answered: Callable[[str], Done], preset: str) -> None:
    done = answered(preset)
    report = done.json()
    assert {cell["id"]: cell["status"] for cell in report["cells"]} == {
        f"{arch}/{kernel}/shmem-write": "passed" for arch in ARCHES for kernel in KERNELS
    }
    metrics = {row["metric"] for row in report["expectations"]}
    assert metrics >= {"pgfault", "minflt", "majflt"}, "expectations hold for versions: add this one's"
    assert {row["verdict"] for row in report["expectations"]} == {"as_expected"}, done.out
    assert done.code == 0, done.out + done.err


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_boots_repeat(answered: Callable[[str], Done], preset: str, arch: str, kernel: str) -> None:
    """Times within 50 ppm, counts to the digit; the page allocator could be settled, and no counter is lacking."""
    cell = answered(preset).cell(f"{arch}/{kernel}/shmem-write")
    times, *counts = ([value for boot in cell["metrics"][name]["boots"] for value in boot] for name in (
        "time", "pgfault", "minflt", "majflt",
    ))  # fmt: skip
    assert len(times) == 2 and (max(times) - min(times)) / min(times) <= PPM, times
    assert all(len(set(values)) == 1 for values in counts), counts
    assert cell["notes"] == []


@pytest.mark.parametrize("preset", PRESETS)
def test_the_changed_line_ran(answered: Callable[[str], Done], preset: str) -> None:
    """On each architecture: wherever a Linux of today runs its image."""
    rows = answered(preset).json()["reach"]
    assert {(row["arch"], row["side"]): row["state"] for row in rows} == {
        (arch, side): "ran" for arch in ARCHES for side in ("removed", "added")
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_which_linux_that_was(answered: Callable[[str], Done], preset: str) -> None:
    report = answered(preset).json()
    (linux,) = {cell["linux"] for cell in report["cells"]}
    version = tuple(map(int, linux.split(".")))
    assert version[:2] == (6, 12) if preset == "linux-6.12" else version >= (7, 3)
    for kernel in report["kernels"].values():
        assert re.match(rf"debian:linux-source-{version[0]}\.{version[1]}=", kernel["source"])
