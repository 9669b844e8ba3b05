# SPDX-License-Identifier: GPL-2.0-or-later
"""What is told of lines that ran, beside the compiler's own count of them: gcov in the kernel that is measured."""

from __future__ import annotations

import json
import subprocess
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator import arches
from orchestrator.series import diff
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
        "run", "--config", config, "--unsandboxed", "--out", kmatrix_module.folder / arch, "-w", HERE / "own/gcov.c"
    )
    assert done.code == 0, done.out + done.err
    done = replace(done, folder=kmatrix_module.folder / arch)
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


def beside(counted: tuple[Done, dict[str, Any]]) -> list[tuple[str, str, int | None]]:
    """(place, state, executions that gcov saw or None where it knows no code) of the added lines."""
    done, gcov = counted
    added = [row for row in done.json()["reach"] if row["side"] == "added" and row["file"] in gcov]
    return [(f"{row['file']}:{row['line']}", row["state"], gcov[row["file"]].get(row["line"])) for row in added]


def test_no_line_that_gcov_saw_is_told_as_not_run(counted: tuple[Done, dict[str, Any]]) -> None:
    rows = beside(counted)
    assert [row for row in rows if row[1] in ("not_run", "not_built") and row[2]] == []
    assert sum(bool(count) for _, _, count in rows) > 10  # there was something to be seen


def test_what_gcov_saw_and_is_told_as_no_code_are_heads_of_functions(counted: tuple[Done, dict[str, Any]]) -> None:
    """Which have no instruction of their own where they are inlined: gcov counts before that is decided."""
    patch = (HERE / "patches/moved.patch").read_text()
    text = {
        f"{hunk.file}:{line.new}": line.text for hunk in diff.hunks(patch) for line in hunk.lines if line.sign == "+"
    }
    heads = [text[place] for place, state, count in beside(counted) if state == "not_code" and count]
    assert [head for head in heads if not (head.startswith("static ") and head.endswith(")"))] == []


def test_no_line_that_gcov_did_not_see_is_told_as_run(counted: tuple[Done, dict[str, Any]]) -> None:
    """But for one that is worked out ahead of its condition, as `if (!(flags & X)) return` may be."""
    rows = beside(counted)
    assert len([row for row in rows if row[1] in ("ran", "boot_only") and row[2] == 0]) <= 1, rows
    assert {state for _, state, _ in rows} >= {"ran", "not_run", "not_code"}
