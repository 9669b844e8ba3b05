# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's plugins that count what a guest executes: compiled on demand, for the interface of the QEMU at hand."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from orchestrator import proc
from orchestrator.build import toolchain
from orchestrator.config import emulators
from orchestrator.errors import InfraError
from orchestrator.paths import IMAGES
from orchestrator.store import Store, digest, sha256

SOURCES = IMAGES / "plugin"
# each instruction; blocks of code alone; loads and stores
PROFILE, BLOCKS, MEMORY = "kmatrix-profile", "kmatrix-blocks", "kmatrix-memory"
FLAGS = (
    "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g0", "-shared", "-fPIC", "-fvisibility=hidden",
    "-Wall", "-Wextra", "-Werror",
)  # fmt: skip
_FIRST, _SCOREBOARDS = (6, 0), (9, 0)  # QEMU's versions: icount and plugins together; counters in scoreboards


def interface(qemu: str) -> int:
    """PLUGIN_API for what QEMU says of its version. InfraError if it is too old for any."""
    version = emulators.version(qemu)
    if version < _FIRST:
        raise InfraError(f"no profile with this QEMU: {qemu}", kind="profile", hint="QEMU 6.0 and later can do it")
    return 2 if version >= _SCOREBOARDS else 1


@cache
def sources() -> str:
    """Digest of what the plugins are compiled of."""
    files = sorted(path for path in SOURCES.iterdir() if path.suffix in (".c", ".h"))
    return digest([(p.name, sha256(p)) for p in files])


async def plugin(store: Store, qemu: str, name: str = PROFILE) -> Path:
    """The plugin of this name for the QEMU that says this of its version."""
    api = interface(qemu)
    key = digest("plugin", name, FLAGS, api, await toolchain.compiler(""), sources())
    folder = store.folder("plugins", key)
    async with store.lock(f"plugin-{key}"):
        if not folder.exists():
            with store.publish("plugins", key) as temporary:
                await _compile(api, name, temporary / f"{name}.so")
    return folder / f"{name}.so"


async def _compile(api: int, name: str, out: Path) -> None:
    source = SOURCES / f"{name}.c"
    done = await proc.run(["gcc", *FLAGS, f"-DPLUGIN_API={api}", str(source), "-o", str(out), "-ldl"])
    if done.code:
        hint = "it needs gcc of the host"
        raise InfraError("QEMU's plugin does not compile", kind="profile", hint=hint, log=done.output)
