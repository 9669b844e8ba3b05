# SPDX-License-Identifier: GPL-2.0-or-later
"""Which options a source file needs to be built, by the kernel's Makefiles: from its folder's up to the top. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePosixPath

Reader = Callable[[str], str | None]  # the text of a file of the source, by its name; None: it is not there

_RULE = re.compile(r"^\s*([\w.-]+?)-(y|m|n|objs|\$\(.*?\)+|)\s*(\+=|:=|\?=|=)\s*(.*)$")
_OPTION = re.compile(r"\bCONFIG_\w+")
_IF = re.compile(r"^\s*(?:else\s+)?(ifdef|ifndef|ifeq|ifneq)\s+(.*)$")
_EQUAL = re.compile(r"^\(\s*\$\((CONFIG_\w+)\)\s*,\s*(\w*)\s*\)")
_PREFIXED = re.compile(r"\$\(addprefix\s+([\w./-]+)\s*,([^)$]*)\)")
_ROOTS = {"obj", "lib", "core", "drivers", "libs", "net", "virt", "head", "extra"}  # what a kernel is linked of
_FILES = ("Kbuild", "Makefile")
_BY_ARCH = {"virt/kvm": "CONFIG_KVM"}  # folders whose files are in the lists of each arch's own folder

Need = tuple[str, bool]  # an option, and whether it must be on


@dataclass(frozen=True)
class _Rule:
    """obj-$(CONFIG_SWAP) += page_io.o: what is added to which list, and when."""

    name: str
    needs: tuple[Need, ...]
    words: tuple[str, ...]


def needs(file: str, read: Reader, options: Mapping[str, str]) -> tuple[str, ...] | None:
    """Options that are not as this file of the source needs them, outermost first: CONFIG_X, or CONFIG_X=n.

    None where no Makefile says how it gets into a kernel. A module is not in it: m is not enough. A header needs what
    the source beside it with its name does.
    """
    path = PurePosixPath(file)
    if path.suffix == ".h":
        own = str(path.with_suffix(".c"))
        return needs(own, read, options) if read(own) is not None else None
    if option := _BY_ARCH.get(str(path.parent)):
        return _lacking(((option, True),), options)
    folder, rest = path.parent, path.with_suffix(".o").name
    while (found := _in_folder(folder, rest, read)) is None:
        if folder == PurePosixPath():
            return None
        folder, rest = folder.parent, f"{folder.name}/{rest}"
    chain = [found]
    while folder != PurePosixPath():
        above = _in_folder(folder.parent, f"{folder.name}/", read)
        if above is None and not _tops(folder):
            return None
        chain.insert(0, above or [()])
        folder = folder.parent
    ways = (min((_lacking(way, options) for way in ways), key=len) for ways in chain)
    return tuple(dict.fromkeys(name for way in ways for name in way))


def _tops(folder: PurePosixPath) -> bool:
    """Is it named by a variable, or in another way, by what is above?"""
    return len(folder.parts) == 1 or (len(folder.parts) == 2 and folder.parts[0] == "arch")


def _lacking(needed: tuple[Need, ...], options: Mapping[str, str]) -> tuple[str, ...]:
    off = [(name, on) for name, on in needed if (options.get(name, "n") not in ("n", "m")) != on]
    return tuple(name if on else f"{name}=n" for name, on in off)


def _in_folder(folder: PurePosixPath, word: str, read: Reader) -> list[tuple[Need, ...]] | None:
    """The ways in which a folder's Makefile takes an object or a folder in; None: it does not know it."""
    rules = [rule for name in _FILES if (text := read(str(folder / name))) for rule in _rules(text)]
    words = {word, str(folder / word) + "/" * word.endswith("/")}
    return list(_ways(rules, words, frozenset())) or None


def _ways(rules: list[_Rule], words: set[str], seen: frozenset[str]) -> Iterator[tuple[Need, ...]]:
    for rule in rules:
        if words.isdisjoint(rule.words):
            continue
        if rule.name in _ROOTS:
            yield rule.needs
        elif rule.name not in seen:  # a list that another one takes in, or the parts of one object
            users = {f"{rule.name}.o", f"$({rule.name}-y)", f"$({rule.name}-objs)", f"$({rule.name}-m)"}
            for way in _ways(rules, users, seen | {rule.name}):
                yield (*way, *rule.needs)


@lru_cache(maxsize=4096)
def _rules(text: str) -> tuple[_Rule, ...]:
    found: list[_Rule] = []
    stack: list[Need | None] = []  # of each ifdef that is open; None: of something else
    for line in text.replace("\\\n", " ").splitlines():
        row = line.partition("#")[0].strip()
        if its := _IF.match(row):
            if row.startswith("else"):
                stack[-1:] = []
            stack.append(_condition(*its.groups()))
        elif row == "else" and stack:
            last = stack[-1]
            stack[-1] = (last[0], not last[1]) if last else None
        elif row == "endif" and stack:
            stack.pop()
        elif (its := _RULE.match(row)) and its[2] not in ("m", "n", ""):
            own = _OPTION.search(its[2])
            chosen = ((own[0], True),) if own else ()
            if own and its[3] in (":=", "="):  # where the option is on, what was there before is not any more
                found = [_without(own[0], rule) if rule.name == its[1] else rule for rule in found]
            found.append(_Rule(its[1], (*(need for need in stack if need), *chosen), tuple(_words(its[4]))))
    return tuple(found)


def _without(option: str, rule: _Rule) -> _Rule:
    return rule if (option, True) in rule.needs else replace(rule, needs=(*rule.needs, (option, False)))


def _words(text: str) -> Iterator[str]:
    """With what is added to them written out; $(BITS) is either."""
    plain = _PREFIXED.sub(lambda its: " ".join(its[1] + word for word in its[2].split()), text)
    for word in plain.split():
        yield from (word.replace("$(BITS)", bits) for bits in (("32", "64") if "$(BITS)" in word else ("",)))


def _condition(word: str, rest: str) -> Need | None:
    if word in ("ifdef", "ifndef"):
        name = _OPTION.fullmatch(rest.strip())
        return (name[0], word == "ifdef") if name else None
    compared = _EQUAL.match(rest)
    if compared is None or compared[2] not in ("y", ""):
        return None
    return compared[1], (word == "ifeq") == (compared[2] == "y")
