# SPDX-License-Identifier: GPL-2.0-or-later
"""From what boots noted, and what binutils say of a program, to the lines of a change. The kernel is a small program
of the host; nothing is booted."""

from __future__ import annotations

import asyncio
import difflib
import gzip
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from orchestrator import arches
from orchestrator.analyse.reach import ReachFacts
from orchestrator.build.kernel import Builder
from orchestrator.build.sourcediff import Sources
from orchestrator.config.steps import Pair
from orchestrator.measure import noted
from orchestrator.measure.against import Comparing
from orchestrator.measure.reached import Looking
from orchestrator.model import (
    IDENTICAL,
    Build,
    Cell,
    CellResult,
    Clock,
    Kernel,
    KernelArtifact,
    Measure,
    Source,
    Status,
    Workload,
)
from orchestrator.runs.folder import RunFolder
from tests.unit.conftest import NEW, cell, run_folder
from tests.unit.measure.test_profiled import engine

FILE = "mm/fault.c"
BASE = """\
int table[64];
int slow(int x);

__attribute__((noinline)) int slow(int x)
{
	table[x] += 3;
	return x;
}

__attribute__((noinline)) int fault(int x)
{
	if (x & 1)
		slow(x);
	return x * 7;
}

int main(int argc, char **argv)
{
	return fault(argc);
}
"""
PATCHED = BASE.replace("\t\tslow(x);\n", "\t\ttable[x] = slow(x) + 5;\n").replace("* 7", "* 9")
OTHER = BASE.replace("+= 3", "+= 4")
ARCH = replace(arches.known()["x86_64"], cross_prefix="")
WORKLOAD = cast(
    Workload, SimpleNamespace(name="shmem-write", clock="", boots=None, warmup=None, cpus=1, disk=None, passes=None)
)


def kernel(folder: Path, name: str, text: str) -> KernelArtifact:
    """Built in a folder of its own, as the paths in its debug information are."""
    gcc = shutil.which("gcc")
    assert gcc, "the tests need gcc of the host"
    (folder / name / "mm").mkdir(parents=True)
    (folder / name / FILE).write_text(text)
    program = folder / name / "vmlinux"
    argv = [gcc, "-O2", "-g1", "-no-pie", "-fno-pie", f"./{FILE}", "-o", str(program)]
    subprocess.run(argv, cwd=folder / name, check=True, env={"PATH": "/usr/bin:/bin"})
    names = subprocess.run(["nm", "-n", str(program)], check=True, capture_output=True, text=True).stdout
    rows = [row for row in names.splitlines() if len(row.split()) == 3]
    (folder / name / "System.map").write_text("\n".join(rows) + "\n")
    (folder / name / "config").write_text("")
    return KernelArtifact(f"x86_64/{name}", name, folder / name, program, "6.1.192")


def places(its: KernelArtifact, function: str) -> tuple[int, int]:
    """First and last address of a function's instructions."""
    text = subprocess.run(["objdump", "-d", str(its.folder / "vmlinux")], check=True, capture_output=True, text=True)
    (block,) = (part for part in text.stdout.split("\n\n") if f"<{function}>:" in part)
    found = [int(row.split(":")[0], 16) for row in block.splitlines()[1:]]
    return found[0], found[-1] + 1


class Run:
    """A run of two kernels with one workload."""

    def __init__(self, place: Path, base: str, new: str) -> None:
        self.folder = RunFolder(place / "run")
        self.kernels = {name: kernel(place, name, text) for name, text in (("unpatched", base), ("patched", new))}
        rows = difflib.unified_diff(base.splitlines(True), new.splitlines(True), f"a/{FILE}", f"b/{FILE}")
        self.sources = Sources("".join(rows), place, {FILE: base}, {FILE: new})
        self.cells = {its.id: its for its in (cell("x86_64", name, NEW) for name in self.kernels)}
        self.measure = Measure()

    def ran(self, name: str, *functions: str, count: int = 102400, before: tuple[str, ...] = ()) -> None:
        """What its boot noted: functions, whole."""
        folder = self.folder.boot(f"x86_64/{name}/shmem-write", 0)
        blocks = [
            f"{places(self.kernels[name], one)[0]:x} {places(self.kernels[name], one)[1]:x}" for one in functions
        ]
        seen = [f"{places(self.kernels[name], one)[0]:x} {places(self.kernels[name], one)[1]:x}" for one in before]
        counted = "".join(f"{block} {count}\n" for block in blocks)
        for file, text in (
            (noted.COUNTED, f"kmatrix-blocks 1 1 9 0\n{counted}"),
            (noted.SEEN, "kmatrix-seen 1 9 0\n" + "".join(f"{block}\n" for block in [*blocks, *seen])),
        ):
            (folder / file).write_bytes(gzip.compress(text.encode()))

    def look(self) -> ReachFacts:
        async def find(build: Build) -> KernelArtifact:
            return self.kernels[build.kernel.name]

        async def change(pair: Pair) -> Sources:
            return self.sources

        builds = [Build(ARCH, Kernel(name, Source("s", "debian", "x")), ()) for name in self.kernels]
        looking = Looking(
            self.folder, cast(Builder, SimpleNamespace(find=find)), cast(Comparing, SimpleNamespace(change=change)),
            self.measure, [Cell(build.arch, build.kernel, WORKLOAD) for build in builds], self.cells,
        )  # fmt: skip
        found = asyncio.run(looking([Pair(builds[0], builds[1], True)]))
        assert found
        return found


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path, BASE, PATCHED)


def states(facts: ReachFacts) -> dict[tuple[str, int], tuple[str, float | None]]:
    return {(row["side"], row["line"]): (row["state"], row["workloads"].get("shmem-write")) for row in facts["lines"]}


def test_lines_that_ran_are_told_with_how_often(run: Run) -> None:
    run.ran("unpatched", "main", "fault", count=204800)
    run.ran("patched", "main", "fault", "slow")
    found = run.look()
    assert states(found) == {
        ("removed", 13): ("ran", 2.0), ("added", 13): ("ran", 1.0),
        ("removed", 14): ("ran", 2.0), ("added", 14): ("ran", 1.0),
    }  # fmt: skip
    assert found["differing"] == found["unknown"] == []


def test_lines_that_ran_before_or_never(run: Run) -> None:
    run.ran("unpatched", "main")
    run.ran("patched", "main", before=("fault",))
    found = run.look()
    assert states(found)["added", 14] == ("boot_only", None) and states(found)["removed", 14] == ("not_run", None)
    assert [row["ran"] for row in found["differing"]] == [False]


def test_an_instruction_that_differs_may_run_where_no_changed_line_did(tmp_path: Path) -> None:
    """The text says it of one function, and what ran was another that this went into."""
    text = BASE.replace("\treturn fault(argc);", "\treturn fault(argc) + LIMIT;").replace(
        "int table[64];", "#define LIMIT 3\nint table[64];"
    )
    run = Run(tmp_path, text, text.replace("LIMIT 3", "LIMIT 4"))
    run.sources = replace(run.sources, base={}, new={})  # whose users nobody sees, as of a header
    run.ran("unpatched", "main")
    run.ran("patched", "main")
    found = run.look()
    assert {row["state"] for row in found["lines"]} == {"not_code"}
    assert [row["ran"] for row in found["differing"]] == [True]
    run.ran("unpatched", "slow")
    run.ran("patched", "slow")
    assert [row["ran"] for row in run.look()["differing"]] == [False]


def test_a_workload_that_cannot_be_counted_is_named(run: Run) -> None:
    run.measure = replace(run.measure, clock=Clock.WALL)
    found = run.look()
    assert found["lines"] == [] and "wall clock" in found["unknown"][0]["why"]
    assert found["unknown"][0]["workload"] == "shmem-write"


def test_a_boot_of_which_nothing_was_noted_is_named(run: Run) -> None:
    run.ran("patched", "main")
    assert [row["why"] for row in run.look()["unknown"]] == ["nobody noted what ran in it"]


def test_a_kernel_that_is_the_same_ran_what_the_base_ran(run: Run) -> None:
    """Its own cells were not measured."""
    run.kernels["patched"] = replace(run.kernels["unpatched"], build_id="x86_64/patched")
    name = "x86_64/patched/shmem-write"
    run.cells[name] = replace(run.cells[name], status=Status.SKIPPED, boots=(), reason=IDENTICAL)
    run.ran("unpatched", "main", "fault")
    assert states(run.look())["added", 14] == ("ran", 1.0)


def test_whatever_goes_wrong_the_figures_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*words: object) -> None:
        raise ValueError("a table that nobody foresaw")

    monkeypatch.setattr(Looking, "__call__", fails)
    runner, said = engine(run_folder(tmp_path / "run")), list[object]()
    runner.bus.subscribe(said.append)
    asyncio.run(runner.reached())
    assert "a table that nobody foresaw" in str(said)
    found = json.loads((tmp_path / "run" / "reach.json").read_text())
    assert found["lines"] == [] and len(found["unknown"]) == len(list(runner._pairs)), "reports are not silent"
    assert "a table that nobody foresaw" in found["unknown"][0]["why"]


def test_a_cell_that_failed_is_left_out(run: Run) -> None:
    name = "x86_64/patched/shmem-write"
    run.cells[name] = cast(CellResult, replace(run.cells[name], status=Status.KERNEL_BROKE, boots=()))
    found = run.look()
    assert found["lines"] == found["unknown"] == []


def test_of_a_changes_own_option_only_what_it_adds_is_told(run: Run) -> None:
    """Both kernels have the change, so what it removed is in neither. The base is the same as another: so it ran."""
    run.sources = replace(run.sources, added_only=True)
    run.ran("unpatched", "main", "fault")
    run.ran("patched", "main", "fault")
    whole = states(run.look())
    assert {side for side, _ in whole} == {"added"} and ("ran", 1.0) in whole.values()
    twin = replace(run.cells["x86_64/unpatched/shmem-write"], status=Status.SKIPPED, reason=IDENTICAL, boots=())
    run.folder.save_cell(
        replace(run.cells["x86_64/unpatched/shmem-write"], kernel="first", id="x86_64/first/shmem-write")
    )
    (run.folder.path / "cells/x86_64/unpatched/shmem-write/boot-0").rename(
        run.folder.boot("x86_64/first/shmem-write", 0)
    )
    row = {"arch": "x86_64", "base": "first", "new": "unpatched", "how": "same"}
    run.folder.write_json("builds/x86_64/unpatched/against-first.json", {"identical": row})
    run.cells["x86_64/unpatched/shmem-write"] = twin
    assert states(run.look()) == whole
