# SPDX-License-Identifier: GPL-2.0-or-later
"""Sources of every kind but Debian's, on a tree that is Linux in name only."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from orchestrator.build.sources import linux_version, prepare
from orchestrator.errors import BuildError, ConfigError
from orchestrator.model import Source
from orchestrator.store import Store, sha256

MAKEFILE = "# SPDX\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\nEXTRAVERSION =\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "linux"
    folder.mkdir()
    (folder / "Makefile").write_text(MAKEFILE)
    return folder


def test_a_tarball_is_named_by_its_hash_and_unpacked_once(tree: Path, tmp_path: Path) -> None:
    tar = tmp_path / "linux.tar.gz"
    subprocess.run(["tar", "-czf", tar, "-C", tmp_path, "linux"], check=True)
    store = Store(tmp_path / "store")
    one = asyncio.run(prepare(store, Source("s", "tarball", str(tar))))
    assert one.linux == "6.1.7" and one.identity == f"tarball:{sha256(tar)}"
    stamp = one.folder.stat().st_ino
    two = asyncio.run(prepare(store, Source("s", "tarball", str(tar), sha256(tar))))
    assert two == one and two.folder.stat().st_ino == stamp
    with pytest.raises(ConfigError, match="has sha256"):
        asyncio.run(prepare(store, Source("s", "tarball", str(tar), "0" * 64)))


def test_a_git_tree_is_named_by_its_commit(tree: Path, tmp_path: Path) -> None:
    git = ["git", "-C", str(tree), "-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "one"], check=True)
    (tree / "Makefile").write_text("changed, not committed")
    made = asyncio.run(prepare(Store(tmp_path / "store"), Source("s", "git", str(tree), "HEAD")))
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert made.identity == f"git:{head}" and made.linux == "6.1.7"
    with pytest.raises(ConfigError, match="no revision nowhere"):
        asyncio.run(prepare(Store(tmp_path / "store"), Source("s", "git", str(tree), "nowhere")))


def test_a_folder_of_a_git_tree_names_the_whole_tree(tree: Path, tmp_path: Path) -> None:
    git = ["git", "-C", str(tree), "-c", "user.name=t", "-c", "user.email=t@localhost"]
    (tree / "mm").mkdir()
    (tree / "mm/x.c").touch()
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    made = asyncio.run(prepare(Store(tmp_path / "store"), Source("s", "git", str(tree / "mm"), "HEAD")))
    assert made.linux == "6.1.7" and (made.folder / "mm/x.c").exists()


def test_what_is_no_kernel_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "t/none").mkdir(parents=True)
    (tmp_path / "t/none/Makefile").touch()
    subprocess.run(["tar", "-cf", str(tmp_path / "t.tar"), "-C", str(tmp_path / "t"), "none"], check=True)
    with pytest.raises(BuildError, match="not a Linux source tree"):
        asyncio.run(prepare(Store(tmp_path / "store"), Source("s", "tarball", str(tmp_path / "t.tar"))))
    assert not list((tmp_path / "store/sources").glob("[!.]*"))


def test_what_is_no_kernel_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="not a Linux source tree"):
        linux_version(tmp_path)
