# SPDX-License-Identifier: GPL-2.0-or-later
"""apt: point releases, and a mirror that is being synced. apt-get itself is a script here, of what it said once."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from orchestrator.build import apt
from orchestrator.errors import InfraError
from orchestrator.store import Store

SIZE = """\
Err:4 http://mirror.example/debian-security bookworm-security/main amd64 Packages
  File has unexpected size (312288 != 312420). Mirror sync in progress? [IP: 192.0.2.1 80]
E: Failed to fetch http://mirror.example/debian-security/dists/x/Packages.xz  File has unexpected size (312288 != 312420). Mirror sync in progress? [IP: 192.0.2.1 80]
E: Some index files failed to download. They have been ignored, or old ones used instead.
"""  # noqa: E501
GONE = "E: Failed to fetch http://mirror/pool/main/linux-source-7.2_7.2.9-1_all.deb  404  Not Found [IP: ::1 80]\n"
NO_SUITE = "E: The repository 'http://mirror/debian nonsense Release' does not have a Release file.\n"
OFFLINE = "E: Failed to fetch http://mirror/debian/dists/sid/InRelease  Could not connect to mirror:80\n"
SUM = "E: Failed to fetch http://mirror/pool/l.deb  Hash Sum mismatch\n"


@pytest.mark.parametrize(
    ("verb", "output", "syncing"),
    [
        ("update", SIZE, True),
        ("update", SUM, True),
        ("download", SUM, True),
        ("download", GONE, True),
        ("install", GONE, True),
        ("update", GONE.replace(".deb", "/Packages.xz"), False),  # a suite or mirror that is not there
        ("update", NO_SUITE, False),
        ("update", OFFLINE, False),
        ("download", "E: Unable to locate package linux-source-9.9\n", False),
    ],
)
def test_only_what_does_not_fit_together_is_a_sync(verb: str, output: str, syncing: bool) -> None:
    assert apt.syncing(verb, output) is syncing


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of answers by verb: a file UPDATE, DOWNLOAD or URIS holds what apt-get says there and fails with, each
    but for the last line of `calls` times; offers is the name of the .deb that it has."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    script = folder / "apt-get"
    script.write_text(
        f"""#!/bin/sh
case "$*" in *--print-uris*) verb=uris ;; *\\ update*) verb=update ;; *) verb=download ;; esac
echo "$verb" >>{folder}/asked
echo "$*" >>{folder}/options
if [ -s {folder}/$verb.fails ]; then
    cat {folder}/$verb.fails
    left=$(($(cat {folder}/$verb.times) - 1))
    echo $left >{folder}/$verb.times
    [ $left -gt 0 ] || rm {folder}/$verb.fails
    exit 100
fi
deb=$(cat {folder}/offers)
[ $verb = uris ] && echo "'http://mirror/pool/x.deb' $deb 5 SHA256:0"
[ $verb = download ] && echo deb >"$deb"
exit 0
"""
    )
    script.chmod(0o755)
    (folder / "offers").write_text("linux-source-7.3_7.3.4-1~bpo13+1_all.deb")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("KMATRIX_DEBIAN_MIRROR", "http://mirror/debian")
    monkeypatch.setattr(apt, "SYNCING", (0, 0, 0))
    return folder


def fails(mirror: Path, verb: str, words: str, times: int) -> None:
    (mirror / f"{verb}.fails").write_text(words)
    (mirror / f"{verb}.times").write_text(str(times))


def fetched(store: Store, suite: str = "trixie-backports") -> list[str]:
    folder = asyncio.run(apt.fetch(store, suite, None, ["linux-source-7.3"], dependencies=False, refresh=True))
    return sorted(path.name for path in folder.iterdir())


def newer(store: Store, suite: str = "trixie-backports") -> bool:
    return asyncio.run(apt.newer(store, suite, "linux-source-7.3"))


def test_the_package_and_nothing_else_is_kept(mirror: Path, tmp_path: Path) -> None:
    assert fetched(Store(tmp_path / "s")) == ["linux-source-7.3_7.3.4-1~bpo13+1_all.deb"]
    options = (mirror / "options").read_text()
    assert "APT::Default-Release=trixie-backports " in options and "APT::Update::Error-Mode=any" in options
    fetched(Store(tmp_path / "s"), "sid")
    assert "APT::Default-Release= " in (mirror / "options").read_text().splitlines()[-1]


@pytest.mark.parametrize(
    ("offers", "is_newer"),
    [
        ("7.3.4-1~bpo13+1", False),
        ("7.3.4-1~bpo13+2", True),  # the same source, backported again
        ("7.3.5-1~bpo13+1", True),  # a point release
        ("7.3.10-1~bpo13+1", True),  # as dpkg orders them, not as text
        ("7.3.4-1", True),  # what was backported comes after its backport
        ("1%3a7.3.1-1", True),  # an epoch
        ("7.3.3-1~bpo13+1", False),  # a mirror that is behind
    ],
)
def test_point_releases_are_newer(mirror: Path, tmp_path: Path, offers: str, is_newer: bool) -> None:
    store = Store(tmp_path / "s")
    fetched(store)
    (mirror / "offers").write_text(f"linux-source-7.3_{offers}_all.deb")
    assert newer(store) is is_newer


def test_where_nothing_is_kept_all_is_newer(mirror: Path, tmp_path: Path) -> None:
    assert newer(Store(tmp_path / "s"))


@pytest.mark.parametrize(("verb", "words"), [("update", SIZE), ("download", GONE), ("download", SUM)])
def test_a_sync_of_the_mirror_is_waited_for(mirror: Path, tmp_path: Path, verb: str, words: str) -> None:
    fails(mirror, verb, words, 2)
    assert fetched(Store(tmp_path / "s")) == ["linux-source-7.3_7.3.4-1~bpo13+1_all.deb"]
    asked = (mirror / "asked").read_text().split()
    assert asked.count("update") == 3 and asked.count(verb) == 3  # lists are fetched again: they are what is old


def test_a_sync_that_does_not_end_is_told(mirror: Path, tmp_path: Path) -> None:
    fails(mirror, "update", SIZE, 9)
    with pytest.raises(InfraError, match="apt-get update failed: E: Some index files") as told:
        newer(Store(tmp_path / "s"))
    assert told.value.kind == "fetch" and "unexpected size" in told.value.log
    assert (mirror / "asked").read_text().split() == ["update"] * 4


@pytest.mark.parametrize("words", [NO_SUITE, OFFLINE])
def test_nothing_else_is_waited_for(mirror: Path, tmp_path: Path, words: str) -> None:
    fails(mirror, "update", words, 9)
    with pytest.raises(InfraError, match="apt-get update failed"):
        fetched(Store(tmp_path / "s"))
    assert (mirror / "asked").read_text().split() == ["update"]
    assert not list((tmp_path / "s/debs").glob("*"))
