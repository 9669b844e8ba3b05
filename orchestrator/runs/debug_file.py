# SPDX-License-Identifier: GPL-2.0-or-later
"""What kernels that watch themselves said, as a run folder keeps it: debug/ARCH/KERNEL/LINES/seen.json, and a text
for each report beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orchestrator.analyse.findings import LANE, Ended, How, Observation, Watched, WatchedFacts, findings, watched
from orchestrator.config.debug import BUILDS
from orchestrator.model import Comparison, Watching
from orchestrator.runs.folder import RunFolder
from orchestrator.series import diff

SEEN = "seen.json"


def place(its: Watching) -> str:
    """The folder of one of them."""
    return _place(its.build.arch.name, its.of.name, its.lines)


def save(folder: RunFolder, its: Watching, seen: Observation) -> None:
    """For reports, and for whoever goes on with the run."""
    one = Watched(its.build.arch.name, its.of.name, its.lines, seen)
    for number, report in enumerate(seen["reports"]):
        folder.write_text(one.log(number), report["text"] + "\n")
    folder.write_json(f"{place(its)}/{SEEN}", seen)


def known(folder: RunFolder, its: Watching) -> bool:
    """Did an earlier start of this run look, with all these workloads?"""
    seen = _load(folder, its.build.arch.name, its.of.name, its.lines)
    return seen is not None and {one.name for one in its.workloads} <= {*seen["ran"]}


def _place(arch: str, kernel: str, lines: str) -> str:
    return f"{LANE}/{arch}/{kernel}/{lines}"


def _load(folder: RunFolder, arch: str, kernel: str, lines: str) -> Observation | None:
    found: Observation | None = folder.read_json(f"{_place(arch, kernel, lines)}/{SEEN}")
    return found and {**found, "ran": {name: _ended(how) for name, how in found["ran"].items()}}


def _ended(how: Ended | str) -> Ended:
    """0.9 had it in words: ran, not there: ..., failed: ..."""
    if not isinstance(how, str):
        return how
    word, _, why = how.partition(": ")
    return Ended(how={"ran": How.RAN, "not there": How.ABSENT}.get(word, How.FAILED), why=why)


def facts(
    folder: RunFolder, builds: Iterable[str], comparisons: Sequence[Comparison], diffs: Mapping[Comparison, str]
) -> WatchedFacts | None:
    """None if nobody looked. builds: their ids."""
    names = [build.split("/") for build in builds]
    found = ((arch, kernel, lines, _load(folder, arch, kernel, lines)) for arch, kernel in names for lines in BUILDS)
    seen = [Watched(arch, kernel, lines, its) for arch, kernel, lines, its in found if its]
    if not seen:
        return None
    files = {(pair.base, pair.new): {hunk.file for hunk in diff.hunks(text)} for pair, text in diffs.items()}
    return WatchedFacts(findings=findings(seen, comparisons, files), watched=watched(seen))
