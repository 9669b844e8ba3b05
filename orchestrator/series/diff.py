# SPDX-License-Identifier: GPL-2.0-or-later
"""Which change a text carries: the same for a patch file and for the mail that it went out in. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_MAIL = re.compile(r"^From [0-9a-f]{40} .*\n", re.M)  # what git format-patch starts a mail with
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(?:([0-3][0-7]{2})|(.))")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_START = re.compile(r"^diff --git \S|^--- \S.*\n\+\+\+ \S.*\n@@ ", re.M)


def start(text: str) -> int:
    """Where the diff begins; -1 if there is none. One that is indented is quoted by the words before it."""
    found = _START.search(text)
    return found.start() if found else -1


def bare(text: str) -> str:
    """The diff, with empty lines for all before it: patch(1) would apply quoted ones, too."""
    at = max(start(text), 0)
    return "\n" * text.count("\n", 0, at) + text[at:]


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
            old, new = (1 if count is None else int(count) for count in (found[2], found[4]))
        elif line.startswith("+++ ") and before.startswith("--- "):
            yield rows
            rows = [_name(before), _name(line)]
        before = line
    yield rows


def _name(line: str) -> str:
    """Without the first component, which differs between tools, and without a date."""
    quoted = _QUOTED.match(line, 4)
    path = _unquoted(quoted[1]) if quoted else line[4:].split("\t")[0].strip()
    return path if path == "/dev/null" else path.partition("/")[2]


def _unquoted(text: str) -> str:
    """As diff and git write names with blanks, quotes or bytes beyond ASCII: as a string of C."""
    plain = _ESCAPED.sub(lambda its: chr(int(its[1], 8)) if its[1] else _ESCAPES.get(its[2], its[2]), text)
    try:
        return plain.encode("latin-1").decode()
    except UnicodeError:
        return plain


@dataclass(frozen=True)
class Line:
    """sign is "-", "+" or " "; old and new are its numbers before and after, 0 where it is not."""

    sign: str
    old: int
    new: int
    text: str


@dataclass(frozen=True)
class Hunk:
    """Of one file, by its name after the change."""

    file: str
    lines: tuple[Line, ...]


def hunks(text: str) -> list[Hunk]:
    """Of a unified diff, in order."""
    found: list[Hunk] = []
    names, rows = ("", ""), iter(text.split("\n"))
    for row in rows:
        if row.startswith("--- "):
            names = (_name(row), names[1])
        elif row.startswith("+++ "):
            names = (names[0], _name(row))
        elif place := _HUNK.match(row):
            file = names[0] if names[1] == "/dev/null" else names[1]
            old, olds, new, news = (1 if number is None else int(number) for number in place.groups())
            found.append(Hunk(file, tuple(_lines(rows, old, new, olds, news))))
    return found


def added(text: str) -> list[tuple[str, str]]:
    """(file, line) of all that a unified diff adds."""
    return [(hunk.file, line.text) for hunk in hunks(text) for line in hunk.lines if line.sign == "+"]


def _lines(rows: Iterator[str], old: int, new: int, olds: int, news: int) -> Iterator[Line]:
    """As many as the hunk's head says: what follows may look like one."""
    while (olds > 0 or news > 0) and (row := next(rows, None)) is not None:
        sign = row[:1] or " "
        if sign not in "+- ":  # \ No newline at end of file
            continue
        before, after = sign != "+", sign != "-"
        yield Line(sign, old * before, new * after, row[1:])
        old, new, olds, news = old + before, new + after, olds - before, news - after
