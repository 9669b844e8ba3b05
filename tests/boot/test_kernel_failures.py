# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels that do not apply, compile, boot or hold: each its own status, message and exit code; the others go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.boot.conftest import SMALL, Done, Kmatrix

PATCHED = "  patched: {source: debian-6.1}\n"
BROKEN = """\
  no-apply: {source: debian-6.1, patches: [patches/no-apply.patch]}
  panics: {source: debian-6.1, patches: [patches/panics.patch]}
  oopses: {source: debian-6.1, patches: [patches/oopses.patch]}
  never-ready: {source: debian-6.1, patches: [patches/never-ready.patch]}
  waits: {source: debian-6.1, patches: [patches/waits.patch]}
  lost-option: {source: debian-6.1, kconfig: [CONFIG_NFS_V4=y]}
compare:
  - {base: patched, new: oopses}
"""
TEXT = SMALL.replace(PATCHED, PATCHED + BROKEN).replace("ready: 40", "ready: 60")


@pytest.fixture(scope="module")
def broken(ready: None, kmatrix_module: Kmatrix) -> Done:
    return kmatrix_module.run(TEXT)


def failure(done: Done, kernel: str) -> tuple[str, Mapping[str, Any]]:
    cell = done.cell(f"aarch64/{kernel}/small")
    return cell["status"], cell["failure"]


def test_the_healthy_kernel_goes_on_and_the_exit_code_is_3(broken: Done) -> None:
    assert broken.cell("aarch64/patched/small")["status"] == "passed"
    assert broken.code == 3, broken.out + broken.err


def test_a_patch_that_does_not_apply_names_the_hunk(broken: Done) -> None:
    status, why = failure(broken, "no-apply")
    assert (status, why["kind"]) == ("build_failed", "patch")
    said = "hunk #1 of mm/memory.c fails at line 3063; it would apply with fuzz 1 (--fuzz 1)"
    assert why["message"] == f"no-apply.patch does not apply: {said}"
    assert "balance_no_such_pages" in why["log"] and "rebase" in why["hint"]


def test_a_lost_option_names_what_it_depends_on(broken: Done) -> None:
    status, why = failure(broken, "lost-option")
    assert (status, why["kind"]) == ("build_failed", "kconfig")
    assert "CONFIG_NFS_V4" in why["message"] and "CONFIG_NFS_FS" in why["log"]


def test_a_panic_at_boot_is_the_kernels(broken: Done) -> None:
    status, why = failure(broken, "panics")
    assert (status, why["kind"]) == ("kernel_broke", "panic")
    assert "kmatrix test: panic at boot" in why["message"] and "Call trace:" in why["log"]


def test_an_oops_under_the_workload_is_the_kernels(broken: Done) -> None:
    status, why = failure(broken, "oopses")
    assert (status, why["kind"]) == ("kernel_broke", "oops")
    assert "NULL pointer" in why["message"] and "shmem_fault" in why["log"]


def test_a_guest_that_spins_before_it_is_ready_is_told_by_where_it_spins(broken: Done) -> None:
    status, why = failure(broken, "never-ready")
    assert (status, why["kind"]) == ("kernel_broke", "endless_loop")
    assert (
        "the kernel spins in kernel_init (init/main.c:" in why["message"] and "did not become ready" in why["message"]
    )


def test_a_guest_that_waits_for_ever_times_out(broken: Done) -> None:
    status, why = failure(broken, "waits")
    assert (status, why["kind"]) == ("timed_out", "waits")
    assert why["message"].startswith("the guest did not become ready: for ") and "nothing ran in it" in why["message"]


def test_every_failure_is_on_the_screen_with_its_log(broken: Done) -> None:
    for words in ("hunk #1 of mm/memory.c", "panic at boot", "NULL pointer", "did not become ready"):
        assert words in broken.out


@pytest.mark.night
def test_a_patch_that_breaks_one_arch_leaves_the_other(ready: None, kmatrix: Kmatrix) -> None:
    text = TEXT.replace("[aarch64]", "[aarch64, s390x]").replace("no-apply", "s390-only")
    done = kmatrix.run(text, "-s", "*/s390-only")
    assert done.code == 3, done.out + done.err
    assert done.cell("aarch64/s390-only/small")["status"] == "passed"
    cell = done.cell("s390x/s390-only/small")
    assert (cell["status"], cell["failure"]["kind"]) == ("build_failed", "compile")
    assert "arch/s390/mm/fault.c:451" in cell["failure"]["message"] and "no_such_name" in cell["failure"]["message"]
