# SPDX-License-Identifier: GPL-2.0-or-later
"""What must hold before a kernel is built."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.build import kernel, toolchain
from orchestrator.build.kernel import Builder
from orchestrator.build.sources import Tree
from orchestrator.errors import ConfigError
from orchestrator.model import Build, Kernel, Source
from orchestrator.store import Store


@pytest.mark.parametrize("name", ["my cache", "a:b", "a$b", "it's", "a\tb"])
def test_a_cache_that_no_kernel_can_be_built_in_is_told_before_anything_is_fetched(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "prepare", lambda *_: pytest.fail("fetched"))
    builder = Builder(Store(tmp_path / name), 1, 1, 1)
    with pytest.raises(ConfigError, match=r"takes no .* in a path") as caught:
        asyncio.run(builder.source(Source("s", "debian", "linux-source-6.1")))
    assert "KMATRIX_CACHE" in caught.value.hint
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["a,b", "a+b=c@d~e", "schön"])
def test_other_names_are_no_matter(tmp_path: Path, name: str) -> None:
    kernel.fits(tmp_path / name)


def test_what_a_kernel_will_lack_is_known_without_fetching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing before the source was asked for; then what its Kconfig files do not define; once built, all of it."""
    store, source = Store(tmp_path / "cache"), Source("s", "git", "/nowhere", "HEAD")
    lines = ("CONFIG_HERE=y", "CONFIG_GONE=y  #: wished", "# CONFIG_OFF is not set  #: wished")
    build = Build(arches.known()["s390x"], Kernel("k", source), lines)
    builder = Builder(store, 1, 1, 1)
    monkeypatch.setattr(kernel, "prepare", lambda *_: pytest.fail("fetched"))
    assert asyncio.run(builder.foreseen(build)) == {}
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "Kconfig").write_text('config HERE\n\tbool "here"\n')

    async def prepared(*_: object) -> Tree:
        return Tree("git:1", "key", tree, "6.1.192")

    async def compiler(_: str) -> str:
        return "gcc"

    monkeypatch.setattr(kernel, "prepare", prepared)
    monkeypatch.setattr(toolchain, "compiler", compiler)
    asyncio.run(builder.source(source))
    again = Builder(store, 1, 1, 1)
    assert asyncio.run(again.foreseen(build)) == {"CONFIG_GONE": "no such option in this source"}
    key = asyncio.run(again.key(build, Tree("git:1", "key", tree, "6.1.192")))
    with store.publish("kernels", key) as folder:
        (folder / "info.json").write_text('{"wished": {"CONFIG_HERE": "depends on more"}}')
    assert asyncio.run(again.foreseen(build)) == {"CONFIG_HERE": "depends on more"}


def test_a_config_is_the_same_where_the_host_has_pahole(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        (tmp_path / "config").write_text(text)
        return kernel._config_sha256(tmp_path / "config")

    one = digest("CONFIG_A=y\nCONFIG_PAHOLE_VERSION=0\nCONFIG_B=1\n")
    assert digest("CONFIG_A=y\nCONFIG_PAHOLE_VERSION=124\nCONFIG_B=1\n") == one
    assert digest("CONFIG_A=y\nCONFIG_PAHOLE_VERSION=0\nCONFIG_B=12\n") != one


def test_a_line_for_another_linux_is_no_other_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def compiler(_: str) -> str:
        return "gcc"

    def key(*lines: str) -> str:
        build = Build(arches.known()["s390x"], Kernel("k", Source("s", "git", "/x", "HEAD")), lines)
        tree = Tree("git:1", "key", tmp_path, "6.1.192")
        return asyncio.run(Builder(Store(tmp_path / "cache"), 1, 1, 1).key(build, tree))

    monkeypatch.setattr(toolchain, "compiler", compiler)
    one = key("#: name mine", "CONFIG_A=y  #: wished")
    assert key("#: name mine", "CONFIG_A=y  #: wished", "# CONFIG_A is not set  #: linux >=6.18") == one
    others = [key("#: name its", "CONFIG_A=y  #: wished"), key("#: name mine", "CONFIG_A=y"), key("#: name mine")]
    assert len({one, *others}) == 4
