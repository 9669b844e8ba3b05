# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kernel's own tests came to, as a run folder keeps it: selftests/ARCH/KERNEL/NUMBER/seen.json, and what each
test printed beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.analyse.findings import WatchedFacts
from orchestrator.analyse.selftests import Outcomes, Tried, file_of
from orchestrator.analyse.selftests import facts as facts_of
from orchestrator.model import Comparison
from orchestrator.runs.folder import RunFolder

FOLDER, SEEN = "selftests", "seen.json"


def place(build: str, number: int) -> str:
    """The folder of one time. build: its id."""
    return f"{FOLDER}/{build}/{number}"


def save(folder: RunFolder, build: str, number: int, seen: Outcomes) -> None:
    """For reports, and for whoever goes on with the run."""
    for test, words in seen["words"].items():
        folder.write_text(f"{place(build, number)}/{file_of(test)}", words + "\n")
    folder.write_json(f"{place(build, number)}/{SEEN}", seen)


def known(folder: RunFolder, build: str, number: int) -> bool:
    """Did an earlier start of this run try it?"""
    return folder.read_json(f"{place(build, number)}/{SEEN}") is not None


def facts(folder: RunFolder, builds: Iterable[str], comparisons: Sequence[Comparison]) -> WatchedFacts | None:
    """None if nobody tried."""
    tested = []
    for build in builds:
        arch, kernel = build.split("/")
        found = sorted((folder.path / FOLDER / build).glob(f"*/{SEEN}"))
        times = [folder.read_json(str(path.relative_to(folder.path))) for path in found]
        if times:
            tested.append(Tried(arch, kernel, tuple(times)))
    return facts_of(tested, comparisons) if tested else None
