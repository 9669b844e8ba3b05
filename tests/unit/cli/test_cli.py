# SPDX-License-Identifier: GPL-2.0-or-later
"""The command itself: verbs are read when they are called, old options are taken, the matrix file is named."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator import __version__, paths
from orchestrator.cli import VERBS, app, load
from orchestrator.cli.options import current
from orchestrator.errors import ConfigError

ROOT = Path(__file__).parents[3]
SLOW = {"scipy", "numpy", "matplotlib", "sqlalchemy", "fabric", "paramiko", "jinja2", "qemu", "elftools"}
# What takes longest of all that the two shortest answers need.
QUICK: dict[str, set[str]] = {
    "--help": {"pydantic", "ruamel", "asyncio"},
    "--version": {"pydantic", "ruamel", "asyncio"},
    "plan": set(),  # it looks into the cache for what kernels lack
}


@pytest.mark.parametrize("words", QUICK)
def test_what_is_slow_is_imported_where_it_is_used(words: str) -> None:
    code = (
        "import sys; sys.argv[0] = 'kmatrix'\n"
        "from orchestrator.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print('modules', *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, words], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not (SLOW | QUICK[words]) & loaded and "typer" in loaded


@pytest.mark.parametrize("verb", VERBS)
def test_help_lists_what_the_verb_says_of_itself(verb: str) -> None:
    command = load(verb)
    assert command.name == verb and " ".join((command.help or "").split("\n\n")[0].split()) == VERBS[verb]
    assert "Example: " in command.help and "kmatrix" in command.help


def test_every_file_of_a_verb_is_a_verb() -> None:
    files = {path.stem for path in (ROOT / "orchestrator/cli").glob("[a-z]*.py")}
    with_verb = {name for name in files if hasattr(import_module(f"orchestrator.cli.{name}"), "register")}
    assert with_verb == {verb.replace("-", "_") for verb in VERBS}


def test_the_version() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"kmatrix {__version__}\n")


def test_the_old_name_of_presets_is_taken_where_an_option_is() -> None:
    assert current(["run", "--profile", "seed"]) == ["run", "--preset", "seed"]
    assert current(["run", "--profile=seed", "-w", "x"]) == ["run", "--preset=seed", "-w", "x"]
    assert current(["profile", "runs/x", "--profile-diff"]) == ["profile", "runs/x", "--profile-diff"]
    assert current(["check", "--", "--profile"]) == ["check", "--", "--profile"]
    for other in ("--preset", "-p", "--preset=x"):
        with pytest.raises(ConfigError, match="--profile is the old name of --preset"):
            current(["run", "--profile", "seed", other])


def test_commands_say_which_matrix_file_they_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["plan", "-s", "s390x"])
    assert done.stderr == f"matrix: the default one of kmatrix {__version__} (kmatrix init writes it out)\n"
    assert done.stdout.startswith("2 builds") and not list(tmp_path.iterdir())
    done = CliRunner().invoke(app, ["init"])
    assert done.exit_code == 0 and "kmatrix plan" in done.stdout
    assert Path("matrix.yaml").read_text() == paths.MATRIX.read_text()
    Path("matrix.yaml").write_text(paths.MATRIX.read_text().replace("[x86_64, aarch64, s390x]", "[s390x]"))
    done = CliRunner().invoke(app, ["plan"])
    assert done.stderr == "matrix: matrix.yaml\n" and done.stdout.startswith("2 builds")
    done = CliRunner().invoke(app, ["init"])
    assert isinstance(done.exception, ConfigError) and "is there already" in done.exception.message
    assert "[s390x]" in Path("matrix.yaml").read_text(), "never overwritten"


def test_json_is_json_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    build = import_module("orchestrator.cli.build")
    monkeypatch.setattr(build, "check_host", lambda: None)
    monkeypatch.setenv("KMATRIX_CACHE", str(tmp_path / "cache"))
    Path("matrix.yaml").write_text(
        "arches: [s390x]\nworkloads: [shmem-write]\nsources: {s: {tarball: none.tar}}\nkernels: {k: {source: s}}\n"
    )
    Path("none.tar").write_text("no tarball")
    done = CliRunner().invoke(app, ["build", "--json"])
    assert "matrix:" not in done.output and all(json.loads(line) for line in done.stdout.splitlines())
    assert inspect.signature(build.build).parameters["config"].default is None


def test_nights_need_a_file_that_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["nightly", "--print", "cron"])
    assert isinstance(done.exception, ConfigError) and done.exception.hint == "kmatrix init writes one"
