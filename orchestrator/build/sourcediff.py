# SPDX-License-Identifier: GPL-2.0-or-later
"""What the sources of two kernels differ by, all patches applied: its line numbers are those that were compiled."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from orchestrator import proc
from orchestrator.build import patches
from orchestrator.errors import InfraError


async def between(pristine: Path, base: Sequence[Path], new: Sequence[Path], scratch: Path) -> str:
    """A unified diff of pristine with base's patches to pristine with new's; "" if there is none."""
    touched = {}
    for side, applied in (("a", base), ("b", new)):
        (scratch / side).mkdir(parents=True)
        touched[side] = await patches.apply(pristine, scratch / side, applied)
    for side, other in (("a", "b"), ("b", "a")):
        for name in touched[other] - touched[side]:
            _copy(pristine / name, scratch / side / name)
    command = ["diff", "-Nur", "--no-dereference", "a", "b"]
    done = await proc.run(command, cwd=scratch, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
    if done.code > 1:
        raise InfraError("the sources of two kernels could not be compared", kind="profile", log=done.output[-2000:])
    return done.output


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
