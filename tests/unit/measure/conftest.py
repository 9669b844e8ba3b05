# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole runs without a guest: kernels that are none, and guests that are none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orchestrator.build.guest_tools import Tool
from orchestrator.build.sources import Tree
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan as make_plan
from orchestrator.engine import Manner, Work
from orchestrator.errors import InfraError
from orchestrator.events import Bus, Event
from orchestrator.guest.accel import Choice
from orchestrator.measure import boots, provenance, runner
from orchestrator.measure.boot import Task
from orchestrator.model import BootResult, Build, KernelArtifact, PassSample
from orchestrator.runs import record
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.record import Request
from orchestrator.store import Store

TEXT = """\
arches: [aarch64]
workloads: [shmem-write]
sources: {s: {debian: linux-source-6.1}}
kernels: {base: {source: s}, new: {source: s, kconfig: [CONFIG_X=y]}}
compare: [{base: base, new: new}]
measure: {boots: 2, passes: 1}
"""


@dataclass
class Kernels:
    """A builder that has every kernel."""

    compiler: str = "gcc 12"
    refresh: bool = False
    unsandboxed: bool = False
    known_as: dict[str, str] = field(default_factory=dict)
    version: str = "6.1.192-1"
    known: bool = False  # the source was asked for before the run began, as a night does
    lost: bool = False

    def has(self, source: object) -> bool:
        return self.known

    async def source(self, source: object) -> Tree:
        return Tree(f"debian:linux-source-6.1={self.version}", "t", Path(), "6.1.192")

    async def find(self, build: Build) -> KernelArtifact:
        if self.lost:
            raise InfraError("its package is gone")
        info = {
            "source": "debian:linux-source-6.1=6.1.192-1", "compiler": self.compiler,
            "config_sha256": f"c{build.kconfig[-1]}", "image_sha256": f"i{build.kconfig[-1]}{self.compiler}",
        }  # fmt: skip
        key = f"{self.known_as.get(build.kernel.name, build.kernel.name)}-{self.compiler}"
        return KernelArtifact(build.id, key, Path("/none"), Path("/none/Image"), "6.1.192", info, True)


@dataclass
class House:
    """A cache, run folders, and guests that are none."""

    root: Path
    measured: list[str] = field(default_factory=list)
    kernels: Kernels = field(default_factory=Kernels)
    fails: dict[str, list[Exception]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    async def measure(self, task: Task) -> BootResult:
        self.measured.append(task.boot.id)
        if self.fails.get(task.boot.id):
            raise self.fails[task.boot.id].pop(0)
        (task.folder / "counted").mkdir(exist_ok=True)
        (task.folder / "console.log").write_text(f"console {len(self.measured)}")
        (task.folder / "counted/qemu.txt").write_text("qemu")
        value = {"time": 1000.0 + len(self.measured), "pgfault": 2.0, "minflt": 1.0, "majflt": 0.0}
        passes = tuple(PassSample(100, value, {}) for _ in range(2))
        its = task.provenance
        return BootResult(
            task.boot.number, its.machine.accel, its.machine.qemu, its.machine.cpu, ("qemu",), 1, passes,
            its.kernel.key, its.workload.program, {"measure": 1.0}, task.notes, provenance=provenance.key(its),
        )  # fmt: skip

    def run(self, name: str, text: str = TEXT, **manner: Any) -> RunFolder:
        """As the engine does it."""
        folder = RunFolder(self.root / name)
        matrix = matrix_file.from_text(text, self.root / "matrix.yaml")
        plan = make_plan(matrix)
        if not (folder.path / "plan.json").exists():
            record.save_request(folder, Request(self.root / "matrix.yaml", text, (), {}), matrix, plan)
        made = runner.Runner(
            plan, folder, Bus(), Store(self.root / "cache"), self.root, self.kernels,  # type: ignore[arg-type]
            profile=manner.get("profile", False), fresh=manner.get("fresh", False),
        )  # fmt: skip
        self.measured, self.events = [], []
        made.bus.subscribe(self.events.append)
        asyncio.run(Work(made, Manner(**manner)).run())
        return folder


def gives(value: object) -> Callable[..., Any]:
    async def answer(*_: object, **__: object) -> object:
        return value

    return answer


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    made = House(tmp_path.resolve())
    program, image = made.root / "program", made.root / "image-1/initramfs.cpio"
    image.parent.mkdir()
    image.write_text("image")
    program.write_text("program")

    async def compiler(_: str) -> str:
        return made.kernels.compiler

    async def facts(_: object) -> Mapping[str, object]:
        host = {"cpu": "C", "machine": "m", "cores": 2, "memory_mib": 2048, "kernel": "6.1"}
        return {**host, "compiler": {"aarch64": made.kernels.compiler}}

    monkeypatch.setattr(runner, "facts", facts)
    monkeypatch.setattr(runner.cpu, "check", gives({"aarch64": []}))
    monkeypatch.setattr(runner.toolchain, "compiler", compiler)
    monkeypatch.setattr(runner.guest_tools, "tool", gives(Tool(program)))
    monkeypatch.setattr(boots.initramfs, "image", gives(image))
    monkeypatch.setattr(boots.accel, "choose", gives(Choice("tcg")))
    monkeypatch.setattr(boots.accel, "qemu_version", gives("7.2"))
    monkeypatch.setattr(boots, "measure", made.measure)
    return made
