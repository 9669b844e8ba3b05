# SPDX-License-Identifier: GPL-2.0-or-later
"""A run read back: from its folder with all that it holds, from a matrix.json, and runs that knew less."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.config import workloads
from orchestrator.errors import ConfigError
from orchestrator.paths import GUEST_TOOLS
from orchestrator.report import mail
from orchestrator.runs.load import load
from tests.unit.conftest import four, run_folder

CELL = "s390x/patched/shmem-write"


def test_a_folder_brings_what_guests_and_builds_said(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *four())
    folder.boot(CELL, 1).joinpath("console.log").write_text("second")
    folder.boot(CELL, 0).joinpath("console.log").write_text("first")
    folder.build("s390x/patched").joinpath("build.log").write_text("CC x.o")
    run = load(folder.path)
    assert [(start.title, start.console) for start in run.starts[CELL]] == [("boot 0", "first"), ("boot 1", "second")]
    assert run.logs["s390x/patched"] == "CC x.o" and run.page == "" and run.place == folder.path.resolve()
    assert run.reproduce == "kmatrix run --config matrix.yaml --boots 2"
    (folder.path / "matrix.html").write_text("")
    assert load(folder.path).page == (folder.path / "matrix.html").resolve().as_uri()


def test_a_matrix_json_alone_is_the_same_matrix(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *four())
    whole, alone = load(folder.path), load(folder.path / "matrix.json")
    assert alone.report == whole.report and not alone.starts and not alone.profile["cells"] and not alone.reproduce
    assert alone.identity and whole.identity and alone.place == (folder.path / "matrix.json").resolve()
    (tmp_path / "x.json").write_text('{"schema": 1}')
    with pytest.raises(ConfigError, match=r"x\.json: cells: Field required"):
        load(tmp_path / "x.json")
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none")


def test_what_was_not_run_is_told_by_the_runs_own_record(tmp_path: Path) -> None:
    """Whoever reads it may have other architectures and workloads."""
    folder = run_folder(tmp_path / "run", *four())
    plan = folder.read_json("plan.json")
    apart = workloads.known(GUEST_TOOLS).keys() - workloads.library(GUEST_TOOLS).keys()
    assert plan["offered"] == {"arches": list(arches.known()), "workloads": sorted(apart)}
    folder.write_json(
        "plan.json", {**plan, "offered": {"arches": ["s390x", "vax"], "workloads": ["shmem-write", "w"]}}
    )
    run = load(folder.path)
    text = mail.RENDER(run)
    assert "- architectures not run: vax\n" in text and "- workloads not run: w\n" in text


def test_a_run_that_did_not_record_it_is_told_by_what_there_is_now(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *four())
    plan = folder.read_json("plan.json")
    folder.write_json("plan.json", {key: value for key, value in plan.items() if key != "offered"})
    assert load(folder.path).report["offered"] == plan["offered"]


def test_a_check_names_architectures_unless_it_is_of_all_that_were_offered(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *four())
    plan = {**folder.read_json("plan.json"), "config": str(folder.path / "inputs/matrix.yaml"), "overrides": {}}
    folder.write_text("series/0001-one.patch", "")
    for offered, named in ((["aarch64", "s390x"], ""), (["aarch64", "s390x", "vax"], " --arch aarch64 --arch s390x")):
        folder.write_json("plan.json", {**plan, "offered": {"arches": offered, "workloads": []}})
        expected = f"kmatrix check --base s{named} --workload shmem-write 0001-one.patch"
        assert load(folder.path).reproduce == expected


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("plan.json", '"cells": [', '"cells": [3, ', "run is damaged: "),
        ("plan.json", '"builds": [', '"builds": {"a": ', "plan.json is damaged"),
        (
            f"cells/{CELL}/result.json",
            '"status"',
            '"state"',
            "result.json is damaged",
        ),
        (
            f"cells/{CELL}/result.json",
            '"passed"',
            '"\\udc00"',
            "result.json is damaged",
        ),
        (f"cells/{CELL}/result.json", '"unit": "page"', '"unit": [1]', "run is damaged: .*unit"),
    ],
)
def test_a_damaged_run_is_told_as_one(tmp_path: Path, name: str, old: str, new: str, told: str) -> None:
    folder = run_folder(tmp_path / "run", *four())
    text = (folder.path / name).read_text()
    assert old in text
    (folder.path / name).write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=told):
        load(folder.path)
