# SPDX-License-Identifier: GPL-2.0-or-later
"""What the plugin of blocks leaves in a boot's folder, and what a result without it is worth."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator import arches
from orchestrator.errors import InfraError
from orchestrator.measure import addresses, noted, region, results
from orchestrator.measure.boot import Task, with_noted
from orchestrator.model import (
    Clock,
    KernelProvenance,
    MachineProvenance,
    Marks,
    Measure,
    Provenance,
    WorkloadProvenance,
)
from orchestrator.profile.relocation import Relocation
from orchestrator.profile.symbols import RUNNER, USER, Symbols
from orchestrator.store import Store
from tests.unit.conftest import NEW, boot

MARKS = Marks(returns=("c3", "c2"), exception_returns=(), interrupts=())
PROVENANCE = Provenance(
    KernelProvenance("s"), WorkloadProvenance("f", (), ()), MachineProvenance("icount", 64, 1)
)  # fmt: skip


def symbols(prefix: str) -> Symbols:
    return Symbols((0x100, 0x200), (0x140, 0x240), (f"{prefix}km_begin", f"{prefix}km_end"), {0x200: 0x208})


def test_a_region_is_told_in_the_plugin_s_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the code of both functions: something else may run at the same addresses while a workload sleeps."""
    monkeypatch.setattr(region, "code_at", lambda path, start, end: bytes([end - start, ord(path.name)]))
    one, two = Path("/w"), Path("/x")
    wanted = ["begin=100-140:4077", "ret=c3", "ret=c2", "end=208-240:3877"]
    assert region.bounds(symbols(USER), [one], MARKS) == region.bounds(symbols(RUNNER), [one, two], MARKS) == wanted
    told = region.plugin(Path("/a,b/p.so"), Path("/c"), {"out": Path("/c/c,d")}, "skip=1")
    assert told.argument == "/a,,b/p.so,out=/c/c,,d,skip=1"  # as QEMU wants commas
    assert (told.library, told.folder) == (Path("/a,b/p.so"), Path("/c"))


def test_a_link_in_place_of_what_was_noted_is_not_followed(tmp_path: Path, notes: noted.Notes) -> None:
    """The emulator writes it, and may be anybody's by then."""

    async def boots() -> None:
        async with notes.until_the_gate(tmp_path):
            (tmp_path / "raw/seen").symlink_to("/etc/hostname")

    with pytest.raises(InfraError, match="is no file"):
        asyncio.run(boots())
    assert not (tmp_path / noted.SEEN).exists()


def test_what_cannot_be_counted_says_why() -> None:
    assert region.uncounted(Measure(), MARKS, "vax") == ""
    assert "wall clock" in region.uncounted(Measure(clock=Clock.WALL), MARKS, "vax")
    assert "2 CPUs" in region.uncounted(Measure(cpus=2), MARKS, "vax")
    assert region.uncounted(Measure(), None, "vax") == "vax has no marks in arches/"


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> noted.Notes:
    monkeypatch.setattr(noted.symbols, "of_programs", lambda *files: symbols(USER))
    monkeypatch.setattr(region, "code_at", lambda *where: b"\xc3")
    (tmp_path / "raw").mkdir()
    return noted.Notes(Path("/p.so"), (Path("/w"),), MARKS, tmp_path / "raw")


def test_what_it_wrote_is_kept_with_the_boot(tmp_path: Path, notes: noted.Notes) -> None:
    async def passes() -> str:
        async with notes.of_passes(tmp_path, skip=2, boots=True) as argument:
            (tmp_path / "raw/executed").write_text("kmatrix-blocks 2 1 5 0\n10 20 7 0 1f2003d5\n")
            (tmp_path / "raw/seen").write_text("kmatrix-seen 1 5 0\n10 30\n")
        return argument.argument

    told = asyncio.run(passes())
    raw = tmp_path / "raw"
    assert told.startswith(f"/p.so,out={raw / 'executed'},seen={raw / 'seen'},begin=100-140:c3,") and "skip=2" in told
    assert noted.whole(tmp_path) and list(raw.iterdir()) == []
    assert noted.counted(tmp_path, Relocation()).executed.most(0x10, 0x14) == 7
    assert noted.seen(tmp_path, Relocation()).ran(0x28, 0x2C)


def test_calls_are_executions_of_a_functions_first_instruction_without_interrupts(
    tmp_path: Path, notes: noted.Notes
) -> None:
    """By all that the compiler made of its name; of several regions the mean."""
    kernel = Symbols((0x10, 0x20, 0x30, 0x40), (0x20, 0x30, 0x40, 0x50), ("a.isra.0", "a.part.0", "b", "c.cold"))
    known = addresses.Places(kernel, frozenset(), frozenset(), Relocation())
    blocks = ["10 14 7 1 1f2003d5", "c 14 2 0 1f2003d5,1f2003d5", "20 24 9 0 1f2003d5", "34 38 5 0 1f2003d5"]
    (tmp_path / noted.COUNTED).write_bytes(gzip.compress("\n".join(["kmatrix-blocks 2 2 4 0", *blocks, ""]).encode()))
    wanted = {"a", "b", "c.isra.1", "d"}
    assert noted.calls(tmp_path, wanted, (), known) == {}  # functions have two entries here: only a vmlinux tells
    notes_symbols = Symbols((0x100,), (0x140,), (f"{USER}main",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noted.symbols, "of_programs", lambda *files: notes_symbols)
        assert noted.calls(tmp_path, wanted, (), known) == {"a": 4, "b": 0, "c.isra.1": 0, "d": None}
        assert noted.calls(tmp_path, (), (), known) == {} == noted.calls(tmp_path / "none", wanted, (), known)


def test_what_was_kept_is_told_anew_where_classes_are_others_by_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "places_of", lambda kernel, arch: "places")
    monkeypatch.setattr(noted, "costs", lambda *words: {"atomics": 7.0})
    monkeypatch.setattr(noted, "calls", lambda folder, functions, *words: dict.fromkeys(functions, 3.0))
    arch = arches.known()["s390x"]
    cell = SimpleNamespace(arch=arch, workload=SimpleNamespace(called=()))
    told = SimpleNamespace(files=())
    task: Any = SimpleNamespace(
        blocks=Path("/p.so"), kernel="k", folder=tmp_path, tool=told, boot=SimpleNamespace(cell=cell)
    )
    new = asyncio.run(with_noted(task, boot(0, NEW, 0, "tcg")))
    assert (new.costs, new.classes, new.calls) == ({"atomics": 7.0}, noted.classes(arch), {})
    kept = replace(new, costs={"atomics": 5.0})
    assert asyncio.run(with_noted(task, kept)) == kept
    assert asyncio.run(with_noted(task, replace(kept, classes="others"))) == new
    cell.workload.called = ("up_read",)
    assert asyncio.run(with_noted(task, kept)) == replace(kept, calls={"up_read": 3.0})
    task.blocks = None
    assert asyncio.run(with_noted(task, boot(0, NEW, 0, "tcg"))) == boot(0, NEW, 0, "tcg")


def test_until_the_gate_nothing_is_counted(tmp_path: Path, notes: noted.Notes) -> None:
    async def boots() -> str:
        async with notes.until_the_gate(tmp_path) as argument:
            (tmp_path / "raw/seen").write_text("kmatrix-seen 1 5 0\n10 30\n")
        assert (argument.library, argument.folder) == (Path("/p.so"), tmp_path / "raw")
        return argument.argument

    assert asyncio.run(boots()) == f"/p.so,seen={tmp_path / 'raw/seen'}"
    assert (tmp_path / noted.SEEN).is_file() and not noted.whole(tmp_path)


def test_a_boot_without_notes_is_none_the_worse_and_says_so(tmp_path: Path, notes: noted.Notes) -> None:
    async def fails() -> None:
        async with notes.of_passes(tmp_path):
            pass

    asyncio.run(fails())
    assert not noted.whole(tmp_path)
    with pytest.raises(InfraError, match="nobody noted"):
        noted.counted(tmp_path, Relocation())
    (tmp_path / noted.SEEN).write_bytes(gzip.compress(b"something else\n"))
    with pytest.raises(InfraError, match="not whole"):
        noted.seen(tmp_path, Relocation())


def test_a_stored_result_without_notes_is_measured_again_if_they_are_asked_for(tmp_path: Path) -> None:
    store, folder = Store(tmp_path / "cache"), tmp_path / "boot-0"
    folder.mkdir()
    (folder / "work.out").write_text("it worked")
    asked = cast(
        Task,
        SimpleNamespace(provenance=PROVENANCE, boot=SimpleNamespace(number=0), folder=folder, blocks=Path("/p.so")),
    )
    plain = cast(Task, SimpleNamespace(**{**vars(asked), "blocks": None}))
    results.keep(store, plain, boot(0, NEW, 0, "tcg"))
    assert asyncio.run(results.take(store, asked)) is None and asyncio.run(results.take(store, plain)) is not None
    for name in (noted.SEEN, noted.COUNTED):
        (folder / name).write_bytes(gzip.compress(b"kmatrix-blocks 2 1 1 0\n"))
    results.keep(store, asked, replace(boot(0, NEW, 0, "tcg"), notes=("again",)))
    for name in (noted.SEEN, noted.COUNTED):
        (folder / name).unlink()
    found = asyncio.run(results.take(store, asked))
    assert found and found.stored and noted.whole(folder)
