# SPDX-License-Identifier: GPL-2.0-or-later
"""The fast answer of a check, from the events of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import matrix_file
from orchestrator.config.plan import plan
from orchestrator.events import (
    Bus,
    CellEnded,
    Event,
    FirstAnswer,
    KernelKnown,
    KernelsCompared,
    Progress,
    Stage,
    StageFailed,
)
from orchestrator.model import CellResult, Status
from orchestrator.ui import Answering

ARCHES = ("x86_64", "aarch64", "s390x")


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def told(bus: Bus) -> list[str]:
    """What the listener says of the kernel patched."""
    bus.subscribe(Answering(bus, plan(matrix_file.load(Path("matrix.yaml"))), "patched"))
    lines: list[str] = []

    def keep(event: Event) -> None:
        if isinstance(event, FirstAnswer):
            lines.append(event.message)

    bus.subscribe(keep)
    return lines


def built_and_booted(bus: Bus, *arches: str, kernel: str = "patched") -> None:
    for arch in arches:
        bus.emit(KernelKnown(f"{arch}/{kernel}", False, "6.1"))
        bus.emit(Progress(f"{arch}/{kernel}/shmem-write#0", Stage.BOOT))
        bus.emit(Progress(f"{arch}/{kernel}/shmem-write#0", Stage.LOGIN))


def ended(bus: Bus, arch: str, status: Status) -> None:
    result = CellResult(f"{arch}/patched/shmem-write", arch, "patched", "shmem-write", status, None, "icount", "page")
    bus.emit(CellEnded(result.id, result))


def test_it_comes_once_when_all_is_known(bus: Bus, told: list[str]) -> None:
    built_and_booted(bus, "x86_64", "aarch64")
    bus.emit(KernelKnown("s390x/patched", False, "6.1"))
    bus.emit(Progress("s390x/patched/shmem-write#0", Stage.BOOT))
    assert not told, "being started is not having booted"
    bus.emit(Progress("s390x/patched/shmem-write#0", Stage.LOGIN))
    ended(bus, "s390x", Status.PASSED)
    assert told == ["builds and boots on x86_64, aarch64 and s390x"]


def test_other_kernels_do_not_count(bus: Bus, told: list[str]) -> None:
    built_and_booted(bus, *ARCHES, kernel="unpatched")
    assert not told


def test_what_fails_is_said_by_arch(bus: Bus, told: list[str]) -> None:
    built_and_booted(bus, "x86_64")
    ended(bus, "s390x", Status.BUILD_FAILED)
    bus.emit(KernelKnown("aarch64/patched", False, "6.1"))
    bus.emit(StageFailed("aarch64/patched/shmem-write#0", Stage.MEASURE, "panic", Status.KERNEL_BROKE))
    assert told == ["builds and boots on x86_64; builds and does not boot on aarch64; does not build on s390x"]


def test_a_kernel_that_breaks_later_has_booted(bus: Bus, told: list[str]) -> None:
    built_and_booted(bus, "x86_64", "aarch64", "s390x")
    bus.emit(StageFailed("s390x/patched/shmem-write#0", Stage.MEASURE, "oops", Status.KERNEL_BROKE))
    assert told == ["builds and boots on x86_64, aarch64 and s390x"]


def test_a_failure_of_the_testbed_says_nothing_about_the_kernel(bus: Bus, told: list[str]) -> None:
    built_and_booted(bus, "x86_64", "aarch64")
    ended(bus, "s390x", Status.INFRA_FAILED)
    assert told == ["builds and boots on x86_64 and aarch64; could not be tried on s390x"]


def test_a_boot_that_is_repeated_is_waited_for(bus: Bus, told: list[str]) -> None:
    built_and_booted(bus, "x86_64", "aarch64")
    bus.emit(KernelKnown("s390x/patched", False, "6.1"))
    bus.emit(StageFailed("s390x/patched/shmem-write#0", Stage.MEASURE, "QEMU died", Status.INFRA_FAILED))
    assert not told
    built_and_booted(bus, "s390x")
    assert told == ["builds and boots on x86_64, aarch64 and s390x"]


def test_a_kept_snapshot_has_booted_before(bus: Bus, told: list[str]) -> None:
    for arch in ARCHES:
        bus.emit(KernelKnown(f"{arch}/patched", True, "6.1"))
        bus.emit(Progress(f"{arch}/patched/shmem-write#0", Stage.MEASURE))
    assert told == ["builds and boots on x86_64, aarch64 and s390x"]


def test_a_kernel_that_is_the_same_is_an_answer(bus: Bus, told: list[str]) -> None:
    built_and_booted(bus, "s390x")
    for arch in ("x86_64", "aarch64"):
        bus.emit(KernelKnown(f"{arch}/patched", False, "6.1"))
        assert not told
        bus.emit(KernelsCompared(f"{arch}/patched", "unpatched", "same", spared=True))
    assert told == ["builds and boots on s390x; builds, and is the same kernel on x86_64 and aarch64"]


def test_a_kernel_that_is_measured_all_the_same_has_to_boot(bus: Bus, told: list[str]) -> None:
    """As --fresh has it, and where it differs."""
    for arch, how in zip(ARCHES, ("same", "differs", "differs"), strict=True):
        bus.emit(KernelKnown(f"{arch}/patched", False, "6.1"))
        bus.emit(KernelsCompared(f"{arch}/patched", "unpatched", how))
    assert not told
    built_and_booted(bus, *ARCHES)
    assert told == ["builds and boots on x86_64, aarch64 and s390x"]


def test_what_is_not_built_is_named_with_what_it_needs(bus: Bus, told: list[str]) -> None:
    swap, fault = ("mm/swapfile.c", "CONFIG_SWAP"), ("arch/s390/mm/fault.c", "")
    more = tuple((f"mm/{name}.c", "CONFIG_A CONFIG_B") for name in "abc")
    for arch in ARCHES:
        bus.emit(KernelKnown(f"{arch}/patched", False, "6.1"))
        left_out = (swap, *((fault,) if arch != "s390x" else ()), *more)
        bus.emit(KernelsCompared(f"{arch}/patched", "unpatched", "same", True, left_out))
    assert told == [
        "builds, and is the same kernel on x86_64, aarch64 and s390x; "
        "mm/swapfile.c is not built (needs CONFIG_SWAP); "
        "arch/s390/mm/fault.c is not built on x86_64 and aarch64; "
        "mm/a.c is not built (needs CONFIG_A and CONFIG_B); and 2 more files are not"
    ]
