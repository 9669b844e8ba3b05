# SPDX-License-Identifier: GPL-2.0-or-later
"""Suites of Debian: what each is built on, and where its security updates are. By rule: no mirror is asked. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import ConfigError, InfraError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
ROLLING = ("sid", "unstable")  # updates of any kind come to them as to any other package
EXPERIMENTAL = ("experimental", "rc-buggy")  # their packages are built on sid
SLOPPY, BACKPORTS = "-backports-sloppy", "-backports"
# Suites beside a release, which hold only what differs from it.
BESIDE = (SLOPPY, BACKPORTS, "-proposed-updates", "-updates", "-security")  # longer ends first
_NAME = re.compile(r"[a-z][a-z0-9.]*(-[a-z0-9.]+)*")


@dataclass(frozen=True)
class Suites:
    """All that apt must see for one suite.

    main, security: suites of the two archives. preferred: packages are taken from it even where another suite has a
    newer one; "" takes the newest, which may be a security update.
    """

    main: tuple[str, ...]
    security: tuple[str, ...] = ()
    preferred: str = ""


def needed(suite: str) -> Suites:
    """Itself, what it is built on, and the security updates of both. ConfigError: not the name of a suite."""
    if not _NAME.fullmatch(suite):
        raise ConfigError(f"{suite!r} is not the name of a suite of Debian")
    if suite in ROLLING:
        return Suites((suite,))
    if suite in EXPERIMENTAL:
        return Suites(("sid", suite), preferred=suite)
    end = next((end for end in BESIDE if suite.endswith(end)), "")
    release = suite.removesuffix(end)
    if not end:
        return Suites((release,), (f"{release}-security",))
    security = () if release in ROLLING else (f"{release}-security",)
    if end == "-security":
        return Suites((release,), security, suite)
    between = (release + BACKPORTS,) if end == SLOPPY else ()
    return Suites((release, *between, suite), security, suite)


def sources_from(targets: Sequence[tuple[str, str]], suites: Suites) -> str:
    """apt's lines for the suites; targets: the (uri, release) pairs of the host's apt, which tell the mirrors."""
    lines: dict[str, None] = {}
    for uri, release in targets:
        security = release.endswith("-security")
        if security or "-" not in release:
            names = suites.security if security else suites.main
            lines |= dict.fromkeys(f"deb [signed-by={KEYRING}] {uri} {name} main" for name in names)
    if not lines:
        raise InfraError("the host's apt knows no mirror of Debian", kind="fetch")
    return "\n".join(lines) + "\n"
