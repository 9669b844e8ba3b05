# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels that watch themselves: faults of a patch are found where they are, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.boot.conftest import HERE, Done, Kmatrix, of_patch

FAULTS = HERE / "patches/debug-faults.patch"
# {workload: (the build that sees it, kind, file, function)}
LOCKS = {
    "mincore": ("lock_imbalance", "mm/mincore.c", "mincore"),
    "msync": ("sleep_in_atomic", "mm/msync.c", "msync"),
}
MEMORY = {
    "mremap-move": ("use_after_free", "mm/mremap.c", "move_vma"),
    "mprotect-toggle": ("array_index_out_of_bounds", "mm/mprotect.c", "mprotect_fixup"),
}
TABLES = {"uffd-missing": ("page_table", "mm/userfaultfd.c", "mfill_atomic_install_pte")}
NAMES = [*LOCKS, *MEMORY, *TABLES]
MORE = ["mlock-munlock", "madvise-free", "memfd-secret", "process-vm-read", "shmem-write-small"]  # its other changes


LIMITS = "limits: {ready: 120, work: 200}\n"


def found(done: Done, arch: str) -> dict[tuple[str, str], Any]:
    """{(kind, file): finding} of the patch, on one arch."""
    rows = [row for row in done.json()["findings"] if row["arch"] == arch and row["kernels"] == ["patched"]]
    rows = [row for row in rows if row["kind"] != "hang"]  # who keeps a lock is waited for
    return {(row["kind"], row["where"].partition(":")[0]): row for row in rows}


def holds(done: Done, arch: str, faults: dict[str, tuple[str, str, str]]) -> None:
    """A lock that is kept is told where the system call ends, or before, by whoever might take it again: whichever
    comes first in a boot."""
    rows = found(done, arch)
    if (again := ("deadlock", *LOCKS["mincore"][1:]))[:2] in rows:
        faults = {**faults, "mincore": again}
    expected = {(kind, file) for kind, file, _ in faults.values()}
    also = ("deadlock", "mm/msync.c")  # who reclaims memory takes that spinlock, too
    assert expected <= {*rows} <= {*expected, also}, done.out
    for workload, (kind, file, function) in faults.items():
        row = rows[kind, file]
        assert function in row["function"], row
        assert any(runs.startswith(workload) or not runs for runs in row["runs"])  # or in the boot, said once
        assert (done.folder / row["log"]).read_text().count("\n") > 3


def test_locks_and_contexts_are_watched(ready: None, kmatrix: Kmatrix) -> None:
    """A lock that is not given back, and who sleeps where nobody may; the base is silent."""
    text = of_patch("debug-faults", "aarch64", "mincore, msync, mprotect-same", LIMITS + "config: lean\n")
    done = kmatrix.run(text, "--debug-build", "locks", "--no-reach")
    assert done.code == 3, done.out + done.err
    holds(done, "aarch64", LOCKS)
    watched = {row["kernel"]: row for row in done.json()["watched"]}
    assert {*watched["unpatched"]["ran"]} == {"mincore", "msync", "mprotect-same"}
    assert "mprotect-same" in watched["patched"]["ran"] and "mprotect-same" in watched["patched"]["failing"]
    mail = kmatrix("report", done.folder, "--format", "mail").out
    assert "patched is wrong on aarch64 (deadlock in __do_sys_mincore, mm/mincore.c:265)" in " ".join(mail.split())
    again = kmatrix("run", "--resume", done.folder)
    assert again.code == 3 and again.json()["findings"] == done.json()["findings"]


@pytest.mark.night
@pytest.mark.parametrize("arch", ["x86_64", "aarch64", "s390x"])
def test_five_faults_are_found_and_nothing_else(ready: None, kmatrix: Kmatrix, arch: str) -> None:
    done = kmatrix.run(of_patch("debug-faults", arch, ", ".join(NAMES), LIMITS), "--debug", "--no-reach")
    assert done.code == 3, done.out + done.err
    tables = {} if arch == "s390x" else TABLES  # which has no PAGE_TABLE_CHECK
    holds(done, arch, LOCKS | MEMORY | tables)


@pytest.mark.night
@pytest.mark.parametrize("arch", ["x86_64", "aarch64", "s390x"])
def test_a_patch_without_a_fault_has_no_finding(ready: None, kmatrix: Kmatrix, arch: str) -> None:
    """Ten changes, each in a function of its own."""
    done = kmatrix.run(of_patch("faultless", arch, ", ".join([*NAMES, *MORE]), LIMITS), "--debug", "--no-reach")
    assert done.code in (0, 1), done.out + done.err  # its figures are worse
    assert not found(done, arch), done.out
    for row in done.json()["watched"]:
        assert {"mincore", "mremap-move", "shmem-write-small"} <= {*row["ran"]}, row


def test_the_patch_of_faults_is_what_it_says() -> None:
    text = Path(FAULTS).read_text()
    assert all(f"+++ b/{file}" in text for _, file, _ in (LOCKS | MEMORY | TABLES).values())
