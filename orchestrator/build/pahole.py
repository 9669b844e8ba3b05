# SPDX-License-Identifier: GPL-2.0-or-later
"""pahole: how structs are laid out. A host may do without it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from orchestrator import proc
from orchestrator.errors import InfraError
from orchestrator.sandbox.bubblewrap import Bounds, Sandbox

PROGRAM, PACKAGE = "pahole", "pahole"
_BOUNDS, _TIMEOUT = Bounds(4096, 10), 120.0  # MiB, processes; seconds
_versions: dict[str, str] = {}


async def version() -> str:
    """Asked once; "" where there is none."""
    if PROGRAM not in _versions:
        there = shutil.which(PROGRAM) is not None
        _versions[PROGRAM] = (await proc.run([PROGRAM, "--version"])).output.strip() if there else ""
    return _versions[PROGRAM]


async def layouts(object_: Path, log: Path) -> str:
    """What it prints of an object's structs: see profile.objects.layouts(). In a sandbox, because what it reads is
    as a patch made it."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": "/tmp"}
    sandbox = Sandbox((object_,), {}, _BOUNDS)
    done = await sandbox.run([PROGRAM, str(object_)], env=env, log=log, timeout=_TIMEOUT, niceness=19)
    text = log.read_text(errors="replace")
    if done.code:
        raise InfraError(f"pahole failed on {object_.name}", kind="static", log=text[-2000:])
    return text
