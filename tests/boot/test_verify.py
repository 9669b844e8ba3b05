# SPDX-License-Identifier: GPL-2.0-or-later
"""kmatrix verify on real guests, against the shipped reference run of the default matrix."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.boot.conftest import ROOT, Done, Kmatrix

REFERENCE = ROOT / "tests/reference/matrix.json"
DEFAULT = (ROOT / "matrix.yaml").read_text()


def verify(kmatrix: Kmatrix, *arguments: str | Path) -> tuple[Done, Any]:
    """Boot 0 of aarch64 from its snapshot is the one of the shipped matrix, so it is quick."""
    done = kmatrix("verify", REFERENCE, "--out", kmatrix.folder / "run", "--from-snapshots", *arguments)
    return done, done.json("verify.json")


def alike(answer: Any) -> bool:
    """Whether this host's newest source package and compiler are those of the reference: not ours to choose."""
    return not any(row["text"].startswith(("source of", "compiler of")) for row in answer["differences"])


def test_the_reference_repeats_on_all_architectures(seed: Done, kmatrix: Kmatrix) -> None:
    done, answer = verify(kmatrix)
    if alike(answer):
        assert done.code == 0, done.out
        assert "the same: 24 of 24 values" in done.out
        assert {value["verdict"] for value in answer["values"]} == {"same"}
    else:
        off = [value for value in answer["values"] if value["verdict"] != "same"]
        assert done.code == 1 and all(value["causes"] for value in off), done.out


def mine(kmatrix: Kmatrix, text: str = DEFAULT) -> Path:
    """A matrix file elsewhere, with a copy of the workload beside it."""
    folder = kmatrix.folder / "mine"
    shutil.copytree(ROOT / "guest-tools/shmem-write", folder / "guest-tools/shmem-write")
    (folder / "matrix.yaml").write_text(text)
    return folder / "matrix.yaml"


def test_one_byte_of_a_workload_fails_it_by_name(kmatrix: Kmatrix) -> None:
    config = mine(kmatrix)
    source = config.parent / "guest-tools/shmem-write/main.c"
    source.write_text(source.read_text().replace("page % 251", "page % 241"))
    done, answer = verify(kmatrix, "--config", config, "--select", "aarch64/patched")
    assert done.code == 1
    assert not answer["same"]
    assert "workload file shmem-write/main.c differs" in done.out


def test_one_line_of_kconfig_fails_it_by_name(kmatrix: Kmatrix) -> None:
    line = 'CONFIG_LOCALVERSION="-mine"'
    config = mine(kmatrix, DEFAULT + f"\nkconfig: [images/kconfig/common.config, '{line}']\n")
    done, answer = verify(kmatrix, "--config", config, "--select", "aarch64/patched")
    assert done.code == 1
    assert not answer["same"]
    assert f"kconfig of aarch64/patched: {line} only here" in done.out


def test_recorded_copies_need_nothing_else(kmatrix: Kmatrix) -> None:
    """Not even our matrix.yaml; only the machine can differ then."""
    done, answer = verify(kmatrix, "--recorded", "--select", "aarch64/patched", "--json")
    assert json.loads(done.out) == answer
    assert done.code == 0 or not alike(answer)
    assert not any(row["text"].startswith(("kconfig", "workload file", "patch")) for row in answer["differences"])
    assert (kmatrix.folder / "run/recorded/guest-tools/shmem-write/main.c").is_file()


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
    config = mine(
        kmatrix, DEFAULT.replace("  unpatched:\n", "  before:\n").replace("base: unpatched", "base: before")
    )
    done = kmatrix("verify", REFERENCE, "--config", config)
    assert done.code == 2
    assert "has no cell x86_64/unpatched/shmem-write" in done.err and "--recorded" in done.err
