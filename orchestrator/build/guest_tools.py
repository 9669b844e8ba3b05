# SPDX-License-Identifier: GPL-2.0-or-later
"""Workloads: static native binaries, cross-compiled, kept in the store."""

from __future__ import annotations

from pathlib import Path

from orchestrator import proc
from orchestrator.build import toolchain
from orchestrator.errors import BuildError
from orchestrator.model import Arch, Workload
from orchestrator.paths import COMMON
from orchestrator.store import Store, digest, sha256

# No PIE: the same addresses in every pass, and a profile can name them.
FLAGS = (
    "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g0", "-static", "-no-pie", "-fno-pie", "-pthread",
    "-Wall", "-Wextra", "-Werror", "-Wl,--build-id=none",
)  # fmt: skip


async def binary(store: Store, arch: Arch, workload: Workload) -> Path:
    """The workload's program for an arch. Raises BuildError with the compiler's words."""
    # In an order that does not depend on where the folders are: the same files, the same program.
    sources = [path for folder in (COMMON, workload.folder) for path in sorted(folder.glob("*.c"))]
    headers = [path for folder in (COMMON, workload.folder) for path in sorted(folder.glob("*.h"))]
    compiler = await toolchain.compiler(arch.cross_prefix)
    key = digest("guest-tool", FLAGS, compiler, [(p.name, sha256(p)) for p in [*sources, *headers]])
    folder = store.folder("guest-tools", key)
    async with store.lock(f"guest-tool-{key}"):
        if not folder.exists():
            with store.publish("guest-tools", key) as temporary:
                await _compile(arch, workload, sources, temporary / workload.name)
    return folder / workload.name


async def _compile(arch: Arch, workload: Workload, sources: list[Path], out: Path) -> None:
    """No path of this machine gets into the program."""
    places = [f"-ffile-prefix-map={folder}=." for folder in (workload.folder, COMMON)]
    names = [str(path) for path in sources]
    done = await proc.run([f"{arch.cross_prefix}gcc", *FLAGS, *places, "-I", str(COMMON), *names, "-o", str(out)])
    if done.code:
        error = next((row for row in done.output.splitlines() if "error" in row), "see the log")
        raise BuildError(
            f"{workload.name} does not compile for {arch.name}: {error}", kind="workload_compile", log=done.output
        )
