# SPDX-License-Identifier: GPL-2.0-or-later
"""Mails, diffs, matrix files, workloads and run folders, made worse by hypothesis: no traceback, no hang, nothing
written elsewhere, and an error names its file. Nothing is built or booted."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML as Reader

from orchestrator import report as formats
from orchestrator.build.kernel import Builder
from orchestrator.build.sources import Tree
from orchestrator.errors import ConfigError
from orchestrator.series import diff
from tests.fuzz.conftest import (
    CONFIG,
    DIFFS,
    MAILS,
    NIGHT,
    ONCE,
    PROGRAM,
    TOML,
    YAML,
    World,
    Worse,
    cases,
    json_made_worse,
    made_worse,
    worse,
)
from tests.unit.conftest import four, run_folder

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
FAR = "far enough"  # what ends a command that has read all its files
Steps = list[Worse]
how_many = pytest.mark.parametrize("number", [ONCE, pytest.param(NIGHT, marks=pytest.mark.night)])
VERBS = {name: import_module(f"orchestrator.cli.{name}") for name in ("check", "run", "verify", "profile")}
MATRIX = """\
arches: [s390x]
workloads: [shmem-write]
sources: {s: {tarball: none.tar}}
kernels: {base: {source: s}}
"""


def _corpus(*endings: str) -> list[bytes]:
    return [path.read_bytes() for ending in endings for path in sorted(TESTS.rglob(f"*.{ending}"))]


PATCHES = _corpus("patch", "diff")
LETTERS = [*_corpus("mbox", "eml"), *PATCHES[:5]]
MATRICES = [MATRIX.encode(), *_corpus("yaml"), (ROOT / "matrix.yaml").read_bytes()]
CONFIGS = [path.read_bytes() for path in sorted((ROOT / "images/kconfig").rglob("*.config"))]
DECLARED = [path.read_bytes() for path in sorted(ROOT.glob("guest-tools/*/workload.toml"))]
PROGRAMS = [p.read_bytes() for p in (*sorted((TESTS / "boot/own").glob("*.[ch]*")), Path("/bin/true")) if p.is_file()]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """With a matrix file that is well, a secret, and a place of the host's own for what is kept."""
    made = World(tmp_path)
    for name in ("home", "cache", "tmp"):
        (tmp_path / name).mkdir()
    made.here.mkdir(parents=True)
    (tmp_path / "outside").write_text("as it was\n")
    (made.here / "matrix.yaml").write_text(MATRIX)
    (made.here / "none.tar").write_text("")
    monkeypatch.chdir(made.here)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    env = {
        "HOME": "home",
        "KMATRIX_CACHE": "cache",
        "KMATRIX_HISTORY": "home/history.sqlite",
        "XDG_STATE_HOME": "home",
    }
    for name, place in env.items():
        monkeypatch.setenv(name, str(tmp_path / place))
    for verb in VERBS.values():
        if hasattr(verb, "check_host"):
            monkeypatch.setattr(verb, "check_host", lambda: None)
    return made


def far(*_: Any, **__: Any) -> Any:
    raise ConfigError(FAR)


@pytest.fixture
def source(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A source to which the patches apply as they are; a check ends when it knows whether they do."""
    pristine = world.root / "pristine"
    files: dict[str, dict[int, str]] = {}
    for text in PATCHES:
        for hunk in diff.hunks(text.decode(errors="surrogateescape")):
            files.setdefault(hunk.file, {}).update({line.old: line.text for line in hunk.lines if line.old})
    for name, rows in files.items():
        path = pristine / name
        if name and path.resolve().is_relative_to(pristine):
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = "".join(f"{rows.get(number, '')}\n" for number in range(1, max(rows, default=0) + 1))
            path.write_text(whole, errors="surrogateescape")

    tree = Tree("tree", "key", pristine, "6.1")

    async def fetched(*_: Any) -> Tree:
        return tree

    monkeypatch.setattr(Builder, "source", fetched)
    monkeypatch.setattr(Builder, "unpacked", lambda *_: tree)
    monkeypatch.setattr(VERBS["check"], "measured", far)
    yield pristine


@how_many
def test_mails(world: World, source: Path, number: int) -> None:
    """As a check takes them, as a reply answers them, as b4 hands them over."""
    run_folder(world.here / "run", *four())

    @cases(number)
    @given(st.integers(0, 999), worse, st.sampled_from(["check", "reply", "b4", "gz"]))
    def play(which: int, steps: Steps, way: str) -> None:
        text = made_worse(LETTERS[which % len(LETTERS)], steps, MAILS + DIFFS, LETTERS)
        name = "letter.mbox.gz" if way == "gz" else "letter.mbox"
        (world.here / name).write_bytes(gzip.compress(text)[: -1 - which % 9 or None] if way == "gz" else text)
        if way == "b4":
            world.gives(["b4-check", "--runs", "run"], ["standard input"], text)
        elif way == "reply":
            words = ["report", "run", "--format", "mail", "--in-reply-to", name, "--out", "runs/reply"]
            world.gives(words, [name])
        else:
            world.gives(["check", name, "--base", "s"], [name, FAR])

    play()


@how_many
def test_diffs(world: World, source: Path, number: int) -> None:
    @cases(number)
    @given(st.lists(st.integers(0, 999), min_size=1, max_size=2), worse)
    def play(which: list[int], steps: Steps) -> None:
        names = [f"{place}.patch" for place, _ in enumerate(which)]
        for name, one in zip(names, which, strict=True):
            (world.here / name).write_bytes(made_worse(PATCHES[one % len(PATCHES)], steps, DIFFS, PATCHES))
        world.gives(["check", *names, "--base", "s"], [*names, FAR])
        for name in names:
            (world.here / name).unlink()

    play()


@how_many
def test_matrix_files(world: World, number: int) -> None:
    for name in ("patches", "images", "guest-tools"):
        (world.here / name).symlink_to(ROOT / name if (ROOT / name).exists() else TESTS / "boot" / name)

    @cases(number)
    @given(st.integers(0, 999), worse, st.sampled_from(["matrix", "values", "values", "config", "preset"]))
    def play(which: int, steps: Steps, what: str) -> None:
        text, words = MATRICES[which % len(MATRICES)], ["plan", "--config", "mine.yaml"]
        if what == "config":
            (world.here / "mine.config").write_bytes(
                made_worse(CONFIGS[which % len(CONFIGS)], steps, CONFIG, CONFIGS)
            )
            text = MATRIX.encode() + b"config: mine.config\n"
        elif what == "values":  # JSON is YAML
            tree = Reader(typ="safe").load(text.decode())
            text = json_made_worse(json.dumps(tree, default=str).encode(), steps)
        else:
            text = made_worse(text, steps, YAML, MATRICES)
        if what == "preset":
            words += ["--preset", "seed"]
        (world.here / "mine.yaml").write_bytes(text)
        world.gives(words, ["mine.yaml", "mine.config"])

    play()


@how_many
def test_workloads(world: World, number: int) -> None:
    """Folders with a workload.toml, programs, and what lies beside them."""
    mine = world.here / "mine"
    mine.mkdir()

    @cases(number)
    @given(st.integers(0, 999), worse, st.sampled_from(["declared", "program", "beside"]))
    def play(which: int, steps: Steps, what: str) -> None:
        declared = made_worse(DECLARED[which % len(DECLARED)], steps, TOML, DECLARED)
        program = PROGRAMS[which % len(PROGRAMS)]
        if what == "declared":
            (mine / "main.c").write_text("int main(void) { return 0; }\n")
            (mine / "workload.toml").write_bytes(declared)
            world.gives(["plan", "--workload", "mine"], ["mine"])
            return
        if what == "program":
            program = made_worse(program, steps, PROGRAM, PROGRAMS)
        (mine / "own").write_bytes(program)
        (mine / "own.toml").write_bytes(declared if what == "beside" else b"")
        world.gives(["plan", "--workload", "mine/own"], ["own"])

    play()


@how_many
def test_run_folders(world: World, old_run: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of today and of 0.1.0: shown, compared, recorded, gone on with."""
    whole = world.root / "whole"
    run_folder(whole / "new", *four())
    shutil.copytree(old_run, whole / "old", symlinks=True)
    shutil.rmtree(old_run)
    monkeypatch.setattr("orchestrator.engine.begin", far)
    for name in ("run", "verify", "profile"):
        monkeypatch.setattr(VERBS[name], "measured", far if name != "run" else VERBS[name].measured)
    files = {
        name: sorted(str(p.relative_to(whole / name)) for p in (whole / name).rglob("*") if p.is_file())
        for name in ("new", "old")
    }
    some = st.lists(st.integers(0, 999), min_size=1, max_size=3)
    ways = [
        *(f"report {name}" for name in formats.known()),
        "compare",
        "json",
        "import",
        "resume",
        "verify",
        "again",
        "profile",
        "b4",
    ]

    @cases(number)
    @given(st.sampled_from(["new", "old"]), some, worse, st.sampled_from(ways))
    def play(which: str, chosen: list[int], steps: Steps, way: str) -> None:
        run = world.here / "run"
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(whole / which, run, symlinks=True)
        likely = [name for name in files[which] if name.endswith(".json")]
        for number in chosen:
            among = likely if number % 4 else files[which]
            path = run / among[number % len(among)]
            text = path.read_bytes()
            try:
                text = json_made_worse(text, steps) if number % 3 else made_worse(text, steps, YAML)
            except ValueError:
                text = made_worse(text, steps, YAML)
            path.write_bytes(text)
        words, named = _words(way), ["run", FAR, *(Path(name).name for name in files[which])]
        if way in ("resume", "import", "verify", "again", "profile"):
            _kept(world, words, named)
        else:
            world.gives(words, named, PATCHES[0] if way == "b4" else b"")

    def _kept(world: World, words: list[str], named: list[str]) -> None:
        """Of a verb that may write to the run folder."""
        run, place = world.here / "run", world.here / "runs"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        run.rename(place / "run")
        world.gives([word.replace("RUN", "runs/run") for word in words], named)

    play()


def _words(way: str) -> list[str]:
    verb, _, form = way.partition(" ")
    return {
        "report": ["report", "run", "--format", form or "terminal"],
        "compare": ["compare", "run", "run"],
        "json": ["compare", "run/matrix.json", "run"],
        "import": ["history", "import", "RUN"],
        "resume": ["run", "--resume", "RUN"],
        "verify": ["verify", "RUN"],
        "again": ["verify", "RUN/matrix.json", "--recorded"],
        "profile": ["profile", "RUN"],
        "b4": ["b4-check", "--runs", "run"],
    }[verb]


def test_the_corpus_is_there() -> None:
    assert min(map(len, (PATCHES, LETTERS, MATRICES, CONFIGS, DECLARED, PROGRAMS))) >= 2
    assert json.loads(json_made_worse(b'{"a": [1]}', [("cut", 1, 0)])) == {"a": []}
