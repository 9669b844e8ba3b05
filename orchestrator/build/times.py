# SPDX-License-Identifier: GPL-2.0-or-later
"""Times of sources: a file that is again what a build was made of has a time from before that again.

Builds of patches that nobody vouches for are made in copies, and these are thrown away. Whatever such a patch touched
would be compiled again in every later copy, as its source is younger than the shared build's objects.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from orchestrator.store import sha256, write_atomically

MADE = ".kmatrix-made.json"  # of a build: {"command": of make, "files": {file: [its sha256, its time]}}, the files
# being those of its sources that were not pristine then
MAYBE = ".kmatrix-maybe.json"  # of a build of which that is not known: names of such files, some of them maybe


def begin(build: Path, touched: Iterable[str] = ()) -> None:
    """make runs in a build: until it has ended well, nobody knows what its objects were made of, only what of it may
    not have been pristine. touched: what is not now."""
    maybe = sorted({*files(build), *touched})
    write_atomically(build / MAYBE, json.dumps(maybe))
    (build / MADE).unlink(missing_ok=True)


def made(source: Path, build: Path, touched: Iterable[str], command: str) -> None:
    """It has. touched: files that are not pristine; command: names the make and the compiler."""
    there = ((file, source / file) for file in touched)
    table = {file: [sha256(path), path.stat().st_mtime_ns] if path.is_file() else ["", 0] for file, path in there}
    write_atomically(build / MADE, json.dumps({"command": command, "files": table}))
    (build / MAYBE).unlink(missing_ok=True)


def known(build: Path) -> bool:
    """Is it known what all of its objects were made of?"""
    return (build / MADE).is_file()


def files(build: Path) -> set[str]:
    """Those of its sources that were not pristine when it was made, or may not have been."""
    made = json.loads((build / MADE).read_text())["files"] if known(build) else ()
    maybe = json.loads((build / MAYBE).read_text()) if (build / MAYBE).is_file() else ()
    return {*made, *maybe}


def moved(pristine: Path, source: Path, build: Path, touched: Iterable[str], command: str) -> set[str] | None:
    """Files that are not what a build was made of by that command; None: that is not known. touched: files that are
    not pristine."""
    if not known(build) or (made := json.loads((build / MADE).read_text()))["command"] != command:
        return None
    record = made["files"]
    contents = {file: sha256(path) if (path := source / file).is_file() else "" for file in {*record, *touched}}
    return {file for file, content in contents.items() if content != _then(record, pristine, file)[0]}


def restore(pristine: Path, source: Path, builds: Sequence[Path], written: Iterable[str]) -> None:
    """Files that were just written get an earlier time, where all builds were made of what they are now."""
    if not builds or not all(map(known, builds)):
        return
    records = [json.loads((build / MADE).read_text())["files"] for build in builds]
    for file in written:
        path = source / file
        if not path.is_file():
            continue
        digest, times = sha256(path), [_then(record, pristine, file) for record in records]
        if all(content == digest for content, _ in times):
            earliest = min(time for _, time in times)
            os.utime(path, ns=(earliest, earliest))


def _then(record: Mapping[str, tuple[str, int]], pristine: Path, file: str) -> tuple[str, int]:
    """What a file was when a build was made, and its time."""
    if file in record:
        return record[file][0], record[file][1]
    path = pristine / file
    return (sha256(path), path.stat().st_mtime_ns) if path.is_file() else ("", 0)
