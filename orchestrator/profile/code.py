# SPDX-License-Identifier: GPL-2.0-or-later
"""Which lines of a C or assembly source are code, and under which #if each of them stands. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

SOURCES = (".c", ".S", ".h", ".rs")  # what a compiler makes instructions of
ASSEMBLY = ".S"

TOKEN = re.compile(
    r"(?P<comment>/\*.*?\*/|//(?:\\\n|[^\n])*)|(?P<line>\\?\n)|(?P<space>[ \t\f\r]+)"
    r"|(?P<token>\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|\w+|.)",
    re.S,
)
_MIDDLE = re.compile(r"\s*\*(?:[\s/]|$)")  # a line within a comment, as kernels are written
_DIRECTIVE = re.compile(r"# (\w+) ?(.*)$")
_MEANINGLESS = {"include", "if", "ifdef", "ifndef", "elif", "else", "endif", "undef", "pragma", "error", "warning"}


def tokens(text: str) -> list[str]:
    """Of each line its tokens, one space between, without comments; an escaped end of line is a backslash."""
    lines: list[str] = []
    here: list[str] = []
    for found in TOKEN.finditer(text):
        ends = found[0].count("\n") if found.lastgroup in ("comment", "line") else 0
        if found.lastgroup == "token":
            here.append(found[0])
        elif found.lastgroup == "line" and found[0] != "\n":
            here.append("\\")
        for _ in range(ends):
            lines.append(" ".join(here))
            here = []
    return [*lines, " ".join(here)]


@dataclass(frozen=True)
class Branch:
    """A condition that must come out so for a line to be compiled: #if defined ( CONFIG_SWAP ), in tokens."""

    text: str
    wanted: bool = True


Conditions = tuple[Branch, ...]


@dataclass(frozen=True)
class Code:
    """Of a source, by line number from 1: is it code (no comment, blank or directive but #define), and under what."""

    code: tuple[bool, ...]
    conditions: tuple[Conditions, ...]

    def is_code(self, line: int) -> bool:
        """False beyond the file's end, too."""
        return 0 < line <= len(self.code) and self.code[line - 1]

    def under(self, line: int) -> Conditions:
        """Outermost first."""
        return self.conditions[line - 1] if 0 < line <= len(self.conditions) else ()


def read(text: str, name: str) -> Code:
    """Of a whole source by this name. Unbalanced #if are taken as far as they go."""
    code: list[bool] = []
    under: list[Conditions] = []
    stack: list[list[Branch]] = []  # of each #if that is open: branches before that were not taken, then this one
    pending, started = "", 0  # a directive that goes on over escaped ends of lines
    for row in _rows(text, name):
        if pending or row.startswith("#"):
            pending += row.removesuffix("\\")
            started += 1
            if row.endswith("\\"):
                continue
            word, rest = _directive(pending)
            defining = word == "define"
            before = _flat(stack)
            _apply(stack, word, rest)
            after = _flat(stack)
            code += [defining] * started
            under += [before if len(before) < len(after) or defining else after] * started
            pending, started = "", 0
            continue
        code.append(bool(row))
        under.append(_flat(stack))
    return Code((*code, *[False] * started), (*under, *[_flat(stack)] * started))


def _rows(text: str, name: str) -> list[str]:
    """In assembly what follows a # that begins no directive is a comment."""
    rows = tokens(text)
    if not name.endswith(ASSEMBLY):
        return rows
    return [
        "" if row.startswith("#") and _directive(row)[0] not in _MEANINGLESS | {"define"} else row for row in rows
    ]


def _directive(row: str) -> tuple[str, str]:
    found = _DIRECTIVE.match(row)
    return (found[1], found[2].strip()) if found else ("", "")


def _apply(stack: list[list[Branch]], word: str, rest: str) -> None:
    if word in ("if", "ifdef", "ifndef"):
        text = rest if word == "if" else f"defined ( {rest} )"
        stack.append([Branch(text, word != "ifndef")])
    elif word in ("elif", "else") and stack:
        last = stack[-1][-1]
        stack[-1][-1] = Branch(last.text, not last.wanted)
        if word == "elif":
            stack[-1].append(Branch(rest))
    elif word == "endif" and stack:
        stack.pop()


def _flat(stack: list[list[Branch]]) -> Conditions:
    return tuple(branch for group in stack for branch in group)


def of_part(lines: Sequence[str], name: str) -> list[bool]:
    """Which lines are code, of lines from the middle of a file. What stands in a comment that begins before them is
    known by its end, or by the look of all of it."""
    text = "\n".join(lines)
    begins, ends = text.find("/*"), text.find("*/")
    inside = 0 <= ends < (begins if begins >= 0 else len(text))
    if inside or all(_MIDDLE.match(line) for line in lines if line.strip()):
        text = "/*" + text
    if text.rfind("/*") > text.rfind("*/"):
        text += "*/"
    found = read(text, name)
    return [found.is_code(number) for number in range(1, len(lines) + 1)]
