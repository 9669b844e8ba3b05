# SPDX-License-Identifier: GPL-2.0-or-later
"""Where hunks fit in a source: what patch(1) does, and what it does not say."""

from __future__ import annotations

import difflib
import random
import subprocess
from pathlib import Path

import pytest

from orchestrator.series import diff
from orchestrator.series.fit import Fit, Fitted, fitted, tell

SOURCE = """\
int walk(unsigned long start)
{
\tunsigned char *page;

\tstart = rounded(start);

\t/* needs to be aligned */
\tif (start & MASK)
\t\treturn -EINVAL;
\treturn 0;
}
"""
HEAD = "diff --git a/mm/walk.c b/mm/walk.c\nindex 47e89cf37062..a0e1c333b517 100644\n"
NAMES = "--- a/mm/walk.c\n+++ b/mm/walk.c\n"
HUNK = """\
@@ -3,6 +3,7 @@
 \tunsigned char *page;
\x20
 \tstart = rounded(start);
+\tbarrier();
\x20
 \t/* needs to be aligned */
 \tif (start & MASK)
"""


def fit(text: str, source: str | dict[str, str] = SOURCE, fuzz: int = 3) -> Fitted:
    files = {"mm/walk.c": source} if isinstance(source, str) else source
    return fitted(diff.bare(text), files.get, fuzz, lambda _: files)


def test_a_hunk_of_which_a_line_of_context_differs_would_apply_with_fuzz() -> None:
    """Wherever in the context it is."""
    text = HEAD + NAMES + HUNK.replace("needs to be", "must be")
    found = fit(text)
    assert found.would_do == 1 and fit(text, fuzz=0).places[0].fit is Fit.FAILS
    assert tell(found.places) == [
        "mm/walk.c hunk #1 (line 3): fails; would apply at line 3 with fuzz 1",
        "    patch:  \t/* must be aligned */",
        "    source: \t/* needs to be aligned */",
    ]
    assert "+\tbarrier();" in found.text and "needs to be aligned" in found.text
    two = fit(text.replace("rounded(start)", "round(start)"))
    assert two.would_do == 2
    assert fit(HEAD + NAMES + HUNK.replace(" \t", " \tno ")).places[0].fit is Fit.FAILS


HALF = """\
--- a/mm/walk.c
+++ b/mm/walk.c
@@ -3,7 +3,6 @@
 \tunsigned char *page;
\x20
 \tstart = rounded(start);
-\tgone();
\x20
 \t/* needs to be aligned */
 \tif (start & MASK)
--- a/mm/lock.c
+++ b/mm/lock.c
@@ -1,5 +1,6 @@
 #include <linux/no-such.h>
 #include <linux/nothing.h>
 #include <linux/mm.h>
+/* second */
 #include <linux/nowhere.h>
 #include <linux/lost.h>
"""


def test_of_half_that_is_there_it_is_told_which() -> None:
    lock = "#include <linux/fs.h>\n#include <linux/mm.h>\n#include <linux/swap.h>\n"
    found = fit(HALF, {"mm/walk.c": SOURCE, "mm/lock.c": lock})
    assert [(place.file, place.fit) for place in found.places] == [
        ("mm/walk.c", Fit.THERE),
        ("mm/lock.c", Fit.FAILS),
    ]
    assert found.would_do == 0 and not found.text
    assert tell(found.places)[0] == "mm/walk.c hunk #1 (line 3): is in the source already, at line 3"


def test_the_place_that_is_most_like_it_is_named() -> None:
    moved = SOURCE.replace("\tstart = rounded(start);", "\tstart = rounded(start);\n\n\tlock(start);\n\tmore();")
    text = NAMES + HUNK.replace("+\tbarrier", "-\tunlock(start);\n+\tbarrier").replace("-3,6", "-3,7")
    (place,) = fit(text, "/* words */\n" * 40 + moved).places
    assert place.fit is Fit.FAILS and place.like
    assert (place.like.file, place.like.line, place.like.same, place.like.of) == ("mm/walk.c", 43, 6, 7)
    assert "most like it: line 43, where 6 of 7 lines are the same" in tell([place])[0]
    (elsewhere,) = fit(text, {"mm/walk.c": "int x;\n", "mm/other.c": moved}).places
    assert "most like it: mm/other.c line 3" in tell([elsewhere])[0]
    (nowhere,) = fit(text, {"mm/other.c": "int x;\n"}).places
    assert tell([nowhere]) == ["mm/walk.c hunk #1 (line 3): fails: the file is not there"]


def test_white_space_that_a_mailer_changed_is_told() -> None:
    (place,) = fit(NAMES + HUNK.replace("\t", "    ")).places
    assert "only white space differs: the mail may be damaged" in tell([place])[0]


def test_a_last_line_without_its_end_is_whole(tmp_path: Path) -> None:
    (tmp_path / "mm").mkdir()
    (tmp_path / "mm/walk.c").write_text(SOURCE)
    assert patched(tmp_path, diff.bare((HEAD + NAMES + HUNK).rstrip("\n")), 0)


def test_files_that_come_and_go_are_told_when_they_have() -> None:
    new = "--- /dev/null\n+++ b/mm/new.c\n@@ -0,0 +1 @@\n+int x;\n"
    gone = "--- a/mm/gone.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-int x;\n"
    assert [place.fit for place in fit(new + gone, {"mm/new.c": "int x;\n"}).places] == [Fit.THERE, Fit.THERE]
    assert [place.fit for place in fit(new + gone, {"mm/gone.c": "int x;\n"}).places] == [Fit.APPLIES, Fit.APPLIES]
    assert tell(fit(new, {"mm/new.c": "int y;\n"}).places)[0].endswith(
        "fails: the file is there already, and is another"
    )


@pytest.mark.parametrize("index", ["000000000000..000000000000", "0000000..a0e1c333b517", "47e89cf37062..0000000"])
def test_an_index_line_of_zeros_is_left_out_of_a_change(index: str, tmp_path: Path) -> None:
    """patch(1) would take the file for one that is not there."""
    text = HEAD.replace("47e89cf37062..a0e1c333b517", index) + NAMES + HUNK
    assert index not in diff.bare(text) and diff.bare(text).count("\n") == text.count("\n")
    (tmp_path / "mm").mkdir()
    (tmp_path / "mm/walk.c").write_text(SOURCE)
    assert patched(tmp_path, diff.bare(text), 0)
    assert "barrier" in (tmp_path / "mm/walk.c").read_text()
    for kept in ("new file mode 100644", "deleted file mode 100644"):
        whole = f"diff --git a/mm/e.h b/mm/e.h\n{kept}\nindex 0000000..e69de29\n"
        assert diff.bare(whole) == whole


@pytest.mark.parametrize(
    ("old", "new", "file"),
    [
        ("linux-6.1/mm/x.c~", "linux-6.1/mm/x.c", "mm/x.c"),
        ("a/mm/x.c~mm-do-less", "a/mm/x.c", "mm/x.c"),
        ("linux/mm/x.c.orig", "linux/mm/x.c", "mm/x.c"),
        ("a/mm/x.c", "b/mm/x.c.new", "mm/x.c"),
        ("a/mm/x.c\t2026-11-02 10:00:00.0 +0000", "b/mm/x.c\t2026-11-02 10:01:00.0 +0000", "mm/x.c"),
        ("a/mm/x.c 2026-11-02 10:00:00", "b/mm/x.c 2026-11-02 10:01:00", "mm/x.c"),
        ('"a/mm/caf\\303\\251.c"', '"b/mm/caf\\303\\251.c"', "mm/café.c"),
        ("/dev/null", "b/mm/x.c", "mm/x.c"),
        ("a/mm/x.c", "/dev/null", "mm/x.c"),
    ],
)
def test_two_names_of_a_file_are_one_file(old: str, new: str, file: str) -> None:
    text = f"--- {old}\n+++ {new}\n@@ -1,2 +1,2 @@\n a\n--- a/no.c\n+++ b/no.c\n"
    assert diff.touched(text) == {file}, "what a hunk removes and adds is no name"
    assert [hunk.file for hunk in diff.hunks(text)] == [file]


def patched(folder: Path, text: str, fuzz: int) -> bool:
    command = ["patch", "-p1", f"--fuzz={fuzz}", "--forward", "--no-backup-if-mismatch", "--batch", "-d", str(folder)]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    return done.returncode == 0


def some_lines(draw: random.Random, many: int) -> list[str]:
    """Some of them the same, as braces and blank lines are."""
    words = ("", "}", "\treturn 0;", "\tlock(page);", "{")
    return [draw.choice(words) if draw.random() < 0.2 else f"\tstep({draw.randrange(200)});" for _ in range(many)]


def changed(draw: random.Random, lines: list[str], often: float) -> list[str]:
    made = []
    for line in lines:
        chance = draw.random()
        made += [] if chance < often / 3 else [line] if chance > often else [line + " /**/"]
        made += [f"\tmore({draw.randrange(99)});"] if draw.random() < often / 2 else []
    return made


def anywhere(piece: diff.Piece, fuzz: int) -> bool:
    """Nothing of it is left that would have to be in the source."""
    return len([line for line in piece.lines if line.sign == " "]) <= 2 * fuzz and not any(
        line.sign == "-" for line in piece.lines
    )


@pytest.mark.parametrize("seed", range(24))
def test_what_patch_applies_fits_and_what_fits_is_applied(seed: int, tmp_path: Path) -> None:
    """For random files, changes and sources: at no fuzz the two agree, with fuzz what patch(1) takes fits, too; and
    the diff that is made of what fits is applied without any."""
    draw = random.Random(seed)
    before = some_lines(draw, draw.randrange(3, 40))
    after, source = changed(draw, before, 0.15), changed(draw, before, 0.08)
    names = ("a/mm/x.c", "b/mm/x.c")
    text = "\n".join(difflib.unified_diff(before, after, *names, lineterm="", n=draw.choice((1, 3)))) + "\n"
    content = "".join(f"{line}\n" for line in source)
    (tmp_path / "mm").mkdir()
    for fuzz in range(4 if text.strip() else 0):
        found = fitted(text, {"mm/x.c": content}.get, fuzz)
        ours = all(place.fit in (Fit.APPLIES, Fit.FUZZ) for place in found.places)
        (tmp_path / "mm/x.c").write_text(content)
        theirs = patched(tmp_path, text, fuzz)
        loose = any(anywhere(piece, fuzz) for section in diff.sections(text) for piece in section.pieces)
        assert (ours >= theirs or loose) and (fuzz or ours == theirs), (fuzz, text, content)
        if ours:
            (tmp_path / "mm/x.c").write_text(content)
            assert patched(tmp_path, found.text + "\n", 0), (fuzz, text, content)
