# SPDX-License-Identifier: GPL-2.0-or-later
"""The few lines of a log that say what happened."""

from __future__ import annotations

import re

LINES = 10
# What a kernel or a compiler starts such a message with. A panic's own line outranks what leads to it.
_TELLING = re.compile(
    r"Kernel panic|BUG|UBSAN|Oops|Internal error|Unable to handle|WARNING|INFO: .*detected|general protection"
    r"|Out of memory|illegal operation|\berror:|FAILED|\*\*\* |^The program counter was looked at"
)
# Where it happened, which some architectures tell only after what their registers hold.
_WHERE = re.compile(r"\bRIP: |\bpc : |Krnl PSW : .*\(|Call [Tt]race:")


def excerpt(log: str, lines: int = LINES) -> list[str]:
    """At most so many lines: the first telling one with what follows, where it was; "..." where some are left out."""
    rows = [row.rstrip() for row in log.splitlines() if row.strip()]
    if len(rows) <= lines:
        return rows
    start = next((i for i, row in enumerate(rows) if _TELLING.search(row)), len(rows))
    if start >= len(rows) - lines:
        return ["...", *rows[-(lines - 1) :]]
    where = [i for i in range(start + lines - 2, len(rows)) if _WHERE.search(rows[i])]
    if where and not any(_WHERE.search(row) for row in rows[start : start + lines - 2]):
        head = rows[start : start + lines // 2 - 2]
        return [*(["..."] if start else []), *head, "...", *rows[where[0] : where[0] + lines // 2 - 1], "..."]
    if start == 0:
        return [*rows[: lines - 1], "..."]
    return ["...", *rows[start : start + lines - 2], "..."]
