# SPDX-License-Identifier: GPL-2.0-or-later
"""The library of workloads, and what it runs of a kernel: as shipped, as it was found before, or found now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.build.kernel import Builder
from orchestrator.config import workloads
from orchestrator.config.plan import builds
from orchestrator.config.sources import buildable
from orchestrator.engine import Manner, measured
from orchestrator.measure import covers
from orchestrator.model import Arch, Kernel, Matrix, Status, Workload
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
    """of: whose account it is. exactly: it is of just this kernel and this library."""

    of: Of
    cover: Cover
    exactly: bool
    same_linux: bool = True  # its lines are those of the base

    @property
    def told(self) -> str:
        """Linux 6.1.192, config standard"""
        return f"Linux {self.of.linux}, config {self.of.config}"


def all_of_it() -> tuple[Workload, ...]:
    """Every workload of the shipped library."""
    return tuple(workloads.load(folder) for folder in workloads.library(GUEST_TOOLS).values())


def digest_of_it() -> str:
    """Of all that it is compiled of."""
    return digest([(name, sha256(path)) for name, path in workloads.library_sources(GUEST_TOOLS)])


def base(matrix: Matrix, kernel: Kernel) -> Matrix:
    """The matrix of what a kernel's account is made of: its library, one boot of each."""
    measure = replace(matrix.measure, boots=1)
    return replace(matrix, kernels=(kernel,), workloads=all_of_it(), comparisons=(), claims=(), measure=measure)


async def known(matrix: Matrix, kernel: Kernel, builder: Builder) -> dict[str, Known]:
    """{arch: what the library runs of the kernel}, of arches where it is known without measuring: found before, or
    shipped, which is of a version that is near."""
    found: dict[str, Known] = {}
    if not buildable(kernel.source):
        return found
    tree = await builder.source(kernel.source)
    usual = (kernel.config or matrix.config).name == USUAL and not (kernel.kconfig or matrix.kconfig)
    for build in builds(base(matrix, kernel)):
        path = _place(builder.store, await builder.key(build, tree), build.arch)
        if path.is_file():
            found[build.arch.name] = Known(*cover_file.load(path), exactly=True)
            continue
        shipped = cover_file.shipped(build.arch.name)
        if not (usual and shipped.is_file()):
            continue
        of, its = cover_file.load(shipped)
        if of.linux.split(".")[:2] == tree.linux.split(".")[:2]:
            exactly = of.linux == tree.linux and of.library == digest_of_it() and not kernel.patches
            found[build.arch.name] = Known(of, its, exactly, of.linux == tree.linux and not kernel.patches)
    return found


def _place(store: Store, kernel: str, arch: Arch) -> Path:
    key = digest(KIND, cover_file.SCHEMA, kernel, arch.name, dict(arch.cpu), digest_of_it())
    return store.folder(KIND, key) / FILE


def find(
    matrix: Matrix, kernel: Kernel, arches: Sequence[Arch], folder: RunFolder, manner: Manner
) -> tuple[dict[str, Known], dict[str, str]]:
    """Measure it: {arch: what the library runs of the kernel}, kept for later; and {cell: why it is not in it}.
    folder: a new one, for the run."""
    asked = base(replace(matrix, arches=tuple(arches)), kernel)
    quiet = replace(manner, reach=True, static=False, profile=False, first="", kind="covers", history="none")
    done = measured(folder, asked, Request(copies.place(folder), "", (), {}), quiet)
    store, config = Store(), (kernel.config or matrix.config).name
    builder = Builder.of(matrix, 1)
    found: dict[str, Known] = {}
    for build in builds(asked):
        artifact = asyncio.run(builder.find(build))
        cells = [cell for cell in folder.load_cells() if cell.arch == build.arch.name]
        if artifact is None or not any(cell.boots for cell in cells):
            continue
        its = asyncio.run(covers.look(artifact, build.arch, folder, cells))
        of = Of(build.arch.name, artifact.linux, config, digest_of_it())
        path = _place(store, artifact.key, build.arch)
        with store.publish(KIND, path.parent.name) as made:
            (made / FILE).write_bytes(cover_file.encode(of, its))
        found[build.arch.name] = Known(of, its, exactly=True)
    lacking = {
        cell["id"]: (cell["failure"] or {}).get("message", str(cell["status"]))
        for cell in done.report["cells"]
        if cell["status"] != Status.PASSED
    }
    return found, lacking
