# SPDX-License-Identifier: GPL-2.0-or-later
"""A finished run gets further kernels: what is done, and what of it is there when it is gone on with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator import engine
from orchestrator.config import matrix_file
from orchestrator.engine import Manner, Work
from orchestrator.errors import Interrupted
from orchestrator.events import Bus
from orchestrator.measure import follow, runner
from orchestrator.measure.follow import Had
from orchestrator.model import Comparison, Matrix, Plan
from orchestrator.runs import copies, load, of_check
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.record import Request
from orchestrator.store import Store
from tests.unit.measure.conftest import House

TEXT = """\
arches: [x86_64, aarch64, s390x]
workloads: [shmem-write]
sources: {s: {debian: linux-source-6.1}}
kernels: {unpatched: {source: s}, patched: {source: s, kconfig: [CONFIG_X=y]}}
compare: [{base: unpatched, new: patched}]
measure: {boots: 1, passes: 1}
"""
MANNER = Manner(quiet=True, history="none", kind="check")
NEW = {f"aarch64/{kernel}+CONFIG_SWAP/shmem-write#0" for kernel in ("unpatched", "patched")}


@pytest.fixture
def begun(house: House, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """The first answer."""

    def work(matrix: Matrix, made: Plan, folder: RunFolder, manner: Manner) -> Work:
        todo = runner.Runner(made, folder, Bus(), Store(), house.root, house.kernels)  # type: ignore[arg-type]
        todo.bus.subscribe(house.events.append)
        return Work(todo, manner)

    async def nothing(_: object, __: object) -> dict[str, list[str]]:
        return {}

    monkeypatch.setenv("KMATRIX_CACHE", str(house.root / "cache"))
    monkeypatch.setattr(engine, "check_host", lambda: None)
    monkeypatch.setattr(engine, "work", work)
    monkeypatch.setattr(runner.cpu, "check", nothing)
    folder = RunFolder(house.root / "run")
    engine.measured(folder, first(house), Request(copies.place(folder), "", (), {}), MANNER)
    house.measured.clear()
    return folder


def first(house: House) -> Matrix:
    """As check --arch has it."""
    matrix = matrix_file.from_text(TEXT, house.root / "matrix.yaml")
    return replace(matrix, arches=matrix.arches[1:])


def grow(house: House, folder: RunFolder, manner: Manner = MANNER) -> None:
    """With an option that one arch can have."""
    matrix = first(house)
    aarch64, s390x = matrix.arches
    made = [
        Had(aarch64, ("CONFIG_SWAP",), lines=("CONFIG_SWAP=y",)),
        Had(s390x, lost={"CONFIG_SWAP": "depends on LUCK"}),
    ]
    found = follow.followed(matrix, Comparison("unpatched", "patched"), made)
    of_check.NEEDED.save(folder, list(found.needed))
    engine.grown(folder, found.matrix, Request(copies.place(folder), "", found.select, {}), found.more, manner)


def test_what_ran_is_looked_at_in_all_of_the_run(
    house: House, begun: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workloads of before run lines of the change, too."""
    planned: list[set[str]] = []

    class Looking:
        def __init__(self, *its: Any) -> None:
            planned.append({cell.id for cell in its[4]})

        async def __call__(self, pairs: object) -> None:
            return None

    monkeypatch.setattr(runner, "Looking", Looking)
    grow(house, begun, replace(MANNER, reach=True))
    before = {f"{arch}/{kernel}/shmem-write" for arch in ("aarch64", "s390x") for kernel in ("unpatched", "patched")}
    assert planned[-1] == before | {name.partition("#")[0] for name in NEW}


def test_only_what_is_new_is_measured_and_the_report_has_all(house: House, begun: RunFolder) -> None:
    name = begun.read_json("run.json")
    grow(house, begun)
    assert set(house.measured) == NEW
    report = load.load(begun.path).report
    assert len(report["cells"]) == 6 and {cell["status"] for cell in report["cells"]} == {"passed"}
    assert {(row["arch"], row["new"]) for row in report["comparisons"]} == {
        ("aarch64", "patched"), ("s390x", "patched"), ("aarch64", "patched+CONFIG_SWAP"),
    }  # fmt: skip
    assert [(row["arch"], row["with_new"]) for row in report["needed"]] == [
        ("aarch64", "patched+CONFIG_SWAP"), ("s390x", None),
    ]  # fmt: skip
    assert begun.read_json("run.json") == name, "it is the same run"
    told = load.load(begun.path).reproduce
    assert told.startswith("kmatrix check") and "--each" not in told
    written = begun.read_json("matrix.json")
    assert written["needed"] == report["needed"] and len(written["cells"]) == len(report["cells"])
    assert "CONFIG_SWAP=y\n" in (begun.path / "inputs/kconfig/aarch64/patched+CONFIG_SWAP").read_text()


def test_it_is_gone_on_with_as_any_run(house: House, begun: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the first boot of a kernel with the option."""

    async def cut_off(*_: object) -> object:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("orchestrator.measure.boots.measure", cut_off)
        with pytest.raises(Interrupted, match="run --resume"):
            grow(house, begun)
    assert {cell["status"] for cell in load.load(begun.path).report["cells"]} == {"passed", "skipped"}
    engine.measured(begun, *engine.asked_before(begun), replace(MANNER, resumed=True))
    assert set(house.measured) == NEW
    house.measured.clear()
    engine.measured(begun, *engine.asked_before(begun), replace(MANNER, resumed=True))
    assert house.measured == []
