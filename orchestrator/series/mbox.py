# SPDX-License-Identifier: GPL-2.0-or-later
"""Mails as they come in files: one, or an mbox, maybe compressed; their text, decoded."""

from __future__ import annotations

import email
import re
import zlib
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from orchestrator.errors import ConfigError

LARGEST = 256 << 20  # bytes that a compressed file may unpack to

_GZIP = b"\x1f\x8b"
_START = re.compile(rb"^From \S+.*\d{4}\n(?=[A-Za-z][\w-]*: )", re.M)  # of each mail of an mbox
_QUOTED = re.compile(rb"^>(>*From )", re.M)


def content(path: Path, hint: str) -> bytes:
    """What is in the file, unpacked, lines ending in LF. ConfigError with this hint where it cannot be read."""
    try:
        found = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint=hint) from error
    return lines(_unpacked(found, path) if found.startswith(_GZIP) else found)


def lines(text: bytes) -> bytes:
    """With LF where the lines end in CR LF. A CR at some line ends only belongs to the file that a patch changes."""
    return text.replace(b"\r\n", b"\n") if text.partition(b"\n")[0].endswith(b"\r") else text


def split(text: bytes) -> list[bytes]:
    """The mails of an mbox; anything else is one."""
    if not text.startswith(b"From "):
        return [text] if text.strip() else []
    return [_QUOTED.sub(rb"\1", part) for part in _START.split(text) if part.strip()]


def first(text: bytes) -> EmailMessage:
    """One mail, or the first of an mbox."""
    return email.message_from_bytes(next(iter(split(text)), b""), policy=default)


def body(mail: EmailMessage) -> str:
    """All its plain text: the patch may be in the mail or attached. What is not UTF-8 is in surrogate escapes."""
    parts = [part.get_payload(decode=True) for part in mail.walk() if _plain(part)]
    texts = [lines(part).decode(errors="surrogateescape") for part in parts if isinstance(part, bytes)]
    return "\n".join(texts)


def _plain(part: EmailMessage) -> bool:
    named = str(part.get_filename() or "").endswith((".patch", ".diff"))
    return named or (part.get_content_maintype() == "text" and part.get_content_subtype() != "html")


def _unpacked(packed: bytes, path: Path) -> bytes:
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        found = unpacker.decompress(packed, LARGEST)
    except zlib.error as error:
        raise ConfigError(
            f"{path} is not the gzip file that it starts like: {error}", hint="fetch it again"
        ) from error
    if not unpacker.eof:
        why = f"unpacks to more than {LARGEST >> 20} MiB" if unpacker.unconsumed_tail else "ends in the middle"
        raise ConfigError(f"{path} {why}", hint="give the mails of one thread")
    return found
