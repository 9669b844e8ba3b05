# SPDX-License-Identifier: GPL-2.0-or-later
"""Which options must be on so that one can be, by the Kconfig files of a source. Pure.

It proposes, and says why not; what a .config really takes is for the kernel's own make to say. Options are only ever
switched on: one that must be off, and is on, is a reason. A module is not enough, because nobody loads it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.build.kconfig import NO_SUCH, Definition

SWITCHES = ("bool", "tristate")
_TOKEN = re.compile(r"""\s*(\$\((?:[^()]|\([^()]*\))*\)|&&|\|\||!=|<=|>=|[!=<>()]|"[^"]*"|'[^']*'|[\w.-]+)""")
_COMPARING = ("=", "!=", "<", ">", "<=", ">=")
_DEEPEST = 12  # conditions of conditions
_ITSELF = "depends on itself"
_ADDED = re.compile(r"\s*(?:menu)?config\s+(\w+)\s*$")


@dataclass(frozen=True)
class Way:
    """How an option can be on: others that have to be switched on, itself last; or why it cannot, as what is said
    behind its name ("depends on PCI, which is not there")."""

    options: tuple[str, ...] = ()
    why: str = ""

    def __add__(self, other: Way) -> Way:
        """Both."""
        if self.why or other.why:
            return self if self.why else other
        return Way(tuple(dict.fromkeys((*self.options, *other.options))))


@dataclass(frozen=True)
class Proposal:
    """lines: of a .config, all that has to be switched on; why: of the wanted that cannot be on."""

    lines: tuple[str, ...]
    why: Mapping[str, str]


def propose(definitions: Iterable[Definition], have: Mapping[str, str], wanted: Sequence[str]) -> Proposal:
    """wanted: CONFIG_X, not on in `have`, which is a .config as kconfig.options() has it."""
    knowing = Kconfig(definitions, have)
    ways = {name: knowing.way(_bare(name)) for name in wanted}
    lines = (f"CONFIG_{option}=y" for way in ways.values() for option in way.options)
    return Proposal(tuple(dict.fromkeys(lines)), {name: way.why for name, way in ways.items() if way.why})


def own(diff: Collection[tuple[str, str]], definitions: Iterable[Definition], have: Mapping[str, str]) -> list[str]:
    """CONFIG_X that a change adds, and that a person would have to switch on. diff: (file, line) of what it adds;
    definitions and have: of the kernel that has the change."""
    offered = [f"CONFIG_{its.option}" for its in definitions if its.prompt and its.kind in SWITCHES]
    return [name for name in dict.fromkeys(offered) if name in added(diff) and have.get(name, "n") != "y"]


def added(diff: Iterable[tuple[str, str]]) -> set[str]:
    """CONFIG_X that it adds to a Kconfig file."""
    return {f"CONFIG_{found[1]}" for file, line in diff if _of_kconfig(file) and (found := _ADDED.match(line))}


def _of_kconfig(file: str) -> bool:
    return file.rpartition("/")[2].startswith("Kconfig")


def _bare(name: str) -> str:
    return name.removeprefix("CONFIG_")


@dataclass
class Kconfig:
    """What a source's Kconfig files say where a .config is known."""

    definitions: Iterable[Definition]
    have: Mapping[str, str]
    _table: dict[str, list[Definition]] = field(default_factory=dict)
    _selected: dict[str, list[tuple[Definition, str]]] = field(default_factory=dict)  # by what, and its condition
    _known: dict[str, Way] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for its in self.definitions:
            self._table.setdefault(its.option, []).append(its)
            for target, condition in its.selects:
                self._selected.setdefault(target, []).append((its, condition))

    def on(self, option: str) -> bool:
        """Is it built in? option: without CONFIG_."""
        return self.have.get(f"CONFIG_{option}", "n") == "y"

    def way(self, option: str, above: tuple[str, ...] = ()) -> Way:
        """How it can be on. above: options that wait for this one."""
        if self.on(option):
            return Way()
        if option not in self._table:
            return Way(why=NO_SUCH if not above else "is not there")
        if option in above or len(above) > _DEEPEST:
            return Way(why=_ITSELF)
        if option not in self._known:
            found = self._best(option, (*above, option))
            if _ITSELF in found.why:  # seen from elsewhere there may be one
                return found
            self._known[option] = found
        return self._known[option]

    def _best(self, option: str, above: tuple[str, ...]) -> Way:
        """Switched on by a person, by Kconfig itself, or else by what selects it."""
        mine = [way for its in self._table[option] for way in self._own_ways(its, above)]
        if not any(not way.why for way in mine):
            mine += [self._by(its, condition, option, above) for its, condition in self._selected.get(option, ())]
        good = [way for way in mine if not way.why]
        if good:
            return min(good, key=lambda way: len(way.options))
        told = [way for way in mine if _ITSELF not in way.why] or mine
        return told[0] if told else Way(why="is not for a person to set, and nothing selects it")

    def _own_ways(self, its: Definition, above: tuple[str, ...]) -> Iterator[Way]:
        needed = self._all(its.conditions, above)
        if its.prompt and any(other.kind in SWITCHES for other in self._table[its.option]):
            yield needed + self._all((its.shown,), above) + Way((its.option,))
        if not its.prompt:
            for value, condition in its.defaults:
                if value != "n":
                    yield needed + self._all((value, condition), above)

    def _by(self, its: Definition, condition: str, option: str, above: tuple[str, ...]) -> Way:
        """What selects it is on, and so is the condition."""
        return self.way(its.option, above) + self._all((condition,), above)

    def _all(self, conditions: Iterable[str], above: tuple[str, ...]) -> Way:
        found = Way()
        for text in dict.fromkeys(filter(None, conditions)):
            found += self._holds(parse(text), above)
        return found

    def _holds(self, its: Expression, above: tuple[str, ...]) -> Way:
        """How it can be true."""
        if self.true(its):
            return Way()
        if its.operator == "&&":
            return self._holds(its.parts[0], above) + self._holds(its.parts[1], above)
        if its.operator == "||":
            ways = [self._holds(part, above) for part in its.parts]
            return min(ways, key=lambda way: (bool(way.why), _ITSELF in way.why, len(way.options)))
        if its.operator == "" and not its.word.startswith(('"', "'")) and its.word not in ("y", "m", "n"):
            found = self.way(its.word, above)
            return Way(why=f"depends on {its.word}, which {found.why}") if found.why else found
        if its.operator == "=" and its.parts[1].word in ("y", "m") and not its.parts[0].operator:
            return self._holds(its.parts[0], above)
        return Way(why=f"depends on {its}")

    def true(self, its: Expression) -> bool:
        """Is it, with the .config as it is? What only a compiler can say is taken to be."""
        match its.operator:
            case "&&":
                return self.true(its.parts[0]) and self.true(its.parts[1])
            case "||":
                return self.true(its.parts[0]) or self.true(its.parts[1])
            case "!":
                return not self.true(its.parts[0]) and not self._module(its.parts[0])
            case "":
                return self._value(its) == "y" or its.word.startswith("$(")
        return self._compared(its)

    def _module(self, its: Expression) -> bool:
        return its.operator == "" and self._value(its) == "m"

    def _value(self, its: Expression) -> str:
        if its.word in ("y", "m", "n") or its.word.startswith(('"', "'")):
            return its.word.strip("\"'")
        if its.word[:1].isdigit() and its.word not in self._table:
            return its.word
        return self.have.get(f"CONFIG_{its.word}", "n").strip('"')

    def _compared(self, its: Expression) -> bool:
        one, other = (self._value(part) for part in its.parts)
        if its.operator in ("=", "!="):
            return (one == other) == (its.operator == "=")
        try:
            left, right = int(one, 0), int(other, 0)
        except ValueError:
            return False
        return {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[its.operator]

    def off(self, option: str) -> str:
        """Why it is not on in this .config, as said behind its name: which condition does not hold."""
        found = [its for its in self._table.get(option, ()) if its.prompt] or self._table.get(option, [])
        if not found:
            return NO_SUCH
        for its in (*found[0].conditions, found[0].shown):
            for part in _parts(parse(its)) if its else ():
                if not self.true(part):
                    return f"depends on {part}"
        return "was not taken: another option, or a choice, is against it"


@dataclass(frozen=True)
class Expression:
    """operator: "" for a word; !, &&, || or a comparison for what has parts."""

    operator: str
    parts: tuple[Expression, ...] = ()
    word: str = ""

    def __str__(self) -> str:
        if not self.operator:
            return self.word
        if self.operator == "!":
            return f"!{self._in(0)}"
        return f"{self._in(0)} {self.operator} {self._in(1)}" if len(self.parts) == 2 else ""

    def _in(self, place: int) -> str:
        part = self.parts[place]
        binds = part.operator in ("", "!") or part.operator == self.operator
        return str(part) if binds or (part.operator in _COMPARING and self.operator != "!") else f"({part})"


ALWAYS = Expression("", word="y")


def _parts(its: Expression) -> Iterator[Expression]:
    """Of what must all hold, each."""
    if its.operator == "&&":
        yield from (inner for part in its.parts for inner in _parts(part))
    else:
        yield its


def parse(text: str) -> Expression:
    """A condition of Kconfig; what is none of its grammar holds always: the kernel's own make knows better."""
    tokens = [found[1] for found in _TOKEN.finditer(text.partition(" #")[0])]
    try:
        found, rest = _either(tokens)
    except IndexError:
        return ALWAYS
    return found if not rest else ALWAYS


Tokens = list[str]


def _either(tokens: Tokens) -> tuple[Expression, Tokens]:
    left, rest = _both(tokens)
    while rest[:1] == ["||"]:
        right, rest = _both(rest[1:])
        left = Expression("||", (left, right))
    return left, rest


def _both(tokens: Tokens) -> tuple[Expression, Tokens]:
    left, rest = _one(tokens)
    while rest[:1] == ["&&"]:
        right, rest = _one(rest[1:])
        left = Expression("&&", (left, right))
    return left, rest


def _one(tokens: Tokens) -> tuple[Expression, Tokens]:
    head, rest = tokens[0], tokens[1:]
    if head == "!":
        its, rest = _one(rest)
        return Expression("!", (its,)), rest
    if head == "(":
        its, rest = _either(rest)
        return its, rest[1:]
    word = Expression("", word=head)
    if rest[:1] and rest[0] in _COMPARING:
        return Expression(rest[0], (word, Expression("", word=rest[1]))), rest[2:]
    return word, rest
