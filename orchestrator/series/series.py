# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches as people send them: files of git format-patch, an mbox with a thread, what b4 writes; and what of it is
taken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path

from orchestrator.errors import ConfigError, printable
from orchestrator.series import mbox
from orchestrator.series.letters import Letter, Patch, letters
from orchestrator.series.threads import WHOLE, Lineage, Threads, Version, assembled

MOST_LISTED = 20  # series
NO_PATCH = "a diff, mails of git format-patch, or an mbox with them"
_SUFFIX = re.compile(r"\.(patch|diff|mbox|txt|eml)(\.\w+)?$")
_BASE = re.compile(r"^base-commit: ([0-9a-f]{7,40})\s*$", re.M)


@dataclass(frozen=True)
class Origin:
    """Which series it is, as its mails say; "" or 0 where they do not.

    version: v2, v2.1; date: 2026-11-02; parts: how many are taken, of total; cover: the text of its cover letter;
    notes: what a person must know of how it was understood.
    """

    title: str
    version: str = ""
    author: str = ""
    date: str = ""
    message_id: str = ""
    parts: int = 0
    total: int = 0
    cover: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """A mail that was given and is not taken, or a version of a series: its line, which says why, and its patches."""

    line: str
    patches: tuple[Patch, ...]


@dataclass(frozen=True)
class Series:
    """Patches in the order in which they are applied; base is the base-commit: that they name, or "".

    origins: of which series they are, in the same order; rest: what was given and is not taken; tree: that their
    subjects name, or "".
    """

    patches: tuple[Patch, ...]
    base: str = ""
    origins: tuple[Origin, ...] = ()
    rest: tuple[LeftOut, ...] = ()
    tree: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person must know of how it was understood."""
        return tuple(note for its in self.origins for note in its.notes)

    @property
    def left_out(self) -> tuple[str, ...]:
        """A line for each of the rest."""
        return _few([its.line for its in self.rest])


class Several(ConfigError):
    """A file with several series, and nobody said which one is meant."""

    def __init__(self, lineages: Sequence[Lineage]) -> None:
        self.lineages = tuple(lineages)
        first = lineages[0].newest.first.id or "1"
        super().__init__(
            f"there are {len(lineages)} series in it, and it is not known which one is meant:\n{_listed(lineages)}",
            hint=f"--series takes one of them, by its Message-Id or its number: --series {first}",
        )


def read(paths: Iterable[Path], pick: str = "", partial: bool = False) -> Series:
    """The series in these files. ConfigError as from from_mails(), which names them."""
    hint = "name a patch, an mbox, a git range or a Message-Id"
    files = {path: mbox.content(path, hint) for path in dict.fromkeys(paths)}
    try:
        return from_mails(files.values(), pick, partial, names=[_SUFFIX.sub("", path.name) for path in files])
    except ConfigError as error:
        names = ", ".join(_few([path.name for path in files]))
        error.message = printable(f"{names}: {error.message}")
        error.args = (error.message,)
        raise


def from_mails(
    contents: Iterable[bytes], pick: str = "", partial: bool = False, thread: str = "", names: Sequence[str] = ()
) -> Series:
    """The series in what files hold, each as mbox.content gives it.

    pick: the Message-Id of one of several, or its number in the list of the error that names them; partial: go on
    without what is missing; thread: a mail whose series is meant, in its newest version; names: of the files.
    ConfigError for no patch, for several series in one file, for a part that is missing, and for two of the same.
    """
    given = zip(contents, chain(names, repeat("")), strict=False)
    found = [letter for place, (content, name) in enumerate(given) for letter in letters(content, place, name)]
    threads = assembled(found)
    if not threads.lineages:
        hint = f"what is wanted: {NO_PATCH}"
        raise ConfigError("there is no patch in it", hint=hint)
    meant = _meant(threads, pick, thread)
    for version in meant:
        _must_be_whole(version, partial)
    base = next((base[1] for version in meant for text in _texts(version) if (base := _BASE.search(text))), "")
    return Series(
        patches=_in_order(meant),
        base=base,
        origins=tuple(_origin(version, partial) for version in meant),
        rest=tuple(_left_out(threads, meant)),
        tree=next((its for version in meant for letter in version.letters if (its := letter.subject.tree)), ""),
    )


def _few(lines: Sequence[str]) -> tuple[str, ...]:
    """The first of them, and how many more there are."""
    more = len(lines) - MOST_LISTED
    return (*lines[:MOST_LISTED], *([f"and {more} more"] if more > 0 else []))


def _texts(version: Version) -> list[str]:
    return [letter.text for letter in version.letters]


def _meant(threads: Threads, pick: str, thread: str) -> list[Version]:
    """What is to be checked: what was picked, else all that a file of its own was named for."""
    if pick:
        return [_picked(threads, pick)]
    if thread and (its := [line for line in threads.lineages if thread in _ids(line.versions)]):
        return [its[0].newest]
    files = [file for lineage in threads.lineages for file in lineage.files]
    if len(files) > len(set(files)):
        raise Several(threads.lineages)
    newest = [lineage.newest for lineage in threads.lineages]
    return sorted(newest, key=lambda version: min(version.files))


def _picked(threads: Threads, pick: str) -> Version:
    wanted = pick.strip().strip("<>")
    for lineage in threads.lineages:
        for version in lineage.versions:
            if wanted in _ids([version], taken_over=False):
                return version
    for letter in threads.answers:
        if letter.id == wanted:
            return Version((letter,))
    if wanted.isdigit() and 0 < int(wanted) <= len(threads.lineages):
        return threads.lineages[int(wanted) - 1].newest
    raise ConfigError(
        f"no series has the mail {wanted}:\n{_listed(threads.lineages)}", hint="--series takes one of these"
    )


def _ids(versions: Iterable[Version], taken_over: bool = True) -> set[str]:
    return {
        letter.id
        for version in versions
        for letter in version.letters
        if letter.id and (taken_over or letter.subject.number not in version.taken_over)
    }


def _listed(lineages: Sequence[Lineage]) -> str:
    """A line for each: number, date, author, subject, Message-Id."""
    rows = []
    for place, lineage in enumerate(lineages, 1):
        letter = lineage.newest.first
        words = [letter.day, letter.author, f'"{_titled(lineage.newest)}"', f"<{letter.id}>" if letter.id else ""]
        rows.append(f"{place}  {'  '.join(word for word in words if word)}")
    return "\n".join(f"  {row}" for row in _few(rows))


def _titled(version: Version) -> str:
    """[PATCH v2 0/3] mm: three changes"""
    its = version.first.subject
    tags = ["PATCH", its.named, f"{its.number}/{its.total}" if its.total else ""]
    return f"[{' '.join(tag for tag in tags if tag)}] {its.title}" if its.tagged else its.title


def _must_be_whole(version: Version, partial: bool) -> None:
    """One file for each mail is what a person named; of a thread that lacks a part, nobody knows why it does."""
    if partial or all(letter.alone for letter in version.parts):
        return
    if rows := [f"patch {number}/{version.total} is missing" for number in version.missing]:
        raise ConfigError("\n".join(rows), hint=f"{WHOLE}; or --partial goes on without")


def _in_order(meant: Sequence[Version]) -> tuple[Patch, ...]:
    return tuple(patch for version in meant for letter in version.parts for patch in letter.patches)


def _origin(version: Version, partial: bool) -> Origin:
    first = version.first
    parts = sum(len(letter.patches) for letter in version.parts)
    named = next((letter.subject.named for letter in version.letters if letter.subject.version == version.number), "")
    sent = max((letter.day for letter in version.letters), default="")
    return Origin(
        title=first.subject.title,
        version=named,
        author=first.author,
        date=sent,
        message_id=first.id,
        parts=parts,
        total=version.total or parts,
        cover=version.cover.text if version.cover else "",
        notes=tuple(_notes(version, partial)),
    )


def _notes(version: Version, partial: bool) -> list[str]:
    notes = [
        f"patch {number}/{version.total} is that of {older}: later versions do not repeat it"
        for number, older in sorted(version.taken_over.items())
    ]
    if missing := version.missing:
        names = [f"{number}/{version.total}" for number in missing]
        were = "was" if len(missing) == 1 else "were"
        given = f"{_listing(names)} of the series {were} not given"
        notes.append(f"{given}: gone on without (--partial)" if partial else given)
    attached = [name for letter in version.parts for name in letter.attached]
    if attached:
        notes.append(f"attached to an answer: {_listing(attached)}")
    return notes


def _listing(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _left_out(threads: Threads, meant: Sequence[Version]) -> Iterable[LeftOut]:
    """What of the files is not taken, one line for each version or mail."""
    taken = {id(letter) for version in meant for letter in version.letters}
    for lineage in threads.lineages:
        mine = next((version for version in lineage.versions if any(version is its for its in meant)), None)
        for version in lineage.versions:
            for letter in version.beyond:
                yield LeftOut(f"{_mail(letter)}: there are {letter.subject.total} parts", letter.patches)
            rest = [letter for letter in version.parts if id(letter) not in taken]
            why = _why_not(version, mine)
            if len(rest) == len(version.parts):
                yield LeftOut(f"{_mail(version.first)}: {why}", _in_order([version]))
            else:
                yield from (LeftOut(f"{_mail(letter)}: {why}", letter.patches) for letter in rest)
    for letter in threads.answers:
        if letter.patches and id(letter) not in taken:
            yield LeftOut(f"{_mail(letter)}: only answers the series", letter.patches)


def _why_not(version: Version, mine: Version | None) -> str:
    """Why a version is not taken; mine: the one of the same series that is."""
    if mine is None:
        return "another series"
    if version.number == mine.number:
        return "it was sent again later" if version.sent <= mine.sent else "sent again, and the older one was named"
    return "an older version" if version.number < mine.number else "a newer version: another one was named"


def _mail(letter: Letter) -> str:
    """ "[PATCH 6/5] tests: a test" (A Developer, 2026-11-02)"""
    its = letter.subject
    tags = " ".join(tag for tag in ("PATCH", its.named, f"{its.number}/{its.total}" if its.total else "") if tag)
    name = f'"[{tags}] {its.title}"' if its.tagged else f'"{"Re: " if its.reply else ""}{its.title}"'
    who = ", ".join(word for word in (letter.name or letter.address, letter.day) if word)
    return f"{name} ({who})" if who else name
