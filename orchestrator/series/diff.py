# SPDX-License-Identifier: GPL-2.0-or-later
"""Which change a text carries: the same for a patch file and for the mail that it went out in. Pure."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
_MAIL = re.compile(r"^From [0-9a-f]{40} .*\n", re.M)  # what git format-patch starts a mail with
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(?:([0-3][0-7]{2})|(.))")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_START = re.compile(r"^diff --git \S|^--- \S.*\n\+\+\+ \S.*\n@@ ", re.M)
_SECTION = re.compile(r"^(?=diff --git )", re.M)  # of each file of git's diffs
_NOWHERE = re.compile(r"^index (?:0{7,}\.\.[0-9a-f]{7,}|[0-9a-f]{7,}\.\.0{7,}).*$", re.M)
_COMES_OR_GOES = re.compile(r"^(?:new|deleted) file mode |^(?:---|\+\+\+) /dev/null", re.M)
_DATE = re.compile(r"(?<!\s)\s+\d{4}-\d\d-\d\d \d\d:.*")  # behind a name, where no tab is before it
_GIT = re.compile(r"diff --git [^/]+/(.+) [^/]+/\1\r?$")  # a change of mode has no other names
LONGEST = 10_000  # characters: longer than two names with their folders can be
_MOVED = re.compile(r"(?:rename|copy) (?:from|to) ([^\t\r]+)")


def start(text: str) -> int:
    """Where the diff begins; -1 if there is none. One that is indented is quoted by the words before it."""
    found = _START.search(text)
    return found.start() if found else -1


def bare(text: str) -> str:
    """The diff, with empty lines for all before it: patch(1) would apply quoted ones, too.

    And for an index line that says of a file which is changed that it was not there, or will not be: some tools
    write zeros where they know no better, and patch(1) believes them.
    """
    at = max(start(text), 0)
    text += "" if text.endswith("\n") else "\n"  # which copying may lose, and patch(1) would miss
    return "\n" * text.count("\n", 0, at) + "".join(map(_without_zeros, _SECTION.split(text[at:])))


def _without_zeros(section: str) -> str:
    end = section.find("\n@@ ")
    head, rest = (section[:end], section[end:]) if end >= 0 else (section, "")
    known = _COMES_OR_GOES.search(head) or not rest
    return section if known else _NOWHERE.sub("", head) + rest


def touched(text: str) -> set[str]:
    """Names of the files that a unified diff changes, the first component taken off as -p1 does; each file has one,
    without ./ and x/../ on the way."""
    found: set[str] = set()
    before = ""
    for row in _outside(text):
        if row.startswith("+++ ") and before.startswith("--- "):
            found |= _files_of(_name(before), _name(row))
        elif len(row) <= LONGEST and (its := _GIT.match(row)):
            found.add(its[1])
        elif its := _MOVED.match(row):
            found.add(_unquoted(its[1].strip('"')) if its[1].startswith('"') else its[1])
        before = row
    return {posixpath.normpath(name) for name in found - {"", "/dev/null"}}


def _files_of(old: str, new: str) -> set[str]:
    """Of a pair of names: one, but where the file is given another."""
    file = changed(old, new)
    return {file} if file == old or old == "/dev/null" or old.startswith(new) else {old, new}


def changed(old: str, new: str) -> str:
    """Which file two names mean: tools add ~ and more to the name of the old one, or of the new one."""
    if new == "/dev/null" or (old != "/dev/null" and new.startswith(old)):
        return old
    return new


def _outside(text: str) -> Iterator[str]:
    """Rows that are not within a hunk."""
    rows = iter(text.split("\n"))
    for row in rows:
        yield row
        if place := _HUNK.match(row):
            for _ in _lines(rows, *_numbers(place)):
                pass


def _numbers(place: re.Match[str]) -> tuple[int, int, int, int]:
    """Of a hunk's head: where it begins before and after, and how many lines it has there."""
    old, olds, new, news = (1 if number is None else int(number) for number in place.groups())
    return old, new, olds, news


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
            rows = _one_name(_name(before), _name(line))
        before = line
    yield rows


def _one_name(old: str, new: str) -> list[str]:
    """A pair of names, the same where they mean the same file."""
    one = "/dev/null" not in (old, new) and (old.startswith(new) or new.startswith(old))
    return [changed(old, new)] * 2 if one else [old, new]


def _name(line: str) -> str:
    """Without the first component, which differs between tools, and without a date."""
    quoted = _QUOTED.match(line, 4)
    path = _unquoted(quoted[1]) if quoted else _DATE.sub("", line[4:].split("\t")[0]).strip()
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
            found.append(Hunk(changed(*names), tuple(_lines(rows, *_numbers(place)))))
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


@dataclass(frozen=True)
class Piece:
    """A hunk as it stands: where its head says that it begins, what follows the second @@, its rows, its lines."""

    old: int
    new: int
    context: str
    rows: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Section:
    """What a diff says of one file: its rows before the hunks, the names in them, the hunks, rows behind them."""

    head: tuple[str, ...]
    old: str
    new: str
    pieces: tuple[Piece, ...]
    tail: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The one that is changed, by its name after that."""
        return changed(self.old, self.new)


def sections(text: str) -> list[Section]:
    """A unified diff by its files; what stands before the first of them is left out."""
    found: list[Section] = []
    rows = text.split("\n")
    at = 0
    while at < len(rows):
        if rows[at].startswith("diff --git ") or _names(rows, at):
            section, at = _section(rows, at)
            found.append(section)
        else:
            at += 1
    return found


def _names(rows: Sequence[str], at: int) -> tuple[str, str] | None:
    """Those that stand here, old and new."""
    if rows[at].startswith("--- ") and at + 1 < len(rows) and rows[at + 1].startswith("+++ "):
        return _name(rows[at]), _name(rows[at + 1])
    return None


def _section(rows: Sequence[str], at: int) -> tuple[Section, int]:
    """Of the file that begins here, and where it ends."""
    head, tail, pieces = [rows[at]], list[str](), list[Piece]()
    names = _names(rows, at)
    at += 1
    while at < len(rows) and not rows[at].startswith("diff --git "):
        here = _names(rows, at)
        if here and names:
            break
        names = names or here
        if place := _HUNK.match(rows[at]):
            its = iter(rows[at + 1 :])
            lines = tuple(_lines(its, *_numbers(place)))
            end = len(rows) - len(list(its))
            if end < len(rows) and rows[end].startswith("\\ "):
                end += 1
            pieces.append(Piece(*_numbers(place)[:2], rows[at][place.end() :], tuple(rows[at + 1 : end]), lines))
            at = end
            continue
        (tail if pieces else head).append(rows[at])
        at += 1
    git = _GIT.match(head[0])
    old, new = names or (("", "") if git is None else (git[1], git[1]))
    return Section(tuple(head), old, new, tuple(pieces), tuple(tail)), at
