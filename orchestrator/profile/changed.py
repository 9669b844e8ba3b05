# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a change is built: each of its lines, in two kernels of one arch. Pure.

A line that counts as built here is in a file that was compiled, under no #if that is known to leave it out. Whether
the compiler made instructions of it, and whether they ran, is for line tables and accounts to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.profile import code
from orchestrator.profile.conditions import Known
from orchestrator.profile.makefiles import Reader, needs
from orchestrator.series import diff


class Part(StrEnum):
    """Of a changed line."""

    NOT_CODE = "not_code"  # a comment, a blank, a directive, or no source that a compiler takes
    NOT_BUILT = "not_built"
    BUILT = "built"


class Why(StrEnum):
    """Of a line that is not built."""

    FILE = "file"  # nothing that was compiled is made of its file
    CONDITION = "condition"  # an #if leaves it out
    OTHER_ARCH = "other_arch"


@dataclass(frozen=True)
class ChangedLine:
    """side: removed lines are the base kernel's, added ones the new one's. options: what it would need, CONFIG_X or
    CONFIG_X=n; () where that is not known, or no option would do."""

    file: str
    line: int
    side: str  # added, removed
    part: Part
    options: tuple[str, ...] = ()
    why: Why | None = None


@dataclass(frozen=True)
class Compiled:
    """What a kernel was built from: {object: files of the source, first the one that was compiled, then all that it
    included}. Objects of the build's own tools, of the boot code and of the vDSO are among them."""

    objects: Mapping[str, tuple[str, ...]]
    files: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", frozenset(file for its in self.objects.values() for file in its))

    def made_of(self, files: Iterable[str]) -> list[str]:
        """Objects that any of these files is in."""
        wanted = set(files)
        return [name for name, its in self.objects.items() if not wanted.isdisjoint(its)]


@dataclass(frozen=True)
class Side:
    """One kernel on one arch. compiled: None where it is not known; options: its .config; read: its source, patches
    applied; srcarch: the arch's folder below arch/."""

    compiled: Compiled | None
    options: Mapping[str, str]
    read: Reader
    srcarch: str


def changed_lines(text: str, base: Side, new: Side) -> tuple[ChangedLine, ...]:
    """Of a unified diff of both kernels' sources, in its order."""
    readers = (_Reader(base, "removed"), _Reader(new, "added"))
    return tuple(line for hunk in diff.hunks(text) for line in _hunk(hunk, *readers))


def _hunk(hunk: diff.Hunk, base: _Reader, new: _Reader) -> Iterator[ChangedLine]:
    for line in hunk.lines:
        if line.sign != " ":
            yield base.line(hunk.file, line.old) if line.sign == "-" else new.line(hunk.file, line.new)


class _Reader:
    """A side's files, each read once."""

    def __init__(self, kernel: Side, side: str) -> None:
        self._kernel, self._side = kernel, side
        self._code: dict[str, code.Code] = {}
        self._left_out: dict[str, tuple[Why, tuple[str, ...]] | None] = {}

    def line(self, file: str, number: int) -> ChangedLine:
        """What it is."""
        if not file.endswith(code.SOURCES):
            return ChangedLine(file, number, self._side, Part.NOT_CODE)
        if file not in self._code:
            self._code[file] = code.read(self._kernel.read(file) or "", file)
            self._left_out[file] = file_left_out(file, self._kernel)
        if not self._code[file].is_code(number):
            return ChangedLine(file, number, self._side, Part.NOT_CODE)
        if left_out := self._left_out[file]:
            why, options = left_out
            return ChangedLine(file, number, self._side, Part.NOT_BUILT, options, why)
        known = Known(self._kernel.options, file.endswith(code.ASSEMBLY))
        lacking = known.left_out(self._code[file].under(number))
        if lacking is None:
            return ChangedLine(file, number, self._side, Part.BUILT)
        return ChangedLine(file, number, self._side, Part.NOT_BUILT, lacking, Why.CONDITION)


def file_left_out(file: str, kernel: Side) -> tuple[Why, tuple[str, ...]] | None:
    """Why nothing of the file is in the kernel, and which options it would need; None where it is, or may be."""
    if kernel.compiled and file in kernel.compiled.files:
        return None
    if other_arch(file, kernel.srcarch):
        return Why.OTHER_ARCH, ()
    lacking = needs(file, kernel.read, kernel.options)
    if kernel.compiled is None and not lacking:  # then it takes an option that is off to know it
        return None
    return Why.FILE, lacking or ()


def other_arch(file: str, srcarch: str) -> bool:
    """Is it below another one's folder?"""
    top, _, rest = file.partition("/")
    return top == "arch" and "/" in rest and rest.partition("/")[0] != srcarch
