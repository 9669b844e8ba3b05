# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches as people send them: files of git format-patch, an mbox with a thread, what b4 am writes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import ConfigError
from orchestrator.series import diff, mbox

_REPLY = re.compile(r"(?i)(re|aw|fwd?):")
_BRACKETS = re.compile(r"((?:\s*\[[^\]]*\])*)\s*(.*)", re.S)
_TAG = re.compile(r"(?i)\b(?:PATCH|RFC)(?:\b|v\d)")
_NUMBER = re.compile(r"(?<![\w./-])(\d+)/(\d+)(?![\w./-])")
_VERSION = re.compile(r"(?i)(?:\b|(?<=PATCH)|(?<=RFC))v(\d+)\b")
_BASE = re.compile(r"^base-commit: ([0-9a-f]{7,40})\s*$", re.M)


@dataclass(frozen=True)
class Patch:
    """One change; text is what patch(1) applies, with the words before it. number and total are 0 where not told.

    version is 0 where no tag says that it is a patch.
    """

    title: str
    text: str
    number: int = 0
    total: int = 0
    version: int = 0

    def file_name(self, place: int) -> str:
        """0002-mm-do-less.patch, as git format-patch would call it."""
        slug = re.sub(r"[^A-Za-z0-9_.]+", "-", self.title).strip("-.")[:52].rstrip("-.")
        return f"{place:04}-{slug or 'change'}.patch"

    @property
    def cover(self) -> bool:
        """0/3: words only, whatever diff is in it."""
        return self.total > 0 and self.number == 0


@dataclass(frozen=True)
class Series:
    """Patches in the order in which they are applied; base is the base-commit: that they name, or ""; cover: the text
    of their cover letter."""

    patches: tuple[Patch, ...]
    base: str = ""
    cover: str = ""


def read(paths: Iterable[Path]) -> Series:
    """The series in these files. ConfigError for none, for a part that is missing, and for two of the same."""
    return from_mails(mbox.content(path, "name a patch, an mbox, a git range or a Message-Id") for path in paths)


def from_mails(contents: Iterable[bytes]) -> Series:
    """The series in what files hold, each as mbox.content gives it. ConfigError as from read()."""
    found = [letter for content in contents for letter in _letters(content)]
    if all(letter.cover for letter in found):
        raise ConfigError("there is no patch in it", hint="a diff, mails of git format-patch, or an mbox with them")
    newest = max(letter.version for letter in found if not letter.cover)
    mine = [letter for letter in found if letter.version in (newest, 0)]
    patches = _ordered([letter for letter in mine if not letter.cover])
    covers = [letter for letter in mine if letter.cover]
    bases = (_BASE.search(letter.text) for letter in (*covers, *patches))
    return Series(patches, next((base[1] for base in bases if base), ""), covers[0].text if covers else "")


def _letters(content: bytes) -> list[Patch]:
    """Patches and cover letters of one file. Where some are tagged, others answer them, even with a diff."""
    found = [letter for mail in mbox.split(content) if (letter := _letter(mail))]
    tagged = [letter for letter in found if letter.version]
    return found if all(letter.cover for letter in tagged) else tagged


def _letter(content: bytes) -> Patch | None:
    """None for a reply, and for words that are no cover letter."""
    mail = mbox.first(content)
    if mail["Subject"] is None:
        return _diff(content.decode(errors="surrogateescape"))
    subject = re.sub(r"\s+", " ", str(mail["Subject"])).strip()
    body = mbox.body(mail)
    letter = _tagged(subject, f"Subject: {subject}\n\n{body}")
    return letter if not _REPLY.match(subject) and (letter.cover or diff.start(body) >= 0) else None


def _diff(text: str) -> Patch | None:
    """A diff without a mail around it."""
    first = next((row for row in text.splitlines() if row.strip()), "")
    title = "" if first.startswith(("diff ", "--- ", "Index:")) else first
    readable = title.encode(errors="surrogateescape").decode(errors="replace")
    return Patch(readable or "change", text) if diff.start(text) >= 0 else None


def _tagged(subject: str, text: str) -> Patch:
    """As the brackets before the title say: [linux-mm] [RFC PATCHv2 1/3] mm: do less."""
    found = _BRACKETS.match(subject)
    words, title = found.groups() if found else ("", subject)
    number, version = _NUMBER.search(words), _VERSION.search(words)
    if not number and not _TAG.search(words):
        return Patch(subject or "change", text)
    return Patch(
        title=title or "change",
        text=text,
        number=int(number[1]) if number else 0,
        total=int(number[2]) if number else 0,
        version=int(version[1]) if version else 1,
    )


def _ordered(patches: list[Patch]) -> tuple[Patch, ...]:
    numbered = [patch for patch in patches if patch.number]
    if not numbered:
        return tuple(patches)
    total = max(patch.total for patch in numbered)
    have = [patch.number for patch in numbered]
    twice = sorted({number for number in have if have.count(number) > 1})
    lacking = sorted(set(range(1, total + 1)) - set(have))
    rows = [f"patch {number}/{total} is there more than once" for number in twice]
    rows += [f"patch {number}/{total} is missing" for number in lacking]
    if rows:
        raise ConfigError("\n".join(rows), hint="give one whole series")
    others = [patch for patch in patches if not patch.number]
    return (*sorted(numbered, key=lambda patch: patch.number), *others)
