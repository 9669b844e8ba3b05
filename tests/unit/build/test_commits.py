# SPDX-License-Identifier: GPL-2.0-or-later
"""The author's base found by what was in his files: a tree with thirty commits, three branches and merges."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator.build import commits
from orchestrator.build.origin import ids_below
from orchestrator.config import matrix_file, sources
from orchestrator.errors import InfraError

WHO = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


class Tree:
    """Made by one git fast-import: commit n changes mm/a.c if n is even, mm/b.c if 3 divides n."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self("init", "-q", "-b", "none")
        rows = list[str]()
        when = 1_700_000_000
        for branch, start, numbers in (("master", "", range(10)), ("mm-stable", "master", range(10, 20)),
                                       ("mm-unstable", "mm-stable", range(20, 30))):  # fmt: skip
            for n in numbers:
                when += 60
                rows += [f"commit refs/heads/{branch}", f"committer a <a@b> {when} +0000", "data 2", f"{n:02}"]
                rows += [f"from refs/heads/{start}"] if start and n == numbers[0] else []
                files = {"mm/a.c": n - n % 2, "mm/b.c": n - n % 3, f"doc/{n}": n}
                for name, value in files.items():
                    rows += [f"M 100644 inline {name}", f"data {len(name) + 3}", f"{name} {value:02}"]
        text = "\n".join(rows) + "\n"
        command = ["git", "-C", str(folder), "fast-import", "--quiet"]
        subprocess.run(command, input=text, text=True, check=True, capture_output=True)

    def __call__(self, *words: str) -> str:
        command = ["git", "-C", str(self.folder), *words]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env={**WHO, "PATH": "/usr/bin:/bin"}
        )
        return done.stdout.strip()

    def blob(self, rev: str, name: str, short: int = 12) -> str:
        return self("rev-parse", f"{rev}:{name}")[:short]

    def newest(
        self, wanted: Mapping[str, str], *names: str, last: str = "HEAD", only: bool = False
    ) -> tuple[str, str]:
        found = asyncio.run(commits.newest(str(self.folder), wanted, names or commits.USUAL, last, only))
        return (self("log", "-1", "--format=%s", found.commit), found.ref) if found else ("", "")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    made = Tree(tmp_path_factory.mktemp("git") / "linux")
    made("checkout", "-q", "master")
    return made


@pytest.mark.parametrize("number", range(30))
def test_any_commit_of_thirty_is_found_by_two_blobs(tree: Tree, number: int) -> None:
    """The newest with both: files change every second and third commit."""
    rev = f"mm-unstable~{29 - number}"
    wanted = {name: tree.blob(rev, name) for name in ("mm/a.c", "mm/b.c")}
    newest = max(n for n in range(30) if (n // 2, n // 3) == (number // 2, number // 3))
    assert tree.newest(wanted) == (f"{newest:02}", "mm-unstable")


def test_the_order_of_refs_decides_and_the_subject_may(tree: Tree) -> None:
    wanted = {"mm/a.c": tree.blob("mm-stable", "mm/a.c"), "mm/b.c": tree.blob("mm-stable", "mm/b.c")}
    assert tree.newest(wanted, "mm-stable", "mm-unstable") == ("19", "mm-stable")
    assert tree.newest({"mm/a.c": tree.blob("master", "mm/a.c")}, "mainline") == ("09", "master")
    assert tree.newest(wanted, "mainline", only=True) == ("", ""), "no ref that was named has it"
    assert tree.newest(wanted, "mainline")[0] == "19", "else any branch will do"


def test_what_is_nowhere_is_not_found(tree: Tree) -> None:
    a, b = tree.blob("mm-stable", "mm/a.c"), tree.blob("master~5", "mm/b.c")
    assert tree.newest({"mm/a.c": a, "mm/b.c": b}) == ("", ""), "each is known, never together"
    assert tree.newest({"mm/a.c": "123456789abc"}) == ("", "")
    assert tree.newest({"mm/a.c": a, "doc/99": ""})[0] == "19", "a file that is not there is not there"
    assert tree.newest({"mm/a.c": a, "doc/0": ""}) == ("", "")
    with pytest.raises(InfraError, match=r"git cat-file in .*: fatal"):
        asyncio.run(commits.newest(str(tree.folder.parent / "none"), {"a": "1234567"}, ["x"], "HEAD"))


def test_many_files_are_all_looked_at(tree: Tree) -> None:
    """Of the first eight all commits have the same; the ninth and tenth decide."""
    wanted = {f"doc/{n}": tree.blob("mm-unstable", f"doc/{n}") for n in range(8)}
    wanted |= {name: tree.blob("mm-unstable~9", name) for name in ("mm/a.c", "mm/b.c")}
    assert tree.newest(wanted) == ("20", "mm-unstable")
    assert tree.newest({**wanted, "doc/25": ""}) == ("20", "mm-unstable")
    assert tree.newest({**wanted, "doc/7": ""}) == ("", "")


def test_a_history_that_is_too_long_is_told(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = commits._git, list[str]()

    async def slow(tree: str, *words: str, input: bytes | None = None) -> str:
        calls.append(words[0])
        if words[0] == "log":
            raise TimeoutError
        return await real(tree, *words, input=input)

    monkeypatch.setattr(commits, "_git", slow)
    with pytest.raises(TimeoutError):
        tree.newest({"mm/a.c": tree.blob("master~3", "mm/a.c")})
    assert calls.count("log") > 1, "the other refs are tried all the same"
    assert tree.newest({"mm/a.c": tree.blob("mm-stable", "mm/a.c")}, "mm-unstable", "mm-stable") == (
        "19",
        "mm-stable",
    )


def test_a_merge_that_changes_a_file_hides_nothing(tmp_path: Path) -> None:
    """side changes mm/a.c and is merged: the newest commit with the old mm/a.c is on the other side of the merge."""
    tree = Tree(tmp_path / "linux")
    tree("checkout", "-q", "-b", "side", "mm-stable~5")
    (tree.folder / "mm/a.c").write_text("of side")
    tree("commit", "-qam", "of side")
    tree("checkout", "-q", "-b", "trunk", "mm-stable~5")
    for n in (1, 2):
        (tree.folder / f"t{n}").write_text("t")
        tree("add", ".")
        tree("commit", "-qm", f"trunk {n}")
    old = tree.blob("trunk", "mm/a.c")
    tree("merge", "-q", "--no-ff", "-m", "merged", "side")
    assert tree.newest({"mm/a.c": old}, "trunk", only=True) == ("trunk 2", "trunk")
    assert tree.newest({"mm/a.c": tree.blob("trunk", "mm/a.c")}, "trunk", only=True) == ("merged", "trunk")


def test_a_remotes_branch_is_meant_by_its_name_and_a_trees_own_trunk_by_the_remotes(tree: Tree) -> None:
    rev = tree("rev-parse", "mm-stable")
    for ref in ("akpm/mm-new", "linux-next/master", "torvalds/master", "net/main"):
        tree("update-ref", f"refs/remotes/{ref}", rev)
    found = asyncio.run(commits.refs(str(tree.folder), ["mm-new", "akpm/mm-new", "next", "mainline", "net", "no"]))
    assert found == [
        ["refs/remotes/akpm/mm-new"], ["refs/remotes/akpm/mm-new"], ["refs/remotes/linux-next/master"],
        ["refs/heads/master", "refs/remotes/torvalds/master"], ["refs/remotes/net/main"], [],
    ]  # fmt: skip


def test_a_folder_has_the_ids_that_git_gives(tree: Tree) -> None:
    names = ["mm/a.c", "mm/b.c", "doc/none", "../linux/mm/a.c", "mm"]
    found = ids_below(tree.folder, dict.fromkeys(names, ""))
    for name in names[:2]:
        assert found[name] == tree.blob("master", name, 40)
    assert [found[name] for name in (names[2], names[4])] == ["", ""]
    assert ids_below(tree.folder / "mm", {"../doc/1": ""}) == {"../doc/1": ""}, "no file outside is looked at"
    assert set(ids_below(tree.folder, {"x" * 300: "", "a\0b": ""}).values()) == {""}
    at = asyncio.run(commits.ids(str(tree.folder), "master", ["mm/a.c", "none"]))
    assert at == {"mm/a.c": found["mm/a.c"], "none": ""}


def test_the_matrix_file_says_the_order_and_is_written_back(tree: Tree, tmp_path: Path) -> None:
    text = "arches: [s390x]\nworkloads: [shmem-write]\nkernels: {a: {source: mine}}\n"
    text += f"sources: {{mine: {{git: {tree.folder}, revision: master, refs: [mm-stable, mm-unstable]}}}}\n"
    (tmp_path / "matrix.yaml").write_text(text)
    matrix = matrix_file.load(tmp_path / "matrix.yaml")
    (mine,) = matrix.sources
    assert mine.options == {"refs": "mm-stable mm-unstable"}
    kind = sources.kind_of(mine)
    keys = {"git": str(tree.folder), "revision": "master", "refs": "mm-stable mm-unstable"}
    assert kind.describe(mine) == keys
    again = matrix_file.from_text(text.replace("[mm-stable, mm-unstable]", keys["refs"]), tmp_path / "matrix.yaml")
    assert again.sources == matrix.sources
    wanted = {"mm/a.c": tree.blob("mm-stable", "mm/a.c")}
    found, told = asyncio.run(kind.at_files(mine, wanted, "")) or (mine, "")
    tip = tree("rev-parse", "mm-stable")
    assert (found.revision, told) == (tip, f"{tip[:12]} of mm-stable")
    assert asyncio.run(kind.at_files(mine, {"mm/a.c": tree.blob("master", "mm/a.c")}, "mm-unstable"))
    assert asyncio.run(kind.file_ids(mine, ["mm/a.c"])) == {"mm/a.c": tree.blob("master", "mm/a.c", 40)}
