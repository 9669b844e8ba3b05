# SPDX-License-Identifier: GPL-2.0-or-later
"""What kernels differ by before anything runs: whole runs without a guest and without a compiler."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.build import compiled
from orchestrator.build.once_more import OnceMore
from orchestrator.errors import InfraError
from orchestrator.events import Note, StageDone
from orchestrator.measure import static
from orchestrator.model import Build, KernelArtifact
from orchestrator.profile.objects import Frame, Layout, Told, Warned
from orchestrator.profile.sameness import How
from orchestrator.runs import load
from tests.unit.measure.conftest import House
from tests.unit.measure.test_against import PATCH, TEXT, Built, found

SIZES = """\
   12: ffff000000010000 {} FUNC    GLOBAL DEFAULT    2 f
  [ 2] .text             PROGBITS        ffff000000010000 020000 {} 00  AX  0   0 65536
"""


BOTH = [("aarch64/unpatched", "mm/memory.o"), ("aarch64/patched", "mm/memory.o")]


@pytest.fixture
def asked() -> list[tuple[str, ...]]:
    """Of which kernels which objects were compiled once more."""
    return []


@pytest.fixture
def lab(house: House, asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> House:
    """Kernels that differ, and two that tell of them."""
    house.kernels = Built(house.root)  # type: ignore[assignment]
    (house.root / "one.patch").write_text(PATCH.format("mm/memory.c", "int b;"))
    found(monkeypatch, How.DIFFERS)

    async def sizes(vmlinux: Path, _: str) -> str:
        grown = 8 if vmlinux.parent.name == "patched" else 0
        return SIZES.format(212 + grown, f"{4096 + grown:06x}")

    async def once_more(self: OnceMore, build: Build, kernel: KernelArtifact, objects: Sequence[str]) -> Told:
        asked.append((build.id, *objects))
        larger = 512 if build.kernel.name == "patched" else 0
        warnings = (Warned("mm/memory.c", 2, "unused b"),) if larger else ()
        layouts = {"struct s": (Layout(8 + larger // 64, {}),)}
        return Told(tuple(objects), (Frame("mm/memory.c", "f", 80 + larger, "static"),), warnings, layouts)

    monkeypatch.setattr(static.readelf, "sizes", sizes)
    monkeypatch.setattr(OnceMore, "__call__", once_more)
    return house


def rows(report: Any) -> list[tuple[str, str, int | None, int | None]]:
    return [(row["kind"], row["function"], row["base_value"], row["new_value"]) for row in report["static"]]


def test_it_is_in_the_matrix(lab: House, asked: list[tuple[str, ...]]) -> None:
    folder = lab.run("run", TEXT, static=True)
    report = load.matrix_of(folder)
    assert rows(report) == [
        ("size", "f", 212, 220),
        ("stack", "f", 80, 592),
        ("section", ".text", 4096, 4104),
        ("layout", "struct s", 8, 16),
        ("warning", "mm/memory.c:2", None, None),
    ]
    assert {(row["arch"], row["base"], row["new"]) for row in report["static"]} == {
        ("aarch64", "unpatched", "patched")
    }
    assert report["static_left_out"] == []
    assert asked == BOTH
    assert [e.subject for e in lab.events if isinstance(e, StageDone) and e.stage == "static"] == [
        "aarch64/unpatched..patched"
    ]


def test_whoever_does_not_ask_gets_none(lab: House, asked: list[tuple[str, ...]]) -> None:
    report = load.matrix_of(lab.run("run", TEXT))
    assert "static" not in report and "static_left_out" not in report and asked == []


def test_an_earlier_start_is_gone_on_with(lab: House, asked: list[tuple[str, ...]]) -> None:
    lab.run("run", TEXT, static=True)
    folder = lab.run("run", TEXT, static=True)
    assert len(asked) == 2 and len(rows(load.matrix_of(folder))) == 5


@pytest.mark.parametrize("how", [How.SAME, How.LINES_ONLY])
@pytest.mark.parametrize("fresh", [False, True])
def test_of_the_same_kernel_nothing_is_told(
    lab: House, asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch, how: How, fresh: bool
) -> None:
    found(monkeypatch, how)
    folder = lab.run("run", TEXT, static=True, fresh=fresh)
    assert "static" not in load.matrix_of(folder) and asked == []


def test_what_cannot_be_compiled_is_said_and_sizes_are_there(lab: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> Told:
        raise InfraError("its build tree is not there any more")

    monkeypatch.setattr(OnceMore, "__call__", fails)
    report = load.matrix_of(lab.run("run", TEXT, static=True))
    assert [row[0] for row in rows(report)] == ["size", "section"]
    assert [row["why"] for row in report["static_left_out"]] == [
        "frames, warnings and layouts: its build tree is not there any more"
    ]


def test_what_is_lacking_is_said(lab: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lacks(self: OnceMore, build: Build, kernel: KernelArtifact, objects: Sequence[str]) -> Told:
        return Told((), (), (), None)

    monkeypatch.setattr(OnceMore, "__call__", lacks)
    report = load.matrix_of(lab.run("run", TEXT, static=True))
    assert [row["why"] for row in report["static_left_out"]] == [
        "unpatched: mm/memory.o is not compiled by itself", "patched: mm/memory.o is not compiled by itself",
        "layout of structs: pahole is not installed (package pahole)",
    ]  # fmt: skip


def test_a_fault_costs_the_run_nothing(lab: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(*_: object) -> str:
        raise ValueError("a new readelf")

    monkeypatch.setattr(static.readelf, "sizes", breaks)
    report = load.matrix_of(lab.run("run", TEXT, static=True))
    assert {cell["status"] for cell in report["cells"]} == {"passed"} and "static" not in report
    notes = [event.message for event in lab.events if isinstance(event, Note)]
    assert "no static evidence: a new readelf" in notes


def test_of_kernels_of_before_the_makefiles_say_what_is_built(
    lab: House, asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "load", lambda _: None)
    (lab.root / "one.patch").write_text(
        PATCH.format("mm/memory.c", "int b;") + PATCH.format("mm/swapfile.c", "int b;")
    )
    lab.run("run", TEXT, static=True)
    assert asked == BOTH
