# SPDX-License-Identifier: GPL-2.0-or-later
"""What a test of the kernel's own says: KTAP (Documentation/dev-tools/ktap.rst), or just how it ended. Pure."""

from __future__ import annotations

import re

from orchestrator.model import Outcome

SKIPPED = (4, 32)  # exit status of a kselftest that does not run here, and of a test of LTP
_RESULT = re.compile(r"^[# ]*(?P<not>not )?ok (?P<number>\d+)(?:[ \t]+(?:- )?(?P<rest>.*))?$")
_SKIPPED = re.compile(r"# ?SKIP\b", re.I)
_XFAIL = re.compile(r"# ?(?:XFAIL|TODO)\b", re.I)
_DIRECTIVE = re.compile(r"^# ?(?:SKIP|XFAIL|TODO)\b:? ?", re.I)  # as kselftest.h has it, before the name
# What differs by itself from one time to the next, in the words of a test: (what it looks like, what stays).
_VARIES = (
    (re.compile(r"\b0x[0-9a-f]+\b|\b[0-9a-f]{8,}\b", re.I), "#"),
    (re.compile(r"\b\d+ ?(?:ns|us|ms|s)\b"), "#"),
)


def outcomes(output: str, status: int) -> dict[str, Outcome]:
    """{name: outcome}: "" is the program as a whole, by its exit status; the others are what its lines tell, with
    their number where several have one name."""
    found = {"": _whole(status)}
    for row in output.splitlines():
        known = _RESULT.match(row.rstrip())
        if known is None:
            continue
        rest = known["rest"] or ""
        name = _name(rest) or f"test {known['number']}"
        unique, again = name, 2
        while unique in found:
            unique, again = f"{name} ({again})", again + 1
        found[unique] = _outcome(rest, bool(known["not"]))
    return found


def _whole(status: int) -> Outcome:
    if status in SKIPPED:
        return Outcome.SKIPPED
    return Outcome.FAILED if status else Outcome.PASSED


def _outcome(rest: str, failed: bool) -> Outcome:
    if _SKIPPED.search(rest):
        return Outcome.SKIPPED
    return Outcome.FAILED if failed and not _XFAIL.search(rest) else Outcome.PASSED


def _name(rest: str) -> str:
    """Without the directive behind it, and without addresses and times."""
    name = _DIRECTIVE.sub("", rest).partition(" # ")[0].removeprefix("# ").strip()
    for pattern, stays in _VARIES:
        name = pattern.sub(stays, name)
    return name
