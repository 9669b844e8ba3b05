# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a change is compiled elsewhere, and what is new of what is said there."""

from __future__ import annotations

from pathlib import Path

from orchestrator.arches import known as arches
from orchestrator.build.sourcediff import Sources
from orchestrator.build.variants import Said, newly
from orchestrator.measure.variants import Touched, _not_built, _own_options, touched
from orchestrator.model import Variant
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


def test_a_source_that_others_include_is_compiled_with_them() -> None:
    kernel = Compiled({"mm/percpu.o": ("mm/percpu.c", "mm/percpu-vm.c")})
    assert touched({"mm/percpu-vm.c"}, kernel) == Touched((), ("mm/percpu.o",))
    assert touched({"mm/percpu.c"}, kernel) == Touched(("mm/percpu.o",), ())
    assert touched({"mm/new.c"}, kernel) == Touched(("mm/new.o",), ())


KCONFIG = """\
config MMU
	def_bool y

config SWAP
	bool "Swap"

config OLD
	bool "Old"
"""
MORE = """\
+config OLD
+config NEEDS_SWAP
+	bool "Needs swap"
+	depends on SWAP
+
+config OWN
+	bool "Own"
+
+config HIDDEN
+	def_bool y
+
"""


def test_options_of_the_patch_are_switched_on_and_never_against_the_variant() -> None:
    added = "".join(row[1:] for row in MORE.splitlines(keepends=True)[1:])
    text = "--- a/Kconfig\n+++ b/Kconfig\n@@ -6,0 +7,11 @@\n" + MORE
    own = {"Kconfig": KCONFIG}
    sources = Sources(text, Path("/nowhere"), own, {"Kconfig": KCONFIG + "\n" + added})
    arch = arches()["x86_64"]
    no_swap = Variant("no SWAP", arch, ("# CONFIG_SWAP is not set",), (), "")
    lines, why = _own_options(sources, no_swap, {"CONFIG_MMU": "y"})
    assert lines == ("CONFIG_OWN=y",)
    assert why == {"CONFIG_HIDDEN": "", "CONFIG_NEEDS_SWAP": "it needs CONFIG_SWAP", "CONFIG_OWN": ""}
    lines, _ = _own_options(sources, Variant("W=1", arch, (), ("W=1",), ""), {"CONFIG_MMU": "y"})
    assert lines == ("CONFIG_SWAP=y", "CONFIG_NEEDS_SWAP=y", "CONFIG_OWN=y")


def test_what_a_variant_does_not_build_of_the_change_is_named() -> None:
    wanted = touched({"mm/mincore.c", "mm/swap.c", "mm/gone.c"}, None)
    sources = Sources("", Path("/nowhere"), {}, {"mm/mincore.c": "", "mm/swap.c": "", "mm/gone.c": None})
    assert _not_built(wanted, sources, ("mm/mincore.o",)) == ["mm/swap.c: not built there"]
