# SPDX-License-Identifier: GPL-2.0-or-later
"""Mails as they come in files: one, or an mbox, maybe compressed; their text, decoded."""

from __future__ import annotations

import bz2
import email
import lzma
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from orchestrator.errors import ConfigError

LARGEST = 256 << 20  # bytes that a compressed file may unpack to

_PACKERS: tuple[tuple[bytes, str, Callable[[], Any]], ...] = (
    (b"\x1f\x8b", "gzip", lambda: zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)),
    (b"BZh", "bzip2", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\0", "xz", lambda: lzma.LZMADecompressor(memlimit=LARGEST)),
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_START = re.compile(rb"^From \S.*\d{4}\n(?=[A-Za-z][\w-]*: )", re.M)  # of each mail of an mbox
_QUOTED = re.compile(rb"^>(>*From )", re.M)
_DIFFS = ("x-patch", "x-diff")
_NAMES = (".patch", ".diff", ".patch.gz", ".diff.gz", ".patch.xz", ".patch.bz2")
_SIGNATURE = "-- "


@dataclass(frozen=True)
class Text:
    """One text of a mail; name: of the file that it is attached as, "" of what the mail itself says.

    What is no text in any charset is in surrogate escapes.
    """

    name: str
    text: str


def content(path: Path, hint: str) -> bytes:
    """What is in the file, unpacked, lines ending in LF. ConfigError with this hint where it cannot be read."""
    try:
        found = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint=hint) from error
    found = unpacked(found, str(path))
    if found.startswith(_UTF16):  # what a shell of Windows writes
        found = found.decode("utf-16", errors="replace").encode()
    return lines(found)


def lines(text: bytes) -> bytes:
    """With LF where the lines end in CR LF. A CR at some line ends only belongs to the file that a patch changes."""
    return text.replace(b"\r\n", b"\n") if text.partition(b"\n")[0].endswith(b"\r") else text


def split(text: bytes) -> list[bytes]:
    """The mails of an mbox; anything else is one."""
    text = text.removeprefix(b"\xef\xbb\xbf")
    if not text.lstrip(b"\n").startswith(b"From "):
        return [text] if text.strip() else []
    return [_QUOTED.sub(rb"\1", part) for part in _START.split(text.lstrip(b"\n")) if part.strip()]


def first(text: bytes) -> EmailMessage:
    """One mail, or the first of an mbox."""
    return read(next(iter(split(text)), b""))


def read(mail: bytes) -> EmailMessage:
    """One mail."""
    return email.message_from_bytes(mail, policy=default)


def header(mail: EmailMessage, name: str) -> str:
    """On one line, decoded; "" if it is not there. One that no parser takes is as it stands."""
    try:
        found = str(mail.get(name, ""))
    except Exception:  # what the standard library raises at malformed ones differs with its version
        found = next((str(value) for key, value in mail.raw_items() if key.lower() == name.lower()), "")
    return " ".join(found.encode(errors="surrogateescape").decode(errors="replace").split())


def body(mail: EmailMessage) -> str:
    """All its plain text: the patch may be in the mail or attached. What is not UTF-8 is in surrogate escapes."""
    return "\n".join(part.text for part in texts(mail))


def texts(mail: EmailMessage) -> list[Text]:
    """Its plain texts in order, and what is attached as a patch."""
    return [Text(_attached(part), _decoded(part)) for part in mail.walk() if _plain(part)]


def mails(mail: EmailMessage) -> list[EmailMessage]:
    """Whole mails that are attached to it; what is attached to those is theirs."""
    found: list[EmailMessage] = []
    for part in mail.iter_parts() if mail.is_multipart() and mail.get_content_maintype() == "multipart" else ():
        if part.get_content_type() == "message/rfc822" and isinstance(inner := part.get_payload(), list):
            found += [one for one in inner if isinstance(one, EmailMessage)]
        else:
            found += mails(part) if isinstance(part, EmailMessage) else []
    return found


def _plain(part: EmailMessage) -> bool:
    named = str(part.get_filename() or "").endswith(_NAMES)
    kind = part.get_content_maintype()
    diff = kind != "multipart" and part.get_content_subtype() in _DIFFS
    return named or diff or (kind == "text" and part.get_content_subtype() != "html")


def _attached(part: EmailMessage) -> str:
    name = str(part.get_filename() or "")
    return name or ("a patch" if part.get_content_subtype() in _DIFFS else "")


def _decoded(part: EmailMessage) -> str:
    """Its text. What is no UTF-8 is read in the charset that it says, as sources of Linux are in UTF-8."""
    payload = part.get_payload(decode=True)
    plain = lines(unpacked(payload, _attached(part)) if isinstance(payload, bytes) else b"")
    said = str(part.get_content_charset() or "utf-8")
    try:
        text = plain.decode(said if said.startswith(("iso-2022", "utf-7", "utf-16", "utf-32", "hz")) else "utf-8")
    except (UnicodeError, LookupError):
        try:
            text = plain.decode(said)
        except (UnicodeError, LookupError):
            text = plain.decode(errors="surrogateescape")
    flowed = str(part.get_param("format") or "").lower() == "flowed"
    return _unflowed(text, str(part.get_param("delsp") or "").lower() == "yes") if flowed else text


def _unflowed(text: str, without_space: bool) -> str:
    """Of a mail whose sender folded its lines for screens (RFC 3676), as git am reads one."""
    found, before = [], ""
    for line in text.split("\n"):
        if line == _SIGNATURE:
            found += [before] if before else []
            found.append(line)
            before = ""
            continue
        line = line.removeprefix(" ")
        if line.endswith(" "):
            before += line[:-1] if without_space else line
        else:
            found.append(before + line)
            before = ""
    return "\n".join([*found, before] if before else found)


def unpacked(packed: bytes, name: str) -> bytes:
    """What is in it; as it is, if it is not packed. ConfigError for what is broken or too large."""
    kind = next((kind for kind in _PACKERS if packed.startswith(kind[0])), None)
    if kind is None:
        return packed
    magic, called, begin = kind
    found, rest = b"", packed
    while rest.startswith(magic):  # several may stand behind each other
        unpacker = begin()
        try:
            found += unpacker.decompress(rest, LARGEST - len(found) + 1)
        except (zlib.error, OSError, lzma.LZMAError, EOFError) as error:
            raise ConfigError(
                f"{name} is not the {called} file that it starts like: {error}", hint="fetch it again"
            ) from error
        if len(found) > LARGEST:
            raise ConfigError(f"{name} unpacks to more than {LARGEST >> 20} MiB", hint="give the mails of one thread")
        if not unpacker.eof:
            raise ConfigError(f"{name} ends in the middle", hint="fetch it again")
        rest = unpacker.unused_data
    return found
