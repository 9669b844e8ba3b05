# SPDX-License-Identifier: GPL-2.0-or-later
"""Times of sources, as make looks at them: what a build was made of is not younger than its objects."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.build import times

PRISTINE, MADE, NOW = 1_000_000_000, 2_000_000_000, 3_000_000_000  # ns


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("pristine", "source", "build", "other"):
        (tmp_path / name).mkdir()
    for name in ("a.c", "b.c"):
        write(tmp_path / "pristine" / name, "as it came", PRISTINE)
        write(tmp_path / "source" / name, "as it came", NOW)
    return tmp_path


def write(path: Path, text: str, time: int) -> None:
    path.write_text(text)
    os.utime(path, ns=(time, time))


def restored(tree: Path, *builds: str) -> int:
    times.restore(tree / "pristine", tree / "source", [tree / name for name in builds], ["a.c"])
    return (tree / "source/a.c").stat().st_mtime_ns


def test_a_pristine_file_has_its_own_time_again(tree: Path) -> None:
    times.made(tree / "source", tree / "build", [], "make")
    assert restored(tree, "build") == PRISTINE
    assert (tree / "source/b.c").stat().st_mtime_ns == NOW, "nobody wrote it"


def test_what_the_build_was_made_of_has_the_time_of_then(tree: Path) -> None:
    write(tree / "source/a.c", "with a patch", MADE)
    times.made(tree / "source", tree / "build", ["a.c"], "make")
    write(tree / "source/a.c", "with a patch", NOW)
    assert restored(tree, "build") == MADE


def test_what_it_was_not_made_of_stays_young(tree: Path) -> None:
    write(tree / "source/a.c", "with a patch", MADE)
    times.made(tree / "source", tree / "build", ["a.c"], "make")
    write(tree / "source/a.c", "as it came", NOW)
    assert restored(tree, "build") == NOW
    times.made(tree / "source", tree / "other", [], "make")
    assert restored(tree, "other", "build") == NOW, "one of two builds was made of something else"


def test_a_build_that_nobody_knows_keeps_all_young(tree: Path) -> None:
    times.made(tree / "source", tree / "build", [], "make")
    assert times.known(tree / "build") and not times.known(tree / "other")
    assert restored(tree, "build", "other") == NOW
    times.begin(tree / "build")
    assert restored(tree, "build") == NOW


def test_the_earliest_of_several_times(tree: Path) -> None:
    write(tree / "source/a.c", "with a patch", MADE)
    times.made(tree / "source", tree / "build", ["a.c"], "make")
    write(tree / "source/a.c", "with a patch", MADE + 5)
    times.made(tree / "source", tree / "other", ["a.c"], "make")
    write(tree / "source/a.c", "with a patch", NOW)
    assert restored(tree, "build", "other") == MADE
