# SPDX-License-Identifier: GPL-2.0-or-later
"""Which change a text carries: the same for a patch file and for the mail that it went out in. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_MAIL = re.compile(r"^From [0-9a-f]{40} .*\n", re.M)  # what git format-patch starts a mail with


def ids(text: str) -> list[str]:
    """One for each patch of a file or mbox, in order; those without a diff (a cover letter) have none."""
    return [found for part in _MAIL.split(text) if (found := identity(part))]


def identity(text: str) -> str:
    """A hash over file names and lines of a diff; "" if there is none.

    Like git patch-id: line numbers, white space and all around the diff do not count, nor the order of files.
    """
    files = sorted(hashlib.sha256("\n".join(rows).encode()).hexdigest() for rows in _files(text) if len(rows) > 2)
    return hashlib.sha256("\n".join(files).encode()).hexdigest()[:40] if files else ""


def _files(text: str) -> Iterator[list[str]]:
    """For each file its two names, and the lines of its hunks without white space."""
    rows: list[str] = []
    old = new = 0  # lines of the hunk that are still to come
    before = ""
    for line in text.splitlines():
        if old > 0 or new > 0:
            sign = line[:1] or " "
            old -= sign in " -"
            new -= sign in " +"
            if sign in " +-":
                rows.append(sign + "".join(line[1:].split()))
        elif found := _HUNK.match(line):
            old, new = (1 if count is None else int(count) for count in found.groups())
        elif line.startswith("+++ ") and before.startswith("--- "):
            yield rows
            rows = [_name(before), _name(line)]
        before = line
    yield rows


def _name(line: str) -> str:
    """Without the first component, which differs between tools, and without a date."""
    path = line[4:].split("\t")[0].strip()
    return path if path == "/dev/null" else path.partition("/")[2]
