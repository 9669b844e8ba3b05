# SPDX-License-Identifier: GPL-2.0-or-later
"""What is told of lines that ran, beside the compiler's own count of them: gcov in the kernel that is measured."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from orchestrator import arches
from orchestrator.store import Store
from tests.boot.conftest import HERE, Done, Kmatrix

pytestmark = pytest.mark.night
FILES = ("memory", "gup")
MATRIX = """\
arches: [{arch}]
workloads: [small]
sources:
  debian-6.1: {{debian: linux-source-6.1}}
kconfig: [CONFIG_GCOV_KERNEL=y]
kernels:
  counted: {{source: debian-6.1, patches: [gcov.patch]}}
  moved: {{source: debian-6.1, patches: [gcov.patch, patches/moved.patch]}}
compare:
  - {{base: counted, new: moved}}
measure: {{boots: 1, passes: 1}}
"""


@pytest.fixture(scope="module", params=["aarch64", "x86_64", "s390x"])
def arch(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def counted(
    kmatrix_module: Kmatrix, arch: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Done, dict[str, Any]]:
    """A run of kernels with gcov in two files, and {file: {line: executions}} of the new one, from its boot on."""
    folder = tmp_path_factory.mktemp("gcov")
    config = kmatrix_module.matrix(MATRIX.format(arch=arch))
    patch = (HERE / "patches/gcov.patch").read_text()  # a build of its own, so that the compiler's notes are there
    (kmatrix_module.folder / "gcov.patch").write_text(patch.replace("NONCE", uuid.uuid4().hex))
    for kernel in ("counted", "moved"):
        built = kmatrix_module("build", "--config", config, "--unsandboxed", "--select", f"{arch}/{kernel}")
        assert built.code == 0, built.out + built.err
    found = Store().root.glob(f"trees/*-{arch}/build/mm/{FILES[0]}.gcno")
    notes = max(found, key=lambda its: its.stat().st_mtime).parent  # of the kernel that was built last
    for name in FILES:
        (folder / f"{name}.gcno").write_bytes((notes / f"{name}.gcno").read_bytes())
    done = kmatrix_module(
        "run", "--config", config, "--unsandboxed", "--out", kmatrix_module.folder / "run", "-w", HERE / "own/gcov.c"
    )
    assert done.code == 0, done.out + done.err
    for line in (done.folder / f"cells/{arch}/moved/gcov/boot-0/work.err").read_text().splitlines():
        name, _, data = line.partition(" ")
        if name.endswith(".gcda"):
            (folder / name).write_bytes(bytes.fromhex(data))
    return done, {f"mm/{name}.c": lines(arch, folder, name) for name in FILES}


def lines(arch: str, folder: Path, name: str) -> dict[int, int]:
    """What the compiler's own tool makes of it: {line: executions}."""
    tool = f"{arches.known()[arch].cross_prefix}gcov"
    told = subprocess.run(
        [tool, "--json-format", "--stdout", f"{name}.gcda"], cwd=folder, capture_output=True, check=True
    )
    [file] = [its for its in json.loads(told.stdout)["files"] if its["file"].endswith(f"mm/{name}.c")]
    found: dict[int, int] = {}
    for line in file["lines"]:
        found[line["line_number"]] = max(line["count"], found.get(line["line_number"], 0))
    return found


def test_no_line_that_gcov_saw_is_told_as_not_run(counted: tuple[Done, dict[str, Any]]) -> None:
    done, gcov = counted
    added = [row for row in done.json()["reach"] if row["side"] == "added" and row["file"] in gcov]
    wrong = [
        row
        for row in added
        if row["state"] in ("not_run", "not_built", "not_code") and gcov[row["file"]].get(row["line"])
    ]
    assert not wrong
    assert sum(bool(gcov[row["file"]].get(row["line"])) for row in added) > 20  # there was something to be seen


def test_no_line_that_gcov_did_not_see_is_told_as_run(counted: tuple[Done, dict[str, Any]]) -> None:
    done, gcov = counted
    added = [row for row in done.json()["reach"] if row["side"] == "added" and row["file"] in gcov]
    wrong = [row for row in added if row["state"] in ("ran", "boot_only") and gcov[row["file"]].get(row["line"]) == 0]
    assert not wrong
    assert {row["state"] for row in added} >= {"ran", "not_run", "not_code"}
