# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that a compiler makes of one function: clones, and parts split off."""

from __future__ import annotations

import re

_CLONE = re.compile(r"\.(isra|constprop|lto_priv|llvm|localalias)(\.\d+)?(?=\.|$)")
_PART = re.compile(r"\.(part|cold)(\.\d+)?(?=\.|$)")


def stem(name: str) -> str:
    """foo of foo.isra.0, foo.constprop.0.isra.0, foo.part.0 and foo.cold."""
    return _PART.sub("", _CLONE.sub("", name))


def is_part(name: str) -> bool:
    """Is this a piece that its function jumps to or calls, so that entering it is no call of the function?"""
    return bool(_PART.search(name))


def whole(name: str) -> str:
    """foo.isra.0 of foo.isra.0.cold: what a part was split off from, which is a clone of its own."""
    return _PART.sub("", name)
