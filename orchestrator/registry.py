# SPDX-License-Identifier: GPL-2.0-or-later
"""Registries: a folder of Python files is scanned, each file is one entry."""

from __future__ import annotations

import difflib
import importlib.util
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from orchestrator.errors import ConfigError

T = TypeVar("T")

_NUMBER = re.compile(r"\b(0x)?[0-9a-f]*\d[0-9a-f]*\b")


def scan(folders: Iterable[Path], attribute: str, kind: type[T]) -> dict[str, T]:
    """Load every *.py of the folders and return {file's stem: its attribute}."""
    found: dict[str, T] = {}
    for folder in folders:
        for path in sorted(folder.glob("[a-z]*.py")):
            found[path.stem] = _load(path, attribute, kind)
    return found


def _load(path: Path, attribute: str, kind: type[T]) -> T:
    name = f"_kmatrix_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    value = getattr(module, attribute, None)
    if not isinstance(value, kind):
        raise ConfigError(
            f"{path}: has no {attribute} of type {kind.__name__}",
            hint=f"see the other files of {path.parent.name}/",
        )
    return value


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that is not there: lists the known ones, guesses the meant one."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    guess = f" Did you mean {close[0]}?" if close else ""
    return f"unknown {what} {name!r};{guess} known: {', '.join(names) or 'none'}"


def pick(what: str, name: str, table: Mapping[str, T]) -> T:
    """table[name], or a ConfigError that lists the known names."""
    if name not in table:
        raise ConfigError(unknown(what, name, table))
    return table[name]


def counted(number: int, what: str) -> str:
    """1 error, 2 errors."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def numberless(text: str) -> str:
    """Without numbers and addresses, which are of one boot: what two boots say alike is the same."""
    return _NUMBER.sub("", text)


def figure(number: float, digits: int, sign: str = "") -> str:
    """With so many digits behind the point; where those would all be 0, with two that count: 0.00024."""
    text = f"{number:{sign}.{digits}f}"
    if number == 0 or float(text) != 0:
        return text
    exponent = int(f"{abs(number):.1e}".partition("e")[2])
    return f"{number:{sign}.{1 - exponent}f}"


def few(names: Sequence[str], most: int) -> list[str]:
    """a, b, 3 more."""
    more = [f"{len(names) - most} more"] if len(names) > most else []
    return [*names[:most], *more]
