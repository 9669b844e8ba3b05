# SPDX-License-Identifier: GPL-2.0-or-later
"""What the sources of two kernels differ by, all patches applied: its line numbers are those that were compiled."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator import proc
from orchestrator.build import patches
from orchestrator.errors import InfraError
from orchestrator.series import diff


@dataclass(frozen=True)
class Sources:
    """text: a unified diff of one kernel's source to the other's, "" if there is none. base, new: {file: its content}
    of the files that either's patches touch, None for one that is not there; all others are pristine's.

    added_only: both kernels have the change, and an option of its own is on in the new one alone; so what it adds is
    told of that one, and what it removes of neither.
    """

    text: str
    pristine: Path
    base: Mapping[str, str | None]
    new: Mapping[str, str | None]
    added_only: bool = False

    @property
    def files(self) -> set[str]:
        """Names of those that differ."""
        return {hunk.file for hunk in diff.hunks(self.text)}

    def reader(self, own: Mapping[str, str | None]) -> Callable[[str], str | None]:
        """What reads the source of the kernel that own is of; None for a file that is not there."""

        def read(name: str) -> str | None:
            return own[name] if name in own else _text(self.pristine / name)

        return read


async def sources(pristine: Path, base: Sequence[Path], new: Sequence[Path], scratch: Path) -> Sources:
    """What the source of two kernels differs by, and both sides of it. scratch: an empty folder."""
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
    files = touched["a"] | touched["b"]
    before, after = ({name: _text(scratch / side / name) for name in files} for side in ("a", "b"))
    return Sources(done.output, pristine, before, after)


def _text(path: Path) -> str | None:
    return path.read_text(errors="replace") if path.is_file() else None


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
