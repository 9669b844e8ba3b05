# SPDX-License-Identifier: GPL-2.0-or-later
"""What is told of objects, from what gcc 12 and pahole 1.24 say of real ones; and which objects those are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.profile import objects
from orchestrator.profile.built import Compiled
from orchestrator.profile.objects import Chosen, Frame, Layout, Told, Warned

EXCERPTS = Path(__file__).parent / "excerpts/objects"
SOURCE = "/home/me/.cache/kmatrix/trees/f9-{}/source"


def text(name: str) -> str:
    return (EXCERPTS / name).read_text()


@pytest.mark.parametrize(("arch", "size"), [("x86_64", 576), ("aarch64", 608), ("s390x", 592)])
def test_frames(arch: str, size: int) -> None:
    found = {its.function: its for its in objects.frames([text(f"{arch}.su")], SOURCE.format(arch))}
    assert found["fixup_user_fault"] == Frame("mm/gup.c", "fixup_user_fault", size, "static")
    if arch == "x86_64":
        assert found["get_dump_page"].how == "dynamic, bounded"
        assert found["_compound_head"].file == "include/linux/page-flags.h"
    else:
        clone = "percpu_ref_put_many" if arch == "aarch64" else "follow_page_pte"
        assert found[clone].size in (16, 120)


def test_of_clones_the_largest_frame() -> None:
    rows = "a.c:1:5:foo\t16\tstatic\na.c:1:5:foo.part.0\t96\tstatic\nb.c:1:5:foo\t8\tstatic\n"
    assert objects.frames([rows], "/s") == (Frame("a.c", "foo", 96, "static"), Frame("b.c", "foo", 8, "static"))


def test_warnings() -> None:
    log = f"""\
  CC      mm/gup.o
{SOURCE}/mm/gup.c: In function 'fixup_user_fault':
{SOURCE}/mm/gup.c:1364:13: warning: unused variable 'unused_of_test' [-Wunused-variable]
 1364 |         int unused_of_test;
      |             ^~~~~~~~~~~~~~
In file included from {SOURCE}/mm/gup.c:5:
./include/linux/mm.h:7:3: warning: 'x' is deprecated [-Wdeprecated-declarations]
./include/linux/mm.h:7:3: warning: 'x' is deprecated [-Wdeprecated-declarations]
mm/gup.o: warning: objtool: foo()+0x7: unreachable instruction
{SOURCE}/mm/gup.c:9:1: error: no warning: of any kind
"""
    assert objects.warnings(log, SOURCE) == (
        Warned("mm/gup.c", 1364, "unused variable 'unused_of_test' [-Wunused-variable]"),
        Warned("include/linux/mm.h", 7, "'x' is deprecated [-Wdeprecated-declarations]"),
        Warned("mm/gup.o", 0, "objtool: foo()+0x7: unreachable instruction"),
    )


@pytest.mark.parametrize("arch", ["x86_64", "aarch64", "s390x"])
def test_layouts(arch: str) -> None:
    found = objects.layouts(text(f"{arch}.pahole"))
    assert found["struct follow_page_context"] == Layout(24, {"pgmap": 0, "pad_of_test": 64, "page_mask": 128})
    assert found["struct callback_head"] == Layout(16, {"next": 0, "func": 64})
    fault = found["struct vm_fault"]
    assert fault.size == 112 and list(fault.members)[:3] == ["vma", "gfp_mask", "pgoff"]
    assert (fault.members["flags"], fault.members["orig_pmd"], fault.members["prealloc_pte"]) == (320, 512, 832)


def test_layouts_of_structs_in_structs() -> None:
    bits = objects.layouts(text("x86_64.pahole"))["struct _ddebug"]
    assert (bits.members["lineno"], bits.members["class_id"], bits.members["flags"]) == (256, 256 + 18, 256 + 24)
    assert bits.members["key"] == bits.members["key.dd_key_true"] == 320 and bits.size == 56
    page = objects.layouts(text("aarch64.pahole"))["struct page"]
    assert page.size == 64 and page.members["lru"] == page.members["pp_magic"] == page.members["callback_head"] == 64
    assert page.members["ptl"] == 320


def test_names_that_come_twice_are_kept() -> None:
    inner = "\tunion {\n\t\tint x;  /* 0 4 */\n\t};  /* 0 4 */\n"
    rows = f"struct a {{\n{inner}\tint x;  /* 4 4 */\n\n\t/* size: 8, x */\n}};\n"
    assert objects.layouts(rows) == {"struct a": Layout(8, {"x": 0, "x#2": 32})}


def test_it_is_kept_as_json() -> None:
    told = Told(
        ("mm/gup.o",), (Frame("a.c", "f", 8, "static"),), (Warned("a.c", 1, "w"),),
        {"struct a": (Layout(8, {"x": 0}), Layout(4, {}))},
    )  # fmt: skip
    for one in (told, Told(layouts=None)):
        assert Told.from_json(json.loads(json.dumps(one.to_json()))) == one


KERNEL = Compiled({
    "mm/gup.o": ("mm/gup.c", "mm/internal.h", "include/linux/mm.h"),
    "mm/mlock.o": ("mm/mlock.c", "include/linux/mm.h", "include/linux/pagevec.h"),
    "mm/swap.o": ("mm/swap.c", "include/linux/pagevec.h", "include/linux/mm.h", "include/linux/swap.h"),
    "lib/small.o": ("lib/small.c", "include/linux/swap.h"),
    "arch/x86/entry/vdso/vgetcpu.o": ("arch/x86/entry/vdso/vgetcpu.c", "include/linux/apart.h"),
    "arch/x86/kernel/head.o": ("arch/x86/kernel/head.S", "include/linux/mm.h"),
    "arch/x86/entry/vdso/other.o": ("mm/gup.c",),
    "kernel/bounds.s": ("kernel/bounds.c", "include/linux/mm.h"),
})  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "objects_"),
    [
        ({"mm/gup.c"}, ("mm/gup.o",)),
        ({"mm/gup.c", "include/linux/mm.h", "mm/internal.h"}, ("mm/gup.o",)),  # it includes them
        ({"include/linux/swap.h"}, ("mm/swap.o",)),  # of its name
        ({"include/linux/pagevec.h"}, ("mm/mlock.o",)),  # the least to compile
        ({"mm/internal.h"}, ("mm/gup.o",)),
        ({"mm/gup.c", "include/linux/swap.h"}, ("mm/gup.o", "mm/swap.o")),
        ({"Documentation/mm/ksm.rst", "mm/ksm.c"}, ()),
    ],
)
def test_few_objects_are_chosen(changed: set[str], objects_: tuple[str, ...]) -> None:
    assert objects.choose(changed, KERNEL) == Chosen(objects_)


def test_what_is_left_out_is_said() -> None:
    assert objects.choose({"include/linux/apart.h"}, KERNEL) == Chosen(
        (), ("no object is compiled once more for include/linux/apart.h",)
    )
    many = Compiled({f"mm/{i}.o": (f"mm/{i}.c", f"mm/{i}.h") for i in range(12)})
    found = objects.choose({f"mm/{i}.c" for i in range(12)}, many)
    assert len(found.objects) == objects.MOST
    assert found.left_out == ("4 more objects of changed sources are not compiled once more",)
    headers = objects.choose({f"mm/{i}.h" for i in range(6)}, many)
    assert len(headers.objects) == objects.MOST_HEADERS and len(headers.left_out) == 2


def test_of_a_kernel_of_before_the_sources_alone() -> None:
    found = objects.of_sources({"mm/gup.c", "mm/ksm.c", "mm/internal.h", "mm/x.S"}, ["mm/gup.c", "mm/x.S"])
    assert found == Chosen(("mm/gup.o",), ("not known which objects mm/internal.h is in",))
