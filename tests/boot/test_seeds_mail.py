# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole mail and its review: exact workloads on all architectures; two CPUs, a wall clock, a slow disk on one.

All of it at night; before that each workload once, on one architecture.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from tests.boot.conftest import Done, Kmatrix

EXACT = [word for name in ("gup", "futex-fault", "ksm") for word in ("-s", f"*/*/{name}")]
ONCE = ("gup", "futex-fault", "ksm", "contention", "throttle")
WALL = ("contention", "throttle", "throttle-retried")
MS = 1000.0  # stalls are in microseconds


@pytest.fixture(scope="module")
def mail(ready: None, kmatrix_module: Kmatrix) -> Done:
    folder = kmatrix_module.folder / "run"
    return kmatrix_module("run", "-p", "seed", "-s", "aarch64/*", *EXACT, "--boots", "1", "--out", folder)


@pytest.fixture(scope="module")
def each(ready: None, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Each workload of the mail once: one kernel, one architecture; two boots where figures are exact."""
    folder = tmp_path_factory.mktemp("each") / "run"
    chosen = [word for name in ONCE for word in ("-s", f"aarch64/patched/{name}")]
    done = Kmatrix(folder.parent)("run", "-p", "seed", *chosen, "--out", folder)
    assert done.code == 0, done.out + done.err
    return done


def test_each_workload_passes_with_what_is_expected_of_one_kernel(each: Done) -> None:
    report = each.json()
    assert {cell["workload"]: cell["status"] for cell in report["cells"]} == dict.fromkeys(ONCE, "passed")
    assert report["expectations"] and {row["verdict"] for row in report["expectations"]} <= {"as_expected", "unclear"}


def test_two_boots_of_an_exact_workload_are_20_ppm_apart(each: Done) -> None:
    """What a boot's addresses, lists and timers were decides nothing."""
    exact = [cell for cell in each.json()["cells"] if cell["exact"]]
    assert {cell["workload"] for cell in exact} == {"gup", "futex-fault", "ksm"}
    for cell in exact:
        for name, metric in cell["metrics"].items():
            (one,), (other,) = metric["boots"]
            assert abs(one - other) <= (20e-6 * one if name == "time" else 0), (cell["id"], name, one, other)


def test_threads_run_on_two_cpus_by_the_wall_clock(each: Done) -> None:
    for workload in ("contention", "throttle"):
        cell = each.cell(f"aarch64/patched/{workload}")
        assert (cell["clock"], cell["exact"]) == ("wall", False)
        command = next((each.folder / "cells" / cell["id"]).rglob("qemu.txt")).read_text()
        assert "-smp 2" in command and "icount" not in command


def test_files_are_on_a_disk_with_a_limit_of_qemus(each: Done) -> None:
    command = next((each.folder / "cells/aarch64/patched/throttle").rglob("qemu.txt")).read_text()
    assert "virtio-blk" in command and "throttling.bps-write=" in command


def stall(done: Done, kernel: str, workload: str) -> float:
    """The longest mmap() beside a throttled writer, in milliseconds."""
    (boot,) = done.cell(f"aarch64/{kernel}/{workload}")["metrics"]["stall"]["boots"]
    return median(boot) / MS


@pytest.mark.night
def test_all_cells_pass_and_all_claims_are_answered(mail: Done) -> None:
    assert mail.code == 0, mail.out + mail.err
    assert {cell["status"] for cell in mail.json()["cells"]} == {"passed"}
    assert {row["verdict"] for row in mail.json()["expectations"]} == {"as_expected"}
    answers = {row["id"]: row["verdict"] for row in mail.json()["claims"]}
    assert set(answers) == {f"C{number}" for number in range(1, 14)}
    assert answers.pop("C8") == "out_of_reach"
    assert set(answers.values()) == {"as_expected"}, answers


@pytest.mark.night
def test_what_varies_is_never_decided_by_one_boot(mail: Done) -> None:
    rows = [row for row in mail.json()["comparisons"] if row["workload"] in WALL and row["metric"] == "time"]
    assert rows and {row["verdict"] for row in rows} == {"unclear"}
    assert all("cannot decide" in row["why"] for row in rows)


@pytest.mark.night
def test_a_retried_fault_is_throttled_with_mmap_lock_held_unless_the_review_is_followed(mail: Done) -> None:
    """C11 and C12; C10: a first fault lets it go. The writer waits most of a second."""
    for kernel in ("unpatched", "patched"):
        assert stall(mail, kernel, "throttle-retried") > 400
        assert stall(mail, kernel, "throttle") < 400
    assert stall(mail, "review", "throttle-retried") < 400


@pytest.mark.night
def test_exact_workloads_repeat_from_their_snapshots(mail: Done, kmatrix: Kmatrix, tmp_path: Path) -> None:
    """Another run, minutes later, and another boot in it: the same counters, times within 20 ppm."""
    again = kmatrix("run", "-p", "seed", *EXACT, "--boots", "2", "--out", tmp_path / "run")
    assert again.code == 0, again.out + again.err
    assert len(again.json()["cells"]) == 27
    for cell in again.json()["cells"]:
        before = mail.cell(cell["id"])["metrics"]
        for name, metric in cell["metrics"].items():
            (was,), (now,), (other,) = before[name]["boots"] + metric["boots"]
            limit = 20e-6 * was if name == "time" else 0
            assert abs(now - was) <= limit and abs(other - now) <= limit, (cell["id"], name, was, now, other)
