# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a change is built: each of its lines, in two kernels of one arch. Pure.

A line that counts as built here is in a file that was compiled, under no #if that is known to leave it out. Whether
the compiler made instructions of it, and whether they ran, is for line tables and accounts to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.profile import code
from orchestrator.profile.conditions import Known
from orchestrator.profile.makefiles import Reader, needs
from orchestrator.series import diff

REMOVED, ADDED = "removed", "added"
_IMAGE = re.compile(r"arch/[^/]+/boot/(?!dts/)|drivers/firmware/efi/libstub/")
_HEADER = "/header.o"  # of it only its own text is digested: the packed kernel's size is in it


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
class LinePart:
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
    included}. Objects of the build's own tools, of the boot code and of the vDSO are among them.

    apart: {object that is in the image and not in vmlinux: digest of what is loaded of it}, which is what unpacks and
    starts the kernel on some architectures.
    """

    objects: Mapping[str, tuple[str, ...]]
    apart: Mapping[str, str] = field(default_factory=dict)
    files: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", frozenset(file for its in self.objects.values() for file in its))

    def made_of(self, files: Iterable[str]) -> list[str]:
        """Objects that any of these files is in."""
        wanted = set(files)
        return [name for name, its in self.objects.items() if not wanted.isdisjoint(its)]

    def shaped_by(self, files: Iterable[str]) -> bool:
        """May any of these files change the image in a way that neither vmlinux nor apart tells? Makefiles, linker
        scripts and tools of what is beside vmlinux in it."""
        wanted = set(files)
        if any(_IMAGE.match(file) and not file.endswith(code.SOURCES) for file in wanted):
            return True
        made = {name for name in self.made_of(wanted) if _IMAGE.match(name)}
        heads = (its for name, its in self.objects.items() if name in made and name.endswith(_HEADER))
        return not made <= self.apart.keys() or any(not wanted.isdisjoint(its[1:]) for its in heads)


@dataclass(frozen=True)
class Kernel:
    """One kernel on one arch. compiled: None where it is not known; options: its .config; read: its source, patches
    applied; srcarch: the arch's folder below arch/."""

    compiled: Compiled | None
    options: Mapping[str, str]
    read: Reader
    srcarch: str


def line_parts(text: str, base: Kernel, new: Kernel) -> tuple[LinePart, ...]:
    """Of a unified diff of both kernels' sources, in its order."""
    before, after = Parts(base), Parts(new)
    return tuple(
        before.of(hunk.file, line.old, REMOVED) if line.sign == "-" else after.of(hunk.file, line.new, ADDED)
        for hunk in diff.hunks(text)
        for line in hunk.lines
        if line.sign != " "
    )


class Parts:
    """Lines of a kernel's source. Each file is read once."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._code: dict[str, code.Code] = {}
        self._left_out: dict[str, tuple[Why, tuple[str, ...]] | None] = {}

    def of(self, file: str, number: int, side: str = "") -> LinePart:
        """What a line is."""
        if not file.endswith(code.SOURCES) or not self._read(file).is_code(number):
            return LinePart(file, number, side, Part.NOT_CODE)
        if left_out := self._left_out[file]:
            why, options = left_out
            return LinePart(file, number, side, Part.NOT_BUILT, options, why)
        known = Known(self._kernel.options, file.endswith(code.ASSEMBLY))
        lacking = known.left_out(self._read(file).under(number))
        if lacking is None:
            return LinePart(file, number, side, Part.BUILT)
        return LinePart(file, number, side, Part.NOT_BUILT, lacking, Why.CONDITION)

    def lacks(self, file: str, number: int) -> str | None:
        """Which options a line would need to be built, as one word; "" where none would do or none is known. None
        where it is built, as far as is known, or no code."""
        its = self.of(file, number)
        return " ".join(its.options) if its.part is Part.NOT_BUILT else None

    def _read(self, file: str) -> code.Code:
        if file not in self._code:
            self._code[file] = code.read(self._kernel.read(file) or "", file)
            self._left_out[file] = file_left_out(file, self._kernel)
        return self._code[file]


def file_left_out(file: str, kernel: Kernel) -> tuple[Why, tuple[str, ...]] | None:
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
