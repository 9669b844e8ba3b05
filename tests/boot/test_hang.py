# SPDX-License-Identifier: GPL-2.0-or-later
"""A patch that hangs is told within a minute, by the function that it spins in; all else is measured."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.boot.conftest import LAB, Done, Kmatrix

ARCHES = ("x86_64", "aarch64", "s390x")
TEXT = LAB.replace("lab: {", "spins: {").replace("lab.patch", "spins.patch").replace("new: lab", "new: spins")
MINUTE = 60.0


@pytest.fixture(scope="module")
def hung(ready: None, kmatrix_module: Kmatrix) -> Done:
    """Two boots of each cell; the kernels are there, and what their stages take is known."""
    matrix = kmatrix_module.matrix(TEXT.replace("boots: 1", "boots: 2"))
    built = kmatrix_module("build", "--config", matrix)
    assert built.code == 0, built.out + built.err
    return kmatrix_module("run", "--config", matrix, "--out", kmatrix_module.folder / "run", "--json")


def events(done: Done, kind: str, subject: str) -> list[Any]:
    rows = map(json.loads, done.out.splitlines())
    return [row for row in rows if row["kind"] == kind and row["subject"].partition("#")[0] == subject]


@pytest.mark.parametrize("arch", ARCHES)
def test_it_is_told_within_a_minute_and_by_name(hung: Done, arch: str) -> None:
    assert hung.code == 3, hung.out + hung.err
    name = f"{arch}/spins/shmem-light"
    cell = hung.cell(name)
    why = cell["failure"]
    assert (cell["status"], why["kind"]) == ("kernel_broke", "endless_loop"), why
    assert "the kernel spins in do_shared_fault (mm/memory.c:46" in why["message"]
    assert "did not finish shmem-light" in why["message"] and "do_shared_fault" in why["log"]
    [began], [ended] = events(hung, "stage", name), events(hung, "cell", name)
    assert ended["time"] - began["time"] < MINUTE, "one boot, and no other was begun"


@pytest.mark.parametrize("arch", ARCHES)
def test_the_other_kernels_are_measured(hung: Done, arch: str) -> None:
    for kernel in ("unpatched", "patched"):
        cell = hung.cell(f"{arch}/{kernel}/shmem-light")
        assert cell["status"] == "passed" and len(cell["metrics"]["time"]["boots"]) == 2


def test_a_reply_says_it(hung: Done, kmatrix_module: Kmatrix) -> None:
    mail = kmatrix_module("report", hung.folder, "--format", "mail")
    words = " ".join(mail.out.split())
    assert mail.code == 3 and "spins breaks on x86_64, aarch64 and s390x (endless loop)" in words
    assert "do_shared_fault" in words and "Tested-by" not in words
    assert max(map(len, mail.out.splitlines())) <= 75
