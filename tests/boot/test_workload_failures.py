# SPDX-License-Identifier: GPL-2.0-or-later
"""Workloads that fail, hang, print rubbish, eat memory or take sshd down; a healthy one is measured all the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.boot.conftest import SMALL, Done, Kmatrix

TEXT = SMALL.replace("[small]", "[small, fails, rubbish, hangs, eats-memory, drops-ssh, floods]").replace(
    "work: 60", "work: 15"
)


@pytest.fixture(scope="module")
def failed(ready: None, kmatrix_module: Kmatrix) -> Done:
    return kmatrix_module.run(TEXT.replace("retries: 0", "retries: 0, memory_mib: 256"))


@pytest.mark.parametrize(
    ("workload", "status", "kind", "says"),
    [
        (
            "fails",
            "workload_failed",
            "workload",
            "fails ended with exit status 1: page 7 does not hold what was written",
        ),
        ("rubbish", "workload_failed", "rubbish", "not a result line: 'everything is fine, trust me'"),
        ("hangs", "timed_out", "hang", "the guest did not finish hangs within 15 s"),
        ("eats-memory", "workload_failed", "guest_oom", "the guest ran out of memory and killed workload"),
        ("floods", "workload_failed", "output", "it printed more than 8 MiB"),
        ("drops-ssh", "infra_failed", "ssh_lost", "the SSH connection was lost"),
    ],
)
def test_each_is_told_as_what_it_is(failed: Done, workload: str, status: str, kind: str, says: str) -> None:
    cell = failed.cell(f"aarch64/patched/{workload}")
    why: Mapping[str, Any] = cell["failure"]
    assert (cell["status"], why["kind"]) == (status, kind), why
    assert says in why["message"] and says[:40] in failed.out


def test_the_healthy_workload_is_measured_and_the_testbeds_own_failure_decides_the_exit_code(failed: Done) -> None:
    assert failed.cell("aarch64/patched/small")["status"] == "passed"
    assert failed.code == 4


def test_memory_shows_in_the_log(failed: Done) -> None:
    assert "Out of memory" in failed.cell("aarch64/patched/eats-memory")["failure"]["log"]


def test_a_retry_after_an_infrastructure_failure_is_told(ready: None, kmatrix: Kmatrix) -> None:
    text = SMALL.replace("[small]", "[drops-ssh]").replace("retries: 0", "retries: 1")
    done = kmatrix.run(text)
    assert done.code == 4 and "attempt 1 failed and was repeated: the SSH connection was lost" in done.out
