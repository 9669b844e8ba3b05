# SPDX-License-Identifier: GPL-2.0-or-later
"""Objects that a change touches: which they are, and what is told of them once they are compiled once more. Pure.

Frames by `gcc -fstack-usage`, the compiler's warnings, and layouts by pahole.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from orchestrator.profile.built import Compiled
from orchestrator.profile.names import stem

MOST, MOST_HEADERS = 8, 4  # objects of touched sources; objects for touched headers
_OTHER_FLAGS = re.compile(  # code that is compiled for another place than the kernel itself
    r"^(?:scripts|tools|usr|certs|samples)/|(?:^|/)(?:boot|realmode|purgatory|hyp|libstub|v?dso\d*)(?:/|$)|vdso"
)


@dataclass(frozen=True)
class Chosen:
    """Objects to compile once more, each of the source file beside it; and what of the change is not looked at."""

    objects: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def choose(changed: Collection[str], kernel: Compiled) -> Chosen:
    """Those of the changed sources; and for each changed header that none of those includes, one that does."""
    known = {name: files for name, files in kernel.objects.items() if files and _own(name) == files[0]}
    own = sorted(name for name, files in known.items() if files[0] in changed)
    said = (
        [f"{len(own) - MOST} more objects of changed sources are not compiled once more"] if len(own) > MOST else []
    )
    picked, more = own[:MOST], list[str]()
    headers = sorted(file for file in changed if file.endswith(".h") and file in kernel.files)
    for header in headers:
        if any(header in known[name] for name in (*picked, *more)):
            continue
        users = [name for name, its in known.items() if header in its and not _OTHER_FLAGS.search(name)]
        if not users:
            said.append(f"no object is compiled once more for {header}")
        elif len(more) < MOST_HEADERS:
            more.append(min(users, key=lambda name: _rank(name, header, len(known[name]))))
        else:
            said.append(f"no object is compiled once more for {header}: {MOST_HEADERS} are for other headers")
    return Chosen((*picked, *more), tuple(said))


def of_sources(changed: Collection[str], built: Collection[str]) -> Chosen:
    """The same where it is not known what the kernel was built from. built: changed sources that it is built of, as
    its Makefiles have it."""
    own = sorted(str(PurePosixPath(file).with_suffix(".o")) for file in built if file.endswith(".c"))
    lost = sorted(file for file in changed if file.endswith(".h"))
    said = [f"not known which objects {file} is in" for file in lost]
    return Chosen(tuple(own[:MOST]), tuple(said))


def source_of(name: str) -> str:
    """mm/memory.c of mm/memory.o"""
    return _own(name)


def _own(name: str) -> str:
    return f"{name.removesuffix('.o')}.c" if name.endswith(".o") else ""


def _rank(name: str, header: str, files: int) -> tuple[bool, bool, int, str]:
    """The source of the header's own name first, then one beside it, then the one that includes the least."""
    one, other = PurePosixPath(name), PurePosixPath(header)
    return one.stem != other.stem, one.parent != other.parent, files, name


@dataclass(frozen=True)
class Frame:
    """What a function takes of the stack. how: static; dynamic, bounded: so much at least."""

    file: str
    function: str
    size: int
    how: str


@dataclass(frozen=True)
class Warned:
    """A compiler's warning. line: 0 where it names none."""

    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Layout:
    """Of a struct or union: bytes, and where each member begins, in bits. Members of members have dots."""

    size: int
    members: Mapping[str, int]


@dataclass(frozen=True)
class Told:
    """What is told of the objects that came out. layouts: None where there is no pahole; a name may stand for several
    structs."""

    objects: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()
    warnings: tuple[Warned, ...] = ()
    layouts: Mapping[str, tuple[Layout, ...]] | None = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As the store has it."""
        layouts: dict[str, list[list[object]]] | None = None
        if self.layouts is not None:
            layouts = {name: [[i.size, i.members] for i in its] for name, its in self.layouts.items()}
        return {
            "objects": self.objects,
            "frames": [[i.file, i.function, i.size, i.how] for i in self.frames],
            "warnings": [[i.file, i.line, i.text] for i in self.warnings],
            "layouts": layouts,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Told:
        """KeyError, TypeError for what is none."""
        layouts = data["layouts"]
        return Told(
            tuple(data["objects"]),
            tuple(Frame(*its) for its in data["frames"]),
            tuple(Warned(*its) for its in data["warnings"]),
            None if layouts is None else {name: tuple(Layout(*i) for i in its) for name, its in layouts.items()},
        )


_SU = re.compile(r"^(.+?):(\d+):(?:\d+:)?([^:\t]+)\t(\d+)\t(.+)$", re.M)
_WARNING = re.compile(r"^(\S+?):(?:(\d+):(?:\d+:)?)? warning: (.+)$", re.M)


def frames(texts: Iterable[str], source: str) -> tuple[Frame, ...]:
    """Of .su files; source: the folder that names begin with. Of clones and copies of a function the largest."""
    found: dict[tuple[str, str], Frame] = {}
    for text in texts:
        for file, _, function, size, how in _SU.findall(text):
            one = Frame(plain(file, source), stem(function), int(size), how.replace(",", ", "))
            key = (one.file, one.function)
            if key not in found or found[key].size < one.size:
                found[key] = one
    return tuple(found[key] for key in sorted(found))


def warnings(log: str, source: str) -> tuple[Warned, ...]:
    """Of what make printed, each once, in order."""
    rows = (Warned(plain(file, source), int(line or 0), text) for file, line, text in _WARNING.findall(log))
    return tuple(dict.fromkeys(rows))


def plain(file: str, source: str) -> str:
    """Below the source."""
    return re.sub(r"^(?:\./)+", "", file.removeprefix(f"{source.rstrip('/')}/"))


_TOP = re.compile(r"^(?:struct|union) (\w+) \{$")
_SIZE = re.compile(r"^\t/\* size: (\d+),")
_MEMBER = re.compile(r"^\t+(.+?);\s*/\*\s*(\d+)(?::\s*(\d+))?\s+\d+\s*\*/")
_CLOSE = re.compile(r"^\t+\} ?(.*?);")
_ATTRIBUTE = re.compile(r"\s*__attribute__\(\(.*\)\)")
_POINTER = re.compile(r"\(\*+\s*(?:const )?(\w+)")
_NAME = re.compile(r"(\w+)(?:\[[^]]*\])*(?::\d+)?$")


def layouts(text: str) -> dict[str, Layout]:
    """Structs and unions with a name, as pahole prints those of an object."""
    found: dict[str, Layout] = {}
    top, size, members, opened = "", 0, dict[str, int](), list[int]()
    for row in text.splitlines():
        if start := _TOP.match(row):
            top, size, members, opened = row.removesuffix(" {"), 0, {}, []
            assert start
        elif not top:
            continue
        elif row.startswith("}"):
            found.setdefault(top, Layout(size, members))
            top = ""
        elif its := _SIZE.match(row):
            size = int(its[1])
        elif row.endswith("{"):
            opened.append(len(members))
        elif its := _CLOSE.match(row):
            members = _named(members, opened.pop() if opened else 0, _name(its[1]), _MEMBER.match(row))
        elif its := _MEMBER.match(row):
            _add(members, _name(its[1]), int(its[2]) * 8 + int(its[3] or 0))
    return found


def _named(members: dict[str, int], start: int, name: str, place: re.Match[str] | None) -> dict[str, int]:
    """Those of a struct that ends: of one with a name, theirs are in it."""
    if not name:
        return members
    rows = list(members.items())
    inside = [(f"{name}.{member}", at) for member, at in rows[start:]]
    own = [(name, int(place[2]) * 8)] if place else []
    return dict([*rows[:start], *own, *inside])


def _add(members: dict[str, int], name: str, at: int) -> None:
    """A name that is there already (of two structs without one) gets a number."""
    unique, number = name, 1
    while unique in members:
        number += 1
        unique = f"{name}#{number}"
    if name:
        members[unique] = at


def _name(declared: str) -> str:
    """vma of struct vm_area_struct * vma, fault of vm_fault_t (*fault)(struct vm_fault *); "" of none."""
    text = _ATTRIBUTE.sub("", declared).strip()
    found = _POINTER.search(text) or _NAME.search(text)
    return found[1] if found else ""
