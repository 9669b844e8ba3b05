# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a change is compiled elsewhere, and what is new of what is said there."""

from __future__ import annotations

from orchestrator.build.variants import Said, newly
from orchestrator.measure.variants import touched
from orchestrator.profile.built import Compiled

OBJECTS = {
    "mm/memory.o": ["mm/memory.c", "mm/internal.h", "include/linux/mm.h"],
    "mm/mmap.o": ["mm/mmap.c", "mm/internal.h"],
    "fs/exec.o": ["fs/exec.c", "include/linux/mm.h"],
    "arch/x86/entry.o": ["arch/x86/entry.S", "include/linux/mm.h"],
}
KERNEL = Compiled({name: tuple(files) for name, files in OBJECTS.items()})


def test_changed_sources_and_those_that_include_changed_headers() -> None:
    found = touched({"mm/mincore.c", "mm/internal.h", "Documentation/mm.rst"}, KERNEL)
    assert found.own == ("mm/mincore.o",) and found.users == ("mm/memory.o", "mm/mmap.o")
    near = touched({"include/linux/mm.h"}, KERNEL).users
    assert near[0] == "mm/memory.o" and "fs/exec.o" in near
    assert touched({"mm/internal.h"}, None).users == ()


def test_new_is_what_is_said_more_often_wherever_it_is() -> None:
    old = [Said("warning", "mm/a.c", 10, "unused x"), Said("warning", "mm/a.c", 20, "unused y")]
    moved = [Said("warning", "mm/a.c", 12, "unused x"), Said("warning", "mm/a.c", 22, "unused y")]
    again, worse = Said("warning", "mm/a.c", 30, "unused x"), Said("error", "mm/a.c", 22, "unused y")
    assert list(newly(old, moved)) == []
    assert list(newly(old, [*moved, again, worse])) == [again, worse]
