# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a kernel's source is from, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """Where a kernel comes from: kind is debian, tarball, git or image."""

    name: str
    kind: str
    location: str  # package name, path of a tarball, path of a git tree, or image pattern
    revision: str = ""  # version, sha256 or git revision; empty: the newest
    suite: str = "bookworm"  # of a Debian package
    system_map: str = ""  # of a ready image
