# SPDX-License-Identifier: GPL-2.0-or-later
"""Plain text as kernel lists want it: ASCII, at most 75 columns."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

from orchestrator.errors import printable

WIDTH = 75
# What a tool that collects trailers would take for one, wherever a title or a kernel's words are broken.
_TRAILER = re.compile(r"\s*([\w-]+-by|cc|fixes|link|closes|[\w-]+(?=:\s.*@)):\s", re.IGNORECASE)
PLAIN = str.maketrans({"±": "+-", "·": ",", "−": "-", "–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"'})


def ascii_only(text: str) -> str:
    """Without control characters and anything beyond ASCII: what has no plain form is shown by its number."""
    plain = printable(text).translate(PLAIN).expandtabs()
    return plain.encode("ascii", "backslashreplace").decode()


def paragraph(text: str, first: str = "", rest: str | None = None) -> list[str]:
    """Text filled to the width; first and rest start its lines."""
    return textwrap.wrap(
        ascii_only(" ".join(text.split())),
        WIDTH,
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_on_hyphens=False,
    )


def quoted(lines: Iterable[str], most: int = 3) -> list[str]:
    """Lines of a log behind "| "; a long one goes on behind "|   ", over at most so many lines."""
    out: list[str] = []
    for line in lines:
        parts = textwrap.wrap(
            ascii_only(line), WIDTH, initial_indent="| ", subsequent_indent="|   ",
            replace_whitespace=False, break_on_hyphens=False,
        ) or ["|"]  # fmt: skip
        out += parts[:most] if len(parts) <= most else [*parts[: most - 1], f"{parts[most - 1][: WIDTH - 4]} ..."]
    return out


def command_lines(text: str) -> list[str]:
    """A shell command, indented, broken before options only."""
    out: list[str] = []
    line = " "
    for number, word in enumerate(ascii_only(text).split(" ")):
        if number and len(line) + len(word) + 3 > WIDTH:
            out.append(f"{line} \\")
            line = "     "
        line += f" {word}"
    return [*out, line]


def columns(rows: Sequence[Sequence[str]], left: Sequence[int] = (0,), indent: int = 2) -> list[str]:
    """Rows set in columns, two blanks between, right-aligned but for the columns of left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        " " * indent
        + "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def folded(lines: Iterable[str]) -> list[str]:
    """The last word on the width: a line that is still too long is broken."""
    out: list[str] = []
    for line in lines:
        plain = ascii_only(line).rstrip()
        plain = f" {plain}" if plain.startswith("From ") else plain  # an mbox would take it for the next mail
        broken = [plain] if len(plain) <= WIDTH else textwrap.wrap(plain, WIDTH, subsequent_indent="    ")
        out += [f"| {line.lstrip()}" if _TRAILER.match(line) else line for line in broken]
    return out
