# SPDX-License-Identifier: GPL-2.0-or-later
"""What a check leaves alone of another's, and what a verb that was cut off says to do. Nothing is built or booted."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Coroutine
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator.build.kernel import Builder
from orchestrator.build.sources import Tree
from orchestrator.cli import app
from orchestrator.config import matrix_file
from orchestrator.engine import Manner
from orchestrator.errors import ConfigError, Interrupted
from orchestrator.runs.folder import RunFolder, new_run

DIFF = "mm: do less\n\n--- a/mm/a.c\n+++ b/mm/a.c\n@@ -1 +1 @@\n-a\n+%s\n"
MATRIX = """\
arches: [s390x]
workloads: [shmem-write]
sources: {s: {tarball: none.tar}}
kernels: {base: {source: s}}
"""
VERBS = {
    name: import_module(f"orchestrator.cli.{name}")
    for name in ("run", "check", "profile", "verify", "build", "shell")
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a matrix file and two patches."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KMATRIX_CACHE", str(tmp_path / "cache"))
    for name in ("check", "build", "shell"):
        monkeypatch.setattr(VERBS[name], "check_host", lambda: None)
    Path("matrix.yaml").write_text(MATRIX)
    Path("none.tar").write_text("")
    for name in ("one", "two"):
        Path(f"{name}.patch").write_text(DIFF % name)
    return tmp_path


def check(*words: str) -> BaseException | None:
    return CliRunner().invoke(app, ["check", "--base", "s", *words]).exception


@pytest.mark.parametrize("out", [(), ("--out", "mine")])
def test_two_checks_at_once_do_not_share_patches(monkeypatch: pytest.MonkeyPatch, out: tuple[str, ...]) -> None:
    """The first is at its patches when the second begins, in the same second."""
    texts, errors = list[str](), list[BaseException | None]()

    def applies(matrix: Any, manner: Any) -> None:
        if not errors:
            errors.append(None)
            errors[0] = check("two.patch", *out)
        texts.append(matrix.kernels[-1].patches[0].read_text())
        raise ConfigError("far enough")

    monkeypatch.setattr(time, "strftime", lambda *_: "check-2026-11-26-040000")
    monkeypatch.setattr(VERBS["check"], "_applicable", applies)
    assert str(check("one.patch", *out)) == "far enough"
    assert str(errors[0]) == ("another kmatrix works on mine" if out else "far enough")
    assert texts == ([] if out else [DIFF % "two"]) + [DIFF % "one"]
    assert out or not list(Path("runs").iterdir()), "nothing was begun"


def test_a_new_run_has_a_folder_of_its_own_named_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "gmtime", lambda: time.struct_time((2026, 11, 26, 3, 4, 5, 3, 330, 0)))
    for name in ("check-2026-11-26-030405", "check-2026-11-26-030405-2", "check-2026-11-26-030405-3"):
        with new_run(None, "check") as folder:
            folder.write_json("plan.json", {})
        assert folder.path == Path("runs") / name
    with pytest.raises(ConfigError, match="holds a run already"), new_run(folder.path):
        pass
    with pytest.raises(ConfigError, match="wrong"), new_run(None) as folder, folder.alone():
        folder.write_text("series/one.patch", "")
        raise ConfigError("wrong")
    assert not folder.path.exists()


def test_nothing_is_written_before_a_run_is_held(here: Path) -> None:
    """And what was there before stays there, whoever fails."""
    with RunFolder(here / "mine").alone():
        with pytest.raises(ConfigError, match="another kmatrix works on"), new_run(here / "mine"):
            pytest.fail("another one has it")
        assert [path.name for path in (here / "mine").iterdir()] == [".lock"]
    for name, stays in (("mine", True), ("new", False)):
        with pytest.raises(ConfigError, match="wrong"), new_run(here / name) as folder:
            assert (here / name / ".lock").is_file()
            folder.write_text("series/one.patch", "")
            raise ConfigError("wrong")
        assert (here / name).exists() is stays


@pytest.mark.parametrize("verb", ["run", "profile"])
def test_a_run_in_which_nothing_was_begun_leaves_no_folder(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(folder: Any, *_: Any) -> None:
        assert folder.path.is_dir() and folder.path.name.startswith("profile-" if verb == "profile" else "2")
        raise ConfigError("wrong")

    monkeypatch.setattr(VERBS[verb], "measured", measured)
    assert str(CliRunner().invoke(app, [verb]).exception) == "wrong"
    assert not list(Path("runs").iterdir())


def test_a_check_that_is_cut_off_names_the_same_check(monkeypatch: pytest.MonkeyPatch) -> None:
    async def cut_off(*_: Any) -> str:
        raise asyncio.CancelledError

    monkeypatch.setattr(VERBS["check"], "_applies", cut_off)
    monkeypatch.setattr(sys, "argv", ["/bin/kmatrix", "check", "--base", "my tree", "my.patch"])
    with pytest.raises(Interrupted) as caught:
        VERBS["check"]._applicable(matrix_file.load(Path("matrix.yaml")), Manner())
    assert caught.value.message == "interrupted; resume with: kmatrix check --base 'my tree' my.patch"


@pytest.mark.parametrize("words", [["build", "-s", "s390x/*"], ["shell", "s390x", "--command", "echo 1"]])
def test_other_verbs_do_so_too(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def finish(work: Coroutine[Any, Any, Any], again: str) -> None:
        work.close()
        raise ConfigError(again)

    monkeypatch.setattr(VERBS[words[0]], "finish", finish)
    monkeypatch.setattr(sys, "argv", ["kmatrix", *words])
    said = {"build": "kmatrix build -s 's390x/*'", "shell": "kmatrix shell s390x --command 'echo 1'"}
    assert str(CliRunner().invoke(app, words).exception) == said[words[0]]


def test_verify_does_so_too(old_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(folder: Any, matrix: Any, request: Any, manner: Manner) -> None:
        assert folder.path.is_dir()
        raise ConfigError(manner.again)

    words = ["verify", str(old_run), "--recorded", "-s", "*"]
    monkeypatch.setattr(VERBS["verify"], "measured", measured)
    monkeypatch.setattr(sys, "argv", ["kmatrix", *words])
    assert str(CliRunner().invoke(app, words).exception) == f"kmatrix verify {old_run} --recorded -s '*'"
    assert not list(Path("runs").iterdir())


DOCS = "--- a/Documentation/mm/a.rst\n+++ b/Documentation/mm/a.rst\n@@ -1 +1 @@\n-a\n+%s\n"
OTHER = "--- a/arch/mips/mm/a.c\n+++ b/arch/mips/mm/a.c\n@@ -1 +1 @@\n-%s\n+%s\n"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (DOCS % "b", 0, ["  Documentation/mm/a.rst: documentation"]),
        (
            DOCS % "b" + OTHER % ("/* a */", "/* b */"),
            0,
            ["  Documentation/mm/a.rst: documentation", "  arch/mips/mm/a.c: of another architecture"],
        ),
        (
            OTHER % ("int a;", "int b;"),
            5,
            ["  arch/mips/mm/a.c: of another architecture", "it changes code, and none of that runs here"],
        ),
    ],
)
def test_what_is_never_built_is_answered_at_once_and_nothing_is_started(
    text: str, code: int, said: list[str]
) -> None:
    Path("p.patch").write_text(text)
    done = CliRunner().invoke(app, ["check", "--base", "s", "p.patch"])
    head = "no file of it is built for s390x: nothing was started"
    assert done.exit_code == code, done.output
    assert done.stdout.splitlines() == [head, *said]
    assert not Path("runs").exists() and not list(Path("cache").glob("sources/*"))
    done = CliRunner().invoke(app, ["check", "--base", "s", "--json", "p.patch"])
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    assert done.exit_code == code and [row["kind"] for row in rows] == ["note"]
    assert rows[0]["message"].startswith(head)


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (DOCS % "b" + DIFF % "b", ""),
        (OTHER.replace("mips", "s390") % ("a", "b"), ""),
        (OTHER.replace("arch/mips/mm", "samples") % ("a", "b"), "kconfig: [CONFIG_SAMPLES=y]\n"),
        (OTHER.replace("arch/mips/mm", "samples") % ("a", "b"), "config: defconfig\n"),
        (OTHER.replace("arch/mips/mm", "tools/objtool") % ("a", "b"), ""),
    ],
)
def test_what_may_be_built_is_not(monkeypatch: pytest.MonkeyPatch, text: str, more: str) -> None:
    """Answered at once."""

    def applicable(*_: Any) -> None:
        raise ConfigError("on it goes")

    monkeypatch.setattr(VERBS["check"], "_applicable", applicable)
    Path("p.patch").write_text(text)
    Path("matrix.yaml").write_text(MATRIX + more)
    assert str(check("p.patch")) == "on it goes"


def test_what_does_not_apply_to_a_source_that_is_here_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def applicable(*_: Any) -> None:
        raise ConfigError("on it goes")

    source = tmp_path / "source"
    (source / "Documentation/mm").mkdir(parents=True)
    (source / "Documentation/mm/a.rst").write_text("a\n")
    monkeypatch.setattr(VERBS["check"], "_applicable", applicable)
    monkeypatch.setattr(Builder, "unpacked", lambda *_: Tree("s", "k", source, "6.1"))
    Path("p.patch").write_text(DOCS % "b")
    done = CliRunner().invoke(app, ["check", "--base", "s", "p.patch"])
    assert done.exit_code == 0 and done.stdout.startswith("no file of it is built")
    (source / "Documentation/mm/a.rst").write_text("z\n")
    assert str(check("p.patch")) == "on it goes"
