# SPDX-License-Identifier: GPL-2.0-or-later
"""Commits and patches as a row of kernels: each state is what git has at that commit."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from orchestrator.bisect import chain
from orchestrator.bisect.chain import Chain, OfSeries, OfTree
from orchestrator.build import patches
from orchestrator.errors import ConfigError
from orchestrator.model import Source
from orchestrator.series.letters import Patch
from orchestrator.series.series import Series
from tests.unit.bisect.conftest import Commits


def state(row: Chain, number: int, pristine: Path, folder: Path) -> dict[str, str]:
    """Files of a state that differ from the source's."""
    shutil.rmtree(folder / "applied", ignore_errors=True)
    (folder / "applied").mkdir(parents=True)
    files = asyncio.run(row.patches(number, folder / "patches"))
    names = asyncio.run(patches.apply(pristine, folder / "applied", files))
    return {name: path.read_text() for name in names if (path := folder / "applied" / name).exists()}


def test_each_state_of_a_range_is_that_commit(tmp_path: Path) -> None:
    tree = Commits(tmp_path / "linux", [0, 3, 0, 5])
    row = asyncio.run(chain.of_range(tree.folder, "master~3..master"))
    assert [its.title for its in row.changes] == ["mm: step 2", "mm: step 3", "mm: step 4"]
    assert row.changes[0].text == f'commit {tree.commits[2][:12]} "mm: step 2"'
    assert row.source == Source("base", "git", str(tree.folder), tree.commits[1])
    tree("checkout", "-q", tree.commits[1])
    assert asyncio.run(row.patches(0, tmp_path)) == ()
    assert [state(row, n, tree.folder, tmp_path / f"{n}").get("mm/a.c") for n in (1, 2, 3)] == [
        "4003\n", "4003\n", "4008\n",
    ]  # fmt: skip
    assert [row.kernel(n) for n in (0, 3)] == [f"at-{tree.commits[n][:12]}" for n in (1, 4)]
    assert asyncio.run(row.inside(2)) is None


def with_a_merge(tmp_path: Path) -> Commits:
    """Of a branch with two commits, which left behind the first of three."""
    tree = Commits(tmp_path / "linux", [0, 0, 3])
    tree("checkout", "-q", "-b", "side", "master~2")
    for n in (1, 2):
        (tree.folder / f"side{n}").write_text(f"{n}\n")
        tree("add", ".")
        tree("commit", "-qm", f"side {n}")
    tree("checkout", "-q", "master")
    tree("merge", "-q", "--no-ff", "-m", "Merge side", "side")
    return tree


def test_a_merge_is_a_step_and_has_a_row_inside(tmp_path: Path) -> None:
    tree = with_a_merge(tmp_path)
    row = asyncio.run(chain.of_range(tree.folder, f"{tree.commits[0]}..master"))
    assert [its.title for its in row.changes] == ["mm: step 1", "mm: step 2", "mm: step 3", "Merge side"]
    inner = asyncio.run(row.inside(4))
    assert inner and [its.title for its in inner.changes] == ["side 1", "side 2"]
    tree("checkout", "-q", tree.commits[0])
    found = state(inner, 2, tree.folder, tmp_path / "inner")
    assert found["side2"] == "2\n" and found.get("mm/a.c", "4000\n") == "4000\n"
    whole = state(row, 4, tree.folder, tmp_path / "whole")
    assert whole["side1"] == "1\n" and whole["mm/a.c"] == "4003\n"
    assert state(inner, 0, tree.folder, tmp_path / "start").keys() == {"doc/1"}, "as of the merge's base"


def test_a_range_that_begins_on_a_merged_branch_has_what_is_upon_it(tmp_path: Path) -> None:
    """What the other side had meanwhile comes with the merge, and is looked for there."""
    tree = with_a_merge(tmp_path)
    tree("commit", "-q", "--allow-empty", "-m", "mm: last")
    row = asyncio.run(chain.of_range(tree.folder, "side~1..master"))
    assert [its.title for its in row.changes] == ["Merge side", "mm: last"] and row.note == ""
    inner = asyncio.run(row.inside(1))
    assert inner and [its.title for its in inner.changes] == ["mm: step 2", "mm: step 3"]


def test_what_no_patch_carries_is_left_out(tmp_path: Path) -> None:
    """A picture and a link come in; the rest of the commit is there."""
    tree = Commits(tmp_path / "linux", [0])
    tree("checkout", "-q", "master")
    (tree.folder / "a picture.gif").write_bytes(b"\0\1\2" * 99)
    (tree.folder / "link").symlink_to("Makefile")
    (tree.folder / "mm/a.c").write_text("4003\n")
    tree("add", ".")
    tree("commit", "-qm", "all sorts")
    row = asyncio.run(chain.of_range(tree.folder, "master~1..master"))
    tree("checkout", "-q", "master~1")
    assert state(row, 1, tree.folder, tmp_path / "x") == {"mm/a.c": "4003\n"}


def test_a_series_is_a_row_of_its_patches_behind_those_that_all_have(tmp_path: Path) -> None:
    series = Series(tuple(Patch(f"mm: {n}", f"text {n}") for n in (1, 2)))
    row = OfSeries(Source("s", "tarball", "x"), series, (Patch("first", "text 0"),))
    assert [its.text for its in row.changes] == ['patch 1/2 "mm: 1"', 'patch 2/2 "mm: 2"']
    assert [row.kernel(n) for n in range(3)] == ["unpatched", "patched-1", "patched-2"]
    found = [[path.read_text() for path in asyncio.run(row.patches(n, tmp_path))] for n in range(3)]
    assert found == [["text 0"], ["text 0", "text 1"], ["text 0", "text 1", "text 2"]]


def test_a_range_whose_older_end_is_on_a_branch_begins_where_that_left(tmp_path: Path) -> None:
    """As of a branch that is made anew every night."""
    tree = Commits(tmp_path / "linux", [0, 0, 1])
    tree("checkout", "-q", "-b", "old", "master~2")
    tree("commit", "-q", "--allow-empty", "-m", "of the old one alone")
    row = asyncio.run(chain.of_range(tree.folder, "old..master"))
    assert [its.title for its in row.changes] == ["mm: step 2", "mm: step 3"]
    begins = f"the range begins at {tree.commits[1][:12]}"
    assert row.note == f"old is not before master: what it alone has is left out, {begins}"
    assert asyncio.run(chain.of_range(tree.folder, "master~1..master")).note == ""


def test_ranges_of_nothing_are_told(tmp_path: Path) -> None:
    tree = Commits(tmp_path / "linux", [0])
    for words, why in (("master..master", "has no commit"), ("nothing..master", r"git merge-base in .*nothing")):
        with pytest.raises(ConfigError, match=why):
            asyncio.run(chain.of_range(tree.folder, words))
    with pytest.raises(ConfigError, match=r"git merge-base in .*: fatal: not a git repository"):
        asyncio.run(chain.of_range(tmp_path, "a..b"))


def test_a_source_of_the_matrix_file_keeps_its_name(tmp_path: Path) -> None:
    tree = Commits(tmp_path / "linux", [0, 1])
    mine = Source("mine", "git", str(tree.folder), "master")
    row: OfTree = asyncio.run(chain.of_range(tree.folder, "master~1..master", mine))
    assert row.source == Source("mine", "git", str(tree.folder), tree.commits[1])
