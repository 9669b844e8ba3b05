# SPDX-License-Identifier: GPL-2.0-or-later
"""Which suites apt must see for a suite: by rule, for suites with and without security updates."""

import pytest

from orchestrator.build.suites import Suites, needed, sources_from
from orchestrator.errors import ConfigError, InfraError

HOST = [
    ("http://mirror/debian/", "trixie"),
    ("http://mirror/debian/", "trixie-updates"),
    ("http://mirror/debian-security/", "trixie-security"),
]


@pytest.mark.parametrize("release", ["bookworm", "trixie", "stable", "oldstable", "testing", "forky", "bullseye"])
def test_a_release_has_security_updates_and_the_newest_package_is_taken(release: str) -> None:
    assert needed(release) == Suites((release,), (f"{release}-security",), preferred="")


@pytest.mark.parametrize("rolling", ["sid", "unstable"])
def test_a_rolling_suite_has_no_security_updates(rolling: str) -> None:
    assert needed(rolling) == Suites((rolling,))


@pytest.mark.parametrize("name", ["experimental", "rc-buggy"])
def test_experimental_is_built_on_sid(name: str) -> None:
    assert needed(name) == Suites(("sid", name), preferred=name)


@pytest.mark.parametrize("end", ["backports", "updates", "proposed-updates"])
def test_what_is_beside_a_release_is_built_on_it_and_preferred(end: str) -> None:
    name = f"trixie-{end}"
    assert needed(name) == Suites(("trixie", name), ("trixie-security",), preferred=name)


def test_sloppy_backports_are_built_on_backports() -> None:
    suites = ("bookworm", "bookworm-backports", "bookworm-backports-sloppy")
    assert needed(suites[-1]) == Suites(suites, ("bookworm-security",), preferred=suites[-1])


def test_a_security_suite_is_asked_of_the_security_archive_alone() -> None:
    assert needed("trixie-security") == Suites(("trixie",), ("trixie-security",), preferred="trixie-security")
    assert needed("stable-backports").security == ("stable-security",)


@pytest.mark.parametrize("name", ["", "Sid", "sid main", "trixie/updates", "-backports", "../x", "sid\n"])
def test_what_is_no_name_of_a_suite_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="not the name of a suite"):
        needed(name)


def test_apt_lines_come_from_the_hosts_mirrors() -> None:
    lines = sources_from(HOST, needed("bookworm"))
    assert [line.split("] ")[1] for line in lines.splitlines()] == [
        "http://mirror/debian/ bookworm main",
        "http://mirror/debian-security/ bookworm-security main",
    ]
    assert all("signed-by=" in line for line in lines.splitlines())


def test_each_archive_is_asked_for_its_own_suites() -> None:
    def lines(suite: str) -> list[str]:
        return [line.split("] ")[1] for line in sources_from(HOST, needed(suite)).splitlines()]

    assert lines("sid") == ["http://mirror/debian/ sid main"]
    assert lines("experimental") == ["http://mirror/debian/ sid main", "http://mirror/debian/ experimental main"]
    assert lines("bookworm-backports") == [
        "http://mirror/debian/ bookworm main",
        "http://mirror/debian/ bookworm-backports main",
        "http://mirror/debian-security/ bookworm-security main",
    ]


def test_without_a_mirror_nothing_can_be_asked() -> None:
    with pytest.raises(InfraError, match="no mirror of Debian"):
        sources_from([], needed("bookworm"))
    with pytest.raises(InfraError, match="no mirror of Debian"):
        sources_from(HOST[2:], needed("sid"))
