# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the hunks of a diff fit in a source: there already, with how much fuzz, or what is most like it. Pure.

What patch(1) applies with a fuzz fits with it here, too, if any line of it must still be there; and so does a hunk of
which not more than as many lines of context differ, wherever they are, which patch(1) does not see. Lines that are
removed must be there in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from orchestrator.series import diff
from orchestrator.series.diff import Piece, Section
from orchestrator.series.like import LEAST_ALIKE, Like, most_alike, telling

MOST_FUZZ = 3  # lines: as much context as a hunk has
MOST_SOUGHT = 20  # hunks that are looked for in other files

Read = Callable[[str], str | None]  # a file of the source by its name; None: it is not there


class Fit(StrEnum):
    """What becomes of a hunk."""

    APPLIES = "applies"
    FUZZ = "fuzz"  # with some of its context left out of account
    THERE = "there"  # the source has it already
    FAILS = "fails"


@dataclass(frozen=True)
class Place:
    """A hunk, by its number in its file, and the line that it says; line: where it is or goes, 0 if nowhere."""

    file: str
    number: int
    said: int
    fit: Fit
    line: int = 0
    fuzz: int = 0
    like: Like | None = None
    why: str = ""


@dataclass(frozen=True)
class Fitted:
    """places: of each hunk, in order; text: the diff with what applies, its context as the source has it, or "" where
    nothing does."""

    places: tuple[Place, ...]
    text: str

    @property
    def fails(self) -> tuple[Place, ...]:
        return tuple(place for place in self.places if place.fit is Fit.FAILS)

    @property
    def there(self) -> tuple[Place, ...]:
        return tuple(place for place in self.places if place.fit is Fit.THERE)

    @property
    def fuzz(self) -> int:
        """How much would do for all that does not fail."""
        return max((place.fuzz for place in self.places), default=0)

    @property
    def would_do(self) -> int:
        """The fuzz with which all of it applies; 0 for none."""
        return 0 if self.fails or self.there else self.fuzz


def fitted(
    text: str, read: Read, fuzz: int = MOST_FUZZ, nearby: Callable[[str], Iterable[str]] | None = None
) -> Fitted:
    """Where the hunks of a diff fit. nearby: other files that may have what a file lacks."""
    places: list[Place] = []
    rows: list[str] = []
    for section in diff.sections(text):
        its, pieces = _of_file(section, read, fuzz)
        for place, piece in zip(its, section.pieces, strict=True):
            sought = nearby if sum(one.fit is Fit.FAILS for one in places) < MOST_SOUGHT else None
            places.append(_with_like(place, piece, read, sought))
        if pieces or not section.pieces:
            rows += [*section.head, *(row for piece in pieces for row in piece), *section.tail]
    return Fitted(tuple(places), "\n".join(rows))


def tell(places: Iterable[Place]) -> list[str]:
    """A line for each hunk that does not apply as it is, and below it what differs there."""
    lines: list[str] = []
    for place in places:
        if place.fit is not Fit.APPLIES:
            lines.append(f"{place.file} hunk #{place.number} (line {place.said}): {_told(place)}")
            lines += [row for pair in (place.like.differing if place.like else ()) for row in _pair(*pair)]
    return lines


def _told(place: Place) -> str:
    if place.fit is Fit.THERE:
        return f"is in the source already, at line {place.line}" if place.line else "is in the source already"
    if place.fit is Fit.FUZZ:
        return f"fails; would apply at line {place.line} with fuzz {place.fuzz}"
    if place.why and not place.like:
        return f"fails: {place.why}"
    why = f": {place.why}" if place.why else ""
    if place.like is None:
        return f"fails{why}; nothing is like it"
    where = (
        f"line {place.like.line}" if place.like.file == place.file else f"{place.like.file} line {place.like.line}"
    )
    if place.like.blanks:
        return f"fails{why}; at {where} only white space differs: the mail may be damaged"
    return f"fails{why}; most like it: {where}, where {place.like.same} of {place.like.of} lines are the same"


def _pair(mine: str, theirs: str) -> list[str]:
    return [f"    patch:  {mine}".rstrip(), f"    source: {theirs}".rstrip()]


def _of_file(section: Section, read: Read, fuzz: int) -> tuple[list[Place], list[list[str]]]:
    """Of the hunks of one file; and the rows of those that apply."""
    content = read(section.file)
    if content is None and section.old not in ("", "/dev/null"):
        content = read(section.old)
    if section.old == "/dev/null" or (content is None and section.new == "/dev/null"):
        return _comes_or_goes(section, content)
    if content is None:
        return [_place(section, at, Fit.FAILS, why="the file is not there") for at in range(len(section.pieces))], []
    lines = content.removesuffix("\n").split("\n")
    ends = content.endswith("\n")
    places, rows = list[Place](), list[list[str]]()
    offset = least = delta = 0  # how far hunks before it were off; where they end; lines that they add
    for at, piece in enumerate(section.pieces):
        found = _found(piece, lines, offset, least, fuzz)
        if found is None:
            there = _where(_turned(piece), lines, piece.old - 1 + offset, 0, 0)
            fit = Fit.FAILS if there is None else Fit.THERE
            places.append(_place(section, at, fit, line=0 if there is None else there + 1))
            continue
        start, used = found
        places.append(_place(section, at, Fit.FUZZ if used else Fit.APPLIES, line=max(start, 0) + 1, fuzz=used))
        body, least, more = _mended(piece, lines, start, used > 0, delta, ends)
        rows.append(body)
        offset, delta = start - _begin(piece), delta + more
    return places, rows


def _comes_or_goes(section: Section, content: str | None) -> tuple[list[Place], list[list[str]]]:
    """Of a file that the patch makes, or of one that it removes and that is not there."""
    if section.new == "/dev/null":
        return [_place(section, at, Fit.THERE) for at in range(len(section.pieces))], []
    if content is None:
        rows = [[_head(piece, piece.old, piece.new), *piece.rows] for piece in section.pieces]
        return [_place(section, at, Fit.APPLIES, line=1) for at in range(len(section.pieces))], rows
    new = [line.text for piece in section.pieces for line in piece.lines if line.sign != "-"]
    same = new == content.removesuffix("\n").split("\n")
    why = "" if same else "the file is there already, and is another"
    fit = Fit.THERE if same else Fit.FAILS
    return [_place(section, at, fit, why=why) for at in range(len(section.pieces))], []


def _place(section: Section, at: int, fit: Fit, line: int = 0, fuzz: int = 0, why: str = "") -> Place:
    name = section.file if section.file != "/dev/null" else section.old
    return Place(name, at + 1, section.pieces[at].old, fit, line, fuzz, None, why)


def _found(piece: Piece, lines: Sequence[str], offset: int, least: int, fuzz: int) -> tuple[int, int] | None:
    """Where it begins, counted from 0, with the least fuzz that will do; and that fuzz."""
    guess = _begin(piece) + offset
    for used in range(min(fuzz, MOST_FUZZ) + 1):
        at = _where(piece, lines, guess, used, least)
        if at is None and used:
            at = _roughly(piece, lines, guess, used, least)
        if at is not None:
            return at, used
    return None


def _begin(piece: Piece) -> int:
    """Where its head says that it begins, counted from 0: a hunk without old lines goes behind the one named."""
    return piece.old - any(line.sign != "+" for line in piece.lines)


def _roughly(piece: Piece, lines: Sequence[str], guess: int, most: int, least: int) -> int | None:
    """Where not more of its lines of context differ; what is left must be more than braces."""
    old = [(line.sign == " ", line.text) for line in piece.lines if line.sign != "+"]
    for at in _nearest(guess, len(lines) - len(old)):
        if at < least:
            continue
        lost, said = 0, False
        for (context, text), there in zip(old, lines[at : at + len(old)], strict=True):
            same = text == there
            lost += not same if context else (not same) * (most + 1)
            said |= same and telling(text)
            if lost > most:
                break
        if lost <= most and said:
            return at
    return None


def _context(piece: Piece) -> tuple[int, int]:
    """How many lines of context it has before and behind."""
    signs = [line.sign for line in piece.lines]
    first = next((at for at, sign in enumerate(signs) if sign != " "), len(signs))
    last = next((at for at, sign in enumerate(reversed(signs)) if sign != " "), len(signs))
    return first, last


def _dropped(piece: Piece, fuzz: int) -> tuple[int, int]:
    """How many of those are left out of account."""
    first, last = _context(piece)
    most = max(first, last)
    fuzz = min(fuzz, most)
    return max(0, fuzz + first - most), max(0, fuzz + last - most)


def _where(piece: Piece, lines: Sequence[str], guess: int, fuzz: int, least: int) -> int | None:
    """Where it begins, its outer lines of context left out as patch(1) does for this fuzz: the nearest place."""
    first, last = _context(piece)
    most = max(first, last)
    off, end = _dropped(piece, fuzz)
    old = [line.text for line in piece.lines if line.sign != "+"]
    block = old[off : len(old) - end]
    if not old:
        return guess if 0 <= guess <= len(lines) else None
    if not block:
        return None
    if fuzz + first - most < 0 and piece.old <= 1:
        places: Iterable[int] = [0]
    elif fuzz + last - most < 0:
        places = [len(lines) - len(block)]
    else:
        places = _nearest(guess + off, len(lines) - len(block))
    found = next((at for at in places if at >= least and list(lines[at : at + len(block)]) == block), None)
    return None if found is None else found - off


def _nearest(guess: int, most: int) -> Iterator[int]:
    """All places from 0 to most, those near the guess before others."""
    for far in range(max(most - guess, guess, 0) + 1):
        if 0 <= guess + far <= most:
            yield guess + far
        if far and 0 <= guess - far <= most:
            yield guess - far


def _turned(piece: Piece) -> Piece:
    """The hunk that takes it out again."""
    turned = {"-": "+", "+": "-", " ": " "}
    lines = tuple(diff.Line(turned[line.sign], line.new, line.old, line.text) for line in piece.lines)
    return Piece(piece.old, piece.old, piece.context, (), lines)


def _mended(
    piece: Piece, lines: Sequence[str], start: int, mend: bool, delta: int, ends: bool
) -> tuple[list[str], int, int]:
    """Its rows, with the source's own context; where it ends there, and by how many lines it makes it longer."""
    rows, at = list[str](), start
    for row in piece.rows:
        sign = row[:1] or " "
        if sign == " " and mend:
            rows += [f" {lines[at]}"] if 0 <= at < len(lines) else []
        elif sign != "\\" or not (mend and rows and rows[-1].startswith(" ")):
            rows.append(row)
        at += sign in " -"
    if mend:
        # With less context on one side it would belong to that end of the file.
        first, last = _context(piece)
        more = lines[max(0, start - max(0, last - first)) : max(0, start)]
        rows = [
            *(f" {line}" for line in more),
            *rows,
            *(f" {line}" for line in lines[at : at + max(0, first - last)]),
        ]
        start, at = start - len(more), at + len(lines[at : at + max(0, first - last)])
    if mend and rows and rows[-1].startswith(" ") and at >= len(lines) and not ends:
        rows.append("\\ No newline at end of file")
    olds, news = sum(row[:1] in ("", " ", "-") for row in rows), sum(row[:1] in ("", " ", "+") for row in rows)
    first = max(start, 0)
    old, new = first + (olds > 0), first + (news > 0) + delta
    return [f"@@ -{old},{olds} +{new},{news} @@{piece.context}", *rows], at, news - olds


def _head(piece: Piece, old: int, new: int) -> str:
    olds = sum(line.sign != "+" for line in piece.lines)
    news = sum(line.sign != "-" for line in piece.lines)
    return f"@@ -{old},{olds} +{new},{news} @@{piece.context}"


def _with_like(place: Place, piece: Piece, read: Read, nearby: Callable[[str], Iterable[str]] | None) -> Place:
    """With what is most like it, of one that does not fit as it is."""
    if place.fit not in (Fit.FAILS, Fit.FUZZ) or not (old := [line.text for line in piece.lines if line.sign != "+"]):
        return place
    content = read(place.file)
    here = (
        None if content is None else most_alike(old, content.split("\n"), place.file, (place.line or place.said) - 1)
    )
    if place.fit is Fit.FAILS and nearby and (here is None or here.same * 2 < here.of):
        others = (_elsewhere(old, name, read) for name in nearby(place.file) if name != place.file)
        best = max((its for its in others if its), key=lambda its: its.same, default=None)
        if best and best.same > max(here.same if here else 0, best.of * LEAST_ALIKE):
            here = best
    return replace(place, like=here)


def _elsewhere(old: Sequence[str], name: str, read: Read) -> Like | None:
    content = read(name)
    if content is None:
        return None
    words = [line for line in old if telling(line)]
    if not words or sum(line in content for line in words) * 2 < len(words):
        return None
    return most_alike(old, content.split("\n"), name, 0)
