# SPDX-License-Identifier: GPL-2.0-or-later
"""Git trees made for the search, by git fast-import; and kernels and guests that are none."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator import engine
from orchestrator.build.sources import Tree
from orchestrator.cli import app
from orchestrator.engine import Manner, Work
from orchestrator.errors import BuildError
from orchestrator.events import Bus
from orchestrator.measure import boots, provenance, runner
from orchestrator.measure.boot import Task
from orchestrator.model import BootResult, Build, Kernel, KernelArtifact, Matrix, PassSample, Plan
from orchestrator.runs.folder import RunFolder
from orchestrator.store import Store
from tests.unit.measure.conftest import House, Kernels, house

verb = import_module("orchestrator.cli.bisect")
__all__ = ["house"]  # a fixture
MAKEFILE = "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\n"
MATRIX = """\
arches: [s390x, aarch64]
workloads: [shmem-write]
sources: {s: {tarball: linux.tar}}
kernels: {base: {source: s}}
"""
PASS = 100  # pages
CELL = "aarch64/shmem-write"
Said = tuple[list[str], dict[str, Any]]  # lines, and bisect.json


def said(kernel: Kernel) -> int:
    """The last value that its patches bring."""
    rows = [row for path in kernel.patches for row in re.findall(r"^\+(\d+)$", path.read_text(), re.M)]
    return int(rows[-1]) if rows else 4000


@dataclass
class Values(Kernels):
    """Kernels of which some do not build; the same value is the same image."""

    broken: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    folder: Path = Path("/none")  # of the source

    async def source(self, source: object) -> Tree:
        return Tree("git:abc", "t", self.folder, "6.1.192")

    async def find(self, build: Build) -> KernelArtifact:
        name = build.kernel.name
        self.asked += [] if name in self.asked else [name]
        if name in self.broken:
            raise BuildError(f"{build.id} does not compile: mm/a.c:1: error")
        its = said(build.kernel)
        info = {"source": "git:abc", "compiler": "gcc 12", "config_sha256": "c", "image_sha256": f"i{its}"}
        return KernelArtifact(build.id, f"{name}-{its}", Path("/none"), Path("/none/Image"), "6.1.192", info, True)


@dataclass
class Lab:
    """The command, with a folder for its runs."""

    root: Path
    kernels: Values
    house: House
    work: Any = None  # in place of engine.work

    def __call__(self, *words: str | Path, code: int = 1, cell: str = CELL, out: Path | None = None) -> Said:
        """out: default: a folder of its own."""
        out = out or self.root / f"run-{len(list(self.root.glob('run-*')))}"
        self.kernels.asked.clear()
        self.house.measured.clear()
        options = ["--config", str(self.root / "matrix.yaml"), "--out", str(out), "--history", "none"]
        done = CliRunner().invoke(app, ["bisect", *map(str, words), "--cell", cell, *options])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        lines = [line for line in done.stdout.splitlines() if not re.match(r"\s*\d+\.\d s  ", line)]
        return lines, json.loads((out / "bisect.json").read_text())


@pytest.fixture
def lab(house: House, monkeypatch: pytest.MonkeyPatch) -> Lab:
    kernels = Values()

    def work(matrix: Matrix, made: Plan, folder: RunFolder, manner: Manner) -> Work:
        todo = runner.Runner(made, folder, Bus(), Store(), house.root, kernels)  # type: ignore[arg-type]
        return Work(todo, manner)

    async def nothing(_: object, __: object) -> dict[str, list[str]]:
        return {}

    async def measure(task: Task) -> BootResult:
        house.measured.append(task.boot.cell.kernel.name)
        if house.fails.get(task.boot.cell.kernel.name):
            raise house.fails[task.boot.cell.kernel.name][0]
        time = said(task.boot.cell.kernel) * PASS / 1000  # us
        its = task.provenance
        sample = PassSample(PASS, {"time": time, "pgfault": 100.0, "minflt": 1.0, "majflt": 0.0}, {})
        return BootResult(
            task.boot.number, its.machine.accel, its.machine.qemu, its.machine.cpu, ("qemu",), 1, (sample, sample),
            its.kernel.key, its.workload.program, {"measure": 1.0}, task.notes, provenance=provenance.key(its),
        )  # fmt: skip

    monkeypatch.setenv("KMATRIX_CACHE", str(house.root / "cache"))
    monkeypatch.setattr(verb, "check_host", lambda: None)
    monkeypatch.setattr(engine, "check_host", lambda: None)
    monkeypatch.setattr(engine, "work", work)
    monkeypatch.setattr(runner.cpu, "check", nothing)
    monkeypatch.setattr(boots, "measure", measure)
    (house.root / "matrix.yaml").write_text(MATRIX)
    (house.root / "linux.tar").touch()
    return Lab(house.root, kernels, house, work)


def value(changes: Sequence[int], state: int) -> int:
    """What mm/a.c says of a state: 4000 and all that was added up to it."""
    return 4000 + sum(changes[:state])


class Commits:
    """changes[n - 1] is what commit n adds to the figure, which is the first line of mm/a.c."""

    def __init__(self, folder: Path, changes: Sequence[int]) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self("init", "-q", "-b", "none")
        rows = list[str]()
        for n in range(len(changes) + 1):
            title = f"mm: step {n}"
            rows += ["commit refs/heads/master", f"committer a <a@b> {1_700_000_000 + n} +0000"]
            rows += [f"data {len(title)}", title]
            files = {"mm/a.c": f"{value(changes, n)}\n", f"doc/{n}": "x\n", **({} if n else {"Makefile": MAKEFILE})}
            for name, text in files.items():
                rows += [f"M 100644 inline {name}", f"data {len(text)}", text]
        self.feed("\n".join(rows) + "\n")
        self.commits = self("rev-list", "--reverse", "master").split()

    def feed(self, text: str) -> None:
        command = ["git", "-C", str(self.folder), "fast-import", "--quiet"]
        subprocess.run(command, input=text, text=True, check=True, capture_output=True)

    def __call__(self, *words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgSign=false"]
        command = ["git", "-C", str(self.folder), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
