# SPDX-License-Identifier: GPL-2.0-or-later
"""The few lines of a log that say what happened."""

from __future__ import annotations

import re

LINES = 10
# What a kernel or a compiler starts such a message with. A panic's own line outranks what leads to it.
_TELLING = re.compile(
    r"Kernel panic|BUG|Oops|Internal error|Unable to handle|WARNING|INFO: .*detected|general protection"
    r"|Out of memory|illegal operation|\berror:|FAILED|\*\*\* "
)


def excerpt(log: str, lines: int = LINES) -> list[str]:
    """At most so many lines: the first telling one with what follows, and the end; "..." where some are left out."""
    rows = [row.rstrip() for row in log.splitlines() if row.strip()]
    if len(rows) <= lines:
        return rows
    start = next((i for i, row in enumerate(rows) if _TELLING.search(row)), len(rows))
    if start >= len(rows) - lines:
        return ["...", *rows[-(lines - 1) :]]
    if start == 0:
        return [*rows[: lines - 1], "..."]
    return ["...", *rows[start : start + lines - 2], "..."]
