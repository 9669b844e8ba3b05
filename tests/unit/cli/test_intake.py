# SPDX-License-Identifier: GPL-2.0-or-later
"""What check says of its patch before anything starts, what it does with one that does not apply, and what of that is
kept. Nothing is built or booted."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.config import matrix_file
from orchestrator.errors import ConfigError
from orchestrator.runs import load
from orchestrator.runs.folder import RunFolder

MATRIX = """\
arches: [s390x]
workloads: [shmem-write]
sources: {old: {git: old}, new: {git: new}}
kernels: {base: {source: old}}
ccache_gib: 50
"""
WALK = "int walk(void)\n{\n\tint page;\n\n\tstart();\n\n\t/* needs to be aligned */\n\tif (bad())\n\t\treturn 1;\n}\n"
LOCK = "#include <linux/fs.h>\n#include <linux/mm.h>\n#include <linux/swap.h>\n"
MAKEFILE = "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\n"
FUZZY = """\
diff --git a/mm/walk.c b/mm/walk.c
index 000000000000..000000000000 100644
--- a/mm/walk.c
+++ b/mm/walk.c
@@ -3,6 +3,7 @@
 \tint page;
\x20
 \tstart();
+\tbarrier();
\x20
 \t/* must be aligned */
 \tif (bad())
"""
HALF = """\
--- a/mm/walk.c
+++ b/mm/walk.c
@@ -3,7 +3,6 @@
 \tint page;
\x20
 \tstart();
-\tgone();
\x20
 \t/* needs to be aligned */
 \tif (bad())
--- a/mm/lock.c
+++ b/mm/lock.c
@@ -1,3 +1,4 @@
 #include <linux/fs.h>
 #include <linux/mm.h>
+/* second */
 #include <linux/swap.h>
--- a/mm/lost.c
+++ b/mm/lost.c
@@ -1,2 +1,3 @@
 int lost;
+int found;
 int more;
"""
SENT = "From: A Developer <a@example.org>\nDate: Mon, 02 Nov 2026 10:00:00 +0000\nMessage-Id: <{}>\nSubject: {}\n\n"


def tree(folder: Path, **files: str) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgSign=false"]
        subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True)

    (folder / "mm").mkdir(parents=True)
    (folder / "Makefile").write_text(MAKEFILE)
    for name, text in files.items():
        (folder / f"mm/{name}.c").write_text(text)
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "base")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unmeasured: None) -> Path:
    """Two sources, of which the newer one has another comment; measuring stops when the run is written down."""

    monkeypatch.chdir(tmp_path)
    tree(tmp_path / "old", walk=WALK, lock=LOCK)
    tree(tmp_path / "new", walk=WALK.replace("needs to be", "must be"), lock=LOCK)
    Path("matrix.yaml").write_text(MATRIX)
    Path("fuzzy.patch").write_text(FUZZY)
    Path("half.patch").write_text(HALF)
    return tmp_path


def checked(*words: str, out: str = "run") -> Result:
    done = CliRunner().invoke(app, ["check", *words, "--out", out])
    if isinstance(done.exception, ConfigError):
        raise done.exception
    assert done.exit_code == 0, done.output
    assert matrix_file.load(Path(out, "inputs/matrix.yaml")).ccache_gib == 50, "as the file says"
    return done


def kept(out: str = "run") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(out, "taken.json").read_text())
    return found


def patches(out: str = "run") -> Sequence[Path]:
    kernels = {kernel.name: kernel for kernel in matrix_file.load(Path(out, "inputs/matrix.yaml")).kernels}
    return kernels["patched"].patches


def test_what_was_understood_is_told_first_and_kept() -> None:
    text = SENT.format("p2@example.org", "[PATCH v3 2/3] mm: do \x1b[31mless") + FUZZY
    Path("p.patch").write_text(text.replace("must be", "needs to be"))
    done = checked("p.patch")
    who = "A Developer <a@example.org>, 2026-11-02, <p2@example.org>"
    assert done.stderr.splitlines()[1:] == [
        f'patch: "mm: do [31mless", v3, 1 of 3 parts, {who}',
        "1/3 and 3/3 of the series were not given",
    ]
    assert done.stdout == "applies to old: yes\n"
    (row,) = kept()["series"]
    assert (row["version"], row["author"], row["date"]) == ("v3", "A Developer <a@example.org>", "2026-11-02")
    assert kept()["notes"] == ["1/3 and 3/3 of the series were not given"] and kept()["left_out"] == []
    assert load.matrix_of(RunFolder(Path("run")))["taken"] == kept(), "reports have it"


def test_a_series_can_be_picked() -> None:
    mails = [f"From a Mon Sep 17 2001\n{SENT.format(name, '[PATCH] mm: ' + name)}{HALF}\n" for name in ("one", "two")]
    Path("t.mbox").write_text("".join(mails))
    with pytest.raises(ConfigError, match="there are 2 series in it"):
        checked("t.mbox")
    done = checked("t.mbox", "--series", "two")
    assert '"mm: two"' in done.stderr and 'left out: "[PATCH] mm: one" (A Developer, 2026-11-02)' in done.stderr


def test_fuzz_is_named_where_it_would_do_and_taken_where_it_is_asked_for() -> None:
    done = checked("fuzzy.patch")
    assert [" ".join(line.split()) for line in done.stdout.splitlines()[:4]] == [
        "applies to old: no: 0001-fuzzy.patch does not apply: hunk #1 of mm/walk.c fails at line 3; "
        "it would apply with fuzz 1 (--fuzz 1)",
        "mm/walk.c hunk #1 (line 3): fails; would apply at line 3 with fuzz 1",
        "patch: /* must be aligned */",
        "source: /* needs to be aligned */",
    ]
    assert json.loads(Path("run/plan.json").read_text())["select"] == ["*/patched/*"]
    done = checked("fuzzy.patch", "--fuzz", "1", out="fuzz")
    told = "0001-fuzzy.patch: hunk #1 of mm/walk.c (line 3) applied at line 3 with fuzz 1"
    assert done.stdout.splitlines() == [told, "applies to old: yes"]
    assert (kept("fuzz")["fuzz"], kept("fuzz")["adapted"]) == (1, [told])
    (patch,) = patches("fuzz")
    assert "needs to be aligned" in patch.read_text() and "+\tbarrier();" in patch.read_text()
    assert Path("fuzz/given/0001-fuzzy.patch").read_text() == FUZZY
    report = load.of_folder(RunFolder(Path("fuzz")))
    assert "--fuzz 1" in report.reproduce and report.reproduce.endswith(" 0001-fuzzy.patch")


def test_fuzz_that_is_not_needed_changes_nothing() -> None:
    done = checked("fuzzy.patch", "--base", "new", "--fuzz", "3", "--partial")
    assert done.stdout == "applies to new: yes\n" and not Path("run/given").exists()
    assert kept()["adapted"] == [] and kept()["fuzz"] == 3 and patches()[0].read_text() == FUZZY


def test_another_source_that_is_here_is_named_where_it_would_apply() -> None:
    checked("fuzzy.patch", "--base", "new", out="there")
    done = checked("fuzzy.patch")
    assert "it applies to new (Linux 6.1.7): --base new" in done.stdout.splitlines()
    assert kept()["notes"] == ["it applies to new (Linux 6.1.7): --base new"]


def test_of_a_half_it_is_told_what_is_there_and_partial_takes_the_rest() -> None:
    done = checked("half.patch")
    assert done.stdout.splitlines()[:3] == [
        "applies to old: no: 0001-half.patch does not apply: hunk #1 of mm/lost.c fails at line 1; "
        "1 of 3 hunks is in the source already",
        "  mm/walk.c hunk #1 (line 3): is in the source already, at line 3",
        "  mm/lost.c hunk #1 (line 1): fails: the file is not there",
    ]
    done = checked("half.patch", "--partial", out="part")
    told = [
        "0001-half.patch: hunk #1 of mm/walk.c (line 3) left out: the source has it already",
        "0001-half.patch: hunk #1 of mm/lost.c (line 1) left out: it does not apply",
    ]
    assert done.stdout.splitlines() == [*told, "applies to old: yes"]
    assert kept("part")["partial"] and kept("part")["adapted"] == told
    (patch,) = patches("part")
    assert "+/* second */" in patch.read_text() and "gone" not in patch.read_text()
    assert "--partial" in load.of_folder(RunFolder(Path("part"))).reproduce


@pytest.mark.parametrize(
    ("cut", "way"),
    [
        ("", "kmatrix check --partial goes on with what applies, --partial --fuzz 1 with more of it"),
        ("mm/lock.c", "kmatrix check --partial --fuzz 1 goes on with what applies so"),
    ],
)
def test_the_way_on_that_is_named_is_one(cut: str, way: str) -> None:
    """Half of it is there, a hunk has another line of context; nothing applies as it stands, or a hunk does."""
    lock = HALF[HALF.index("--- a/mm/lock.c") : HALF.index("--- a/mm/lost.c")]
    away = FUZZY.partition("100644\n")[2].replace("barrier", "mb")
    Path("x.patch").write_text(
        HALF[: HALF.index("--- a/mm/lock.c")] + ("" if cut else lock) + away.replace("@@ -3,6", "@@ -2,6")
    )
    said = checked("x.patch").stdout
    assert said.splitlines()[-1].endswith(f"; {way}"), said
    for words in re.findall(r"--partial(?: --fuzz \d)?", way):
        assert checked("x.patch", *words.split(), out=words).stdout.endswith("applies to old: yes\n")


def test_where_nothing_of_it_applies_partial_is_no_way_on() -> None:
    Path("lost.patch").write_text(HALF[HALF.index("--- a/mm/lost.c") :])
    done = checked("lost.patch", "--partial")
    assert done.stdout.startswith("applies to old: no: ") and kept()["adapted"] == []


def test_a_patch_of_a_series_that_is_there_already_is_left_out_by_partial() -> None:
    first = HALF[: HALF.index("--- a/mm/lock.c")]
    second = HALF[HALF.index("--- a/mm/lock.c") : HALF.index("--- a/mm/lost.c")]
    Path("1.patch").write_text(SENT.format("1", "[PATCH 1/2] mm: gone") + first)
    Path("2.patch").write_text(SENT.format("2", "[PATCH 2/2] mm: second") + second)
    checked("1.patch", "2.patch", "--partial")
    assert [path.name for path in patches()] == ["0002-mm-second.patch"]
    assert kept()["adapted"] == ["0001-mm-gone.patch: left out: the source has all of it already"]
    assert load.of_folder(RunFolder(Path("run"))).reproduce.endswith("0001-mm-gone.patch 0002-mm-second.patch")
