# SPDX-License-Identifier: GPL-2.0-or-later
"""Which functions a change touches, by the source alone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from orchestrator.model import Side
from orchestrator.profile.reach import Change, ChangedLine
from orchestrator.profile.statements import Source
from orchestrator.series import diff

_BRACKET = re.compile(r"(?P<word>[A-Za-z_]\w*)?\s*\(|(?P<close>\))")
_SYSCALL = re.compile(r"(?:COMPAT_)?SYSCALL_DEFINE\d\s*\(\s*(\w+)")
_ENTRIES = ("__do_sys_", "__se_sys_", "__do_compat_sys_")  # what SYSCALL_DEFINE makes of a system call's name
_NEAR = 3  # lines around what is added
_REMARK = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


@dataclass(frozen=True)
class Place:
    """A function as far as its head tells: words are names that it may have."""

    file: str
    words: frozenset[str]
    head: str


@dataclass(frozen=True)
class Spot:
    """Lines of the base that are changed, or between which lines are added: those right before and behind; 0 where
    there is none in the hunk."""

    file: str
    before: tuple[int, ...]
    behind: tuple[int, ...]


@dataclass(frozen=True)
class Changed:
    """outside: files with changed code that is in no function: data, macros, declarations."""

    functions: tuple[Place, ...] = ()
    outside: tuple[str, ...] = ()
    spots: tuple[Spot, ...] = ()


def changed(its: Change, text: str, texts: Mapping[Side, Mapping[str, str | None]]) -> Changed:
    """Of a change; text: its unified diff; texts: what each kernel has of the files that it touches."""
    functions: dict[tuple[str, frozenset[str]], Place] = {}
    outside: dict[str, None] = {}
    for line in its.lines:
        source, whole = its.sources[line.side].get(line.file), texts[line.side].get(line.file)
        if source is None or whole is None or not (line.line in source.at or source.macro(line.line)):
            continue
        spans = _spans(source, line)
        if not spans:
            outside[line.file] = None
        for span in spans:
            place = _place(line.file, whole, span)
            functions.setdefault((place.file, place.words), place)
    return Changed(tuple(functions.values()), tuple(outside), tuple(_spots(text)))


def _spots(text: str) -> Iterator[Spot]:
    """Of each run of changed lines: the lines of the base that it takes out, or those around what it adds."""
    for hunk in diff.hunks(text):
        for sign, run in groupby(enumerate(hunk.lines), lambda one: one[1].sign != " "):
            if not sign:
                continue
            rows = list(run)
            old = tuple(line.old for _, line in rows if line.sign == "-" and line.text.strip())
            earlier = tuple(line.old for line in hunk.lines[: rows[0][0]] if line.old)
            later = tuple(line.old for line in hunk.lines[rows[-1][0] + 1 :] if line.old)
            yield Spot(hunk.file, old or earlier[::-1][:_NEAR], old or later[:_NEAR])


def _spans(source: Source, line: ChangedLine) -> list[tuple[int, int]]:
    """The function that a line is in; of a macro's line those of the file that use it."""
    if span := source.function(line.line):
        return [span]
    macro = source.macro(line.line)
    if macro is None:
        return []
    lines = (source.statements[number].lines[0] for number in source.users(macro))
    return list(dict.fromkeys(span for one in lines if (span := source.function(one))))


def _named(head: str) -> Iterator[str]:
    """Words before brackets that are in no others: the function's name, and attributes that have arguments."""
    depth = 0
    for found in _BRACKET.finditer(head):
        if found["close"]:
            depth -= 1
            continue
        if found["word"] and not depth:
            yield found["word"]
        depth += 1


def _place(file: str, text: str, span: tuple[int, int]) -> Place:
    head = "\n".join(text.splitlines()[span[0] - 1 : span[1]]).partition("{")[0]
    head = " ".join(_REMARK.sub(" ", head).split())
    words = set(_named(head))
    if call := _SYSCALL.search(head):
        words |= {prefix + call[1] for prefix in _ENTRIES}
    return Place(file, frozenset(words), head)
