# SPDX-License-Identifier: GPL-2.0-or-later
"""A step of a night in a git tree gets its commit, in the time that is left. Kernels and guests are none."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.analyse.verdicts import Case, exact
from orchestrator.collectors import known as collectors
from orchestrator.config import matrix_file
from orchestrator.engine import Manner
from orchestrator.history.entries import Entry, Point
from orchestrator.model import Matrix
from orchestrator.nightly import culprits, letter
from orchestrator.nightly.against import Against, Moved
from orchestrator.runs.folder import RunFolder
from tests.unit.bisect.conftest import Commits, Lab, house, lab
from tests.unit.history.conftest import nights

__all__ = ["house", "lab"]  # fixtures
TEXT = """\
arches: [s390x, aarch64]
workloads: [shmem-write]
sources: {mine: {git: %s}}
kernels: {new: {source: mine, kconfig: [CONFIG_X=y]}}
nightly: {sources: [mine]}
"""
MANNER = Manner(quiet=True, history="none", kind="nightly")


def moved(older: str, newer: str, before: float, after: float, metric: str = "time", arch: str = "aarch64") -> Moved:
    """Of one value to another, in us a pass of 100 pages."""
    entry = Entry(1, "n", "nightly", 0.0, "", "", "", "", 0, "x")
    sides = [
        Point(entry, f"{arch}/new/shmem-write", "passed", True, "page", 100, metric, [[value]], {},
              {"source": f"git:{commit}", "patches": "", "linux": "6.1.7"})
        for commit, value in ((older, before), (newer, after))
    ]  # fmt: skip
    return Moved(sides[0], sides[1], exact(Case(sides[0].boots, sides[1].boots, collectors()[metric])))


@pytest.fixture
def matrix(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Matrix:
    """With a tree in which commit 5 of 8 adds three instructions, and 7 eight."""
    monkeypatch.setattr(culprits, "work", lab.work)
    Commits(lab.root / "linux", [0, 0, 0, 0, 3, 0, 8, 0])
    return matrix_file.from_text(TEXT % (lab.root / "linux"), lab.root / "matrix.yaml")


def commits(matrix: Matrix) -> list[str]:
    tree = object.__new__(Commits)
    tree.folder = Path(matrix.sources[0].location)
    return tree("rev-list", "--reverse", "master").split()


def night(lab: Lab) -> RunFolder:
    return RunFolder(lab.root / "night")


def test_the_commits_are_named(lab: Lab, matrix: Matrix) -> None:
    all_of_them = commits(matrix)
    step = moved(all_of_them[0], all_of_them[8], 400.0, 401.1)
    lines = culprits.looked_for([step], matrix, night(lab), MANNER, time.monotonic() + 999)
    assert lines == [
        f'aarch64/new/shmem-write: commit {all_of_them[5][:12]} "mm: step 5": '
        "time +3.00 ns per page (+0.075%), worse",
        f'aarch64/new/shmem-write: commit {all_of_them[7][:12]} "mm: step 7": time +8.00 ns per page (+0.20%), worse',
    ]
    assert (night(lab).path / "bisect/aarch64-new-shmem-write/bisect.json").is_file()
    told = letter.words(letter.NightReport(nights(1)[0], {}, [], {}, [], Against(), (), lines))
    assert "Which commits did it:" in told and all_of_them[5][:12] in told
    assert max(map(len, told.splitlines())) <= 75


def test_without_time_it_says_so_and_what_was_found_counts(
    lab: Lab, matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_of_them = commits(matrix)
    step = moved(all_of_them[0], all_of_them[8], 400.0, 401.1)
    gone = time.monotonic() - 1
    assert culprits.looked_for([step], matrix, night(lab), MANNER, gone) == [
        "aarch64/new/shmem-write time: no time was left to look for the commit"
    ]
    assert not lab.kernels.asked
    real, calls = culprits.bounded(time.monotonic() + 999), list[int]()

    def short(*words: object) -> None:
        calls.append(1)
        if len(calls) > 3:
            raise culprits.OutOfTime
        real(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(culprits, "bounded", lambda _: short)
    lines = culprits.looked_for([step], matrix, night(lab), MANNER, time.monotonic() + 999)
    assert lines[-1] == "not all was looked at: the time was up" and "one of 4 that do not build" in lines[0]


def test_a_guest_is_stopped_when_the_time_is_up(lab: Lab, matrix: Matrix) -> None:
    with pytest.raises(culprits.OutOfTime):
        culprits.bounded(time.monotonic() - 1)(night(lab), matrix, None, [], MANNER)  # type: ignore[arg-type]
    assert not night(lab).path.exists()


def test_what_goes_wrong_costs_no_night(lab: Lab, matrix: Matrix) -> None:
    """A commit that the tree no longer has."""
    step = moved("0" * 39 + "1", commits(matrix)[8], 400.0, 401.1)
    (line,) = culprits.looked_for([step], matrix, night(lab), MANNER, time.monotonic() + 999)
    assert line.startswith("aarch64/new/shmem-write time: the commit was not found: git merge-base in ")


def test_which_steps_have_a_commit_to_be_found(matrix: Matrix) -> None:
    """The largest first, one of a cell; only exact ones between two commits of one tree, with the same patches."""
    one = moved("a", "b", 400.0, 401.0)
    larger = moved("a", "b", 100.0, 200.0, "pgfault")
    other = moved("a", "b", 400.0, 480.0, arch="s390x")
    found = culprits.steps([one, other, larger], matrix)
    assert [(its.moved.now.cell, its.moved.now.metric) for its in found] == [
        ("aarch64/new/shmem-write", "pgfault"), ("s390x/new/shmem-write", "time"),
    ]  # fmt: skip
    assert (found[0].older, found[0].newer, found[0].kernel.name) == ("a", "b", "new")
    same = moved("a", "b", 400.0, 400.0)
    debian = replace(one, last=replace(one.last, kernel={**one.last.kernel, "source": "debian:linux=1"}))
    patched = replace(one, now=replace(one.now, kernel={**one.now.kernel, "patches": "x.patch"}))
    varying = replace(one, now=replace(one.now, exact=False))
    gone = replace(one, now=replace(one.now, cell="aarch64/gone/shmem-write"))
    assert culprits.steps([same, debian, patched, varying, gone, moved("a", "a", 400.0, 401.0)], matrix) == []
