# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests of several CPUs under the instruction clock: what one asks of another by interrupts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.config.emulators import version
from orchestrator.guest.accel import FAIR
from tests.boot.conftest import Kmatrix

TEXT = """\
arches: [x86_64, aarch64, s390x]
workloads: [dontneed-asleep, dontneed-running, munmap-asleep, munmap-running]
sources:
  debian-6.1: {debian: linux-source-6.1}
kernels:
  patched: {source: debian-6.1}
"""
PASSES = [[[float(n)] * 3] * 4 for n in (0, 100)]  # of 100 operations: none, or one each


def test_a_qemu_in_which_cpus_starve_is_told_and_not_used(ready: None, kmatrix: Kmatrix) -> None:
    """Of a newer one: what it counts."""
    qemu = arches.known()["x86_64"].qemu
    said = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=True).stdout
    config, out = kmatrix.matrix(TEXT), kmatrix.folder / "run"
    run = kmatrix("run", "--config", config, "--select", "x86_64/*/dontneed-running", "--no-reach", "--out", out)
    assert run.code == 0, run.out + run.err
    cell = run.cell("x86_64/patched/dontneed-running")
    if version(said) >= FAIR:
        assert cell["metrics"]["shootdowns"]["boots"] == PASSES[1]
    else:
        assert (cell["status"], cell["reason"], cell["metrics"]) == ("skipped", "absent", {})
        assert "gets stuck with several CPUs under the instruction clock; 8.1 does not" in " ".join(run.out.split())


@pytest.mark.night
@pytest.mark.parametrize("arch", ["x86_64", "aarch64", "s390x"])
def test_a_peer_is_asked_where_it_runs_and_only_by_those_that_must(
    ready: None, kmatrix: Kmatrix, newer: Path, arch: str
) -> None:
    """x86_64 alone flushes others' TLBs by interrupts; in every pass of four boots."""
    config, out = kmatrix.matrix(f"{TEXT}qemu: {newer}\n"), kmatrix.folder / "run"
    run = kmatrix("run", "--config", config, "--select", f"{arch}/*", "--no-reach", "--out", out)
    assert run.code == 0, run.out + run.err
    for operation in ("dontneed", "munmap"):
        for peer in ("asleep", "running"):
            cell = run.cell(f"{arch}/patched/{operation}-{peer}")
            if (arch, peer) == ("s390x", "running"):
                assert cell["reason"] == "absent"
                continue
            asked = arch == "x86_64" and peer == "running"
            assert cell["metrics"]["function_calls"]["boots"] == PASSES[asked], cell["id"]
            assert ("shootdowns" in cell["metrics"]) == (arch == "x86_64"), "others have no such row"
            if arch == "x86_64":
                assert cell["metrics"]["shootdowns"]["boots"] == PASSES[asked], cell["id"]
            assert not cell["exact"] and cell["qemu"].startswith(version_of(newer))


def version_of(folder: Path) -> str:
    program = shutil.which("qemu-system-x86_64", path=folder / "usr/bin")
    assert program
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return ".".join(map(str, version(said)))
