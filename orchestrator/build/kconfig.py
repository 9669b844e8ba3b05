# SPDX-License-Identifier: GPL-2.0-or-later
"""kconfig: which wanted options a .config lost, what they depend on, and which file of the source defines which."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from orchestrator.config.fragments import Wish
from orchestrator.errors import BuildError

NO_SUCH = "no such option in this source"
_SET = re.compile(r"^(CONFIG_\w+)=(.*)$")
_UNSET = re.compile(r"^# (CONFIG_\w+) is not set$")


def options(lines: Iterable[str]) -> dict[str, str]:
    """{CONFIG_X: value}, "n" for a line that says it is not set; the last line of an option wins."""
    table: dict[str, str] = {}
    for line in lines:
        if found := _SET.match(line.strip()):
            table[found[1]] = found[2]
        elif found := _UNSET.match(line.strip()):
            table[found[1]] = "n"
    return table


Guarded = tuple[str, str]  # what is selected, or a default, and its condition: "" always


@dataclass(frozen=True)
class Definition:
    """Where an option is defined, once; conditions include those of enclosing menus and ifs."""

    option: str  # without CONFIG_
    file: str
    conditions: tuple[str, ...]
    prompt: bool  # a user can set it; else others select it
    kind: str = ""  # bool, tristate, int, hex, string; "" where another definition of it says so
    shown: str = ""  # the prompt's own condition
    selects: tuple[Guarded, ...] = ()  # options, without CONFIG_
    defaults: tuple[Guarded, ...] = ()


def verify(wishes: Sequence[Wish], config: str, source: Path, srcarch: str) -> dict[str, str]:
    """{CONFIG_X: why}: what of the wished is not in this .config. BuildError when an essential line is not."""
    have = options(config.splitlines())
    lost = [wish for wish in wishes if have.get(wish.option, "n") != wish.value]
    if not lost:
        return {}
    needs = dependencies(source, srcarch, {wish.option.removeprefix("CONFIG_") for wish in lost})
    rows = [_row(wish.option, wish.value, have, needs) for wish in lost if wish.essential]
    if not rows:
        return {wish.option: _row(wish.option, wish.value, have, needs) for wish in lost}
    names = ", ".join(wish.option for wish in lost if wish.essential)
    raise BuildError(
        f"the kernel's config lost {names}",
        kind="kconfig",
        hint="add what they depend on to the fragment, or take the line out",
        log="\n".join(rows),
    )


def _row(option: str, value: str, have: dict[str, str], needs: dict[str, list[str]]) -> str:
    if value == "n":
        return f"{option} wanted off, {have[option]} found: another option selects it"
    conditions = needs.get(option.removeprefix("CONFIG_"))
    if conditions is None:
        return f"{option}={value} wanted, {have.get(option, 'n')} found: {NO_SUCH}"
    text = " && ".join(f"({c})" for c in dict.fromkeys(conditions)) or "nothing"
    symbols = dict.fromkeys(re.findall(r"\b[A-Z][A-Z0-9_]{1,}\b", text))
    off = [f"CONFIG_{s}" for s in symbols if have.get(f"CONFIG_{s}", "n") == "n"]
    missing = f"; not set: {', '.join(off)}" if off else ""
    return f"{option}={value} wanted, {have.get(option, 'n')} found: depends on {text}{missing}"


def dependencies(source: Path, srcarch: str, options: set[str]) -> dict[str, list[str]]:
    """{option without CONFIG_: conditions}, enclosing menus and ifs included, from the Kconfig files."""
    found: dict[str, list[str]] = {}
    for its in definitions(source, srcarch):
        if its.option in options:
            found.setdefault(its.option, []).extend(its.conditions)
    return found


def definitions(source: Path, srcarch: str) -> Iterator[Definition]:
    """All options of an arch, in order, once for each place that defines one."""

    def read(name: str) -> str | None:
        path = source / name
        return path.read_text(errors="replace") if path.is_file() else None

    return defined(read, srcarch)


def defined(read: Callable[[str], str | None], srcarch: str) -> Iterator[Definition]:
    """The same of a source that is read by this: text of a file, None for one that is not there."""
    return _walk(read, "Kconfig", srcarch, [])


@dataclass
class _Block:
    """A config, as far as it is read."""

    option: str
    conditions: list[str] = field(default_factory=list)
    prompt: bool = False
    kind: str = ""
    shown: str = ""
    selects: list[Guarded] = field(default_factory=list)
    defaults: list[Guarded] = field(default_factory=list)

    def take(self, word: str, rest: str) -> None:
        """One of its lines."""
        if word in _PROMPTS:
            self.kind = word if word != "prompt" else self.kind
            if rest.startswith(('"', "'")):
                self.prompt, self.shown = True, _guarded(rest)[1]
        elif word in ("def_bool", "def_tristate"):
            self.kind = word.removeprefix("def_")
            self.defaults.append(_guarded(rest))
        elif word == "default":
            self.defaults.append(_guarded(rest))
        elif word == "select":
            self.selects.append(_guarded(rest))

    def made(self, file: str, outer: Iterable[str]) -> Definition:
        """Of a file, within these conditions."""
        conditions = (*outer, *self.conditions)
        more = (self.kind, self.shown, tuple(self.selects), tuple(self.defaults))
        return Definition(self.option, file, conditions, self.prompt, *more)


def _guarded(text: str) -> Guarded:
    """What stands before an if, and behind it."""
    bare = re.sub(r"(['\"])(?:\\.|(?!\1).)*\1", lambda found: "_" * len(found[0]), text)  # words in strings are none
    found = re.search(r"(?:^|\s)if\s", bare)
    return (text[: found.start()].strip(), text[found.end() :].strip()) if found else (text.strip(), "")


def _walk(read: Callable[[str], str | None], file: str, srcarch: str, outer: list[str]) -> Iterator[Definition]:
    """Each config block with its conditions; blocks nest by if and menu, files by source."""
    stack: list[list[str]] = [list(outer)]
    block: _Block | None = None
    conditions: list[str] = []  # of what is being read
    for line in _statements(read(file) or ""):
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if word == "depends" and rest.startswith("on "):
            conditions.append(rest[3:].strip())
            continue
        if word not in _OPENERS:
            if block:
                block.take(word, rest)
            continue
        if block:
            yield block.made(file, chain(*stack))
        block, conditions = None, []
        if word in ("config", "menuconfig"):
            block = _Block(rest)
            conditions = block.conditions
        elif word in ("if", "menu", "choice"):
            stack.append([rest] if word == "if" else [])
            conditions = stack[-1]
        elif word in ("endif", "endmenu", "endchoice"):
            stack.pop()
        elif word == "source":
            inner = rest.strip('"').replace("$(SRCARCH)", srcarch)
            if read(inner) is not None:
                yield from _walk(read, inner, srcarch, list(chain(*stack)))
    if block:
        yield block.made(file, chain(*stack))


_PROMPTS = {"bool", "tristate", "int", "hex", "string", "prompt"}
_OPENERS = {"config", "menuconfig", "if", "endif", "menu", "endmenu", "choice", "endchoice", "source", "comment"}


def _statements(text: str) -> Iterator[str]:
    """Lines that start a statement: continuation lines joined, help texts skipped."""
    help_indent = -1
    pending = ""
    for raw in text.splitlines():
        line = raw.expandtabs()
        indent = len(line) - len(line.lstrip())
        text = line.strip()
        if help_indent >= 0 and (not text or indent > help_indent):
            continue
        help_indent = -1
        if text in ("help", "---help---"):
            help_indent = indent
            continue
        pending += text.removesuffix("\\")
        if text.endswith("\\"):
            continue
        if pending and not pending.startswith("#"):
            yield pending
        pending = ""
