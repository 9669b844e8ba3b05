# SPDX-License-Identifier: GPL-2.0-or-later
"""How words are put together. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def listed(words: Iterable[str]) -> str:
    """a, b and c"""
    *most, last = list(dict.fromkeys(words)) or [""]
    return f"{', '.join(most)} and {last}" if most else last
