# SPDX-License-Identifier: GPL-2.0-or-later
"""Which change moved a figure, and upon which commit a patch was made: real kernels of a tree made for the test."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.build.sources import prepare
from orchestrator.model import Source
from orchestrator.store import Store
from tests.boot.conftest import COLD, LAB, Done, Kmatrix

NIGHT = pytest.mark.night
ARCHES = ("x86_64", "aarch64", "s390x")
DEBIAN = Source("debian-6.1", "debian", "linux-source-6.1", "", {"suite": "bookworm"})
WHERE = "\tret |= fault_dirty_shared_page(vmf);\n\treturn ret;\n"  # in each shared write fault
MORE = '\tasm volatile(".rept %d\\n\\tnop\\n\\t.endr");\n'
LEAN = LAB + "config: lean\n"  # of the tree's own source every kernel has to be built
WITH_TREE = LEAN.replace("  debian-6.1:", "  mine: {git: %s, revision: master}\n  debian-6.1:")


class Tree:
    """Debian's 6.1 as a commit, and commits upon it. They are made in a sparse work tree of a few files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        source = asyncio.run(prepare(Store(), DEBIAN)).folder
        self("init", "-q", "-b", "master")
        self("--work-tree", str(source), "add", "--all", "--force")
        self.root = self.commit("Debian's 6.1")
        self("sparse-checkout", "set", "--no-cone", "/Makefile", "/Kbuild", "/mm/memory.c", "/mm/mincore.c")
        self("reset", "-q", "--hard")

    def __call__(self, *words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgSign=false", "-c", "gc.auto=0"]
        command = ["git", "-C", str(self.folder), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, title: str) -> str:
        self("commit", "-q", "-m", title)
        return self("rev-parse", "HEAD")

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text, name
        path.write_text(text.replace(old, new, 1))
        self("add", "--force", name)  # a .gitignore of Debian's names all folders

    def step(self, number: int, instructions: int) -> str:
        """A commit that adds instructions, or none."""
        if instructions:
            self.edit("mm/memory.c", WHERE, MORE % instructions + WHERE)
        else:
            old = "// SPDX-License-Identifier: GPL-2.0\n"
            self.edit("mm/mincore.c", old, f"{old}/* step {number} */\n")
        return self.commit(f"mm: step {number}")

    def steps(self, branch: str, length: int, more: Mapping[int, int]) -> list[str]:
        """On a branch of their own; the root first."""
        self("checkout", "-q", "-B", branch, self.root)
        return [self.root, *(self.step(n, more.get(n, 0)) for n in range(1, length + 1))]


@pytest.fixture(scope="module")
def tree(ready: None, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return Tree(tmp_path_factory.mktemp("git") / "linux")


def bisect(kmatrix: Kmatrix, arch: str, *words: str | Path, text: str = LEAN) -> tuple[Done, Any]:
    options = ["--config", kmatrix.matrix(text), "--out", kmatrix.folder / "run"]
    done = kmatrix("bisect", *words, "--cell", f"{arch}/shmem-light", *options, timeout=4 * COLD)
    assert done.code == 1, done.out + done.err
    return done, done.json("bisect.json")


def sizes(told: Any) -> list[tuple[str, float]]:
    """(title, instructions a page) of each culprit; each is one commit."""
    return [
        (its["changes"][0]["title"], its["after"] - its["before"])
        for its in told["culprits"]
        if len(its["changes"]) == 1
    ]


def test_a_patch_of_eight_that_adds_three_instructions_is_named(
    ready: None, kmatrix: Kmatrix, tmp_path: Path
) -> None:
    """In files, upon Debian's 6.1: three kernels beside the ends; of the comments none is booted."""
    source = asyncio.run(prepare(Store(), DEBIAN)).folder
    folder = tmp_path / "sent"
    folder.mkdir()
    for side in ("a/mm", "b/mm"):
        (tmp_path / side).mkdir(parents=True)
        for name in ("memory.c", "mincore.c"):
            shutil.copyfile(source / "mm" / name, tmp_path / side / name)
    for n in range(1, 9):
        name, old, new = (
            ("memory.c", WHERE, MORE % 3 + WHERE) if n == 6
            else ("mincore.c", "#include <linux/pagemap.h>\n", f"/* step {n} */\n#include <linux/pagemap.h>\n")
        )  # fmt: skip
        after = tmp_path / "b/mm" / name
        after.write_text(after.read_text().replace(old, new, 1))
        words = ["diff", "-u", f"a/mm/{name}", f"b/mm/{name}"]
        diff = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True).stdout
        (folder / f"{n:04}.patch").write_text(f"Subject: [PATCH {n}/8] mm: step {n}\n\n---\n{diff}")
        shutil.copyfile(after, tmp_path / "a/mm" / name)
    done, told = bisect(kmatrix, "aarch64", *sorted(folder.iterdir()), "--base", "debian-6.1", text=LAB)
    assert [title for title, _ in sizes(told)] == ["mm: step 6"]
    assert sizes(told)[0][1] == pytest.approx(3, abs=0.2)
    assert told["kernels"] == 5 and told["whole"]
    assert 'patch 6/8 "mm: step 6": time +' in done.out and ", worse" in done.out


@NIGHT
@pytest.mark.parametrize("arch", ARCHES)
def test_one_commit_among_64_costs_six_kernels_beside_the_ends(tree: Tree, kmatrix: Kmatrix, arch: str) -> None:
    commits = tree.steps("one", 64, {43: 3})
    done, told = bisect(kmatrix, arch, f"{tree.root}..one", "--tree", tree.folder)
    assert [(title, round(size)) for title, size in sizes(told)] == [("mm: step 43", 3)]
    assert told["culprits"][0]["changes"][0]["commit"] == commits[43] and told["kernels"] <= 2 + 6
    assert f'commit {commits[43][:12]} "mm: step 43": time +3' in done.out


@NIGHT
@pytest.mark.parametrize("arch", ARCHES)
def test_two_commits_among_64_cost_eleven_and_are_told_apart_by_size(tree: Tree, kmatrix: Kmatrix, arch: str) -> None:
    tree.steps("two", 64, {11: 3, 52: 20})
    _, told = bisect(kmatrix, arch, f"{tree.root}..two", "--tree", tree.folder)
    assert [(title, round(size)) for title, size in sizes(told)] == [("mm: step 11", 3), ("mm: step 52", 20)]
    assert told["kernels"] <= 2 + 11


@NIGHT
def test_commits_that_do_not_compile_are_stepped_over(tree: Tree, kmatrix: Kmatrix) -> None:
    """Four in the middle of eight; the culprit is before them."""
    tree("checkout", "-q", "-B", "broken", tree.root)
    commits = [tree.root, tree.step(1, 0), tree.step(2, 7)]
    tree.edit("mm/mincore.c", "#include <linux/pagemap.h>\n", "#error broken\n#include <linux/pagemap.h>\n")
    commits += [tree.commit("mm: broken"), tree.step(4, 0), tree.step(5, 0)]
    tree.edit("mm/mincore.c", "#error broken\n", "")
    commits += [tree.commit("mm: mended"), tree.step(7, 0), tree.step(8, 0)]
    done, told = bisect(kmatrix, "aarch64", f"{tree.root}..broken", "--tree", tree.folder)
    assert [(title, round(size)) for title, size in sizes(told)] == [("mm: step 2", 7)]
    assert told["lost"] and all(f"at-{commit[:12]}" not in told["lost"] for commit in commits[:3])
    assert "does not compile" in done.out


def check(kmatrix: Kmatrix, tree: Tree, patch: Path) -> Done:
    text = WITH_TREE % tree.folder
    options = ["--arch", "aarch64", "--config", kmatrix.matrix(text), "--out", kmatrix.folder / "run"]
    return kmatrix("check", patch, *options, timeout=2 * COLD)


@pytest.fixture(scope="module")
def branches(tree: Tree) -> Sequence[str]:
    """Thirty commits: ten of master, ten of mm-stable upon them, ten of mm-unstable upon those."""
    commits = tree.steps("master", 10, {})
    for branch, first in (("mm-stable", 11), ("mm-unstable", 21)):
        tree("checkout", "-q", "-B", branch)
        commits += [tree.step(n, 0) for n in range(first, first + 10)]
    return commits


@NIGHT
def test_a_patch_without_base_commit_finds_its_commit_by_blobs(
    tree: Tree, branches: Sequence[str], kmatrix: Kmatrix
) -> None:
    tree("checkout", "-q", "-B", "mine", branches[17])
    tree.edit("mm/mincore.c", "#include <linux/pagemap.h>\n", "/* mine */\n#include <linux/pagemap.h>\n")
    tree.edit("mm/memory.c", WHERE, MORE % 3 + WHERE)
    tree.commit("mm: mine")
    tree("format-patch", "-q", "-1", "-o", str(kmatrix.folder))
    tree("checkout", "-q", "master")
    tree("branch", "-D", "mine")
    done = check(kmatrix, tree, next(kmatrix.folder.glob("0001-*.patch")))
    assert done.code == 1, done.out + done.err  # three instructions more
    assert f"mine at {branches[17][:12]} of mm-unstable: the newest commit with all files as" in done.err
    assert "applies to mine: yes" in done.out
    assert done.json()["author"]["files"] == 2 and done.json()["author"]["other"] == []


@NIGHT
def test_a_base_that_is_not_there_is_told_with_the_files_that_differ(
    tree: Tree, branches: Sequence[str], kmatrix: Kmatrix
) -> None:
    """One of its two files is that of Debian's 6.1; the other is nobody's."""
    tree("checkout", "-q", "-B", "mine", tree.root)
    tree.edit("mm/mincore.c", "#include <linux/pagemap.h>\n", "/* of nobody */\n#include <linux/pagemap.h>\n")
    tree.commit("away")
    tree.edit("mm/mincore.c", "\tstart = untagged_addr(start);\n", "\tstart = untagged_addr(start); /* mine */\n")
    tree.edit("mm/memory.c", WHERE, f"\t/* mine */\n{WHERE}")
    tree.commit("mm: mine")
    tree("format-patch", "-q", "-1", "-o", str(kmatrix.folder))
    tree("checkout", "-q", "master")
    tree("branch", "-D", "mine")
    tree("reflog", "expire", "--expire=now", "--all")
    tree("gc", "-q", "--prune=now")
    done = check(kmatrix, tree, next(kmatrix.folder.glob("0001-*.patch")))
    assert "1 of 2 files are byte for byte those that the author had; mm/mincore.c is not" in done.err, done.err
