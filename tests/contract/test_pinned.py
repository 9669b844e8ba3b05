# SPDX-License-Identifier: GPL-2.0-or-later
"""What others rely on: the files of a run of kmatrix 0.1.0 are read as before, and tell what they told then."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli.verify import asked_again
from orchestrator.engine import asked_before
from orchestrator.report import known as formats
from orchestrator.runs.folder import RunFolder, open_run
from orchestrator.runs.load import load
from tests.shapes import differing, lacking, shape

ROOT = Path(__file__).parents[2]


def kmatrix(*words: str | Path, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_the_matrix_of_an_old_run_is_what_it_was(old_run: Path) -> None:
    old = json.loads((old_run / "matrix.json").read_text())
    assert not differing(old, json.loads(kmatrix("report", old_run, "--format", "json")))


@pytest.mark.parametrize("name", sorted(formats()))
def test_an_old_run_is_told_in_every_format(old_run: Path, name: str) -> None:
    assert "shmem-write" in kmatrix("report", old_run, "--format", name)


def test_the_profile_of_an_old_run_is_what_it_was(old_run: Path) -> None:
    """It is made again from the accounts of its cells."""
    old = json.loads((old_run / "profile.json").read_text())
    assert not differing(old, json.loads(json.dumps(load(old_run).profile)))


def test_an_old_matrix_alone_is_recorded_and_compared(old_run: Path, tmp_path: Path) -> None:
    history = f"--history={tmp_path / 'history.sqlite'}"
    assert kmatrix("history", history, "import", old_run / "matrix.json", old_run).count("1 ") == 2  # one run, twice
    assert "8 values: 8 same" in kmatrix("compare", history, "1", old_run / "matrix.json")


def test_an_old_run_is_done_again_on_the_cpus_that_it_had(old_run: Path, tmp_path: Path) -> None:
    """It names none; kmatrix takes others by now."""
    matrices = [asked_before(open_run(old_run))[0]]
    for recorded, copies in ((old_run, False), (old_run, True), (old_run / "matrix.json", True)):
        matrices += asked_again(recorded, load(recorded).report, None, copies, RunFolder(tmp_path), False, True)[:1]
    for matrix in matrices:
        [arch] = (arch for arch in matrix.arches if arch.name == "aarch64")  # all that was measured is of it
        assert arch.cpu == {"tcg": "cortex-a57", "kvm": "host"}


def test_shapes_tell_what_is_gone() -> None:
    old = {"cells": [{"id": "a", "metrics": {"time": {"boots": [[1.0]]}}}]}
    assert shape(old) == {
        ": object", ".cells: list", ".cells[]: object", ".cells[].id: text", ".cells[].metrics: object",
        ".cells[].metrics.*: object", ".cells[].metrics.*.boots: list", ".cells[].metrics.*.boots[]: list",
        ".cells[].metrics.*.boots[][]: number",
    }  # fmt: skip
    new = {"cells": [{"id": "a", "metrics": {"time": {"boots": [[2]], "more": 1}}}], "more": 1}
    assert not lacking(shape(old), shape(new))
    assert lacking(shape(new), shape(old)) == [".cells[].metrics.*.more: number", ".more: number"]
    assert differing(old, new) == [".cells[0].metrics.time.boots[0][0]: 1.0 before, 2 now"]
    assert differing({"a": 1}, {}) == [".a is gone"]
