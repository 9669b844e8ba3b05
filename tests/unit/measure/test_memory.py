# SPDX-License-Identifier: GPL-2.0-or-later
"""What a boot's pass for memory leaves, when it is asked for again, and what a boot is without it."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator import arches
from orchestrator.errors import InfraError
from orchestrator.measure import addresses, boots, memory, noted
from orchestrator.model import (
    MEMORY,
    BootResult,
    KernelProvenance,
    MachineProvenance,
    Measure,
    Memory,
    Provenance,
    WorkloadProvenance,
)
from orchestrator.profile.relocation import Relocation
from orchestrator.profile.symbols import Symbols
from tests.unit.conftest import NEW, boot

PROVENANCE = Provenance(KernelProvenance("s"), WorkloadProvenance("f", (), ()), MachineProvenance("icount", 64, 1))
FILE = "kmatrix-memory 1 1 3 0 0 0\n4:3\n1000 1000 2000 24000 90 10 8 7\n"
BLOCKS = "kmatrix-blocks 2 2 1 0\n1000 1006 14 0 d20710002000\n"
PLAIN = replace(boot(0, NEW, 0, "tcg"), costs={"atomics": 5.0})
UNITS = PLAIN.passes[-1].units


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of a boot on s390x whose passes were noted."""
    places = addresses.Places(Symbols((), (), ()), frozenset(), frozenset(), Relocation())
    monkeypatch.setattr(addresses, "places_of", lambda kernel, arch: places)
    monkeypatch.setattr(memory.symbols, "of_programs", lambda *files: Symbols((), (), ()))
    (tmp_path / noted.COUNTED).write_bytes(gzip.compress(BLOCKS.encode()))
    workload = SimpleNamespace(unit="page", metrics=("pgfault", "time"))
    cell = SimpleNamespace(arch=arches.known()["s390x"], workload=workload)
    return SimpleNamespace(
        boot=SimpleNamespace(cell=cell, number=0, id="b"), measure=Measure(), kernel="k", folder=tmp_path,
        tool=SimpleNamespace(files=()), provenance=PROVENANCE,
    )  # fmt: skip


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A number for each pass that is measured."""
    done: list[int] = []

    async def measured(task: Any, places: object, turns: object) -> str:
        done.append(1)
        return FILE

    monkeypatch.setattr(memory, "_measure", measured)
    return done


def with_memory(task: Any, plain: BootResult) -> BootResult:
    return asyncio.run(memory.with_memory(task, plain))


def test_a_boot_gets_what_a_pass_of_its_own_says(task: Any, passes: list[int]) -> None:
    told = with_memory(task, PLAIN)
    wanted = dict(zip(MEMORY, (1000.0, 2000.0, 24000.0, 90.0, 10.0, 8.0, 7.0), strict=True))
    assert told.costs == {"atomics": 5.0, **wanted} and passes == [1]
    mvc = 7 / UNITS  # of two regions 14: QEMU 7.2 tells nothing of it
    note = f"loads, stores and lines lack what QEMU does not tell: {mvc:.2f} mvc a page"
    assert told.unseen == ((note,) if mvc >= 0.005 else ())
    assert with_memory(task, told) == told and passes == [1]


def test_a_result_without_what_its_file_says_gets_it_from_there(task: Any, passes: list[int]) -> None:
    """As of a store of results, or where its classes were told anew."""
    told = with_memory(task, PLAIN)
    assert not memory.known(task, PLAIN) and with_memory(task, PLAIN) == told and passes == [1]


@pytest.mark.parametrize(
    "data", [b"", b"rubbish", gzip.compress(b"0123\n" + FILE.encode())], ids=["empty", "rubbish", "another's"]
)
def test_a_file_that_is_not_whole_or_of_something_else_is_measured_again(
    task: Any, passes: list[int], data: bytes
) -> None:
    told = with_memory(task, PLAIN)
    (task.folder / memory.FILE).write_bytes(data)
    assert not memory.known(task, told) and with_memory(task, told).costs == told.costs and passes == [1, 1]


def test_without_it_a_boot_is_what_it_is_and_says_why(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*words: object) -> None:
        raise InfraError("QEMU did not start", kind="qemu")

    with monkeypatch.context() as patch:
        patch.setattr(memory, "_measure", fails)
        told = with_memory(task, PLAIN)
    assert told.costs == PLAIN.costs
    assert told.unseen == ("what it loads and stores is not known: QEMU did not start",)


def test_another_try_takes_the_place_of_why_it_failed(task: Any, passes: list[int]) -> None:
    assert with_memory(task, replace(PLAIN, unseen=("why",))) == with_memory(task, PLAIN)


def test_what_it_was_told_by_is_part_of_it(task: Any, passes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another kernel, by other rules of the arch, by another plugin: nothing of that is taken."""
    told = with_memory(task, PLAIN)
    assert memory.known(task, told)
    task.provenance = replace(PROVENANCE, guest_image="another")
    assert not memory.known(task, told)
    task.provenance, task.boot.cell.arch = PROVENANCE, replace(arches.known()["s390x"], memory=Memory())
    assert not memory.known(task, told)
    task.boot.cell.arch = arches.known()["s390x"]
    assert memory.known(task, told)
    monkeypatch.setattr(memory.plugin, "sources", lambda: "others")
    assert not memory.known(task, told)


def test_what_cannot_be_said_is_not_tried(task: Any) -> None:
    assert memory.impossible(task) == ""
    task.measure = Measure(cpus=2)
    assert "2 CPUs" in memory.impossible(task)
    task.measure, task.boot.cell.arch = Measure(), replace(task.boot.cell.arch, memory=None)
    assert memory.impossible(task) == "s390x has no memory in arches/"
    task.boot.cell.workload.metrics = ("stall",)
    assert "measures no time" in memory.impossible(task)


def test_whoever_does_not_ask_gets_none(task: Any) -> None:
    """Though an earlier run has asked."""
    kept = replace(PLAIN, costs={"atomics": 5.0, **dict.fromkeys(MEMORY, 1.0)}, unseen=("something",))
    asked: Any = SimpleNamespace(memory=False)
    assert asyncio.run(boots.Boots._whole(asked, task, kept, True)) == PLAIN
