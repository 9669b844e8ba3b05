# SPDX-License-Identifier: GPL-2.0-or-later
"""Fragments of kconfig, and the named configs that are made of them.

Lines are as in a .config; what kconfig takes for a comment says more, from there to the end of the file or the next
word of the same kind:

#: name standard            what the config is called; else as its file
#: start allnoconfig        the make target that it begins with; none: the lines are a whole .config
#: defaults mm/ kernel/     options that files below define and no line names are as Kconfig has them; others are off
#: essential                what follows must hold, or there is no kernel. So it is at the start of a file
#: wished                   what follows may be lost, where this Linux or arch has no such option: a note
#: include FILE             as if its lines were here; {arch} in it is replaced. None for this arch: no lines
#: patch FILE; linux <6.2   a patch below images/patches/ that a kernel with these options needs, under the series

and for one line alone, behind it: CONFIG_LRU_GEN=y  #: wished; linux >=6.1,<7.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import ConfigError
from orchestrator.linux import holds_for
from orchestrator.model import Config
from orchestrator.paths import IMAGES

SHIPPED = IMAGES / "kconfig"
PATCHES = IMAGES / "patches"
WHOLE = SHIPPED / "whole.config"  # what a .config of somebody else's needs beside
OLD = {"images/kconfig/common.config": "images/kconfig/lean/common.config"}  # {name of before: its place now}
TINY = "tinyconfig"  # what a kernel began with before there were configs
NONE = "none"
_LINE = re.compile(r"^(?:(CONFIG_\w+)=(.*?)|# (CONFIG_\w+) is not set)(?:\s+#: *(.*))?$")
_WORD = re.compile(r"^#: *(name|start|defaults|essential|wished|include|patch)\b *(.*)$")
_MANY = "patch"  # a word of which there can be more than one


@dataclass(frozen=True)
class Wish:
    """One option: its value, "n" for off; essential: without it there is no kernel."""

    option: str
    value: str
    essential: bool = True

    @property
    def line(self) -> str:
        """As a .config has it."""
        return f"# {self.option} is not set" if self.value == "n" else f"{self.option}={self.value}"


@dataclass(frozen=True)
class Wanted:
    """What a .config is made of, for one version of Linux. wishes: one an option."""

    name: str
    start: str
    defaults: tuple[str, ...]
    wishes: tuple[Wish, ...]
    patches: tuple[Path, ...] = ()  # the project's own, that a source needs for these options

    @property
    def text(self) -> str:
        """As flat lines: those of other versions of Linux are not among them."""
        heads = (f"#: name {self.name}", f"#: start {self.start}", f"#: defaults {' '.join(self.defaults)}")
        wishes = (wish.line if wish.essential else f"{wish.line}  #: wished" for wish in self.wishes)
        return "".join(f"{line}\n" for line in (*heads, *wishes))


def wanted(lines: Iterable[str], linux: str) -> Wanted:
    """What flat lines say of this Linux (6.1.192); the last line of an option wins. ConfigError for a bad version."""
    words = {"name": "", "start": TINY, "defaults": ""}
    table: dict[str, Wish] = {}
    patches: dict[Path, None] = {}
    for line in lines:
        if (word := _WORD.match(line)) and word[1] == _MANY:
            name, *marks = _marks(word[2])
            if _holds(line, "; ".join(marks), linux):
                patches[PATCHES / name] = None
        elif word:
            words[word[1]] = word[2].strip()
        elif (found := _LINE.match(line)) and _holds(line, found[4] or "", linux):
            essential = "wished" not in _marks(found[4] or "")
            option = found[1] or found[3]
            table.pop(option, None)
            table[option] = Wish(option, found[2] if found[1] else "n", essential)
    defaults = tuple(words["defaults"].split())
    return Wanted(words["name"], words["start"], defaults, tuple(table.values()), tuple(patches))


def flat(path: Path, arch: str) -> tuple[str, ...]:
    """A fragment's lines with its includes, each with what it is marked as. ConfigError with file:line."""
    lines: list[str] = []
    for line in _flat(path, arch, ()):
        word = _WORD.match(line)
        if not word or word[1] == _MANY:
            lines.append(line)
        else:  # the outermost file's word counts
            lines = [line for line in lines if not line.startswith(f"#: {word[1]} ")] + [line]
    return tuple(lines)


def named_as(name: str, lines: Iterable[str]) -> tuple[str, ...]:
    """Flat lines of a config by another name: as flat() gives them, where the last word of a kind is the only one."""
    return (*(line for line in lines if not line.startswith("#: name ")), f"#: name {name}")


def named(name: str, path: Path | None, arches: Iterable[str]) -> Config:
    """A shipped config, or one that a file is: lines by arch. path: the file, {arch} and all; None: a shipped one."""
    place = path or SHIPPED / f"{name}.config"
    table = {arch: _config(Path(str(place).replace("{arch}", arch)), arch) for arch in arches}
    called = {
        word[2] for lines in table.values() for line in lines if (word := _WORD.match(line)) and word[1] == "name"
    }
    return Config(called.pop() if len(called) == 1 else name, table)


def shipped() -> list[str]:
    """Names of the configs that come with the project: fragments that say how a .config starts."""
    return sorted(
        path.stem for path in SHIPPED.glob("*.config") if re.search(r"^#: (start|name)\b", path.read_text(), re.M)
    )


def _config(path: Path, arch: str) -> tuple[str, ...]:
    """The lines of one arch; a .config that says nothing of how it starts is a whole one."""
    lines = flat(path, arch)
    says = {word[1] for line in lines if (word := _WORD.match(line))}
    head = () if "name" in says else (f"#: name {path.stem.removesuffix(f'-{arch}')}",)
    if "start" in says:
        return (*head, *lines)
    ours = [line if "#:" in line else f"{line}  #: wished" for line in lines]
    return (*head, f"#: start {NONE}", *ours, *flat(WHOLE, arch))


def _flat(path: Path, arch: str, outer: tuple[Path, ...]) -> Iterator[str]:
    if path in outer:
        raise ConfigError(f"{path} includes itself")
    mark = ""
    for number, raw in enumerate(_read(path).splitlines(), 1):
        line = raw.strip()
        word = _WORD.match(line)
        if word and word[1] in ("essential", "wished"):
            mark = "wished" if word[1] == "wished" else ""
        elif word and word[1] == "include":
            if "\0" in line:
                raise ConfigError(
                    f"{path}:{number}: no file can have such a name", hint="see images/kconfig/README.md"
                )
            inner = path.parent / word[2].strip().replace("{arch}", arch)
            if inner.exists() or "{arch}" not in word[2]:
                yield from _flat(inner, arch, (*outer, path))
        elif word:
            _known_patch(f"{path}:{number}", word)
            yield f"#: {word[1]} {word[2].strip()}"
        elif line.startswith("#:"):
            raise ConfigError(
                f"{path}:{number}: {line!r} is not understood", hint="see orchestrator/config/fragments.py"
            )
        elif found := _LINE.match(line):
            said = [*_marks(found[4] or ""), *([mark] if mark and "essential" not in (found[4] or "") else [])]
            marks = "; ".join(dict.fromkeys(said))
            its = line[: found.start(4)].rstrip().removesuffix("#:").rstrip() if found[4] is not None else line
            _holds(f"{path}:{number}", marks, "6.1.0")
            yield f"{its}  #: {marks}" if marks else its


def _known_patch(where: str, word: re.Match[str]) -> None:
    """ConfigError for a patch that there is not."""
    if word[1] == _MANY:
        name, *marks = _marks(word[2]) or [""]
        _holds(where, "; ".join(marks), "6.1.0")
        if not name or not (PATCHES / name).is_file() or not (PATCHES / name).resolve().is_relative_to(PATCHES):
            raise ConfigError(
                f"{where}: {name!r} is no file below {PATCHES}", hint="such patches are the project's own"
            )


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="a config is a file of kconfig lines") from error


def _marks(text: str) -> list[str]:
    return [mark.strip() for mark in text.split(";") if mark.strip()]


def _holds(where: str, marks: str, linux: str) -> bool:
    """Is the line for this Linux? ConfigError for a mark that nobody knows."""
    for mark in _marks(marks):
        if mark.startswith("linux "):
            try:
                if not holds_for(mark.removeprefix("linux "), linux):
                    return False
            except ValueError as error:
                raise ConfigError(f"{where}: {error}") from error
        elif mark not in ("wished", "essential"):
            raise ConfigError(f"{where}: {mark!r} is not understood", hint="wished, essential, or linux >=6.1,<7.0")
    return True
