# SPDX-License-Identifier: GPL-2.0-or-later
"""Which lines of a C file are code, and of which statement. Tokens only, nothing is preprocessed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count

_TOKEN = re.compile(
    r"""(?P<comment>/\*.*?(?:\*/|\Z)|//(?:\\\n|[^\n])*)
      | (?P<directive>^[ \t]*\#(?:/\*.*?\*/|\\\n|[^\n])*)
      | (?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+')
      | (?P<word>\w+)
      | (?P<newline>\n)
      | (?P<sign>[^\s\w])""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_DEFINE = re.compile(r"[ \t]*#[ \t]*define[ \t]+(\w+)")
_WORD = re.compile(r"[A-Za-z_]\w*")
_HEADS = frozenset({"if", "for", "while", "switch"})  # a condition in parentheses, then a statement
_JUMPS = frozenset({"return", "goto", "break", "continue"})
_LABELS = frozenset({"case", "default"})
_NO_CALLS = _HEADS | _JUMPS | {"sizeof", "typeof", "__typeof__", "defined"}  # words before a ( that is no call's


@dataclass(frozen=True)
class Statement:
    """A statement, or the head of one: up to ; { or } outside of parentheses, or the end of a condition.

    lines have a token of it, labels before it included. parent: number of the head that decides whether it is done,
    or of its function's; -1 outside of functions. block: what it shares with those that are done before and behind
    it. jump: it goes elsewhere; labelled: it can be come to from elsewhere. acts: it may be more than a declaration:
    it calls, assigns, counts, or is a head or jump. calls: a function or a macro, by the look of it.
    """

    lines: tuple[int, ...]
    parent: int = -1
    block: int = 0
    jump: bool = False
    labelled: bool = False
    acts: bool = False
    calls: bool = False
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Macro:
    """A #define; names are the words of its text."""

    name: str
    first: int
    last: int
    names: frozenset[str]


@dataclass(frozen=True)
class Source:
    """A file, read. Lines count from 1; a line that is in nothing is blank, a comment, a directive or a bracket."""

    statements: tuple[Statement, ...] = ()
    macros: tuple[Macro, ...] = ()
    functions: tuple[tuple[int, int], ...] = ()  # first and last line, signature included
    at: Mapping[int, tuple[int, ...]] = field(
        default_factory=dict
    )  # line: numbers of the statements with a token there

    def function(self, line: int) -> tuple[int, int] | None:
        """First and last line of the function that the line is in."""
        return next((span for span in self.functions if span[0] <= line <= span[1]), None)

    def macro(self, line: int) -> Macro | None:
        """The macro that the line is part of."""
        return next((macro for macro in self.macros if macro.first <= line <= macro.last), None)

    def conditional(self, statement: Statement) -> bool:
        """Does a head decide whether it is done? Else it is its function's, or of no function."""
        return statement.parent >= 0 and self.statements[statement.parent].parent >= 0

    def behind(self, number: int) -> Iterator[int]:
        """What is done after it for sure: in its block, as far as nothing goes elsewhere or comes from there."""
        statement = self.statements[number]
        if statement.jump:
            return
        for other in self._blocks.get(statement.block, ()):
            if other > number:
                if self.statements[other].labelled:
                    return
                yield other
                if self.statements[other].jump:
                    return

    def before(self, number: int) -> Iterator[int]:
        """What was done before it, the nearest first, as far as nothing comes from elsewhere."""
        for other in reversed(self._blocks.get(self.statements[number].block, ())):
            if other <= number:
                if other < number:
                    yield other
                if self.statements[other].labelled:
                    return

    def inside(self, number: int) -> Iterator[int]:
        """What it decides about, if it is a head: all that is in its blocks."""
        for other in self._depending.get(number, ()):
            yield other
            yield from self.inside(other)

    @cached_property
    def _depending(self) -> dict[int, list[int]]:
        table: dict[int, list[int]] = {}
        for number, statement in enumerate(self.statements):
            if statement.parent >= 0:
                table.setdefault(statement.parent, []).append(number)
        return table

    @cached_property
    def _blocks(self) -> dict[int, list[int]]:
        table: dict[int, list[int]] = {}
        for number, statement in enumerate(self.statements):
            table.setdefault(statement.block, []).append(number)
        return table

    def users(self, macro: Macro) -> list[int]:
        """Numbers of the statements that the macro's text ends up in, through other macros of the file, too."""
        wanted = {macro.name}
        while more := {m.name for m in self.macros if m.names & wanted} - wanted:
            wanted |= more
        return [number for number, statement in enumerate(self.statements) if statement.names & wanted]


def read_c(text: str) -> Source:
    """Of a C file. What cannot be understood (brackets that #if takes apart) is right again at the next function."""
    reader = _Reader()
    for kind, token, line, column in _tokens(text):
        reader.take(kind, token, line, column)
    reader.end()
    return Source(tuple(reader.statements), tuple(reader.macros), tuple(reader.functions), _at(reader.statements))


def read_assembly(text: str) -> Source:
    """Of an assembler file that cpp goes over: a line that is no comment or directive is a statement of its own."""
    found: dict[int, list[str]] = {}
    for kind, token, line, _ in _tokens(text):
        if kind in ("word", "text", "sign"):
            found.setdefault(line, []).append(token)
    rows = [line for line, tokens in found.items() if tokens[0] not in ".#;@*"]
    statements = [Statement((line,), acts=True) for line in rows]
    return Source(tuple(statements), at=_at(statements))


def _at(statements: Iterable[Statement]) -> dict[int, tuple[int, ...]]:
    table: dict[int, tuple[int, ...]] = {}
    for number, statement in enumerate(statements):
        for line in statement.lines:
            table[line] = (*table.get(line, ()), number)
    return table


def _tokens(text: str) -> Iterator[tuple[str, str, int, int]]:
    """(kind, token, line, column), comments and line ends left out."""
    line, start = 1, 0
    for found in _TOKEN.finditer(text):
        kind, token = str(found.lastgroup), found[0]
        if kind not in ("comment", "newline"):
            yield kind, token, line, found.start() - start
        if ends := token.count("\n"):
            line += ends
            start = found.start() + token.rfind("\n") + 1


@dataclass
class _Block:
    """What a { opened: the head before it; the last if and the head that waits for its statement are those in it."""

    number: int
    head: int
    function: int = 0  # first line, if it is a function's
    last_if: int = -1


class _Reader:
    """Goes over the tokens once. _run is the statement that is not at its end yet."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.macros: list[Macro] = []
        self.functions: list[tuple[int, int]] = []
        self._blocks: list[_Block] = []
        self._top = _Block(0, -1)
        self._numbers = count(1)
        self._waiting = -1  # the head whose statement comes next, without a bracket
        self._start()

    def _start(self) -> None:
        self._lines: dict[int, None] = {}
        self._names: set[str] = set()
        self._first = self._last = ""  # words or signs; labels left out of the first
        self._size = 0
        self._nested = 0  # brackets of any kind within the statement
        self._assigns = self._acts = self._calls = self._labelled = False

    @property
    def _block(self) -> _Block:
        return self._blocks[-1] if self._blocks else self._top

    def take(self, kind: str, token: str, line: int, column: int) -> None:
        if kind == "directive":
            self._directive(token, line)
        elif token in ("{", "}") and column == 0:  # as the kernel is written: a function begins or ends
            self._outermost(token, line)
        elif token in "([" or (token == "{" and self._is_value()):
            self._add(token, line)
            self._nested += 1
        elif self._nested and token in ")]}":
            self._nested -= 1
            self._add(token, line)
            if not self._nested and token == ")" and self._is_head():
                self._waiting = self._finish(head=True)
        elif self._nested:
            self._add(token, line)
        elif token == "{":
            self._open(line)
        elif token == "}":
            self._close(line)
        elif token == ";":
            self._semicolon(line)
        elif token in ("else", "do") and not self._size:
            self._waiting = self._block.last_if if token == "else" else self._block.head
        elif token == ":" and self._is_label():
            self._label(line)
        else:
            self._add(token, line)

    def end(self) -> None:
        if self._size:
            self._finish()

    def _add(self, token: str, line: int) -> None:
        self._lines[line] = None
        if _WORD.fullmatch(token):
            self._names.add(token)
        self._first = self._first or token
        self._assigns = self._assigns or (not self._nested and token == "=")
        self._acts = self._acts or token in ("=", "(") or (token == self._last and token in "+-")
        self._calls = self._calls or (
            token == "(" and bool(_WORD.fullmatch(self._last)) and self._last not in _NO_CALLS
        )
        self._last = token
        self._size += 1

    def _is_value(self) -> bool:
        """Is this { part of an expression: an initialiser, a literal, a block in parentheses?"""
        return bool(self._nested or self._last == "=" or (self._blocks and self._assigns))

    def _is_head(self) -> bool:
        return self._first in _HEADS or (bool(self._blocks) and "for_each" in self._first)

    def _is_label(self) -> bool:
        return self._first in _LABELS or (
            bool(self._blocks) and self._size == 1 and bool(_WORD.fullmatch(self._first))
        )

    def _label(self, line: int) -> None:
        """It stays with the statement behind it, of which it is not the first word."""
        self._lines[line] = None
        self._first = self._last = ""
        self._size = 0
        self._acts = self._calls = False
        self._labelled = True

    def _finish(self, head: bool = False) -> int:
        """The run is a statement; returns its number."""
        jump = self._first in _JUMPS
        alone = self._waiting >= 0
        self.statements.append(
            Statement(
                lines=tuple(self._lines),
                parent=self._waiting if alone else self._block.head,
                block=next(self._numbers) if alone else self._block.number,
                jump=jump,
                labelled=self._labelled,
                acts=head or jump or self._acts,
                calls=self._calls,
                names=frozenset(self._names),
            )
        )
        number = len(self.statements) - 1
        if self._first == "if":
            self._block.last_if = number
        self._waiting = -1
        self._start()
        return number

    def _semicolon(self, line: int) -> None:
        if self._size or self._lines:
            self._lines[line] = None
            self._finish()
        self._waiting = -1

    def _open(self, line: int) -> None:
        first = min(self._lines, default=line)
        function = not self._blocks and self._last == ")"
        head = self._finish() if self._size else self._waiting
        if head < 0:
            head = self._block.head
        self._waiting = -1
        self._blocks.append(_Block(next(self._numbers), head, first if function else 0))

    def _close(self, line: int) -> None:
        if self._size or self._lines:
            self._finish()
        self._waiting = -1
        if self._blocks:
            block = self._blocks.pop()
            if block.function:
                self.functions.append((block.function, line))

    def _outermost(self, token: str, line: int) -> None:
        """All that is open is closed: #if and #else may each have opened a block that one } closes."""
        self._nested = 0 if self._blocks or (token == "{" and not self._assigns) else self._nested
        if token == "{":
            if self._is_value():
                self._add(token, line)
                self._nested += 1
                return
            self._blocks.clear()
            self._open(line)
        elif self._nested:
            self._nested = 0
            self._add(token, line)
        else:
            function = next((block.function for block in self._blocks if block.function), 0)
            while len(self._blocks) > 1:
                self._blocks.pop()
            if self._blocks:
                self._blocks[0].function = function
            self._close(line)

    def _directive(self, token: str, line: int) -> None:
        if found := _DEFINE.match(token):
            names = frozenset(_WORD.findall(token[found.end() :]))
            self.macros.append(Macro(found[1], line, line + token.count("\n"), names))
