# SPDX-License-Identifier: GPL-2.0-or-later
"""What a build made, which may be a stranger's: files and folders that are what they should be, and no larger."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

from orchestrator.errors import BuildError

LARGEST, LARGEST_TEXT = 2 << 30, 16 << 20  # bytes, many times what any has


def regular(folder: Path, name: str | Path, most: int = LARGEST) -> Path:
    """folder/name, a file or nothing. BuildError if the build made it anything else (a pipe would be read for ever),
    or larger than any is, or it or a folder on the way a link to elsewhere."""
    path = folder / name
    _no_link(folder, path, name)
    with suppress(FileNotFoundError, NotADirectoryError):
        its = path.lstat()
        if not stat.S_ISREG(its.st_mode):
            raise BuildError(f"the build made {name} no file", kind="sandbox", hint="no kernel's build does")
        if its.st_size > most:
            raise BuildError(f"the build made {name} {its.st_size} bytes", kind="sandbox", hint=f"at most {most}")
    return path


def regular_text(folder: Path, name: str | Path) -> Path:
    """The same, of what is read into memory."""
    return regular(folder, name, LARGEST_TEXT)


def regular_folder(folder: Path, name: str | Path) -> Path:
    """folder/name, a folder. BuildError as of a file."""
    path = folder / name
    _no_link(folder, path, name)
    if not path.is_dir():
        raise BuildError(f"the build made {name} no folder", kind="sandbox", hint="no kernel's build does")
    return path


def _no_link(folder: Path, path: Path, name: str | Path) -> None:
    if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
        raise BuildError(f"the build made {name} a link", kind="sandbox", hint="no kernel's build does")
