# SPDX-License-Identifier: GPL-2.0-or-later
"""Suites: workloads that are chosen together, by one word."""

from __future__ import annotations

import fnmatch
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.config import programs, workloads
from orchestrator.errors import ConfigError
from orchestrator.store import text_of

ALL = "all"


def expand(words: Sequence[str], table: Mapping[str, Path]) -> list[str]:
    """Names, or paths, of workloads. A word is `all`, an area of the library, a tag of workload.toml's `suites`, a
    glob over names, or a folder of C files that are programs. table: {name: folder} of those that are known by name.

    ConfigError with all words that are nothing of these.
    """
    found: dict[str, None] = {}
    wrong = []
    for word in words:
        its = _of(word, table)
        if not its:
            wrong.append(f"--suite {word}: no area, tag or workload of that name, and no folder with programs")
        found.update(dict.fromkeys(its))
    if wrong:
        areas = ", ".join(sorted({path.parent.name for path in library(table).values()}))
        raise ConfigError("\n".join(wrong), hint=f"areas: {areas}; or {ALL}, or a glob over names of workloads")
    return list(found)


def library(table: Mapping[str, Path]) -> dict[str, Path]:
    """Those of them that are one program."""
    return {name: path for name, path in table.items() if workloads.is_toolbox(path.parent.parent)}


def _of(word: str, table: Mapping[str, Path]) -> list[str]:
    known = library(table)
    if word == ALL:
        return list(known)
    if mine := [name for name, path in known.items() if path.parent.name == word or word in _tags(path)]:
        return mine
    if mine := fnmatch.filter(known, word) or fnmatch.filter(table, word):
        return mine
    return _programs(Path(word).expanduser()) if Path(word).expanduser().is_dir() else []


def _tags(folder: Path) -> list[str]:
    try:
        return list(tomllib.loads(text_of(folder / workloads.FILE)).get("suites", ()))
    except ValueError:
        return []  # it is told when it is loaded


def _programs(folder: Path) -> list[str]:
    """Of a folder as will-it-scale's tests/ or the kernel's selftests: C files that are programs."""
    found = []
    for path in sorted(folder.glob("*.c")):
        try:
            programs.identify(path)
        except ConfigError:
            continue  # it has no main(): part of others
        found.append(shlex.quote(str(path.absolute())))
    return found
