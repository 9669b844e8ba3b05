# SPDX-License-Identifier: GPL-2.0-or-later
"""Headers whose change cannot matter to an object: it is not compiled again.

A patch that adds or removes an enumerator in mm_types.h makes make compile the whole kernel again, although only the
files that name it can differ. Here such a header gets its old time back, and the objects that could name the
enumerator are deleted, so that make builds exactly those. The result is the clean build's, bit for bit.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.build import compiled
from orchestrator.profile import code
from orchestrator.store import write_atomically

_ENUMERATOR = re.compile(r"^([A-Za-z_]\w*) = (?:\( (?:__force )?[A-Za-z_]\w* \) )?(0[xX][0-9a-fA-F]+|\d+) ,$")
PENDING = ".kmatrix-pending"  # of a build: {header: names} that it was not caught up with
_INT_MAX = 0x7FFFFFFF


@dataclass(frozen=True)
class Previous:
    """A file before it was written: its content (None: not there) and time."""

    content: bytes | None
    mtime_ns: int


def keep(source: Path, build: Path, written: Mapping[str, Previous], others: Sequence[Path] = ()) -> set[str]:
    """Give headers among the written files their old time back where that is safe; returns the names that differ.

    others: further builds of that source, to be caught up with before make runs in them again.
    """
    if not all(map(_safe_config, (build, *others))):
        return set()
    kept: dict[str, set[str]] = {}
    for file, before in written.items():
        if file.endswith(".h") and before.content is not None and (source / file).exists():
            old, new = before.content.decode(errors="replace"), (source / file).read_text(errors="replace")
            names = changed_enumerators(old, new)
            if names is not None:
                kept[file] = names
    _forget(kept, source, build)
    for other in others:
        pending = _pending(other)
        merged = {file: sorted(pending.get(file, set()) | kept.get(file, set())) for file in {*pending, *kept}}
        write_atomically(other / PENDING, json.dumps(merged))
    for file in kept:
        os.utime(source / file, ns=(written[file].mtime_ns, written[file].mtime_ns))
    return set().union(*kept.values())


def catch_up(source: Path, build: Path) -> bool:
    """Delete what became stale in a build while others had their turn; was there anything to look for?"""
    pending = _pending(build)
    _forget(pending, source, build)
    (build / PENDING).unlink(missing_ok=True)
    return any(pending.values())


def _pending(build: Path) -> dict[str, set[str]]:
    path = build / PENDING
    return {file: set(names) for file, names in json.loads(path.read_text()).items()} if path.exists() else {}


def _forget(kept: Mapping[str, set[str]], source: Path, build: Path) -> None:
    """The objects that could name one of these, which headers changed without getting another time."""
    names = set().union(*kept.values())
    own = {os.path.normpath(source / file): its for file, its in kept.items()}
    for target in _that_could_name(names, own, build) if names else ():
        (build / target).unlink(missing_ok=True)


def _safe_config(build: Path) -> bool:
    """Debug information and symbol versions list enumerators, so that every object would differ."""
    path = build / ".config"
    config = path.read_text() if path.exists() else ""
    return "CONFIG_DEBUG_INFO_NONE=y" in config and "CONFIG_MODVERSIONS=y" not in config


def changed_enumerators(old: str, new: str) -> set[str] | None:
    """Enumerators added, taken out or given another value; None if anything else but comments changed.

    Lines must stay where they are (BUG() and WARN() record their numbers), the next enumerator must have a value of
    its own, and the header itself must not use the name elsewhere.
    """
    before, after = code.tokens(old), code.tokens(new)
    if len(before) != len(after):
        return None
    names: set[str] = set()
    for number, (one, other) in enumerate(zip(before, after, strict=True)):
        if one == other:
            continue
        for text, lines in ((one, before), (other, after)):
            if not text:
                continue
            found = _ENUMERATOR.match(text)
            if not found or int(found[2], 0) > _INT_MAX or not _in_plain_enum(lines, number):
                return None
            names.add(found[1])
    used = [line.split() for lines in (before, after) for line in lines]
    half = len(before)
    for name in names:
        if max(sum(w.count(name) for w in used[:half]), sum(w.count(name) for w in used[half:])) > 1:
            return None
    return names


def _in_plain_enum(lines: list[str], number: int) -> bool:
    """Is the line directly in the braces of an enum without attributes, the next enumerator with its own value?"""
    depth, first = 0, number - 1
    while first >= 0:
        depth += lines[first].count("{") - lines[first].count("}")
        if depth > 0:
            break
        first -= 1
    opening = re.fullmatch(r"(typedef )?enum (?!__)(\w+ )?\{", lines[first]) if first >= 0 else None
    if opening is None:
        return False
    last = next((n for n in range(number, len(lines)) if "}" in lines[n]), 0)
    closing = r"\} (?!__)\w+ ;" if opening[1] else r"\} ;"  # an attribute there could tie the size to the values
    if any(line.startswith("#") for line in lines[first:last]) or not re.fullmatch(closing, lines[last]):
        return False
    following = next((line for line in lines[number + 1 : last] if line), None)
    return following is None or re.match(r"^\w+ = ", following) is not None


def _that_could_name(names: set[str], headers: Mapping[str, set[str]], build: Path) -> list[str]:
    """Targets built from one of the headers (each with its own changed names) and from a file that could name one.

    A name may stand there whole, or in two or three words that are pasted (##).
    """
    splits = [
        [part for part in (name[:i], name[i:j], name[j:]) if part]
        for name in names
        for i in range(1, len(name))
        for j in range(i, len(name))
    ]
    interesting = names.union(*splits)
    seen: dict[str, set[str]] = {}

    def words(path: str) -> set[str]:
        if path not in seen:
            text = Path(path).read_text(errors="replace") if Path(path).is_file() else ""
            found = interesting.intersection(re.findall(r"\w+", text))
            seen[path] = found - headers.get(path, set())  # what a kept header itself says was looked at
        return seen[path]

    stale = []
    for target, files in compiled.records(build):
        paths = [path for file in files if (path := compiled.named(file, build))]
        if headers.keys().isdisjoint(paths):
            continue
        found = set().union(*(words(path) for path in paths))
        if found & names or any(found.issuperset(parts) for parts in splits):
            stale.append(target.decode())
    return stale
