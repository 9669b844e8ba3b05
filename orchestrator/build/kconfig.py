# SPDX-License-Identifier: GPL-2.0-or-later
"""kconfig: which wanted options a .config lost, what they depend on, and which file of the source defines which."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Definition:
    """Where an option is defined, once; conditions include those of enclosing menus and ifs."""

    option: str  # without CONFIG_
    file: str
    conditions: tuple[str, ...]
    prompt: bool  # a user can set it; else others select it


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
    return _walk(source, "Kconfig", srcarch, [])


def _walk(root: Path, file: str, srcarch: str, outer: list[str]) -> Iterator[Definition]:
    """Each config block with its conditions; blocks nest by if and menu, files by source."""
    stack: list[list[str]] = [list(outer)]
    block: list[str] = []
    name = ""
    prompt = False
    for line in _statements(root / file):
        word, _, rest = line.partition(" ")
        if word == "depends" and rest.startswith("on "):
            (block if name else stack[-1]).append(rest[3:].strip())
            continue
        if word in _PROMPTS and rest.lstrip().startswith(('"', "'")):
            prompt = True
            continue
        if word not in _OPENERS:
            continue
        if name:
            yield Definition(name, file, (*chain(*stack), *block), prompt)
        name, block, prompt = "", [], False
        if word in ("config", "menuconfig"):
            name = rest.strip()
        elif word in ("if", "menu", "choice"):
            stack.append([rest.strip()] if word == "if" else [])
        elif word in ("endif", "endmenu", "endchoice"):
            stack.pop()
        elif word == "source":
            inner = rest.strip().strip('"').replace("$(SRCARCH)", srcarch)
            if (root / inner).is_file():
                yield from _walk(root, inner, srcarch, list(chain(*stack)))
    if name:
        yield Definition(name, file, (*chain(*stack), *block), prompt)


_PROMPTS = {"bool", "tristate", "int", "hex", "string", "prompt"}
_OPENERS = {"config", "menuconfig", "if", "endif", "menu", "endmenu", "choice", "endchoice", "source", "comment"}


def _statements(path: Path) -> Iterator[str]:
    """Lines that start a statement: continuation lines joined, help texts skipped."""
    help_indent = -1
    pending = ""
    for raw in path.read_text(errors="replace").splitlines():
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
