# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole mail and its review, exact on all architectures; beside it two CPUs, a wall clock and a disk of QEMU's.

All of it at night; before that each workload once, on one architecture.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from tests.boot.conftest import Done, Kmatrix

ONCE = ("gup", "futex-fault", "ksm", "throttle", "throttle-retried")
SLOW = ("throttle", "throttle-retried")
WALL = ("contention", "on-disk")
MS = 1000.0  # stalls are in microseconds
TICKS = 4 * 4 * MS  # a few, of 1/250 s
OWN = Path(__file__).parent / "guest-tools"


@pytest.fixture(scope="module")
def mail(ready: None, kmatrix_module: Kmatrix) -> Done:
    return kmatrix_module("run", "-p", "seed", "--out", kmatrix_module.folder / "run")


@pytest.fixture(scope="module")
def each(ready: None, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Each workload of the mail once: one kernel, one architecture, two boots."""
    folder = tmp_path_factory.mktemp("each") / "run"
    chosen = [word for name in ONCE for word in ("-s", f"aarch64/patched/{name}")]
    done = Kmatrix(folder.parent)("run", "-p", "seed", *chosen, "--out", folder)
    assert done.code == 0, done.out + done.err
    return done


@pytest.fixture(scope="module")
def wall(ready: None, tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("wall") / "run"
    words = ["-w", "contention", "-w", OWN / "on-disk", "-s", "aarch64/patched/*"]
    done = Kmatrix(folder.parent)("run", *words, "--out", folder)
    assert done.code == 0, done.out + done.err
    return done


def test_each_workload_passes_with_what_is_expected_of_one_kernel(each: Done) -> None:
    report = each.json()
    assert {cell["workload"]: cell["status"] for cell in report["cells"]} == dict.fromkeys(ONCE, "passed")
    assert {row["verdict"] for row in report["expectations"]} == {"as_expected"}
    assert {row["metric"] for row in report["expectations"]} >= {"stall", "throttled"}


def test_two_boots_are_20_ppm_apart(each: Done) -> None:
    """What a boot's addresses, lists and timers were decides nothing."""
    assert all(cell["exact"] for cell in each.json()["cells"])
    for cell in (cell for cell in each.json()["cells"] if cell["workload"] not in SLOW):
        for name in ("time", "pgfault", "minflt", "majflt"):
            (one,), (other,) = cell["metrics"][name]["boots"]
            assert abs(one - other) <= (20e-6 * one if name == "time" else 0), (cell["id"], name, one, other)
    # Who is throttled sleeps for whole ticks of a timer; when those come is the boot's.
    (one,), (other,) = each.cell("aarch64/patched/throttle-retried")["metrics"]["stall"]["boots"]
    assert abs(one - other) <= TICKS


def test_threads_run_on_two_cpus_by_the_wall_clock(wall: Done) -> None:
    for workload in WALL:
        cell = wall.cell(f"aarch64/patched/{workload}")
        assert (cell["status"], cell["clock"], cell["exact"]) == ("passed", "wall", False)
        command = next((wall.folder / "cells" / cell["id"]).rglob("qemu.txt")).read_text()
        assert "-smp 2" in command and "icount" not in command
        assert "atomics" not in cell["metrics"]  # of what varies nobody counts them


def test_files_are_on_a_disk_with_a_limit_of_qemus(wall: Done) -> None:
    command = next((wall.folder / "cells/aarch64/patched/on-disk").rglob("qemu.txt")).read_text()
    assert "virtio-blk" in command and "throttling.bps-write=" in command


def stall(done: Done, arch: str, kernel: str, workload: str) -> float:
    """The longest mmap() beside a throttled writer, in milliseconds."""
    boots = done.cell(f"{arch}/{kernel}/{workload}")["metrics"]["stall"]["boots"]
    return median(median(boot) for boot in boots) / MS


@pytest.mark.night
def test_all_cells_pass_exactly_and_all_claims_are_answered(mail: Done) -> None:
    assert mail.code == 0, mail.out + mail.err
    assert all(cell["status"] == "passed" and cell["exact"] for cell in mail.json()["cells"])
    assert {row["verdict"] for row in mail.json()["expectations"]} == {"as_expected"}
    answers = {row["id"]: row["verdict"] for row in mail.json()["claims"]}
    assert set(answers) == {f"C{number}" for number in range(1, 14)}
    assert answers.pop("C8") == "out_of_reach"
    assert set(answers.values()) == {"as_expected"}, answers


@pytest.mark.night
@pytest.mark.parametrize("arch", ["x86_64", "aarch64", "s390x"])
def test_a_retried_fault_is_throttled_with_mmap_lock_held_unless_the_review_is_followed(
    mail: Done, arch: str
) -> None:
    """C11 and C12. C10: a first fault lets it go; without the patch it comes back, and then holds it."""
    for kernel in ("unpatched", "patched"):
        assert stall(mail, arch, kernel, "throttle-retried") > 1000
    assert stall(mail, arch, "review", "throttle-retried") < 1
    assert stall(mail, arch, "unpatched", "throttle") > 20
    assert stall(mail, arch, "patched", "throttle") < 1 > stall(mail, arch, "review", "throttle")


@pytest.mark.night
def test_all_of_it_is_the_same_again(mail: Done, kmatrix: Kmatrix) -> None:
    """Of these that stalls are waits in: each pass done anew, from the same snapshots; fresh boots are some ticks, or
    a state of writing back, apart."""
    words = ["--from-snapshots", "--select", "*/*/throttle*", "--out", kmatrix.folder / "again"]
    done = kmatrix("verify", mail.folder, *words)
    assert done.code == 0 and "the same:" in done.out, done.out + done.err
    values = done.json("verify.json")["values"]
    assert len(values) > 100 and all(its["recorded"] == its["here"] for its in values)
