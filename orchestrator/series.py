# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches as people send them: files of git format-patch, an mbox with a thread, what b4 am writes. Pure."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from orchestrator.errors import ConfigError

_MAIL = re.compile(r"^From \S+.*\d{4}$\n(?=[A-Z][\w-]*: )", re.M)  # between two mails of an mbox
_TAG = re.compile(r"^\s*\[(?P<words>[^\]]*\bPATCH\b[^\]]*)\]\s*(?P<title>.*)$", re.S)
_NUMBER = re.compile(r"\b(\d+)/(\d+)\b")
_VERSION = re.compile(r"\bv(\d+)\b")
_DIFF = re.compile(r"^--- \S.*\n\+\+\+ \S.*\n@@ |^(?:rename|copy) from |^(?:new|deleted) file mode ", re.M)
_BASE = re.compile(r"^base-commit: ([0-9a-f]{7,40})$", re.M)


@dataclass(frozen=True)
class Patch:
    """One change; text is what patch(1) applies, with the words before it. number and total are 0 where not told."""

    title: str
    text: str
    number: int = 0
    total: int = 0
    version: int = 1

    def file_name(self, place: int) -> str:
        """0002-mm-do-less.patch, as git format-patch would call it."""
        slug = re.sub(r"[^A-Za-z0-9_.]+", "-", self.title).strip("-.")[:52].rstrip("-.")
        return f"{place:04}-{slug or 'change'}.patch"


@dataclass(frozen=True)
class Series:
    """Patches in the order in which they are applied; base is the base-commit: that they name, or ""."""

    patches: tuple[Patch, ...]
    base: str = ""


def read(paths: Iterable[Path]) -> Series:
    """The series in these files. ConfigError for none, for a part that is missing, and for two of the same."""
    texts = [_text(path) for path in paths]
    mails = [part for text in texts for part in _split(text)]
    found = [patch for mail in mails if (patch := _patch(mail))]
    if not found:
        raise ConfigError("there is no patch in it", hint="a diff, mails of git format-patch, or an mbox with them")
    newest = max(patch.version for patch in found)
    patches = [patch for patch in found if patch.version == newest]
    bases = _BASE.findall("\n".join(texts))
    return Series(_ordered(patches), bases[-1] if bases else "")


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="surrogateescape")
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}", hint="name a patch, an mbox, a git range or a Message-Id"
        ) from error


def _split(text: str) -> list[str]:
    """The mails of an mbox; a plain diff is one."""
    return [part for part in _MAIL.split(text) if part.strip()]


def _patch(mail: str) -> Patch | None:
    """None for a cover letter and for a reply."""
    if not re.match(r"[A-Z][\w-]*: ", mail):  # a diff without a mail around it
        first = next((row for row in mail.splitlines() if row.strip()), "")
        title = "" if first.startswith(("diff ", "--- ", "Index:")) else first
        return Patch(title or "change", mail) if _DIFF.search(mail) else None
    message = email.message_from_string(mail, _class=EmailMessage, policy=email.policy.default)
    subject = re.sub(r"\s+", " ", str(message["Subject"] or "")).strip()
    body = _body(message)
    tag = _TAG.match(subject)
    if not _DIFF.search(body) or re.match(r"(?i)(re|aw|fwd?):", subject):
        return None
    words = tag["words"] if tag else ""
    number, version = _NUMBER.search(words), _VERSION.search(words)
    return Patch(
        title=(tag["title"] if tag else subject) or "change",
        text=f"Subject: {subject}\n\n{body}",
        number=int(number[1]) if number else 0,
        total=int(number[2]) if number else 0,
        version=int(version[1]) if version else 1,
    )


def _body(message: EmailMessage) -> str:
    """The plain text, whatever it was encoded in."""
    part = message.get_body(("plain",)) or message
    content = part.get_payload(decode=True)
    text = content.decode(errors="surrogateescape") if isinstance(content, bytes) else str(part.get_payload())
    return text.replace("\r\n", "\n")


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
