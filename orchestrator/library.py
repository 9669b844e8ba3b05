# SPDX-License-Identifier: GPL-2.0-or-later
"""The library of workloads, and what it runs of a kernel: as shipped, as it was found before, or found now."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from orchestrator.build.kernel import Builder
from orchestrator.config import workloads
from orchestrator.config.plan import builds
from orchestrator.config.sources import buildable
from orchestrator.engine import Manner, finish, measured, this_command
from orchestrator.measure import covers, timings
from orchestrator.model import Arch, CellResult, Kernel, KernelArtifact, Matrix, Status, Workload
from orchestrator.paths import GUEST_TOOLS
from orchestrator.profile.cover import Cover
from orchestrator.runs import copies, cover_file
from orchestrator.runs.cover_file import Of
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.record import Request
from orchestrator.store import Store, digest, sha256

KIND = "covers"
USUAL = "standard"  # the config that shipped accounts are of
FILE = "cover.json.gz"


@dataclass(frozen=True)
class Known:
    """of: whose account it is. exactly: it is of just this kernel and this library; same_lines: its lines are those
    of the kernel's source."""

    of: Of
    cover: Cover
    exactly: bool
    same_lines: bool = True

    @property
    def told(self) -> str:
        """Linux 6.1.192, config standard"""
        return f"Linux {self.of.linux}, config {self.of.config}"


@cache
def all_of_it() -> Mapping[str, Workload]:
    """{name: it} of the shipped library, but for those of several CPUs: nothing is counted there."""
    found = {name: workloads.load(folder) for name, folder in workloads.library(GUEST_TOOLS).items()}
    return {name: workload for name, workload in found.items() if workload.cpus == 1}


@cache
def digest_of_it() -> str:
    """Of all that it is compiled of."""
    return digest([(name, sha256(path)) for name, path in workloads.library_sources(GUEST_TOOLS)])


def _alone(matrix: Matrix, kernel: Kernel) -> Matrix:
    """The matrix of what a kernel's account is made of: its library, one boot of each."""
    measure, every = replace(matrix.measure, boots=1), tuple(all_of_it().values())
    return replace(matrix, kernels=(kernel,), workloads=every, comparisons=(), claims=(), measure=measure)


async def known(matrix: Matrix, kernel: Kernel, builder: Builder) -> dict[str, Known]:
    """{arch: what the library runs of the kernel}, of arches where it is known without measuring: found before, or
    shipped, which is of a version that is near."""
    found: dict[str, Known] = {}
    if not buildable(kernel.source):
        return found
    tree = await builder.source(kernel.source)
    usual = (kernel.config or matrix.config).name == USUAL and not (kernel.kconfig or matrix.kconfig)
    for build in builds(_alone(matrix, kernel)):
        path = _place(builder.store, await builder.key(build, tree), build.arch)
        if path.is_file():
            found[build.arch.name] = Known(*cover_file.load(path), exactly=True)
            continue
        shipped = cover_file.shipped(build.arch.name)
        if not (usual and shipped.is_file()):
            continue
        of, its = cover_file.load(shipped)
        if of.linux.split(".")[:2] == tree.linux.split(".")[:2]:
            same = of.linux == tree.linux and not kernel.patches
            found[build.arch.name] = Known(of, its, same and of.library == digest_of_it(), same)
    return found


def _place(store: Store, kernel: str, arch: Arch) -> Path:
    key = digest(KIND, cover_file.SCHEMA, kernel, arch.name, dict(arch.cpu), digest_of_it())
    return store.folder(KIND, key) / FILE


def seconds(arches: Sequence[Arch], cores: int) -> float | None:
    """What find() takes about, by what the last boot of each arch took; None where that is not known."""
    each = [timings.recall(Store(), timings.of_boot(arch.name)) for arch in arches]
    known = [one for one in each if one is not None]
    return sum(known) * len(all_of_it()) / cores if len(known) == len(each) else None


def find(
    matrix: Matrix, kernel: Kernel, arches: Sequence[Arch], manner: Manner
) -> tuple[dict[str, Known], dict[str, str]]:
    """Measure it: {arch: what the library runs of the kernel}, kept for later; and {cell: why it is not in it}."""
    asked = _alone(replace(matrix, arches=tuple(arches)), kernel)
    quiet = replace(manner, reach=True, static=False, profile=False, first="", kind="covers", history="none")
    with tempfile.TemporaryDirectory(prefix="kmatrix-covers-") as place:
        folder = RunFolder(Path(place) / "run")
        done = measured(folder, asked, Request(copies.place(folder), "", (), {}), quiet)
        builder = Builder.of(matrix, 1)
        found = finish(_accounts(asked, kernel, builder, folder), this_command())
    lacking = {
        cell["id"]: (cell["failure"] or {}).get("message", str(cell["status"]))
        for cell in done.report["cells"]
        if cell["status"] != Status.PASSED
    }
    return found, lacking


async def _accounts(asked: Matrix, kernel: Kernel, builder: Builder, folder: RunFolder) -> dict[str, Known]:
    """Of all arches of which any cell was measured."""
    found: dict[str, Known] = {}
    for build in builds(asked):
        artifact = await builder.find(build)
        cells = [cell for cell in folder.load_cells() if cell.arch == build.arch.name and cell.boots]
        if artifact and cells:
            config = (kernel.config or asked.config).name
            found[build.arch.name] = await _account(artifact, build.arch, config, cells, folder, builder.store)
    return found


async def _account(
    artifact: KernelArtifact, arch: Arch, config: str, cells: Sequence[CellResult], folder: RunFolder, store: Store
) -> Known:
    its = await covers.look(artifact, arch, folder, cells)
    of = Of(arch.name, artifact.linux, config, digest_of_it())
    path = _place(store, artifact.key, arch)
    with store.publish(KIND, path.parent.name) as made:
        (made / FILE).write_bytes(cover_file.encode(of, its))
    return Known(of, its, exactly=True)
