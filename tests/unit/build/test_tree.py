# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds of several configs in one tree: each is found again as it was; what is private gets into none of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from orchestrator import arches
from orchestrator.build import kernel, toolchain
from orchestrator.build.kernel import Builder
from orchestrator.build.sources import Tree
from orchestrator.build.tree import RECONFIGURE, WANTED, SharedTree
from orchestrator.errors import BuildError
from orchestrator.model import Build, Kernel, Source
from orchestrator.sandbox import bubblewrap
from orchestrator.store import Store


def configured(tree: SharedTree, wanted: str) -> bool:
    """Turned to, and configured and built if it was not there."""
    there = asyncio.run(tree.turn_to(wanted))
    if not there:
        tree.build.mkdir(exist_ok=True)
        (tree.build / WANTED).write_text(wanted)
        (tree.build / "vmlinux").write_text(wanted)
    assert (tree.build / "vmlinux").read_text() == wanted
    return there


def test_a_config_is_found_again(tmp_path: Path) -> None:
    tree = SharedTree(tmp_path)
    assert [configured(tree, its) for its in ("lean", "lean", "standard", "lean", "standard")] == [
        False, True, False, True, True,
    ]  # fmt: skip
    assert [its.name for its in tree.builds()] == ["build", "build-0"]


def test_the_one_that_was_used_last_stays(tmp_path: Path) -> None:
    tree = SharedTree(tmp_path)
    for time, its in enumerate(("standard", "lean", "standard", "more", "lean", "standard", "other", "fifth")):
        configured(tree, its)
        os.utime(tree.build / WANTED, (time, time))
    assert sorted((its / "vmlinux").read_text() for its in tree.builds()) == ["fifth", "lean", "other", "standard"]
    assert not configured(tree, "more")


def test_what_was_never_configured_is_not_kept(tmp_path: Path) -> None:
    tree = SharedTree(tmp_path)
    tree.build.mkdir()
    assert not configured(tree, "lean") and [its.name for its in tree.builds()] == ["build"]


class Made:
    """In place of make: writes what it would, and notes where, from which source, with which config."""

    calls: ClassVar[list[tuple[str, str, str]]] = []

    def __init__(self, _: Build, shared: SharedTree, *__: object, disk_gib: float) -> None:
        self.shared = shared

    async def identity(self) -> str:
        return "make"

    async def __call__(self, *targets: str, niceness: int = 0, up_to_date: Sequence[str] = ()) -> None:
        if targets[-1].endswith("config"):
            return
        source = (self.shared.source / "mm/one.c").read_text().strip()
        self.calls.append((self.shared.made.name, source, (self.shared.made / ".config").read_text().strip()))
        if source == "broken":
            raise BuildError("mm/one.c:1: error")


PATCH = "--- a/mm/one.c\n+++ b/mm/one.c\n@@ -1 +1 @@\n-{}\n+{}\n"


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builder:
    """Of a source that is one file and a Kconfig."""
    pristine = tmp_path / "pristine"
    (pristine / "mm").mkdir(parents=True)
    (pristine / "mm/one.c").write_text("plain\n")
    (pristine / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\n")
    (pristine / "Kconfig").write_text('config A\n\tbool "a"\nconfig B\n\tbool "b"\n')

    async def prepared(*_: object) -> Tree:
        return Tree("git:1", "key", pristine, "6.1.0")

    async def compiler(_: str) -> str:
        return "gcc"

    async def nothing(*_: object) -> None:
        return None

    monkeypatch.setattr(kernel, "prepare", prepared)
    monkeypatch.setattr(toolchain, "compiler", compiler)
    monkeypatch.setattr(bubblewrap, "check", nothing)
    monkeypatch.setattr(kernel, "Make", Made)
    monkeypatch.setattr(Builder, "_keep", nothing)
    monkeypatch.setattr(Builder, "_artifact", lambda *_: None)
    monkeypatch.setattr(Made, "calls", [])
    return Builder(Store(tmp_path / "cache"), 1, 1, 1)


def made(builder: Builder, lines: Sequence[str], *patches: Path) -> list[tuple[str, str, str]]:
    """What make was called for."""
    build = Build(arches.known()["s390x"], Kernel("k", Source("s", "git", "/x", "HEAD"), patches), tuple(lines))
    Made.calls.clear()
    asyncio.run(builder.make(build, builder.store.root / "log"))
    return list(Made.calls)


A, B = "CONFIG_A=y", "CONFIG_B=y"


def test_a_stranger_s_kernel_starts_from_objects_of_its_own_config(builder: Builder, tmp_path: Path) -> None:
    patch = tmp_path / "one.patch"
    patch.write_text(PATCH.format("plain", "patched"))
    assert made(builder, [A]) == [("build", "plain", A)]
    assert made(builder, [B], patch) == [("build", "plain", B), ("private", "patched", B)]
    assert made(builder, [B], patch) == [("private", "patched", B)]
    assert made(builder, [A], patch) == [("private", "patched", A)]
    assert made(builder, [A]) == [("build", "plain", A)]


def test_a_source_that_does_not_build_is_told_of_the_kernel_that_was_asked_for(
    builder: Builder, tmp_path: Path
) -> None:
    patch = tmp_path / "one.patch"
    patch.write_text(PATCH.format("broken", "mended"))
    (tmp_path / "pristine/mm/one.c").write_text("broken\n")
    assert made(builder, [A], patch) == [("build", "broken", A), ("private", "mended", A)]


def test_what_does_not_apply_is_told_before_anything_is_built(builder: Builder, tmp_path: Path) -> None:
    patch = tmp_path / "one.patch"
    patch.write_text(PATCH.format("other", "mended"))
    with pytest.raises(BuildError, match="does not apply"):
        made(builder, [A], patch)
    assert Made.calls == []


def test_and_while_somebody_else_has_the_tree(builder: Builder, tmp_path: Path) -> None:
    patch = tmp_path / "one.patch"
    patch.write_text(PATCH.format("other", "mended"))
    build = Build(arches.known()["s390x"], Kernel("k", Source("s", "git", "/x", "HEAD"), (patch,)), (A,))

    async def play() -> None:
        async with builder.store.lock("tree-key-s390x"):
            with pytest.raises(BuildError, match="does not apply"):
                await asyncio.wait_for(builder.make(build, builder.store.root / "log"), 20)

    asyncio.run(play())


def test_other_kconfig_files_make_other_configs_of_every_build(builder: Builder, tmp_path: Path) -> None:
    patch = tmp_path / "kconfig.patch"
    patch.write_text('--- a/Kconfig\n+++ b/Kconfig\n@@ -1,2 +1,3 @@\n+config C\n config A\n \tbool "a"\n')
    made(builder, [A])
    made(builder, [B])
    made(builder, [B], patch)
    tree = SharedTree(next((tmp_path / "cache/trees").glob("key-*[!y]")))
    assert len(tree.builds()) == 2 and all((its / RECONFIGURE).exists() for its in tree.builds())
    made(builder, [A])
    assert [(its / RECONFIGURE).exists() for its in tree.builds()] == [False, True]


def test_a_config_alone_leaves_builds_as_they_are(builder: Builder) -> None:
    def config(lines: str) -> str:
        build = Build(arches.known()["s390x"], Kernel("k", Source("s", "git", "/x", "HEAD"), ()), (lines,))
        return asyncio.run(builder.config(build, builder.store.root / "log"))[0]

    assert config(A).strip() == A, "nothing was built yet"
    assert made(builder, [B]) == [("build", "plain", B)]
    assert config(A).strip() == A and config(B).strip() == B
    tree = SharedTree(next(its for its in (builder.store.root / "trees").glob("key-*") if its.is_dir()))
    assert [(its / WANTED).read_text().splitlines()[-1] for its in tree.builds()] == [B]
