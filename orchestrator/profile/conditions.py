# SPDX-License-Identifier: GPL-2.0-or-later
"""What #if conditions come to where CONFIG_ options are known, and which options would turn them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.profile.code import Conditions

_WORD = re.compile(r"[A-Za-z_]\w*$")
_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|\d+)[uUlL]*$")
_ASKING = {"defined", "IS_ENABLED", "IS_BUILTIN", "IS_REACHABLE"}
_BINARY = (("||",), ("&&",), ("==", "!="), ("<", ">", "<=", ">="))
_FIXED = {"__KERNEL__": True, "__cplusplus": False, "MODULE": False}
_OFF = "=n"  # after the name of an option that would have to be so


@dataclass(frozen=True)
class _Value:
    """What an expression is, None where nobody knows; and which options would make it true or false: None: none."""

    value: int | None
    true: tuple[str, ...] | None = None
    false: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Known:
    """options: {CONFIG_X: y, m or a value} of a .config; what is built in is compiled as no module is."""

    options: Mapping[str, str]
    assembly: bool = False

    def left_out(self, conditions: Conditions) -> tuple[str, ...] | None:
        """Is what stands under these not compiled? Then which options it would need (CONFIG_X, or CONFIG_X=n for one
        that is on), () where none would do. None: it is compiled, or nobody can tell from options alone."""
        needs: tuple[str, ...] | None = None
        for branch in conditions:
            its = self._of(branch.text)
            if its.value is None or bool(its.value) == branch.wanted:
                continue
            more = its.true if branch.wanted else its.false
            needs = (*(needs or ()), *(more or ()))
        return None if needs is None else tuple(dict.fromkeys(needs))

    def _of(self, text: str) -> _Value:
        try:
            return _Parser(_operators(text.split()), self).whole()
        except (IndexError, ValueError):
            return _Value(None)

    def word(self, name: str) -> _Value:
        """A macro, where it is a value."""
        if not name.startswith("CONFIG_"):
            return _Value(None)
        value = self.options.get(name, "n")
        if _NUMBER.match(value):
            return _Value(int(value, 0))
        return self.asked(name, "defined")

    def asked(self, name: str, how: str) -> _Value:
        """Is a macro there? how: one of _ASKING."""
        if name in ("__ASSEMBLY__", "__ASSEMBLER__"):
            return _Value(int(self.assembly))
        if name in _FIXED:
            return _Value(int(_FIXED[name]))
        if not name.startswith("CONFIG_"):
            return _Value(None)
        off = ("n", "m") if how != "IS_ENABLED" else ("n",)
        return _Value(int(self.options.get(name, "n") not in off), (name,), (name + _OFF,))


def _operators(words: list[str]) -> list[str]:
    """&& and its like as one word: tokens are single characters."""
    found: list[str] = []
    for word in words:
        if found and found[-1] + word in ("&&", "||", "==", "!=", "<=", ">="):
            found[-1] += word
        else:
            found.append(word)
    return found


class _Parser:
    """#if's grammar, as far as kernels use it. ValueError and IndexError for the rest."""

    def __init__(self, words: list[str], known: Known) -> None:
        self._words, self._known, self._at = words, known, 0

    def whole(self) -> _Value:
        value = self._binary(0)
        if self._at != len(self._words):
            raise ValueError(self._words[self._at])
        return value

    def _next(self) -> str:
        self._at += 1
        return self._words[self._at - 1]

    def _binary(self, level: int) -> _Value:
        if level == len(_BINARY):
            return self._unary()
        left = self._binary(level + 1)
        while self._at < len(self._words) and self._words[self._at] in _BINARY[level]:
            left = _joined(left, self._next(), self._binary(level + 1))
        return left

    def _unary(self) -> _Value:
        word = self._next()
        if word == "!":
            its = self._unary()
            return _Value(None if its.value is None else int(not its.value), its.false, its.true)
        if word == "(":
            its = self._binary(0)
            self._expect(")")
            return its
        if word in _ASKING:
            bare = self._words[self._at] != "("
            if not bare:
                self._next()
            name = self._next()
            if not bare:
                self._expect(")")
            return self._known.asked(name, word)
        if _NUMBER.match(word):
            return _Value(int(word.rstrip("uUlL"), 0))
        if not _WORD.match(word) or (self._at < len(self._words) and self._words[self._at] == "("):
            raise ValueError(word)
        return self._known.word(word)

    def _expect(self, word: str) -> None:
        if self._next() != word:
            raise ValueError(word)


def _joined(left: _Value, operator: str, right: _Value) -> _Value:
    a, b = left.value, right.value
    if operator in ("&&", "||"):
        both = operator == "&&"
        deciding = [value for value in (a, b) if value is not None and bool(value) != both]
        value = int(not both) if deciding else None if a is None or b is None else int(both)
        all_of, any_of = _all(left, right, both), _any(left, right, not both)
        return _Value(value, all_of, any_of) if both else _Value(value, any_of, all_of)
    if a is None or b is None:
        return _Value(None)
    results = {"==": a == b, "!=": a != b, "<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b}
    return _Value(int(results[operator]))


def _all(left: _Value, right: _Value, wanted: bool) -> tuple[str, ...] | None:
    """What makes both so that are not."""
    lacking = [its for its in (left, right) if its.value is None or bool(its.value) != wanted]
    ways = [its.true if wanted else its.false for its in lacking]
    if any(way is None for way in ways):
        return None
    return tuple(name for way in ways for name in way or ())


def _any(left: _Value, right: _Value, wanted: bool) -> tuple[str, ...] | None:
    """The shorter way to make one of them so."""
    ways = [way for its in (left, right) if (way := its.true if wanted else its.false) is not None]
    return min(ways, key=len, default=None)
