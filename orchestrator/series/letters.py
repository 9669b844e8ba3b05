# SPDX-License-Identifier: GPL-2.0-or-later
"""Mails with patches, and cover letters: who sent what, when, and in answer to what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import getaddresses, parsedate_to_datetime
from itertools import pairwise

from orchestrator.series import diff, mbox
from orchestrator.series.subject import Subject, parsed

_ID = re.compile(r"<([^<>\s]+)>")
_VIA = re.compile(r"(?i)\s+(?:via|\(via)\s.*$")  # what a relay or a list adds to a name
_INNER = re.compile(  # headers within a body: at its start, behind a line of dashes, or where git wrote them
    r"(?:\A\s*|^---[- >8<%]*\n\s*|^From [0-9a-f]{40} .*\n|titled\n)"
    r"((?:^[ \t]*(?:From|Subject|Date): .*\n(?:[ \t]+\S.*\n)*)+)",
    re.M,
)
_SCISSORS = re.compile(r"^[- ]*(?:>8|8<|%<|>%)[- ]*.*\n", re.M)
_FIELD = re.compile(r"^[ \t]*(From|Subject|Date): (.*(?:\n[ \t]+\S.*)*)", re.M)
_CHANGE = re.compile(r"^change-id: (\S+)\s*$", re.M)


@dataclass(frozen=True)
class Patch:
    """One change; text is what patch(1) applies, with the words before it. number and total are 0 where not told."""

    title: str
    text: str
    number: int = 0
    total: int = 0

    def file_name(self, place: int) -> str:
        """0002-mm-do-less.patch, as git format-patch would call it."""
        slug = re.sub(r"[^A-Za-z0-9_.]+", "-", self.title).strip("-.")[:52].rstrip("-.")
        return f"{place:04}-{slug or 'change'}.patch"


def numbered(patches: Sequence[Patch]) -> list[str]:
    """patch 2/3 for each: as their mails say, where all are of one series that does; else by their places."""
    its = [(patch.number, patch.total) for patch in patches]
    one = its and all(number for number, _ in its) and len({total for _, total in its}) == 1
    if not one or any(old >= new for old, new in pairwise(its)):
        its = [(place, len(its)) for place in range(1, len(its) + 1)]
    return [f"patch {number}/{total}" for number, total in its]


@dataclass(frozen=True)
class Letter:
    """A mail that has patches or is a cover letter. parents: what it answers, the nearest first.

    file: which of the files that were given it is in; alone: nothing else is in that. attached: names of files.
    """

    subject: Subject
    text: str
    patches: tuple[Patch, ...] = ()
    name: str = ""  # of who sent it
    address: str = ""
    author: str = ""  # of the change, as "Name <address>"
    date: datetime | None = None
    id: str = ""
    parents: tuple[str, ...] = ()
    attached: tuple[str, ...] = ()
    file: int = 0
    alone: bool = False

    @property
    def change_id(self) -> str:
        """By which b4 knows all versions of a series; "" if it has none."""
        found = _CHANGE.search(self.text)
        return found[1] if found else ""

    @property
    def day(self) -> str:
        """2026-11-02, or "" where the mail does not say."""
        return self.date.date().isoformat() if self.date else ""


def letters(content: bytes, file: int = 0, name: str = "") -> list[Letter]:
    """Of one file, in its order. Replies without a patch are none, and words that are no cover letter. name: what a
    diff without any words is called."""
    mails = mbox.split(content)
    found = [letter for mail in mails for letter in _of_mail(mail, name)]
    return [replace(letter, file=file, alone=len(mails) == 1) for letter in found]


def _of_mail(content: bytes, name: str) -> list[Letter]:
    mail = mbox.read(content)
    if mail["Subject"] is None:
        return _bare(content.decode(errors="surrogateescape"), name)
    inner = [letter for whole in mbox.mails(mail) if (letter := _letter(whole))]
    if found := [letter for letter in inner if letter.patches]:
        return found
    own = _letter(mail)
    return [own] if own else []


def _bare(text: str, name: str) -> list[Letter]:
    """A diff without a mail around it."""
    if diff.start(text) < 0:
        return []
    first = next((row for row in text.splitlines() if row.strip()), "")
    title = name if first.startswith(("diff ", "--- ", "Index:")) else first
    readable = title.encode(errors="surrogateescape").decode(errors="replace") or "change"
    return [Letter(Subject(readable), text, (Patch(readable, text),))]


def _letter(mail: EmailMessage) -> Letter | None:
    subject = parsed(mbox.header(mail, "Subject"))
    texts = mbox.texts(mail)
    whole = "\n".join(text.text for text in texts)
    attached = [text for text in texts if text.name and diff.start(text.text) >= 0]
    within = _fields(whole, subject)
    if not subject.tagged and "Subject" in within:
        subject = replace(subject, title=parsed(within["Subject"]).title)
    patches = _patches(subject, whole, texts, attached)
    if not (patches or (subject.cover and subject.tagged)):
        return None
    parents = _ID.findall(mbox.header(mail, "In-Reply-To")) + _ID.findall(mbox.header(mail, "References"))[::-1]
    sender = mbox.header(mail, "X-Original-From") or mbox.header(mail, "From")
    name, address = next(iter(getaddresses([sender])), ("", ""))
    return Letter(
        subject=subject,
        text=whole,
        patches=() if subject.cover and subject.tagged else patches,
        name=_VIA.sub("", name).strip("'\" "),
        address=address.lower(),
        author=within.get("From", sender),
        date=_date(mbox.header(mail, "Date")),
        id=next(iter(_ID.findall(mbox.header(mail, "Message-ID"))), ""),
        parents=tuple(dict.fromkeys(parents)),
        attached=tuple(text.name for text in attached) if subject.reply else (),
    )


def _patches(
    subject: Subject, whole: str, texts: Sequence[mbox.Text], attached: Sequence[mbox.Text]
) -> tuple[Patch, ...]:
    """The patch of a mail; several, if several are attached to one that has none itself."""
    own = "\n".join(text.text for text in texts if not text.name)
    if len(attached) > 1 and diff.start(own) < 0:
        return tuple(_attachment(text, place, len(attached)) for place, text in enumerate(attached, 1))
    if diff.start(whole) < 0:
        return ()
    return (Patch(subject.title, f"Subject: {subject.title}\n\n{whole}", subject.number, subject.total),)


def _attachment(text: mbox.Text, place: int, total: int) -> Patch:
    fields = _fields(text.text, Subject(""))
    title = parsed(fields["Subject"]).title if "Subject" in fields else text.name
    return Patch(title, text.text, place, total)


def _fields(text: str, subject: Subject) -> dict[str, str]:
    """What a body says of the change that it carries: its author, title and date, where others sent it.

    Of an answer only what stands behind scissors: what it quotes is not of its own.
    """
    before = text[: max(diff.start(text), 0)]
    if subject.reply:
        cut = list(_SCISSORS.finditer(before))
        if not cut:
            return {}
        before = before[cut[-1].end() :]
    blocks = list(_INNER.finditer(before))
    if not blocks:
        return {}
    return {name: " ".join(value.split()) for block in blocks for name, value in _FIELD.findall(block[1])}


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
