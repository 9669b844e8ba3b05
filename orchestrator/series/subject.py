# SPDX-License-Identifier: GPL-2.0-or-later
"""What the subject of a mail says of the patch in it: [linux-mm] [RFC PATCHv2 1/3] mm: do less. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_REPLY = re.compile(r"(?i)(?:re|aw|sv|wg|fwd?)(?:\[\d+\])?:\s*|\w{2,4}:\s*(?=\[)")
_PATCH = re.compile(r"(?i)\b(?:PATCH|RFC)(?:\b|v\d)")
_NUMBER = re.compile(r"(?<![\w./-])(\d{1,4})/(\d{1,4})(?![\w./-])")
_VERSION = re.compile(r"(?i)(?:\b|(?<=PATCH)|(?<=RFC))v(\d{1,4})(?:\.(\d{1,4}))?\b")
_RESEND = re.compile(r"(?i)\bRE-?(?:SEND|POST)\b")
_RELEASE = re.compile(r"\d+\.\d+")
_WORD = re.compile(r"[\w./-]+")
_TAG = re.compile(r"\[[^\]]*\]")
_NO_TREE = ("autosel", "draft", "for")


@dataclass(frozen=True)
class Subject:
    """title: without tags. version: (2, 0) of v2, (2, 1) of v2.1; (0, 0) where no tag says that it is a patch.

    number and total are 0 where not told. words: what else stands in the tags, in lower case (autosel, 6.1);
    tree: the one of them that names a tree, as it stands (mm-unstable), or "".
    """

    title: str
    version: tuple[int, int] = (0, 0)
    number: int = 0
    total: int = 0
    words: frozenset[str] = frozenset()
    resend: bool = False
    reply: bool = False
    tree: str = ""

    @property
    def tagged(self) -> bool:
        """It says that it is a patch, and does not answer one."""
        return self.version != (0, 0) and not self.reply

    @property
    def cover(self) -> bool:
        """0/3: words only, whatever diff is in it."""
        return self.total > 0 and self.number == 0

    @property
    def releases(self) -> frozenset[str]:
        """Which Linux it is for, where it says so: 6.1."""
        return frozenset(word for word in self.words if _RELEASE.search(word))

    @property
    def named(self) -> str:
        """v2, v2.1; "" for the first version."""
        major, minor = self.version
        return f"v{major}.{minor}" if minor else f"v{major}" if major > 1 else ""


def parsed(text: str) -> Subject:
    """Of a subject in any form that lists know."""
    text, reply = re.sub(r"\s+", " ", text).strip(), False
    while answer := _REPLY.match(text):
        text, reply = text[answer.end() :].strip(), True
    tags, title = _split(text)
    number, version = _NUMBER.search(tags), _VERSION.search(tags)
    says = number or _PATCH.search(tags) or (version and _RESEND.search(tags))
    first, minor = (int(version[1]), int(version[2] or 0)) if version else (1, 0)
    return Subject(
        title=title.strip() or "change",
        version=(max(first, 1), minor) if says else (0, 0),
        number=int(number[1]) if number else 0,
        total=int(number[2]) if number else 0,
        words=frozenset(word.lower() for word in _words(tags)),
        resend=bool(_RESEND.search(tags)),
        reply=reply,
        tree=_tree(tags),
    )


def _split(text: str) -> tuple[str, str]:
    """(tags, title). Behind the tag that says that it is a patch, words in brackets are the title's: "[media]"."""
    tags = ""
    while found := _TAG.match(text):
        its = _PATCH.search(found[0]) or _NUMBER.search(found[0])
        known = its or _VERSION.search(found[0]) or _RESEND.search(found[0])
        if (_PATCH.search(tags) or _NUMBER.search(tags)) and not known:
            break
        tags, text = tags + found[0], text[found.end() :].strip()
    return tags, text


def _words(tags: str) -> list[str]:
    """Those that have no meaning of their own."""
    for known in (_NUMBER, _VERSION, _RESEND, _PATCH):
        tags = known.sub(" ", tags)
    return _WORD.findall(tags)


def _tree(tags: str) -> str:
    """The word of [PATCH mm-unstable v2 1/3] that is none of git's own."""
    tag = next((tag for tag in _TAG.findall(tags) if _PATCH.search(tag)), "")
    return next((word.strip("-") for word in _words(tag) if word.lower() not in _NO_TREE), "")
