# SPDX-License-Identifier: GPL-2.0-or-later
"""Switching a shared tree between variants; what a patch that does not apply says."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from orchestrator.build import patches
from orchestrator.errors import BuildError, InfraError

PATCH = """\
--- a/mm/memory.c
+++ b/mm/memory.c
@@ -1,3 +1,3 @@
 one
-two
+TWO
 three
--- /dev/null
+++ b/mm/new.c
@@ -0,0 +1 @@
+new
--- a/old.c
+++ /dev/null
@@ -1 +0,0 @@
-old
"""


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    pristine, tree = tmp_path / "pristine", tmp_path / "tree"
    for root in (pristine, tree):
        (root / "mm").mkdir(parents=True)
    for name, text in (("mm/memory.c", "one\ntwo\nthree\n"), ("mm/other.c", "other\n"), ("old.c", "old\n")):
        (pristine / name).write_text(text)
        os.link(pristine / name, tree / name)
    return pristine, tree


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_there_and_back_leaves_the_pristine_tree_and_other_files_alone(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    pristine, tree = trees
    patch = written(tmp_path / "a.patch", PATCH)
    assert list(asyncio.run(patches.switch(pristine, tree, [patch]))) == ["mm/memory.c", "mm/new.c", "old.c"]
    assert (tree / "mm/memory.c").read_text() == "one\nTWO\nthree\n"
    assert (tree / "mm/new.c").exists() and not (tree / "old.c").exists()
    assert (pristine / "mm/memory.c").read_text() == "one\ntwo\nthree\n"
    other = (tree / "mm/other.c").stat().st_mtime_ns
    assert asyncio.run(patches.switch(pristine, tree, [patch])) == {}
    assert list(asyncio.run(patches.switch(pristine, tree, []))) == ["mm/memory.c", "mm/new.c", "old.c"]
    assert (tree / "mm/memory.c").read_text() == "one\ntwo\nthree\n"
    assert not (tree / "mm/new.c").exists() and (tree / "old.c").exists()
    assert (tree / "mm/other.c").stat().st_mtime_ns == other


def test_a_hunk_that_fails_is_named_and_shown_and_the_tree_stays(trees: tuple[Path, Path], tmp_path: Path) -> None:
    pristine, tree = trees
    bad = PATCH.replace("-two", "-deux")
    with pytest.raises(BuildError) as caught:
        asyncio.run(patches.switch(pristine, tree, [written(tmp_path / "bad.patch", bad)]))
    assert caught.value.message == "bad.patch does not apply: hunk #1 of mm/memory.c fails at line 1"
    assert "-deux\n+TWO" in caught.value.log and caught.value.kind == "patch"
    assert (tree / "mm/memory.c").read_text() == "one\ntwo\nthree\n"


def test_the_first_component_is_stripped_whatever_it_is(trees: tuple[Path, Path], tmp_path: Path) -> None:
    pristine, tree = trees
    text = PATCH.replace("a/mm", "linux-6.1/mm").replace("b/mm", "linux-6.1.new/mm")
    asyncio.run(patches.switch(pristine, tree, [written(tmp_path / "p.patch", text)]))
    assert (tree / "mm/memory.c").read_text() == "one\nTWO\nthree\n" and (tree / "mm/new.c").exists()


def test_a_patch_that_is_in_already_says_so(trees: tuple[Path, Path], tmp_path: Path) -> None:
    pristine, tree = trees
    (pristine / "mm/memory.c").unlink()
    (pristine / "mm/memory.c").write_text("one\nTWO\nthree\n")
    one = PATCH[: PATCH.index("--- /dev/null")]
    with pytest.raises(BuildError, match=r"in\.patch is applied already"):
        asyncio.run(patches.switch(pristine, tree, [written(tmp_path / "in.patch", one)]))


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/../../../x"])
def test_a_patch_cannot_leave_the_tree(trees: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    text = f"--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-a\n+b\n"
    with pytest.raises(BuildError, match="outside"):
        asyncio.run(patches.switch(*trees, [written(tmp_path / "evil.patch", text)]))


def new_file(name: str, content: str, mode: str) -> str:
    head = (
        f"diff --git a/{name} b/{name}\nnew file mode {mode}\nindex 0000000..48980ad\n--- /dev/null\n+++ b/{name}\n"
    )
    return f"{head}@@ -0,0 +1 @@\n+{content}\n\\ No newline at end of file\n"


@pytest.mark.parametrize("target", ["{folder}/secret", "../../secret", "gone", "memory.c"])
def test_a_link_is_refused_wherever_it_leads(trees: tuple[Path, Path], tmp_path: Path, target: str) -> None:
    (tmp_path / "secret").write_text("secret\n")
    evil = written(tmp_path / "evil.patch", new_file("mm/x", target.format(folder=tmp_path), "120000"))
    with pytest.raises(BuildError, match=r"evil\.patch: mm/x is a symbolic link") as raised:
        asyncio.run(patches.switch(*trees, [evil]))
    assert raised.value.kind == "patch" and not (trees[1] / "mm/x").exists()


def test_nothing_is_made_behind_a_link_of_an_earlier_patch(trees: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    link = written(tmp_path / "1.patch", new_file("mm/x", str(tmp_path / "out"), "120000"))
    below = written(tmp_path / "2.patch", new_file("mm/x/sub/y.h", "evil", "100644"))
    both = written(tmp_path / "both.patch", link.read_text() + below.read_text())
    for series in ([link, below], [both]):
        with pytest.raises(BuildError):
            asyncio.run(patches.switch(*trees, series))
        assert not list((tmp_path / "out").iterdir()) and not (trees[1] / "mm/x").exists()


@pytest.mark.parametrize("name", ["link.c", "links/memory.c", "links/new.c"])
def test_a_link_of_the_source_is_not_followed(trees: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    for root in trees:
        (root / "link.c").symlink_to("mm/memory.c")
        (root / "links").symlink_to("mm")
    text = new_file(name, "new", "100644") if "new" in name else PATCH.replace("mm/memory.c", name)
    with pytest.raises(BuildError, match=rf"p\.patch: {name.partition('/')[0]} is a symbolic link"):
        asyncio.run(patches.switch(*trees, [written(tmp_path / "p.patch", text)]))
    assert (trees[1] / "mm/memory.c").read_text() == "one\ntwo\nthree\n" and (trees[1] / "link.c").is_symlink()


def test_without_its_source_a_tree_is_left_alone(trees: tuple[Path, Path], tmp_path: Path) -> None:
    pristine, tree = trees
    patch = written(tmp_path / "one.patch", PATCH)
    asyncio.run(patches.switch(pristine, tree, [patch]))
    before = (tree / "mm/memory.c").read_text()
    shutil.rmtree(pristine)
    with pytest.raises(InfraError, match="is not there"):
        asyncio.run(patches.switch(pristine, tree, []))
    assert (tree / "mm/memory.c").read_text() == before


def test_a_binary_change_is_refused(trees: tuple[Path, Path], tmp_path: Path) -> None:
    text = "diff --git a/mm/a.bin b/mm/a.bin\nindex 1..2 100644\nBinary files a/mm/a.bin and b/mm/a.bin differ\n"
    with pytest.raises(BuildError, match=r"one.patch has a binary change: Binary files a/mm/a.bin"):
        asyncio.run(patches.switch(*trees, [written(tmp_path / "one.patch", PATCH + text)]))


def test_an_empty_patch_is_refused(trees: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no change"):
        asyncio.run(patches.switch(*trees, [written(tmp_path / "no.patch", "Hello.\n")]))


QUOTED = """\
mm: do more

Before, it was

  --- a/mm/memory.c
  +++ b/mm/memory.c
  @@ -1,3 +1,3 @@
   one
  -deux
  +zwei
   three

  diff --git a/mm/other.c b/mm/other.c
  --- a/mm/other.c
  +++ b/mm/other.c
  @@ -1 +1 @@
  -other
  +else
---
"""


def test_a_diff_that_the_words_quote_is_not_applied(trees: tuple[Path, Path], tmp_path: Path) -> None:
    pristine, tree = trees
    assert list(asyncio.run(patches.switch(pristine, tree, [written(tmp_path / "q.patch", QUOTED + PATCH)]))) == [
        "mm/memory.c",
        "mm/new.c",
        "old.c",
    ]
    assert (tree / "mm/memory.c").read_text() == "one\nTWO\nthree\n"


def test_a_malformed_patch_is_told_with_its_own_line_number(trees: tuple[Path, Path], tmp_path: Path) -> None:
    bad = QUOTED + PATCH.replace("@@ -1,3 +1,3 @@", "@@ -1,3 +1,2 @@")
    line = bad.splitlines().index("--- /dev/null")  # the last one of the hunk before, counted from 1
    with pytest.raises(BuildError) as caught:
        asyncio.run(patches.switch(*trees, [written(tmp_path / "bad.patch", bad)]))
    assert f"malformed patch at line {line}" in caught.value.log


def test_bytes_that_are_no_utf8_and_cr_in_a_file_stay(trees: tuple[Path, Path], tmp_path: Path) -> None:
    pristine, tree = trees
    (pristine / "mm/memory.c").unlink()
    (pristine / "mm/memory.c").write_bytes(b"\xe9\r\ntwo\r\n")
    diff = b"--- a/mm/memory.c\n+++ b/mm/memory.c\n@@ -1,2 +1,2 @@\n \xe9\r\n-two\r\n+\xff\r\n"
    (tmp_path / "a.patch").write_bytes(diff)
    asyncio.run(patches.switch(pristine, tree, [tmp_path / "a.patch"]))
    assert (tree / "mm/memory.c").read_bytes() == b"\xe9\r\n\xff\r\n"


def test_a_change_of_mode_comes_and_goes(trees: tuple[Path, Path], tmp_path: Path) -> None:
    pristine, tree = trees
    text = "diff --git a/mm/other.c b/mm/other.c\nold mode 100644\nnew mode 100755\n"
    assert list(asyncio.run(patches.switch(pristine, tree, [written(tmp_path / "m.patch", text)]))) == ["mm/other.c"]
    assert (tree / "mm/other.c").stat().st_mode & 0o100 and not (pristine / "mm/other.c").stat().st_mode & 0o100
    assert list(asyncio.run(patches.switch(pristine, tree, []))) == ["mm/other.c"]
    assert not (tree / "mm/other.c").stat().st_mode & 0o100


def test_empty_files_come_and_go(trees: tuple[Path, Path], tmp_path: Path) -> None:
    pristine, tree = trees
    (pristine / "gone.h").touch()
    (tree / "gone.h").touch()
    text = "diff --git a/mm/new.h b/mm/new.h\nnew file mode 100644\nindex 0000000..e69de29\n"
    text += "diff --git a/gone.h b/gone.h\ndeleted file mode 100644\nindex e69de29..0000000\n"
    asyncio.run(patches.switch(pristine, tree, [written(tmp_path / "e.patch", text)]))
    assert (tree / "mm/new.h").read_bytes() == b"" and not (tree / "gone.h").exists()


def test_a_new_file_whose_name_git_quotes_is_there(trees: tuple[Path, Path], tmp_path: Path) -> None:
    pristine, tree = trees
    name = '"b/mm/caf\\303\\251.h"'
    head = f"diff --git {name.replace('b/', 'a/')} {name}\nnew file mode 100644\n--- /dev/null\n+++ {name}\n"
    text = f"{head}@@ -0,0 +1 @@\n+x\n"
    asyncio.run(patches.switch(pristine, tree, [written(tmp_path / "q.patch", text)]))
    assert (tree / "mm/café.h").read_text() == "x\n"
    asyncio.run(patches.switch(pristine, tree, []))
    assert not (tree / "mm/café.h").exists()
