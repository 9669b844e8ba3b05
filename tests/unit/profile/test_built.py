# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a change is built, line by line."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from orchestrator.profile.built import ADDED, REMOVED, Compiled, Kernel, LinePart, Part, Parts, Why, line_parts
from orchestrator.profile.never_built import Never, has_code, never_built

BEFORE = {
    "Kbuild": "obj-y += mm/ arch/$(SRCARCH)/\n",
    "mm/Makefile": "obj-y += memory.o\nobj-$(CONFIG_SWAP) += swapfile.o\n",
    "mm/memory.c": "int a;\n#ifdef CONFIG_NUMA\nint b;\n#endif\n",
    "mm/swapfile.c": "/* words */\nint a;\n",
}
AFTER = {
    **BEFORE,
    "mm/memory.c": "int a; /* more */\nint c;\n#ifdef CONFIG_NUMA\nint d;\n#endif\n",
    "mm/swapfile.c": "/* other words */\nint b;\n",
}
DIFF = """\
--- a/mm/memory.c
+++ b/mm/memory.c
@@ -1,4 +1,5 @@
-int a;
+int a; /* more */
+int c;
 #ifdef CONFIG_NUMA
-int b;
+int d;
 #endif
--- a/mm/swapfile.c
+++ b/mm/swapfile.c
@@ -1,2 +1,2 @@
-/* words */
-int a;
+/* other words */
+int b;
--- a/arch/s390/mm/fault.c
+++ b/arch/s390/mm/fault.c
@@ -1 +1,2 @@
 int a;
+int b;
--- a/Documentation/mm/a.rst
+++ b/Documentation/mm/a.rst
@@ -1 +1,2 @@
 a
+int b;
"""
BUILT = Compiled({"mm/memory.o": ("mm/memory.c", "include/linux/mm.h")})


def kernel(files: Mapping[str, str], options: Mapping[str, str], compiled: Compiled | None = BUILT) -> Kernel:
    return Kernel(compiled, options, {**files, "arch/s390/mm/fault.c": "int a;\nint b;\n"}.get, "x86")


def test_each_changed_line_is_told_of_its_own_kernel() -> None:
    found = line_parts(DIFF, kernel(BEFORE, {"CONFIG_NUMA": "y"}), kernel(AFTER, {}))
    swap = {"options": ("CONFIG_SWAP",), "why": Why.FILE}
    assert found == (
        LinePart("mm/memory.c", 1, REMOVED, Part.BUILT),
        LinePart("mm/memory.c", 1, ADDED, Part.BUILT),
        LinePart("mm/memory.c", 2, ADDED, Part.BUILT),
        LinePart("mm/memory.c", 3, REMOVED, Part.BUILT),
        LinePart("mm/memory.c", 4, ADDED, Part.NOT_BUILT, ("CONFIG_NUMA",), Why.CONDITION),
        LinePart("mm/swapfile.c", 1, REMOVED, Part.NOT_CODE),
        LinePart("mm/swapfile.c", 2, REMOVED, Part.NOT_BUILT, **swap),  # type: ignore[arg-type]
        LinePart("mm/swapfile.c", 1, ADDED, Part.NOT_CODE),
        LinePart("mm/swapfile.c", 2, ADDED, Part.NOT_BUILT, **swap),  # type: ignore[arg-type]
        LinePart("arch/s390/mm/fault.c", 2, ADDED, Part.NOT_BUILT, (), Why.OTHER_ARCH),
        LinePart("Documentation/mm/a.rst", 2, ADDED, Part.NOT_CODE),
    )


def test_what_was_compiled_counts_whatever_its_name_or_makefile_says() -> None:
    """A header, a file of another architecture; and a file whose options are on is not built unless it was."""
    compiled = Compiled({"x.o": ("mm/memory.c", "arch/s390/mm/fault.c")})
    there = Parts(kernel(AFTER, {"CONFIG_SWAP": "y"}, compiled))
    assert there.of("arch/s390/mm/fault.c", 2).part is Part.BUILT
    assert there.of("mm/swapfile.c", 2) == LinePart("mm/swapfile.c", 2, "", Part.NOT_BUILT, (), Why.FILE)
    assert compiled.made_of(["mm/memory.c", "mm/other.c"]) == ["x.o"] and compiled.made_of(["mm/other.c"]) == []


def test_a_kernel_of_before_the_list_was_kept_lacks_only_what_options_say() -> None:
    old = Parts(kernel(AFTER, {}, None))
    assert old.of("mm/swapfile.c", 2).options == ("CONFIG_SWAP",)
    assert Parts(kernel(AFTER, {"CONFIG_SWAP": "y"}, None)).of("mm/swapfile.c", 2).part is Part.BUILT
    assert Parts(kernel({**AFTER, "mm/new.h": "int a;"}, {}, None)).of("mm/new.h", 1).part is Part.BUILT, "not known"


def test_what_a_line_lacks_is_one_word() -> None:
    parts = Parts(kernel(AFTER, {}))
    asked = [("mm/memory.c", 2), ("mm/memory.c", 4), ("mm/swapfile.c", 1), ("mm/swapfile.c", 2)]
    assert [parts.lacks(*place) for place in asked] == [None, "CONFIG_NUMA", None, "CONFIG_SWAP"]
    assert parts.lacks("arch/s390/mm/fault.c", 2) == ""


@pytest.mark.parametrize(
    ("file", "never"),
    [
        ("Documentation/mm/ksm.rst", Never.WORDS),
        ("MAINTAINERS", Never.WORDS),
        ("drivers/README.rst", Never.WORDS),
        ("mm/.gitignore", Never.WORDS),
        ("tools/testing/selftests/mm/a.c", Never.TOOL),
        ("tools/perf/a.c", Never.TOOL),
        ("samples/kprobes/a.c", Never.SAMPLE),
        ("arch/mips/mm/fault.c", Never.OTHER_ARCH),
        ("arch/s390/Kconfig", Never.OTHER_ARCH),
        ("arch/arm/xen/p2m.c", None),  # arm64 builds some of it
        ("arch/arm64/mm/fault.c", None),
        ("arch/Kconfig", None),
        ("Documentation/Kconfig", None),  # every config is made from these two
        ("samples/Kconfig", None),
        ("Documentation/../mm/memory.c", None),
        ("tools/objtool/check.c", None),
        ("tools/lib/string.c", None),
        ("tools/include/linux/kernel.h", None),
        ("tools/new/a.c", None),
        ("Makefile", None),
        ("mm/Kconfig", None),
        ("mm/memory.c", None),
        ("lib/MAINTAINERS.c", None),
    ],
)
def test_files_that_no_kernel_is_made_of_are_known_by_their_names(file: str, never: Never | None) -> None:
    assert never_built(file, ("x86", "arm64"), samples=False) is never


def test_examples_are_built_where_the_config_says_so() -> None:
    assert never_built("samples/kprobes/a.c", ("x86",), samples=True) is None


@pytest.mark.parametrize(
    ("rows", "held"),
    [
        ("+/* words */\n", False),
        ("+\n", False),
        ("+int b;\n", True),
        ("-int b; /* words */\n", True),
        (" /* begins\n+ * words\n  */\n", False),
        ("+ * words\n  */\n", False),
        (" int c;\n+#include <linux/mm.h>\n", False),
    ],
)
def test_a_diff_that_changes_code_is_known_without_its_source(rows: str, held: bool) -> None:
    old, new = (sum(row[0] in (" ", sign) for row in rows.splitlines()) for sign in "-+")
    text = "--- a/arch/mips/{0}\n+++ b/arch/mips/{0}\n@@ -1,{1} +1,{2} @@\n{3}"
    assert has_code(text.format("a.c", old, new, rows)) is held
    assert has_code(text.format("Kconfig", old, new, rows)) is False


@pytest.mark.parametrize(
    ("file", "shapes"),
    [
        ("arch/x86/boot/a20.c", False),  # its object is digested
        ("include/linux/mm.h", False),
        ("mm/memory.c", False),
        ("arch/arm64/boot/dts/a.dts", False),  # nobody boots by it
        ("arch/x86/boot/Makefile", True),
        ("arch/x86/boot/setup.ld", True),
        ("arch/x86/boot/compressed/vmlinux.lds.S", True),
        ("arch/x86/boot/tools/build.c", True),
        ("arch/x86/boot/boot.h", True),  # of the object that has the kernel's size in it only the source is digested
        ("drivers/firmware/efi/libstub/Makefile", True),
    ],
)
def test_what_shapes_an_image_beside_vmlinux_is_known(file: str, shapes: bool) -> None:
    boot = {
        "arch/x86/boot/a20.o": ("arch/x86/boot/a20.c", "include/linux/mm.h"),
        "arch/x86/boot/header.o": ("arch/x86/boot/header.S", "arch/x86/boot/boot.h"),
        "arch/x86/boot/tools/build": ("arch/x86/boot/tools/build.c",),
        "arch/x86/boot/compressed/vmlinux.lds": ("arch/x86/boot/compressed/vmlinux.lds.S",),
        "mm/memory.o": ("mm/memory.c", "include/linux/mm.h"),
    }
    digests = {"arch/x86/boot/a20.o": "a", "arch/x86/boot/header.o": "b"}
    assert Compiled(boot, digests).shaped_by({file}) is shapes
