# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole runs without a guest: what is measured, what is taken from the store, what an earlier start has left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any

import pytest

from orchestrator import arches, ui
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan as make_plan
from orchestrator.engine import Manner, Work
from orchestrator.errors import ConfigError, InfraError
from orchestrator.events import Bus, CellEnded, Event, KernelKnown, Note
from orchestrator.measure import boots, provenance, results, runner
from orchestrator.measure.boot import Task
from orchestrator.model import Provenance, Status
from orchestrator.runs import account_files, load, record
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.record import Request
from orchestrator.store import Store
from tests.unit.measure.conftest import TEXT, House, Kernels, gives

ALL = {f"aarch64/{kernel}/shmem-write#{number}" for kernel in ("base", "new") for number in (0, 1)}


def values(folder: RunFolder) -> list[float]:
    cells = folder.load_cells()
    return [sample.values["time"] for cell in cells for boot in cell.boots for sample in boot.passes]


def files(folder: RunFolder) -> set[str]:
    return {str(path.relative_to(folder.path)) for path in folder.path.rglob("*") if path.is_file()}


def test_what_was_measured_is_taken_from_the_store_and_marked(house: House) -> None:
    first = house.run("first")
    assert set(house.measured) == ALL and not any(cell.stored for cell in first.load_cells())
    second = house.run("second")
    assert house.measured == [] and values(second) == values(first)
    assert all(boot.stored for cell in second.load_cells() for boot in cell.boots)
    names = [list(cell.boots[0].passes[0].values) for cell in (*first.load_cells(), *second.load_cells())]
    assert names == [["time", "pgfault", "minflt", "majflt"]] * 4, "in the order in which tables have them"
    assert files(second) == files(first), "a run folder has all that it always had"
    ended = [event for event in house.events if isinstance(event, CellEnded)]
    assert len(ended) == 2 and all(event.stored and not event.resumed for event in ended)
    assert [event.message for event in house.events if isinstance(event, Note)] == [
        "2 cells measured before, exactly the same; --fresh measures again"
    ]
    report = load.matrix_of(second)
    assert [cell["stored"] for cell in report["cells"]] == [True, True]
    assert [cell["stored"] for cell in load.matrix_of(first)["cells"]] == [False, False]


def test_what_was_measured_before_tells_how_long_a_boot_takes(house: House) -> None:
    """Of each of the two configs here, whatever the next patch is."""
    house.run("first")
    assert not list((house.root / "cache/timings").glob("stages-*")), "these guests are none"
    house.run("second")
    known = [json.loads(path.read_text()) for path in (house.root / "cache/timings").glob("stages-aarch64-*.json")]
    assert known == [{"measure": [1.0, 1.0]}] * 2


def test_fresh_measures_again_and_is_what_is_stored_from_then_on(house: House) -> None:
    first = house.run("first")
    second = house.run("second", fresh=True)
    assert set(house.measured) == ALL
    third = house.run("third")
    assert house.measured == [] and values(third) == values(second)
    assert len(values(first)) == len(values(third))


def test_a_result_of_another_thing_is_not_taken(house: House) -> None:
    house.run("first")
    house.run("more boots", TEXT.replace("boots: 2", "boots: 3"))
    assert set(house.measured) == {"aarch64/base/shmem-write#2", "aarch64/new/shmem-write#2"}
    house.run("more passes", TEXT.replace("passes: 1", "passes: 2"))
    assert set(house.measured) == ALL
    (house.root / "program").write_text("another")
    house.run("another program")
    assert set(house.measured) == ALL
    house.run("another CPU", TEXT + "cpu: {aarch64: cortex-a72}\n")
    assert set(house.measured) == ALL
    house.kernels = Kernels("gcc 13")
    house.run("compiler")
    assert set(house.measured) == ALL


def test_a_cpu_model_is_asked_for_before_anything_is_built(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """And only where a guest may be emulated with it; what QEMU says of it is told."""
    asked: list[list[str]] = []
    words, refuses = {"aarch64": ["no erms"]}, False

    async def check(arches: Any, accel: str) -> Mapping[str, list[str]]:
        asked.append([f"{arch.name}: {arch.cpu[accel]}" for arch in arches])
        if refuses:
            raise ConfigError("no such CPU")
        return words if asked[-1] else {}

    monkeypatch.setattr(runner.cpu, "check", check)
    house.run("first", TEXT + "cpu: {aarch64: cortex-a72}\n")
    assert asked == [["aarch64: cortex-a72"]]
    assert house.events[0].subject == "aarch64" and house.events[0].message == "of its CPU QEMU says: no erms"
    house.run("kvm", TEXT.replace("passes: 1", "passes: 1, clock: wall, accel: kvm"))
    house.run("either", TEXT.replace("passes: 1", "passes: 1, clock: wall"))
    assert asked[1:] == [[], [f"aarch64: {arches.known()['aarch64'].cpu['tcg']}"]]
    refuses = True
    with pytest.raises(ConfigError, match="no such CPU"):
        house.run("refused")
    assert not house.events and not house.measured


def test_a_kernel_by_another_name_is_the_same_kernel(house: House) -> None:
    house.run("first")
    house.kernels.known_as = {"before": "base"}
    house.run("second", TEXT.replace("{base: {source", "{before: {source").replace("base: base", "base: before"))
    assert house.measured == []


def test_whoever_wants_a_boot_each_time_gets_it_and_leaves_none(house: House) -> None:
    """As verify does: its digits are those of boots that nobody can go on from again."""
    text = TEXT.replace("passes: 1", "passes: 1, snapshots: false")
    house.run("first", text)
    house.run("second", text)
    assert set(house.measured) == ALL
    house.run("third")
    assert set(house.measured) == ALL


def test_figures_that_vary_are_always_measured(house: House) -> None:
    text = TEXT.replace("measure: {", "measure: {clock: wall, ")
    first = house.run("first", text)
    house.run("second", text)
    assert set(house.measured) == ALL
    rests_on = [cell.provenance for cell in first.load_cells()]
    assert all(its is not None and its.host == "C, 2 cores, 2 GiB, Linux 6.1" for its in rests_on)


def test_a_run_that_was_cut_off_keeps_what_it_has(house: House) -> None:
    lost = "aarch64/new/shmem-write#1"
    house.fails = {lost: [InfraError("the power went")] * 2}
    folder = house.run("run")
    assert [cell.status for cell in folder.load_cells()] == [Status.PASSED, Status.INFRA_FAILED]
    before = values(folder)
    house.run("run", fresh=True)
    assert house.measured == [lost], "what was measured in this run is fresh"
    assert values(folder)[: len(before)] == before and len(values(folder)) == 8
    resumed = {event.subject: event.resumed for event in house.events if isinstance(event, CellEnded)}
    assert resumed == {"aarch64/base/shmem-write": True, "aarch64/new/shmem-write": False}


def lost(name: str = "new/shmem-write") -> dict[str, list[Exception]]:
    """The testbed fails the first boot of a cell, so that there is no other."""
    return {f"aarch64/{name}#0": [InfraError("gone")] * 2}


def another_image(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    image = house.root / "image-2/initramfs.cpio"
    image.parent.mkdir()
    image.write_text("image")
    monkeypatch.setattr(boots.initramfs, "image", gives(image))


def test_cells_of_two_guest_images_are_not_compared(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.fails = lost()
    folder = house.run("run")
    another_image(house, monkeypatch)
    house.run("run")
    report = load.matrix_of(folder)
    assert [cell["status"] for cell in report["cells"]] == ["passed", "passed"]
    assert {row["why"] for row in report["comparisons"]} == {"not comparable: guest_image differ"}
    assert {row["reason"] for row in report["comparisons"]} == {"not_comparable"}


@pytest.mark.parametrize("fails", [False, True])
def test_the_folder_tells_of_the_kernel_that_was_measured(house: House, fails: bool) -> None:
    """Of base; the other has no result yet, unless it is base's kernel that is still to be measured, too."""
    text = TEXT.replace("[shmem-write]", "[shmem-write, futex-fault]") if fails else TEXT
    house.fails = lost("base/futex-fault" if fails else "new/shmem-write")
    folder = house.run("run", text)
    before = folder.read_json("builds/aarch64/base/info.json")
    house.kernels.known_as = {"base": "another", "new": "newer"}
    house.run("run", text)
    assert folder.read_json("builds/aarch64/base/info.json") == before and before["key"] == "base-gcc 12"
    told = folder.read_json("builds/aarch64/new/info.json")["key"]
    assert told == ("new-gcc 12" if fails else "newer-gcc 12")


def test_a_source_that_is_known_before_the_run_begins_is_recorded_all_the_same(house: House) -> None:
    house.kernels = Kernels(known=True)
    house.fails = lost()
    folder = house.run("run")
    assert folder.read_json(record.SOURCES) == {"s": "debian:linux-source-6.1=6.1.192-1"}
    house.kernels.version = "6.1.193-1"
    house.run("run")
    cell = folder.load_cell("aarch64/new/shmem-write")
    assert house.measured == [] and cell is not None and cell.failure is not None
    assert "the run began with debian:linux-source-6.1=6.1.192-1" in cell.failure.message


@pytest.fixture
def profiles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of boots that an account is taken of."""
    taken: list[str] = []

    async def take(task: Task, *_: object) -> None:
        taken.append(task.boot.id)
        (task.folder.parent / account_files.FILE).write_text("{}")

    monkeypatch.setattr(boots.profiled, "take", take)
    return taken


def cell_files(folder: RunFolder) -> dict[str, str]:
    """Results and what tells of kernels."""
    paths = [*folder.path.glob("cells/**/result.json"), *folder.path.glob("builds/**/info.json")]
    return {str(path): path.read_text() for path in paths}


def why_not(folder: RunFolder) -> list[tuple[str, bool]]:
    found = [
        folder.read_json(f"cells/aarch64/{name}/shmem-write/{account_files.WHY_NOT}") for name in ("base", "new")
    ]
    return [(row["why"], row["possible"]) for row in found if row]


@pytest.mark.parametrize("old", [False, True])
def test_a_finished_run_is_profiled_as_it_is(house: House, profiles: list[str], old: bool) -> None:
    folder = house.run("run")
    if old:
        without_provenance(folder)
    before = cell_files(folder)
    house.run("run", profile=True)
    assert house.measured == [] and cell_files(folder) == before and why_not(folder) == []
    assert sorted(profiles) == ["aarch64/base/shmem-write#0", "aarch64/new/shmem-write#0"]


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("other", ["qemu", "guest image", "kernel", "source", "lost"])
def test_a_profile_of_other_things_costs_a_finished_run_nothing(
    house: House, profiles: list[str], monkeypatch: pytest.MonkeyPatch, other: str, old: bool
) -> None:
    folder = house.run("run")
    if old:
        without_provenance(folder)
    before = cell_files(folder)
    if other == "qemu":
        monkeypatch.setattr(boots.accel, "qemu_version", gives("10.0"))
    elif other == "guest image":
        another_image(house, monkeypatch)
    elif other == "kernel":
        house.kernels.known_as = {"base": "another", "new": "newer"}
    elif other == "source":
        house.kernels.version = "6.1.193-1"
    else:
        house.kernels.lost = True
    house.run("run", profile=True)
    assert house.measured == [] and cell_files(folder) == before
    assert [cell.status for cell in folder.load_cells()] == [Status.PASSED] * 2
    now = "s is debian:linux-source-6.1=6.1.193-1 now; the run began with debian:linux-source-6.1=6.1.192-1"
    again = {"source": (now, True), "lost": ("its package is gone", True)}
    told = again.get(other, ("what it rests on is another by now", False))
    if old and other == "guest image":  # it was not recorded then
        assert len(profiles) == 2 and why_not(folder) == []
    else:
        assert profiles == [] and why_not(folder) == [told] * 2


def without_provenance(folder: RunFolder) -> None:
    """As 0.1.0 left it."""
    for path in folder.path.glob("cells/**/result.json"):
        old = json.loads(path.read_text())
        for one in (old, *old.get("boots", ())):
            one.pop("provenance"), one.pop("stored", None)
        path.write_text(json.dumps(old))


def test_boots_of_before_provenance_was_kept_are_gone_on_with(house: House) -> None:
    folder = house.run("run")
    for path in folder.path.glob("cells/*/*/*/result.json"):
        path.unlink()
    without_provenance(folder)
    house.run("run", fresh=True)
    assert house.measured == []
    assert [cell.provenance for cell in folder.load_cells()] == [None, None], "it is not known of these"


def test_a_cell_of_a_kernel_that_is_another_by_now_is_refused(house: House) -> None:
    text = TEXT.replace("[shmem-write]", "[shmem-write, futex-fault]")
    house.fails = {"aarch64/base/futex-fault#0": [InfraError("gone")] * 2}
    folder = house.run("run", text)
    path = folder.path / "cells/aarch64/base/shmem-write/result.json"
    path.write_text(path.read_text().replace('"image": "i', '"image": "other-i'))
    house.run("run", text)
    cell = folder.load_cell("aarch64/base/futex-fault")
    assert cell is not None and cell.failure is not None and cell.status is Status.INFRA_FAILED
    assert "aarch64/base is not what the run began with: image was other-i" in cell.failure.message


def test_a_retry_is_noted_in_the_result_and_told(house: House) -> None:
    name = "aarch64/base/shmem-write#0"
    house.fails = {name: [InfraError("QEMU died")]}
    folder = house.run("run")
    note = "attempt 1 failed and was repeated: QEMU died"
    cell = folder.load_cell("aarch64/base/shmem-write")
    assert cell is not None and cell.boots[0].notes == (note,)
    assert [event.message for event in house.events if isinstance(event, Note)] == [note]
    assert house.measured.count(name) == 2


def test_what_is_stored_ends_a_check_at_once(house: House) -> None:
    """The first answer: it booted when it was measured."""
    house.run("first")
    told: list[Event] = []
    folder, text = RunFolder(house.root / "second"), TEXT
    matrix = matrix_file.from_text(text, house.root / "matrix.yaml")
    plan = make_plan(matrix)
    record.save_request(folder, Request(house.root / "matrix.yaml", text, (), {}), matrix, plan)
    made = runner.Runner(plan, folder, Bus(), Store(house.root / "cache"), house.root, house.kernels)  # type: ignore[arg-type]
    made.bus.subscribe(ui.Answering(made.bus, plan, "new"))
    made.bus.subscribe(told.append)
    asyncio.run(Work(made, Manner(first="new")).run())
    assert [event.message for event in told if isinstance(event, Note)][:1] == ["builds and boots on aarch64"]
    assert len([event for event in told if isinstance(event, KernelKnown)]) == 2


def its(folder: RunFolder) -> Provenance:
    cell = folder.load_cell("aarch64/base/shmem-write")
    assert cell is not None and cell.provenance is not None
    return cell.provenance


def test_provenance_says_what_a_cell_rests_on_and_comes_back(house: House) -> None:
    folder = house.run("run")
    found = its(folder)
    assert found.kernel.source == "debian:linux-source-6.1=6.1.192-1" and found.kernel.compiler == "gcc 12"
    assert found.guest_image == "image-1" and found.machine.qemu == "7.2" and found.host == ""
    assert (found.warmup, found.passes, found.format) == (1, 1, provenance.FORMAT)
    (row,) = (row for row in load.matrix_of(folder)["cells"] if row["kernel"] == "base")
    assert json.dumps(row["provenance"]) == json.dumps(asdict(found))
    other = folder.load_cell("aarch64/new/shmem-write")
    assert other is not None and other.provenance is not None
    assert set(provenance.differing(found, other.provenance)) == {
        "kernel.kconfig", "kernel.config", "kernel.image", "kernel.key",
    }  # fmt: skip


def changes(value: Any) -> list[Any]:
    """The value with each of its fields changed, one at a time, down to the last."""
    found = []
    for one in fields(value):
        old = getattr(value, one.name)
        new: list[Any]
        if is_dataclass(old):
            new = changes(old)
        elif isinstance(old, tuple):
            new = [(*old, "more")]
        else:
            new = [old + 1] if isinstance(old, int) else [f"{old}, another"]
        found += [replace(value, **{one.name: each}) for each in new]
    return found


def test_every_field_of_it_counts(house: House) -> None:
    found = its(house.run("run"))
    others = changes(found)
    assert len(others) >= 24
    assert len({results.key(other, 0) for other in [found, *others]} | {results.key(found, 1)}) == len(others) + 2


@pytest.mark.parametrize("damage", ["cut", "changed", "file", "lost", "more", "number", "provenance", "gone"])
def test_a_stored_result_is_whole_or_is_none(house: House, damage: str) -> None:
    first = house.run("first")
    place = house.root / "cache/results" / results.key(its(first), 0)
    stored = place / results.FILE
    data = json.loads(stored.read_text())
    if damage == "cut":
        stored.write_text(stored.read_text()[:200])
    elif damage == "changed":
        stored.write_text(stored.read_text().replace("1001.0", "1002.0").replace("1002.0", "1003.0"))
    elif damage == "file":
        (place / "console.log").write_text("another")
    elif damage == "lost":
        (place / "counted/qemu.txt").unlink()
    elif damage == "more":
        (place / "more").write_text("")
    elif damage in ("number", "provenance"):
        kept = json.loads(data["kept"])
        if damage == "number":
            kept["result"]["number"] = 1
        else:
            kept["provenance"]["kernel"]["image"] = "another"
        text = json.dumps(kept)
        stored.write_text(json.dumps({"sha256": results.digest(text), "kept": text}))
    else:
        stored.unlink()
    second = house.run("second")
    assert house.measured == ["aarch64/base/shmem-write#0"]
    assert [boot.stored for boot in second.load_cells()[0].boots] == [False, True]
    assert not second.load_cells()[0].stored
    third = house.run("third")
    assert house.measured == [] and values(third) == values(second), "it is whole again"


def test_a_kernel_that_nobody_vouches_for_is_told_from_ones_own(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its QEMU is not started where no sandbox can be had; who trusts everything has none."""
    machines = []
    measure = house.measure

    async def noted(task: Task) -> Any:
        machines.append((task.boot.cell.kernel.name, task.machine.sealed, task.machine.vouched))
        return await measure(task)

    monkeypatch.setattr(boots, "measure", noted)
    (house.root / "a.patch").write_text("a patch")
    text = TEXT.replace("kconfig: [CONFIG_X=y]", "patches: [a.patch], kconfig: [CONFIG_X=y]").replace(
        "boots: 2", "boots: 1"
    )
    house.run("first", text)
    assert machines == [("base", True, True), ("new", True, False)]
    machines.clear()
    house.kernels = Kernels(unsandboxed=True)
    house.run("second", text, fresh=True)
    assert [sealed for _, sealed, _ in machines] == [False, False]
