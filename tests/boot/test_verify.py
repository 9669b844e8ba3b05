# SPDX-License-Identifier: GPL-2.0-or-later
"""kmatrix verify on real guests, against the shipped reference run of the default matrix."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.boot.conftest import REFERENCE, SMALL, Done, Kmatrix, alike

FAULTS = SMALL.replace("[small]", "[faults]")


@pytest.mark.night
def test_the_reference_repeats_on_all_architectures(ready: None, kmatrix: Kmatrix) -> None:
    """By the command, with boots of its own."""
    done = kmatrix("verify", REFERENCE, "--out", kmatrix.folder / "run")
    answer = done.json("verify.json")
    if alike(answer["differences"]):
        assert done.code == 0, done.out
        assert "the same: 74 of 74 values" in done.out
        assert {value["verdict"] for value in answer["values"]} == {"same"}
    else:
        off = [value for value in answer["values"] if value["verdict"] != "same"]
        assert done.code == 1 and all(value["causes"] for value in off), done.out


@pytest.fixture(scope="module")
def base(ready: None, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A run to be repeated."""
    done = Kmatrix(tmp_path_factory.mktemp("base")).run(FAULTS)
    assert done.code == 0, done.out + done.err
    return done


def mine(kmatrix: Kmatrix, text: str = FAULTS) -> Path:
    """A matrix file elsewhere, with copies of the workloads beside it."""
    return kmatrix.matrix(text)


def repeated(kmatrix: Kmatrix, run: Path, *arguments: str | Path) -> tuple[Done, Any]:
    done = kmatrix("verify", run, "--out", kmatrix.folder / "run", *arguments)
    return done, done.json("verify.json")


def test_a_run_repeats_with_its_own_matrix_file(base: Done, kmatrix: Kmatrix) -> None:
    done, answer = repeated(kmatrix, base.folder)
    assert done.code == 0 and "the same: 12 of 12 values" in done.out, done.out + done.err
    assert answer["same"] and {value["verdict"] for value in answer["values"]} == {"same"}


def test_one_byte_of_a_workload_fails_it_by_name(base: Done, kmatrix: Kmatrix) -> None:
    config = mine(kmatrix)
    source = config.parent / "guest-tools/faults/main.c"
    source.write_text(source.read_text().replace("p[i << 12] = 1;", "p[i << 12] = 2;"))
    done, answer = repeated(kmatrix, base.folder, "--config", config)
    assert done.code == 1
    assert not answer["same"]
    assert "workload file faults/main.c differs" in done.out


def test_one_line_of_kconfig_fails_it_by_name(base: Done, kmatrix: Kmatrix) -> None:
    line = 'CONFIG_LOCALVERSION="-mine"'
    config = mine(kmatrix, FAULTS + f"\nkconfig: ['{line}']\n")
    done, answer = repeated(kmatrix, base.folder, "--config", config)
    assert done.code == 1
    assert not answer["same"]
    assert f"kconfig of aarch64/patched: {line} only here" in done.out


def test_recorded_copies_need_nothing_else(base: Done, kmatrix: Kmatrix) -> None:
    """Not even the matrix.yaml; only the machine can differ then. A matrix.json is all that is there of the run."""
    file = shutil.copy(base.folder / "matrix.json", kmatrix.folder / "matrix.json")
    done, answer = repeated(kmatrix, file, "--recorded", "--from-snapshots", "--json")
    assert json.loads(done.out) == answer
    assert done.code == 0 and answer["same"] and not answer["differences"]
    assert (kmatrix.folder / "run/recorded/guest-tools/faults/main.c").is_file()


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "No such file"), ("{", "Invalid JSON"), ('{"schema": 1}', "cells: Field required")],
)
def test_what_is_no_run_is_told_at_once(kmatrix: Kmatrix, tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "matrix.json"
    if text is not None:
        path.write_text(text)
    done = kmatrix("verify", path)
    assert done.code == 2 and said in done.err, done.err


def test_cells_that_are_not_here_are_named(kmatrix: Kmatrix) -> None:
    done = kmatrix("verify", REFERENCE, "--config", mine(kmatrix))
    assert done.code == 2
    assert "has no cell x86_64/unpatched/shmem-write" in done.err and "--recorded" in done.err
