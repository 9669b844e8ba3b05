# SPDX-License-Identifier: GPL-2.0-or-later
"""From the words of check to the author's base and the patches before his: sources are small, nothing is built."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.config import matrix_file
from orchestrator.errors import ConfigError
from orchestrator.model import Matrix
from orchestrator.report.parts import taken
from orchestrator.report.parts.author import author_lines
from orchestrator.runs import load
from orchestrator.runs.folder import RunFolder

MAKEFILE = "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\n"
LINES = [f"int line_{n};" for n in range(40)]
MATRIX = """\
arches: [s390x]
workloads: [shmem-write]
sources:
  first: {{tarball: {here}/first.tar}}
  second: {{tarball: {here}/second.tar}}
  mine: {{git: {here}/linux}}
kernels: {{base: {{source: first}}}}
"""


class House:
    """Two tarballs and a git tree; first has the tree's files as of its first commit, second with another mm/b.c."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git_folder = path / "linux"
        (self.git_folder / "mm").mkdir(parents=True)
        self.git("init", "-q", "-b", "master")
        self.write("Makefile", MAKEFILE)
        for name in ("a", "b"):
            self.write(f"mm/{name}.c", "\n".join(LINES) + "\n")
        self.first = self.commit("first")
        self.tar("first")
        old = (self.git_folder / "mm/b.c").read_text()
        self.write("mm/b.c", old.replace("line_39", "other"))
        self.tar("second")
        self.write("mm/b.c", old)

    def git(self, *words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgSign=false"]
        command = ["git", "-C", str(self.git_folder), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, name: str, text: str) -> None:
        (self.git_folder / name).write_text(text)

    def edit(self, name: str, line: int, to: str) -> None:
        old = (self.git_folder / name).read_text()
        assert f"line_{line};" in old
        self.write(name, old.replace(f"line_{line};", f"line_{line}; {to}"))

    def commit(self, title: str) -> str:
        self.git("add", ".")
        self.git("commit", "-qm", title)
        return self.git("rev-parse", "HEAD")

    def tar(self, name: str) -> None:
        with tarfile.open(self.path / f"{name}.tar", "w") as out:
            for file in ("Makefile", "mm/a.c", "mm/b.c"):
                out.add(self.git_folder / file, f"linux/{file}")

    def patches(self, since: str, *options: str, to: str = "sent") -> list[Path]:
        self.git("format-patch", *options, "-o", str(self.path / to), f"{since}..")
        return sorted((self.path / to).iterdir())

    def check(self, *words: str | Path) -> tuple[Matrix, RunFolder, list[str], str]:
        """(what would be run, its folder, what was said of the base, whether it applies)."""
        (self.path / "matrix.yaml").write_text(MATRIX.format(here=self.path))
        run = self.path / f"run-{len(list(self.path.glob('run-*')))}"
        options = ["--config", str(self.path / "matrix.yaml"), "--out", str(run)]
        done = CliRunner().invoke(app, ["check", *map(str, words), *options])
        assert done.exit_code == 0, f"{done.output} {done.exception!r}"
        said = [line for line in done.stderr.splitlines() if not line.startswith(("matrix:", "patch:"))]
        return matrix_file.load(run / "inputs/matrix.yaml"), RunFolder(run), said, done.stdout.strip()


@pytest.fixture
def house(tmp_path: Path, unmeasured: None) -> House:
    return House(tmp_path)


def sources(matrix: Matrix) -> set[tuple[str, str]]:
    return {(kernel.source.name, kernel.source.revision) for kernel in matrix.kernels}


def test_a_patch_without_base_commit_finds_its_commit_by_blobs(house: House) -> None:
    house.edit("mm/a.c", 3, "/* before */")
    base = house.commit("before")
    house.edit("mm/b.c", 3, "/* beside */")
    house.edit("mm/a.c", 20, "/* the change */")
    house.commit("mm: the change")
    (patch,) = house.patches("HEAD~1")
    house.git("reset", "-q", "--hard", base)
    matrix, run, said, applies = house.check(patch)
    assert sources(matrix) == {("mine", base)} and applies == "applies to mine: yes"
    assert said == [
        f"mine at {base[:12]} of master: the newest commit with all files as the author had them; it is the base",
        "mine: 2 of 2 files are byte for byte those that the author had",
    ]
    assert author_lines(load.load(run.path).report) == said, "and every report has it"


def test_of_known_sources_the_one_that_fits_best_is_taken_and_why(house: House) -> None:
    """No commit has both files; second, which is here, has one more of them than first."""
    house.write("mm/b.c", (house.git_folder / "mm/b.c").read_text().replace("line_39", "other"))
    house.edit("mm/a.c", 39, "/* of nobody */")
    house.commit("away")
    for name in "ab":
        house.edit(f"mm/{name}.c", 5, "/* the change */")
    house.commit("mm: the change")
    (patch,) = house.patches("HEAD~1")
    house.git("checkout", "-q", "--orphan", "new", house.first)
    house.git("branch", "-D", "master")
    house.git("reflog", "expire", "--expire=now", "--all")
    house.git("gc", "-q", "--prune=now")
    house.git("commit", "-qm", "first")
    house.check("--base", "second", patch)  # from now on it is here
    matrix, _, said, applies = house.check(patch)
    assert sources(matrix) == {("second", "")} and applies == "applies to second: yes"
    assert said == [
        "second is the base: more of it is as the author had it than of others (first: 0, mine: 0)",
        "second: 1 of 2 files are byte for byte those that the author had; mm/a.c is not",
    ]
    matrix, _, said, _ = house.check("--base", "first", patch)
    assert sources(matrix) == {("first", "")}, "a person's word counts"
    assert said == ["first: 0 of 2 files are byte for byte those that the author had; mm/a.c, mm/b.c are not"]


def test_a_base_that_is_not_there_is_told_with_the_files_that_differ(house: House) -> None:
    house.edit("mm/a.c", 20, "/* the change */")
    house.commit("mm: the change")
    (patch,) = house.patches("HEAD~1", "--subject-prefix=PATCH mm-new")
    text = patch.read_text().replace("\n-- \n", f"\nbase-commit: {'0' * 39}1\n-- \n")
    index = text.partition("index ")[2][:7]
    patch.write_text(text.replace(f"index {index}", "index 1234567"))
    matrix, _, said, _ = house.check(patch)
    assert sources(matrix) == {("first", "")}
    assert said == [
        "first: mm/a.c is not byte for byte that of the author",
        f"no git source has its base-commit {'0' * 39}1",
        "not here, and not looked at: second (--base takes one)",
        "its subject names mm-new: no git source has a commit of it with all files as the author had them",
    ]


def test_a_tree_that_is_none_costs_a_note_and_no_check(house: House) -> None:
    house.edit("mm/a.c", 20, "/* the change */")
    house.commit("mm: the change")
    (patch,) = house.patches("HEAD~1")
    shutil.rmtree(house.git_folder / ".git")
    matrix, _, said, applies = house.check(patch)
    assert sources(matrix) == {("first", "")} and applies == "applies to first: yes"
    assert said[0] == "first: the file is byte for byte that of the author"
    assert said[1].startswith("mine was not looked at for the author's base: git cat-file in ")


def prerequisites(house: House) -> tuple[list[Path], str]:
    """Two patches that others must take first, one of the author's; and the base of all."""
    base = house.git("rev-parse", "HEAD")
    house.edit("mm/a.c", 5, "/* needed */")
    house.commit("mm: needed first")
    house.edit("mm/a.c", 7, "/* needed, too */")
    house.commit("mm: needed second")
    house.edit("mm/a.c", 6, "/* the change */")
    house.commit("mm: the change")
    needed = house.patches(base, "-3", to="all")
    (mine,) = house.patches("HEAD~1", f"--base={base}")
    house.git("reset", "-q", "--hard", base)
    assert mine.read_text().count("prerequisite-patch-id: ") == 2
    return [*needed[:2], mine], base


def files(matrix: Matrix, name: str) -> list[str]:
    (kernel,) = (kernel for kernel in matrix.kernels if kernel.name == name)
    return [path.read_text().partition("\n")[0].removeprefix("Subject: ") for path in kernel.patches]


NEEDED = ["mm: needed first", "mm: needed second"]


@pytest.mark.parametrize("place", ["folder", "mbox", "mbox, others first"])
def test_prerequisites_are_applied_first_wherever_they_lie(house: House, place: str) -> None:
    (one, two, mine), base = prerequisites(house)
    if place == "folder":
        (mine.parent / "x.mbox").write_text(two.read_text() + "\n" + one.read_text())
        given = mine
    else:
        given = house.path / "all.mbox"
        order = (mine, one, two) if place == "mbox" else (two, one, mine)
        texts = [re.sub(r"\[PATCH [12]/3\]", "[PATCH]", path.read_text()) for path in order]
        given.write_text("\n".join(texts))
    matrix, run, said, applies = house.check(given)
    assert files(matrix, "unpatched") == NEEDED and files(matrix, "patched") == [*NEEDED, "mm: the change"]
    assert sources(matrix) == {("mine", base)} and applies == "applies to mine: yes"
    assert said == [
        f"mine at {base[:12]}: its base-commit; it is the base",
        "mine: the file is byte for byte that of the author",
        "its prerequisites come first: mm: needed first, mm: needed second",
    ]
    assert [path.name[5:] for path in sorted((run.path / "prerequisites").iterdir())] == [
        "mm-needed-first.patch", "mm-needed-second.patch",
    ]  # fmt: skip
    assert "prerequisites" not in load.load(run.path).reproduce


def threaded(path: Path, id: str, tags: str = "PATCH", to: str = "") -> str:
    """The mail with a Message-Id, other tags, and what it answers."""
    answers = f"In-Reply-To: <{to}>\n" if to else ""
    text = path.read_text().replace("\nSubject:", f"\nMessage-Id: <{id}>\n{answers}Subject:", 1)
    return re.sub(r"\[PATCH[^\]]*\]", f"[{tags}]", text, count=1)


def told(house: House, *words: str | Path) -> list[str]:
    """Of a check, which series were taken, and what was left out."""
    (house.path / "matrix.yaml").write_text(MATRIX.format(here=house.path))
    run = house.path / f"run-{len(list(house.path.glob('run-*')))}"
    options = ["--config", str(house.path / "matrix.yaml"), "--out", str(run)]
    done = CliRunner().invoke(app, ["check", *map(str, words), *options])
    if isinstance(done.exception, ConfigError):
        raise done.exception
    taken = load.load(run).report["taken"]
    rows = [f"{row['title']}: {row['parts']} of {row['total']}" for row in taken["series"]]
    return [*rows, *taken["notes"], *(line.partition(" (")[0] for line in taken["left_out"])]


@pytest.mark.parametrize("by", ["patch-id", "message-id"])
@pytest.mark.parametrize("apart", [True, False])
def test_of_several_series_in_a_file_the_one_upon_the_others_is_meant(house: House, by: str, apart: bool) -> None:
    """As a thread of an archive has them; they are applied first, and no report says that they were left out."""
    (one, two, mine), _ = prerequisites(house)
    tags = ["PATCH", "PATCH"] if apart else ["PATCH 1/2", "PATCH 2/2"]
    mails = [threaded(one, "n1@x", tags[0]), threaded(two, "n2@x", tags[1], "" if apart else "n1@x")]
    mails += [threaded(mine, "m@x")]
    if by == "message-id":
        ids = iter(("<n1@x>", "<n2@x>" if apart else "<n1@x>"))
        mails[2] = re.sub(r"prerequisite-patch-id: \w+", lambda _: f"prerequisite-message-id: {next(ids)}", mails[2])
    box = house.path / "t.mbox"
    box.write_text("\n".join(mails))
    for words in ((box,), (box, "--series", "m@x")):
        assert told(house, *words) == ["mm: the change: 1 of 1"]
    matrix, _, said, _ = house.check(box)
    assert files(matrix, "unpatched") == NEEDED and files(matrix, "patched") == [*NEEDED, "mm: the change"]
    assert "its prerequisites come first: mm: needed first, mm: needed second" in said
    box.write_text(
        "\n".join([*mails, threaded(two, "o@x").replace("needed second", "of nobody").replace("/* n", "/* N")])
    )
    with pytest.raises(ConfigError, match="series in it, and it is not known which one is meant"):
        told(house, box)
    assert told(house, box, "--series", "m@x") == ["mm: the change: 1 of 1", '"[PATCH] mm: of nobody"']


def test_files_that_are_prerequisites_are_no_part_of_what_is_checked(house: House) -> None:
    (one, two, mine), _ = prerequisites(house)
    for words in ((mine, one, two), (one, two, mine)):
        assert told(house, *words) == ["mm: the change: 1 of 1"], "and not that 3/3 of another series is missing"
    folder = house.path / "by-id"
    folder.mkdir()
    (folder / "1.patch").write_text(threaded(one, "n1@x", "PATCH 1/2", "n0@x"))
    (folder / "2.patch").write_text(threaded(two, "n2@x", "PATCH 2/2", "n0@x"))
    text = re.sub(r"prerequisite-patch-id: \w+\n", "", threaded(mine, "m@x", to="n0@x"))
    (folder / "3.patch").write_text(text.replace("\n-- \n", "\nprerequisite-message-id: <n0@x>\n-- \n"))
    assert told(house, folder) == ["mm: the change: 1 of 1"], "though it answers the same mail"
    assert files(house.check(folder)[0], "unpatched") == NEEDED
    box = house.path / "t.mbox"
    box.write_text("\n".join(re.sub(r"\[PATCH \d/3\]", "[PATCH]", its.read_text()) for its in (one, two, mine)))
    assert told(house, box) == ["mm: the change: 1 of 1"]


def test_a_cover_letter_of_its_own_file_names_the_base_and_what_comes_first(house: House) -> None:
    (one, _, _), base = prerequisites(house)
    house.git("am", "-q", str(one))
    for name in "ab":
        house.edit("mm/b.c", 5 if name == "a" else 25, f"/* {name} */")
        house.commit(f"mm: change {name}")
    tags = "--subject-prefix=PATCH mm-unstable v2"
    sent = house.patches("HEAD~2", f"--base={base}", "--cover-letter", "--thread", tags, to="v2")
    house.git("reset", "-q", "--hard", base)
    assert "prerequisite-patch-id: " in sent[0].read_text() and "base-commit: " not in sent[1].read_text()
    (sent[0].parent / "needed.patch").write_text(one.read_text())
    matrix, _, said, applies = house.check(*sent)
    assert sources(matrix) == {("mine", base)} and applies == "applies to mine: yes"
    assert files(matrix, "unpatched") == NEEDED[:1]
    assert files(matrix, "patched") == [*NEEDED[:1], "mm: change a", "mm: change b"]
    assert said[-1] == "its prerequisites come first: mm: needed first"
    assert told(house, sent[0].parent) == ["*** SUBJECT HERE ***: 2 of 2"], "the folder of them all"
    box = house.path / "t.mbox"
    box.write_text("\n".join(path.read_text() for path in (*sent, one)))
    assert told(house, box) == ["*** SUBJECT HERE ***: 2 of 2"]


@pytest.fixture
def upon(house: House) -> list[Path]:
    """Two patches, and beside them what they need first: of that, a line of context is another in second, where one
    of them is already."""
    base = house.git("rev-parse", "HEAD")
    house.edit("mm/b.c", 37, "/* needed */")
    house.commit("mm: needed")
    for line in (5, 25):
        house.edit("mm/a.c", line, "/* the change */")
        house.commit(f"mm: change {line}")
    mine = house.patches("HEAD~2", f"--base={base}")
    (mine[0].parent / "needed.patch").write_text(house.patches(base, to="all")[0].read_text())
    house.git("reset", "-q", "--hard", base)
    house.edit("mm/a.c", 25, "/* the change */")
    house.edit("mm/b.c", 39, "/* another */")
    house.tar("second")
    house.git("reset", "-q", "--hard", base)
    return mine


def test_prerequisites_are_applied_with_what_a_person_chose_and_told(house: House, upon: list[Path]) -> None:
    matrix, run, said, applies = house.check(*upon, "--base", "second")
    assert applies.startswith(
        "applies to second: no: one of its prerequisites: 0001-mm-needed.patch does not apply: "
        "hunk #1 of mm/b.c fails at line 35; it would apply with fuzz 1 (--fuzz 1)"
    )
    matrix, run, said, applies = house.check(*upon, "--base", "second", "--fuzz", "1", "--partial", "--each")
    assert applies.splitlines() == [
        "0001-mm-needed.patch: hunk #1 of mm/b.c (line 35) applied at line 35 with fuzz 1",
        "0002-mm-change-25.patch: left out: the source has all of it already",
        "applies to second: yes",
    ]
    assert "its prerequisites come first: mm: needed" in said
    names = {kernel.name: [path.name for path in kernel.patches] for kernel in matrix.kernels}
    first = ["0001-mm-needed.patch", "0001-mm-change-5.patch"]
    assert names == {"unpatched": first[:1], "patched-1": first, "patched": first}
    report = load.load(run.path)
    assert report.reproduce.endswith(
        " --fuzz 1 --partial 0001-mm-needed.patch 0001-mm-change-5.patch 0002-mm-change-25.patch"
    )
    assert [line for line in taken.lines(report.report) if "--fuzz" in line or "first" in line] == [
        f"applied with --fuzz 1 --partial: {line}" for line in applies.splitlines()[:2]
    ] + ["its prerequisites come first: mm: needed"]


@pytest.mark.parametrize("by", ["patch-id", "message-id", "thread"])
def test_a_run_with_prerequisites_is_done_again_by_its_own_files(house: House, upon: list[Path], by: str) -> None:
    if by != "patch-id":
        needed = upon[0].parent / "needed.patch"
        needed.write_text(threaded(needed, "n1@x", to="n0@x"))
        name = "n1@x" if by == "message-id" else "n0@x"
        for path in upon:
            path.write_text(
                re.sub(r"prerequisite-patch-id: \w+", f"prerequisite-message-id: <{name}>", path.read_text())
            )
    matrix, run, said, _ = house.check(*upon)
    again = house.path / "again"
    again.mkdir()
    given = {path.name: path for place in ("prerequisites", "series") for path in (run.path / place).iterdir()}
    words = [word for word in load.load(run.path).reproduce.split() if word.endswith(".patch")]
    for name in words:
        shutil.copy(given[name], again)
    repeated, _, told, _ = house.check(*(again / name for name in words))
    assert told == said and "its prerequisites come first: mm: needed" in said
    assert [[path.read_text() for path in kernel.patches] for kernel in repeated.kernels] == [
        [path.read_text() for path in kernel.patches] for kernel in matrix.kernels
    ]


def test_missing_prerequisites_are_named_and_those_in_the_source_are_not_applied_again(house: House) -> None:
    (one, two, mine), _ = prerequisites(house)
    matrix, _, said, applies = house.check(mine)
    assert len([line for line in said if line.startswith("it was made on top of what was not given: prereq")]) == 2
    assert applies.startswith("applies to mine: no: ") and files(matrix, "unpatched") == []
    house.git("am", "-q", str(one))
    has = house.git("rev-parse", "HEAD")
    for path in (one, two):
        (mine.parent / path.name.replace("000", "100")).write_text(path.read_text())
    matrix, _, said, applies = house.check("--base", f"{house.git_folder}@{has}", mine)
    assert applies == "applies to base: yes" and files(matrix, "unpatched") == NEEDED[1:]
    assert "in base already: prerequisite mm: needed first" in said


def test_prerequisites_may_be_named_by_message_id(house: House) -> None:
    (one, two, mine), _ = prerequisites(house)
    for path, number in ((one, 1), (two, 2)):
        text = path.read_text().replace(
            "\nSubject:", f"\nMessage-Id: <m{number}@x>\nIn-Reply-To: <m0@x>\nSubject:", 1
        )
        (mine.parent / path.name.replace("000", "100")).write_text(text)
    ids = [row for row in mine.read_text().splitlines() if row.startswith("prerequisite-patch-id")]
    text = mine.read_text()
    for row, name in zip(ids, ("<m0@x>", "<gone@x>"), strict=True):
        text = text.replace(row, f"prerequisite-message-id: {name}")
    mine.write_text(text)
    matrix, _, said, _ = house.check(mine)
    assert files(matrix, "unpatched") == NEEDED
    assert "it was made on top of what was not given: prerequisite-message-id gone@x" in said


@pytest.mark.parametrize("cut", [lambda text: "", lambda text: text[: len(text) // 2], lambda text: "\0" * 99])
def test_what_lies_beside_a_patch_and_is_none_is_nobodys_business(house: House, cut: Callable[[str], str]) -> None:
    (one, _, mine), _ = prerequisites(house)
    (mine.parent / "beside.mbox").write_text(cut(one.read_text()))
    (mine.parent / "folder.patch").mkdir()
    (mine.parent / "gone.patch").symlink_to("nowhere")
    assert house.check(mine)[3].startswith("applies to mine: no")


def test_a_patch_that_undoes_an_earlier_one_is_told_in_every_report(house: House) -> None:
    old = (house.git_folder / "mm/a.c").read_text()
    house.edit("mm/a.c", 20, "/* the change */")
    house.commit("mm: do")
    house.write("mm/a.c", old)
    house.commit("mm: undo")
    _, run, said, _ = house.check(*house.patches("HEAD~2"))
    line = 'patch 2/2 "mm: undo" undoes patch 1/2 "mm: do"'
    assert line in said and line in author_lines(load.load(run.path).report)
