# SPDX-License-Identifier: GPL-2.0-or-later
"""Folders of a build that make need not look into, as it is known what changed since it was there last.

kbuild calls itself for each of some 190 folders to find that nothing is to be done there: that takes longer than to
compile what a small patch changes. What is stale is told by the records that kbuild keeps of objects. Where that is
more than plain objects (what headers are made from, tools, a vDSO), make looks everywhere, as it always does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from orchestrator.build import compiled

_CODE = (".c", ".h", ".S")
_ARCHIVES = {"built-in.a", "lib.a"}
_BOOT = re.compile(r"arch/\w+/boot/")  # made for the image, after the kernel, and looked at in any case
_CONFIGURED = Path("include/config/auto.conf")


def up_to_date(made: Path, source: Path, build: Path, moved: Collection[str] | None) -> list[str]:
    """Folders that kbuild goes into for the kernel, and in which nothing is stale.

    made: a complete build, which make sees at `build`; moved: files of the source that it was not made of; None: that
    is not known.
    """
    if moved is None or not all(file.endswith(_CODE) for file in moved) or not _configured(made):
        return []
    linked = compiled.linked(made)
    if linked is None:
        return []
    stale = _stale(made, source, build, moved)
    if stale is None or not all(_plain(name, linked) for name in stale):
        return []
    needed = {str(folder) for name in stale for folder in PurePosixPath(name).parents}
    walked = {str(folder.relative_to(made)) for folder in _walked(made)}
    return sorted(walked - needed - {"."})


def _configured(made: Path) -> bool:
    """Is the .config the one that the build has?"""
    config, taken = made / ".config", made / _CONFIGURED
    return taken.is_file() and config.stat().st_mtime_ns <= taken.stat().st_mtime_ns


def _plain(target: str, linked: Collection[str]) -> bool:
    """An object that the kernel was linked from, or of the image around it."""
    return target.endswith(".o") and (compiled.stem(target) in linked or bool(_BOOT.match(target)))


def _walked(made: Path) -> list[Path]:
    return [Path(folder) for folder, _, files in os.walk(made) if not _ARCHIVES.isdisjoint(files)]


def _stale(made: Path, source: Path, build: Path, moved: Collection[str]) -> set[str] | None:
    """Targets that were made of these, or that are gone; None where one of these made nothing: nobody knows then what
    reads it."""
    paths = {os.path.normpath(source / file) for file in moved}
    names = {PurePosixPath(file).name.encode() for file in moved}
    stale, used = set[str](), set[str]()
    for target, words in compiled.records(made, names):
        name = target.decode(errors="replace").strip()
        if not (made / name).exists():
            stale.add(name)
        near = [word for word in words if word.rsplit(b"/", 1)[-1].strip() in names]
        if mine := paths & {compiled.named(word, build) for word in near}:
            stale.add(name)
            used |= mine
    return stale if used == paths else None
