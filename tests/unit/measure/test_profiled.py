# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs that are profiled: what of them is measured again, and what is said of a cell without an account."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from orchestrator.analyse.contract import MatrixReport, UnprofiledRow
from orchestrator.analyse.slice import about, sliced
from orchestrator.build.kernel import Builder
from orchestrator.cli import profile as verb
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan
from orchestrator.errors import InfraError
from orchestrator.events import Bus
from orchestrator.measure import profiled, provenance
from orchestrator.measure.boot import Task
from orchestrator.measure.boots import Boots
from orchestrator.measure.runner import Runner
from orchestrator.model import (
    BootResult,
    KernelArtifact,
    KernelProvenance,
    MachineProvenance,
    Provenance,
    Status,
    WorkloadProvenance,
)
from orchestrator.paths import IMAGES
from orchestrator.report.b4check import status
from orchestrator.report.parts.signoff import clean
from orchestrator.runs import account_files, load
from orchestrator.runs.folder import RunFolder
from orchestrator.store import Store
from tests.unit import conftest as reports
from tests.unit.conftest import TEXT, call, four, run_folder
from tests.unit.profile.conftest import PATCHED, account

CELL = "s390x/patched/shmem-write"


def engine(folder: RunFolder, profile: bool = True) -> Runner:
    """What `kmatrix profile RUN` goes on with, or run --resume."""
    store = Store(folder.path.parent / "cache")
    made = plan(matrix_file.from_text(TEXT, folder.path.parent / "matrix.yaml"))
    return Runner(made, folder, Bus(), store, IMAGES, Builder(store, 1, 1, 1), profile=profile)


@pytest.mark.parametrize(
    ("status", "account", "kept"),
    [
        (Status.PASSED, True, True),
        (Status.PASSED, False, False),
        (Status.INFRA_FAILED, False, False),
        (Status.SKIPPED, False, False),
        *((s, False, True) for s in (Status.KERNEL_BROKE, Status.WORKLOAD_FAILED, Status.TIMED_OUT)),
    ],
)
def test_a_result_of_what_was_tested_is_never_measured_away(
    tmp_path: Path, status: Status, account: bool, kept: bool
) -> None:
    """A panic that comes now and then would be gone once the run is profiled."""
    passed = reports.cell("s390x", "patched", reports.NEW)
    found = passed if status is Status.PASSED else reports.failed("s390x", "patched", status)
    folder = run_folder(tmp_path / "run", found)
    if account:
        folder.write_json(f"cells/{CELL}/profile.json", {})
    local = engine(folder)
    (cell,) = (cell for cell in local.plan.cells if cell.id == CELL)
    assert local.ended_before(cell) == (found if kept else None)


@pytest.fixture
def whole(tmp_path: Path) -> RunFolder:
    """Four cells that passed, each with its account."""
    folder = run_folder(tmp_path / "run", *four())
    for cell in folder.load_cells():
        told = account(cell.arch, cell.kernel, PATCHED, {})
        folder.write_json(f"cells/{cell.id}/profile.json", told)
    folder.write_json("profile.json", load.of_folder(folder).profile)
    return folder


def lose(folder: RunFolder, cell_id: str = CELL) -> None:
    (folder.path / f"cells/{cell_id}/profile.json").unlink()


def profiling(folder: RunFolder, monkeypatch: pytest.MonkeyPatch, cpus: int = 1) -> None:
    """The profiled pass of a boot, with a plugin that cannot be compiled."""

    async def take(*_: object) -> None:
        raise InfraError("the plugin does not compile", hint="install gcc", log="gcc: no space <left>")

    monkeypatch.setattr(profiled, "take", take)
    local = engine(folder)
    boot = next(boot for boot in local.plan.boots if boot.cell.id == CELL)
    measure = replace(local.plan.measure, cpus=cpus)
    its = Provenance(KernelProvenance("s"), WorkloadProvenance("f", (), ()), MachineProvenance("icount", 1024, cpus))
    task = cast(Task, SimpleNamespace(boot=boot, measure=measure, provenance=its))
    result = cast(BootResult, SimpleNamespace(provenance=provenance.key(its)))
    boots = Boots(folder, local.bus, local.store, IMAGES, folder.path, measure, local.plan.limits)
    asyncio.run(boots.profiled(task, cast(KernelArtifact, None), result))


def test_a_run_without_any_account_lacks_none(tmp_path: Path) -> None:
    assert "unprofiled" not in load.matrix_of(run_folder(tmp_path / "run", *four()))


def test_a_run_with_all_its_accounts_lacks_none(whole: RunFolder) -> None:
    assert "unprofiled" not in load.matrix_of(whole)


def test_an_account_that_is_gone_is_told_in_every_report(whole: RunFolder) -> None:
    before, _ = call("report", whole.path)
    lose(whole)
    words = f"not profiled: {CELL}: its account is not there"
    for format in ("terminal", "markdown", "mail", "html"):
        code, text = call("report", whole.path, "-f", format)
        assert words in " ".join(text.split()), format
        assert before != 4 and code == 4
    assert "# ERROR its account is not there" in call("report", whole.path, "-f", "ktap")[1]
    assert '<error message="its account is not there"' in call("report", whole.path, "-f", "junit")[1]
    assert words not in call("report", whole.path, "--arch", "aarch64")[1]


def test_a_failed_account_leaves_its_reason_in_the_folder(whole: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    profiling(whole, monkeypatch)
    (row,) = load.matrix_of(whole)["unprofiled"]
    assert row == {
        "id": CELL,
        "why": "the plugin does not compile (install gcc)",
        "log": "gcc: no space <left>",
        "possible": True,
    }
    code, text = call("report", whole.path, "-f", "html")
    assert code == 4 and "not profiled: the plugin does not compile (install gcc) gcc: no space &lt;left&gt;" in text
    assert engine(whole).ended_before(engine(whole).plan.cells[-1]) is None  # the next profile tries again


def test_what_nobody_can_profile_is_told_and_is_no_failure(whole: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt on one CPU would be counted as the other's, and the second boot's state is another."""
    profiling(whole, monkeypatch, cpus=2)
    code, text = call("report", whole.path)
    assert f"not profiled: {CELL}: it runs on 2 CPUs, whose passes do not repeat" in " ".join(text.split())
    assert code != 4 and "to try again" not in text


def test_no_signature_is_offered_for_a_run_that_lacks_an_account() -> None:
    report = reports.good()
    assert clean(report)
    row = UnprofiledRow(id=CELL, why="lost", log="", possible=True)
    assert not clean({**report, "unprofiled": [row]})
    assert status({**report, "unprofiled": [row]}) == "warn" and status(report) == "pass"
    assert clean({**report, "unprofiled": [{**row, "possible": False}]})


def test_parts_of_a_matrix_tell_of_their_own_cells_alone() -> None:
    report: MatrixReport = {**reports.good(), "unprofiled": [UnprofiledRow(id=CELL, why="", log="", possible=True)]}
    assert sliced(report, ["aarch64"])["unprofiled"] == [] == about(report, ["unpatched"])["unprofiled"]
    assert len(sliced(report, ["s390x"])["unprofiled"]) == len(about(report, ["patched"])["unprofiled"]) == 1


def test_a_profile_is_shown_unless_something_can_still_be_measured(
    whole: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "measured", lambda folder, *_: load.of_folder(folder))
    assert not verb.lacking(whole, load.of_folder(whole))
    lose(whole)
    assert verb.lacking(whole, load.of_folder(whole))
    with pytest.raises(InfraError, match=f"no account of {CELL}"):
        verb.profile_run(whole.path)
    whole.save_cell(reports.failed("s390x", "patched"))
    assert not verb.lacking(whole, load.of_folder(whole))


def test_what_is_loaded_and_stored_is_added_to_an_account_that_stays(
    whole: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it cannot be known by now: an account of before is never lost for it."""
    assert verb.lacking(whole, load.of_folder(whole), memory=True)
    assert not verb.lacking(whole, load.of_folder(whole))
    place = whole.path / f"cells/{CELL}"
    before = account_files.load_account(place)
    task = cast(Task, SimpleNamespace(boot=SimpleNamespace(cell=None), kernel=None, folder=place / "boot-0"))
    asyncio.run(profiled.add_memory(task, cast(BootResult, None), "what it rests on is another by now"))
    after = account_files.load_account(place)
    assert after == replace(before, memory_why="what it rests on is another by now")
    assert verb.lacking(whole, load.of_folder(whole), memory=True), "it is tried again"
    account_files.save(place, replace(before, costs=before.costs or {}, data_lines_median=7))
    assert account_files.has_memory(whole, CELL)
