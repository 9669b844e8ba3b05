# SPDX-License-Identifier: GPL-2.0-or-later
"""A reply as a file that git send-email sends: threads under the patch's mail, goes to whom it went to."""

from __future__ import annotations

import re
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import formataddr, getaddresses

from orchestrator.errors import ConfigError
from orchestrator.series import mbox

_POLICY = EmailPolicy(linesep="\n", max_line_length=78, cte_type="7bit", utf8=False)


def reply(original: bytes, body: str, sender: str, named: str = "the mail to answer") -> str:
    """body as the answer to a mail, an mbox's first; sender: Name <address>, or "" for git send-email to fill in.

    named: what an error calls the mail.
    """
    asked = mbox.first(original)
    parent = _one_line(asked, "Message-Id")
    if not parent:
        raise ConfigError(
            f"{named} has no Message-Id", hint="--in-reply-to wants the mail itself, saved with headers"
        )
    answer = EmailMessage(policy=_POLICY)
    if sender:
        answer["From"] = sender
    to, cc = _recipients(asked, sender)
    if to:
        answer["To"] = ", ".join(to)
    if cc:
        answer["Cc"] = ", ".join(cc)
    answer["Subject"] = _subject(_one_line(asked, "Subject"))
    answer.set_content(body, charset="us-ascii", cte="7bit")
    before = _one_line(asked, "References") or _one_line(asked, "In-Reply-To")
    return _thread(parent, re.findall(r"<[^<>\s]+>", before)) + answer.as_string()


def _thread(parent: str, before: list[str]) -> str:
    """The headers that thread it. Written here: a policy encodes what is longer than its lines, as no id may be."""
    ids = "\n ".join(dict.fromkeys([*before, parent]))
    return f"In-Reply-To: {parent}\nReferences: {ids}\n"


def plain_text(mail: EmailMessage) -> str:
    """All its plain text, decoded: the patch may be in the body or attached."""
    return mbox.body(mail).encode(errors="surrogateescape").decode(errors="replace")


def _one_line(mail: EmailMessage, name: str) -> str:
    try:
        found = str(mail.get(name, ""))
    except (LookupError, ValueError):  # the email package's own, of headers that are none: as they stand there
        found = next((str(text) for key, text in mail.raw_items() if key.lower() == name.lower()), "")
    return " ".join(found.split())


def _subject(text: str) -> str:
    return text if re.match(r"re:", text, re.I) else f"Re: {text}"


def _recipients(asked: EmailMessage, sender: str) -> tuple[list[str], list[str]]:
    """(who wrote it, everybody else that it went to); each once, and not the sender."""
    seen = {address.lower() for _, address in getaddresses([sender])}

    def fresh(*names: str) -> list[str]:
        found = []
        for name, address in getaddresses([_one_line(asked, name) for name in names]):
            if "@" in address and address.isascii() and address.lower() not in seen:
                seen.add(address.lower())
                found.append(formataddr((name, address)))
        return found

    return fresh("Reply-To") or fresh("From"), fresh("From", "To", "Cc")
