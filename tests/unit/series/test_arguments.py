# SPDX-License-Identifier: GPL-2.0-or-later
"""What the words of check come to: files, ranges, Message-Ids; and which base."""

from __future__ import annotations

import asyncio
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.build import patches
from orchestrator.cli import app
from orchestrator.config import matrix_file
from orchestrator.errors import BuildError, ConfigError
from orchestrator.model import Matrix, Source
from orchestrator.series import fetch
from orchestrator.series.arguments import Change, from_words

NOWHERE = Path("/nowhere")
MATRIX = """\
arches: [s390x]
workloads: [shmem-write]
sources:
  debian-6.1: {debian: linux-source-6.1}
  other: {git: other}
  mine: {git: linux, revision: topic}
  spare: {git: linux, revision: spare}
kernels:
  plain: {source: debian-6.1, kconfig: [CONFIG_OF_DEBIAN=y]}
  own: {source: mine, kconfig: [CONFIG_OF_MINE=y]}
"""
DIFF = "--- a/mm/x.c\n+++ b/mm/x.c\n@@ -1 +1,2 @@\n // ü\n+int x;\n"
HEAD = "From 0123456789abcdef Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\n"
MAILS = "".join(f"{HEAD}Subject: [PATCH v2 {n}/2] mm: {n}\n\n{DIFF}\n" for n in (1, 2))
# Each of these changes what git format-patch writes, or stops it.
HABITS = {
    "format.attach": "true",
    "format.useAutoBase": "true",
    "format.coverLetter": "true",
    "format.subjectPrefix": "X",
    "format.numbered": "false",
    "format.thread": "deep",
    "format.signOff": "true",
    "format.from": "true",
    "user.useConfigOnly": "true",
    "format.suffix": ".txt",
    "diff.noprefix": "true",
    "diff.mnemonicPrefix": "true",
    "diff.context": "0",
    "color.ui": "always",
}


class Git:
    """A tree with the commits base, one, two; content[n] is mm/x.c of the n-th."""

    content = ("// ü\n", "// ü\nint one;\n", "// é – 日本\nint one;\n")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "mm").mkdir(parents=True)
        self("init", "-q", "-b", "topic")
        self.commits = [self.commit("mm/x.c", text, f"mm: step {i}") for i, text in enumerate(self.content)]

    def __call__(self, *words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgSign=false"]
        command = ["git", "-C", str(self.folder), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, name: str, text: str, title: str) -> str:
        (self.folder / name).write_text(text)
        self("add", ".")
        self("commit", "-qm", title)
        return self("rev-parse", "HEAD")


@pytest.fixture
def git(tmp_path: Path) -> Git:
    Git(tmp_path / "other")
    git = Git(tmp_path / "linux")
    git("branch", "spare", git.commits[0])
    return git


@pytest.fixture
def matrix(tmp_path: Path, git: Git) -> Matrix:
    return matrix_file.from_text(MATRIX, tmp_path / "matrix.yaml")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def titles(found: Change) -> list[str]:
    return [patch.title for patch in found.series.patches]


def applied(found: Change, git: Git, folder: Path) -> str:
    """mm/x.c after the series, upon the tree's first commit."""
    pristine, scratch = folder / "pristine", folder / "scratch"
    (pristine / "mm").mkdir(parents=True)
    scratch.mkdir()
    (pristine / "mm/x.c").write_text(git.content[0])
    files = []
    for place, patch in enumerate(found.series.patches, 1):
        files.append(folder / patch.file_name(place))
        files[-1].write_bytes(patch.text.encode(errors="surrogateescape"))
    asyncio.run(patches.apply(pristine, scratch, files))
    return (scratch / "mm/x.c").read_text()


def patch_file(folder: Path, after: str = "") -> str:
    (folder / "a.patch").write_text(f"mm: x\n\n{DIFF}{after}")
    return str(folder / "a.patch")


@pytest.mark.parametrize("habits", [{}, HABITS])
def test_a_range_is_its_commits_upon_their_base(
    git: Git, matrix: Matrix, tmp_path: Path, temporary: Path, habits: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever git's settings, and whoever one is."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    for name, value in habits.items():
        git("config", name, value)
    found = from_words(["spare..topic"], "", git.folder, matrix)
    assert found.source == Source("base", "git", str(git.folder), git.commits[0]) and not found.kconfig
    assert titles(found) == ["mm: step 1", "mm: step 2"] and not list(temporary.iterdir())
    assert applied(found, git, tmp_path) == git.content[2]


@pytest.mark.parametrize("words", ["topic~1..", "spare...topic"])
def test_a_range_may_leave_an_end_out_or_have_three_dots(git: Git, matrix: Matrix, words: str) -> None:
    assert titles(from_words([words], "", git.folder, matrix))[-1] == "mm: step 2"


def test_a_range_upon_another_base(git: Git, matrix: Matrix) -> None:
    found = from_words(["spare..topic"], "debian-6.1", git.folder, matrix)
    assert found.source.name == "debian-6.1" and len(titles(found)) == 2


def test_a_range_without_commits_with_merges_or_of_no_tree_is_told(git: Git, matrix: Matrix) -> None:
    with pytest.raises(ConfigError, match="has no commit"):
        from_words(["topic..topic"], "", git.folder, matrix)
    with pytest.raises(ConfigError, match=r"git merge-base in .*nothing"):
        from_words(["nothing..topic"], "", git.folder, matrix)
    git("checkout", "-q", "-b", "side", "spare")
    git.commit("y", "y", "aside")
    git("merge", "-q", "--no-edit", "topic")
    with pytest.raises(ConfigError, match=rf"spare\.\.side of .* has merges: {git('rev-parse', 'HEAD')[:7]}"):
        from_words(["spare..side"], "", git.folder, matrix)


@pytest.mark.parametrize("name", ["mine", "spare", "debian-6.1"])
def test_the_base_may_be_any_source_of_the_file(matrix: Matrix, tmp_path: Path, name: str) -> None:
    found = from_words([patch_file(tmp_path)], name, NOWHERE, matrix)
    assert found.source == next(source for source in matrix.sources if source.name == name)
    with pytest.raises(ConfigError, match="unknown source 'min'; Did you mean mine"):
        from_words([patch_file(tmp_path)], "min", NOWHERE, matrix)


def test_the_base_may_be_a_tree_a_revision_of_it_or_a_tarball(git: Git, matrix: Matrix, tmp_path: Path) -> None:
    tarball = tmp_path / "linux.tar"
    tarball.touch()
    for word, source in (
        (f"{git.folder}", Source("base", "git", str(git.folder), "HEAD")),
        (f"{git.folder}@spare", Source("base", "git", str(git.folder), "spare")),
        (f"{tarball}", Source("base", "tarball", str(tarball))),
    ):
        assert from_words([patch_file(tmp_path)], word, NOWHERE, matrix) == Change(
            from_words([patch_file(tmp_path)], "", NOWHERE, matrix).series, source
        )


def test_the_base_may_be_a_commit_of_a_source(git: Git, matrix: Matrix, tmp_path: Path) -> None:
    for revision in ("spare", git.commits[1][:12]):
        found = from_words([patch_file(tmp_path)], f"mine@{revision}", NOWHERE, matrix)
        assert found.source == Source("mine", "git", str(git.folder), revision)
        assert found.kconfig == ("CONFIG_OF_MINE=y",)
    for word in ("mine@gone", "debian-6.1@v6.1"):
        with pytest.raises(ConfigError, match="has no commit ") as caught:
            from_words([patch_file(tmp_path)], word, NOWHERE, matrix)
        assert "SOURCE@REVISION" in caught.value.hint


def test_the_source_that_has_the_base_commit_is_the_base_with_its_own_kconfig(
    git: Git, matrix: Matrix, tmp_path: Path
) -> None:
    extra = git.commit("z", "z", "in this tree only")
    found = from_words([patch_file(tmp_path, f"\nbase-commit: {extra}\n")], "", NOWHERE, matrix)
    assert found.source == Source("mine", "git", str(git.folder), extra)
    assert found.kconfig == ("CONFIG_OF_MINE=y",)


def test_a_source_that_no_kernel_uses_is_asked_for_the_base_commit(git: Git, tmp_path: Path) -> None:
    text = MATRIX.replace("  own: {source: mine, kconfig: [CONFIG_OF_MINE=y]}\n", "")
    matrix = matrix_file.from_text(text, tmp_path / "matrix.yaml")
    extra = git.commit("z", "z", "in this tree only")
    found = from_words([patch_file(tmp_path, f"\nbase-commit: {extra}\n")], "", NOWHERE, matrix)
    assert (found.source.name, found.source.revision, found.kconfig) == ("mine", extra, ())


def test_a_base_commit_that_is_nowhere_leaves_the_usual_source(matrix: Matrix, tmp_path: Path) -> None:
    """That it is nowhere is told with what else is known of the author's base: tests/unit/cli/test_author.py."""
    found = from_words([patch_file(tmp_path, f"\nbase-commit: {'1' * 40}\n")], "", NOWHERE, matrix)
    assert (found.source.name, found.kconfig) == ("debian-6.1", ("CONFIG_OF_DEBIAN=y",))
    assert found.series.base == "1" * 40 and not found.notes


@pytest.fixture
def b4(tmp_path: Path, matrix: Matrix, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that writes what it was called with, and the thread, where b4 mbox would."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "mails").write_text(MAILS)
    for tool in ("setpriv", "sh", "cat"):
        (folder / tool).symlink_to(f"/usr/bin/{tool}")
    (folder / "b4").write_text(
        f'#!/bin/sh\necho "$1 $2 $5" >{tmp_path}/called\ntest "$3" = -o && cat {tmp_path}/mails >"$4/v2_a.mbx"\n'
    )
    (folder / "b4").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder / "b4"


@pytest.mark.parametrize(
    ("word", "asks_for"),
    [
        ("<20220530.42886-1-a@example.org>", "20220530.42886-1-a@example.org"),
        ("20220530.42886-1-a@example.org", "20220530.42886-1-a@example.org"),
        ("https://lore.example.org/linux-mm/20220530..1-a@example.org/", None),
        ("http://lore.example.org/r/cover.16@example.org", None),
    ],
)
def test_b4_fetches_a_message_id_or_its_address(
    b4: Path, matrix: Matrix, tmp_path: Path, temporary: Path, word: str, asks_for: str | None
) -> None:
    found = from_words([word], "", NOWHERE, matrix)
    assert titles(found) == ["mm: 1", "mm: 2"] and found.source.name == "debian-6.1"
    assert DIFF in found.series.patches[0].text
    assert (tmp_path / "called").read_text().split() == ["--no-interactive", "mbox", asks_for or word]
    assert not list(temporary.iterdir())


def test_what_b4_does_not_find_and_a_b4_that_is_not_there_are_told(b4: Path, matrix: Matrix) -> None:
    b4.write_text("#!/bin/sh\necho 'That message-id is not known.'\nexit 1\n")
    with pytest.raises(ConfigError, match=r"b4 found no thread of a@example\.org") as caught:
        from_words(["a@example.org"], "", NOWHERE, matrix)
    assert "not known" in caught.value.log
    b4.unlink()
    with pytest.raises(ConfigError, match="is not installed"):
        from_words(["a@example.org"], "", NOWHERE, matrix)


def test_what_is_none_of_these_is_told(matrix: Matrix, tmp_path: Path) -> None:
    for words in (["nowhere.patch"], [patch_file(tmp_path), "nowhere.patch"], ["a@b.example/nowhere.patch"]):
        with pytest.raises(ConfigError, match=r"no such file: .*nowhere\.patch"):
            from_words(words, "", NOWHERE, matrix)


def test_from_the_command_to_the_runs_own_matrix(git: Git, tmp_path: Path, unmeasured: None) -> None:
    """All of check but builds and boots: the base is unpacked, the series applied, what is run written."""
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    base = git.commit("Makefile", "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\n", "base")
    git.commit("mm/x.c", "// 日本\n", "mm: words – of the file")
    git("format-patch", "-1", "--attach", "--base", base, "-o", str(tmp_path / "sent"))
    word = str(next((tmp_path / "sent").iterdir()))
    run = tmp_path / "run"
    done = CliRunner().invoke(app, ["check", word, "--config", str(tmp_path / "matrix.yaml"), "--out", str(run)])
    assert done.exit_code == 0 and done.stdout.splitlines() == ["applies to mine: yes"], done.output
    first, second, third, last = done.stderr.splitlines()
    assert first == f"matrix: {tmp_path}/matrix.yaml"
    assert re.fullmatch(r'patch: "mm: words – of the file", 1 part, a <a@b>, \d{4}-\d\d-\d\d', second)
    assert third == f"mine at {base[:12]}: its base-commit; it is the base"
    assert last == "mine: the file is byte for byte that of the author"
    kernels = {kernel.name: kernel for kernel in matrix_file.load(run / "inputs/matrix.yaml").kernels}
    assert {(k.source.revision, k.kconfig) for k in kernels.values()} == {(base, ("CONFIG_OF_MINE=y",))}
    assert [len(kernels[name].patches) for name in ("unpatched", "patched")] == [0, 1]
    assert "+// 日本\n" in kernels["patched"].patches[0].read_text()


@pytest.mark.parametrize("habits", [{}, HABITS])
def test_a_bare_check_takes_what_is_not_committed(
    git: Git, matrix: Matrix, tmp_path: Path, temporary: Path, habits: dict[str, str]
) -> None:
    """Staged or not, from any folder of the tree; what git does not know is left out and named."""
    for name, value in habits.items():
        git("config", name, value)
    (git.folder / "mm/new.c").write_text("staged\n")
    for name in ("Kbuild", "Makefile"):
        git.commit(name, "", name)
    git("add", "mm/new.c")
    (git.folder / "mm/x.c").write_text("// é – 日本\nint two;\n")
    (git.folder / "mm/forgotten.c").touch()
    (git.folder / "runs").mkdir()
    (git.folder / "runs/of-an-earlier-check").touch()
    found = from_words([], "", git.folder / "mm", matrix)
    assert found.source == Source("base", "git", str(git.folder), git("rev-parse", "HEAD"))
    assert found.notes == ("not in git, so left out: mm/forgotten.c (git add -N takes it in)",)
    (patch,) = found.series.patches
    assert "+int two;\n" in patch.text and "+++ b/mm/x.c\n" in patch.text and not list(temporary.iterdir())
    assert from_words([], "debian-6.1", git.folder, matrix).source.name == "debian-6.1"
    git("add", "-N", "mm/forgotten.c")
    (git.folder / "mm/forgotten.c").write_text("int three;\n")
    assert "+int three;\n" in from_words([], "", git.folder, matrix).series.patches[0].text


def test_a_bare_check_without_a_change_or_outside_of_a_kernel_tree_is_told(
    git: Git, matrix: Matrix, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"no patch was named, and .*linux is not in a git tree of Linux") as caught:
        from_words([], "", git.folder, matrix)
    assert "kmatrix check 0001-mm-do-less.patch" in caught.value.hint
    with pytest.raises(ConfigError, match="no patch was named"):
        from_words([], "", tmp_path, matrix)
    for name in ("Kbuild", "Makefile"):
        git.commit(name, "", name)
    (git.folder / "new.c").touch()
    with pytest.raises(ConfigError, match=r"nothing in .*linux differs from its HEAD \(new\.c not in git\)"):
        from_words([], "", git.folder, matrix)


@pytest.mark.parametrize("word", ["topic~1", "HEAD~1"])
def test_one_commit_is_its_own_change_upon_its_parent(git: Git, matrix: Matrix, word: str) -> None:
    found = from_words([word], "", git.folder, matrix)
    assert titles(found) == ["mm: step 1"] and found.source.revision == git.commits[0]


def test_commits_are_of_the_tree_that_one_is_in(git: Git, matrix: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(git.folder)
    found = from_words(["HEAD~2.."], "", Path(), matrix)
    assert titles(found) == ["mm: step 1", "mm: step 2"]
    assert found.source == Source("base", "git", str(git.folder), git.commits[0])


def test_commits_named_from_a_folder_of_the_tree_are_upon_the_whole_tree(git: Git, matrix: Matrix) -> None:
    found = from_words(["HEAD~2.."], "", git.folder / "mm", matrix)
    assert found.source == Source("base", "git", str(git.folder), git.commits[0])


def test_a_binary_change_that_is_not_committed_is_refused(git: Git, matrix: Matrix, tmp_path: Path) -> None:
    for name in ("Kbuild", "Makefile"):
        git.commit(name, "", name)
    (git.folder / "mm/x.c").write_bytes(b"\0\1\2")
    (patch,) = from_words([], "", git.folder, matrix).series.patches
    file = tmp_path / "0001-binary.patch"
    file.write_text(patch.text)
    (tmp_path / "scratch").mkdir()
    with pytest.raises(BuildError, match="has a binary change"):
        asyncio.run(patches.apply(git.folder, tmp_path / "scratch", [file]))


def test_a_warning_of_git_is_no_answer(tmp_path: Path) -> None:
    """As for a branch and a tag of one name."""

    def git(*words: str) -> None:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", tmp_path, *who, *words], check=True, capture_output=True)

    git("init", "-q")
    (tmp_path / "a").write_text("a")
    git("add", "a")
    git("commit", "-qm", "one")
    git("branch", "mine")
    git("tag", "mine")
    answer = asyncio.run(fetch.git(tmp_path, "rev-parse", "mine^{commit}"))
    assert re.fullmatch(r"[0-9a-f]{40}\n", answer)
