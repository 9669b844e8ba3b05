# SPDX-License-Identifier: GPL-2.0-or-later
"""A reply as a file that git send-email sends: threads under the patch's mail, goes to whom it went to."""

from __future__ import annotations

import email
import re
from email.message import EmailMessage
from email.policy import EmailPolicy, default
from email.utils import formataddr, getaddresses
from pathlib import Path

from orchestrator.errors import ConfigError

_POLICY = EmailPolicy(linesep="\n", max_line_length=78, cte_type="7bit", utf8=False)


def reply(original: Path, body: str, sender: str) -> str:
    """body as the answer to the first mail of a file; sender: Name <address>, or "" for git send-email to fill in."""
    asked = read(original)
    parent = _one_line(asked, "Message-Id")
    if not parent:
        raise ConfigError(
            f"{original} has no Message-Id", hint="--in-reply-to wants the mail itself, saved with headers"
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
    answer["In-Reply-To"] = parent
    before = _one_line(asked, "References") or _one_line(asked, "In-Reply-To")
    answer["References"] = " ".join(dict.fromkeys([*re.findall(r"<[^<>\s]+>", before), parent]))
    answer.set_content(body, charset="us-ascii", cte="7bit")
    return answer.as_string()


def read(path: Path) -> EmailMessage:
    """The first mail of a file, be it one mail or an mbox."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="the patch's mail, as a file") from error
    return parse(content)


def parse(content: bytes) -> EmailMessage:
    """One mail, or the first of an mbox."""
    if content.startswith(b"From "):
        first = re.split(rb"^From \S+ .*\d{4}\n", content.partition(b"\n")[2], maxsplit=1, flags=re.M)[0]
        content = re.sub(rb"^>(>*From )", rb"\1", first, flags=re.M)
    return email.message_from_bytes(content, policy=default)


def text(mail: EmailMessage) -> str:
    """All its plain text, decoded: the patch may be in the body or attached."""
    parts = [part.get_payload(decode=True) for part in mail.walk() if part.get_content_maintype() == "text"]
    return "\n".join(part.decode(errors="replace") for part in parts if isinstance(part, bytes))


def _one_line(mail: EmailMessage, name: str) -> str:
    return " ".join(str(mail.get(name, "")).split())


def _subject(text: str) -> str:
    return text if re.match(r"re:", text, re.I) else f"Re: {text}"


def _recipients(asked: EmailMessage, sender: str) -> tuple[list[str], list[str]]:
    """(who wrote it, everybody else that it went to); each once, and not the sender."""
    seen = {address.lower() for _, address in getaddresses([sender])}

    def fresh(*names: str) -> list[str]:
        found = []
        for name, address in getaddresses([_one_line(asked, name) for name in names]):
            if "@" in address and address.lower() not in seen:
                seen.add(address.lower())
                found.append(formataddr((name, address)))
        return found

    return fresh("Reply-To") or fresh("From"), fresh("From", "To", "Cc")
