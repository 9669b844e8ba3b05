# SPDX-License-Identifier: GPL-2.0-or-later
"""What a check leaves alone of another's, and what a verb that was cut off says to do. Nothing is built or booted."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Coroutine
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.config import matrix_file
from orchestrator.engine import Manner
from orchestrator.errors import ConfigError, Interrupted
from orchestrator.runs.folder import new_run

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
        with new_run(None, "check-") as folder:
            folder.write_json("plan.json", {})
        assert folder.path == Path("runs") / name
    with pytest.raises(ConfigError, match="holds a run already"), new_run(folder.path):
        pass
    with pytest.raises(ConfigError, match="wrong"), new_run(None) as folder, folder.alone():
        folder.write_text("series/one.patch", "")
        raise ConfigError("wrong")
    assert not folder.path.exists()


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
