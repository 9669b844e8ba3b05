# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian package as a source: real packages, made here; apt-get is a script that copies them."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.build.sources import prepare
from orchestrator.build.sources.debian import SOURCE
from orchestrator.model import Source
from orchestrator.store import Store

META = Source("newest", "debian", "linux-source", "", {"suite": "trixie-backports"})


def package(folder: Path, name: str, version: str, depends: str = "", files: Path | None = None) -> None:
    """NAME_VERSION_all.deb in the folder."""
    tree = folder / "tree" / name
    (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
    rows = [f"Package: {name}", f"Version: {version}", "Architecture: all", "Maintainer: t <t@localhost>"]
    rows += [f"Depends: {depends}"] if depends else []
    (tree / "DEBIAN/control").write_text("\n".join([*rows, "Description: x", ""]))
    if files:
        (tree / "usr/src").mkdir(parents=True, exist_ok=True)
        subprocess.run(["tar", "-cJf", tree / f"usr/src/{name}.tar.xz", "-C", files.parent, files.name], check=True)
    file = folder / f"{name}_{version}_all.deb"
    subprocess.run(["dpkg-deb", "--build", tree, file], check=True, capture_output=True)


def source(folder: Path, version: str) -> None:
    """linux-source-7.3 of this version, and the package that stands for it."""
    linux = folder / "linux"
    linux.mkdir(exist_ok=True)
    patchlevel, sublevel = version.split("-")[0].split(".")[1:]
    (linux / "Makefile").write_text(f"VERSION = 7\nPATCHLEVEL = {patchlevel}\nSUBLEVEL = {sublevel}\n")
    package(folder, "linux-source-7.3", version, "binutils, xz-utils", linux)
    package(folder, "linux-source", version, f"linux-source-7.3 (= {version})")
    (folder / "offers").write_text(version)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    script = folder / "apt-get"
    script.write_text(
        f"""#!/bin/sh
for word; do last=$word; done
version=$(cat {folder}/offers)
case "$*" in
*\\ update) ;;
*--print-uris*) echo "'http://x' ${{last}}_${{version}}_all.deb 1 SHA256:0" ;;
*) echo "$last" >>{folder}/asked; cp {folder}/"${{last%%=*}}_${{version}}_all.deb" . ;;
esac
"""
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("KMATRIX_DEBIAN_MIRROR", "http://mirror/debian")
    source(folder, "7.3.4-1~bpo13+1")
    return folder


def asked(mirror: Path) -> list[str]:
    return (mirror / "asked").read_text().split()


def test_a_package_is_named_by_its_version(mirror: Path, tmp_path: Path) -> None:
    made = asyncio.run(
        prepare(Store(tmp_path / "s"), Source("s", "debian", "linux-source-7.3", "", {"suite": "sid"}))
    )
    assert made.identity == "debian:linux-source-7.3=7.3.4-1~bpo13+1" and made.linux == "7.3.4"
    assert asked(mirror) == ["linux-source-7.3"]


def test_linux_source_is_the_package_that_it_stands_for(mirror: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    made = asyncio.run(prepare(store, META))
    assert made.identity == "debian:linux-source-7.3=7.3.4-1~bpo13+1" and made.linux == "7.3.4"
    assert asyncio.run(prepare(store, META)) == made
    assert asked(mirror) == ["linux-source", "linux-source-7.3=7.3.4-1~bpo13+1"]  # once


def test_a_point_release_is_fetched_when_it_is_looked_for(mirror: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    asyncio.run(prepare(store, META))
    assert asyncio.run(SOURCE.refresh(store, META)) == ""
    assert len(asked(mirror)) == 2  # nothing newer: nothing fetched
    source(mirror, "7.3.10-1~bpo13+1")
    assert asyncio.run(prepare(store, META)).linux == "7.3.4"
    assert asyncio.run(SOURCE.refresh(store, META)) == ""
    assert asyncio.run(prepare(store, META)).linux == "7.3.10"


def test_a_version_that_is_named_is_never_newer(mirror: Path, tmp_path: Path) -> None:
    pinned = Source("s", "debian", "linux-source-7.3", "7.3.4-1~bpo13+1", {"suite": "sid"})
    assert asyncio.run(SOURCE.refresh(Store(tmp_path / "s"), pinned)) == ""
    assert not (mirror / "asked").exists()


def test_a_mirror_that_does_not_answer_is_a_note(mirror: Path, tmp_path: Path) -> None:
    (mirror / "apt-get").write_text("#!/bin/sh\necho 'E: no route'\nexit 100\n")
    note = asyncio.run(SOURCE.refresh(Store(tmp_path / "s"), META))
    assert note.startswith("newest: the mirror was not asked, measured as it is here") and "no route" in note
