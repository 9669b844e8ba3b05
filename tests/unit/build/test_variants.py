# SPDX-License-Identifier: GPL-2.0-or-later
"""Variants: what is in the file of them, and what compilers said."""

from __future__ import annotations

from orchestrator.arches import known as arches
from orchestrator.build.variants import Said, said
from orchestrator.config import variants
from orchestrator.config.fragments import wanted

LOG = """\
make[1]: Entering directory '/place/build'
  CC      mm/mincore.o
../source/mm/mincore.c: In function 'do_mincore':
../source/mm/mincore.c:12:9: warning: unused variable 'x' [-Wunused-variable]
/place/source/mm/swap.h:7: error: unknown type name 'foo'
../source/mm/mincore.c:12:9: warning: unused variable 'x' [-Wunused-variable]
make[3]: *** [../source/scripts/Makefile.build:250: mm/mincore.o] Error 1
cc1: error: no such file
"""


def test_what_a_compiler_said_is_told_once_by_its_place_in_the_source() -> None:
    assert said(LOG, "/place/source") == (
        Said("warning", "mm/mincore.c", 12, "unused variable 'x' [-Wunused-variable]"),
        Said("error", "mm/swap.h", 7, "unknown type name 'foo'", "mm/mincore.c:12"),
        Said("error", "cc1", 0, "no such file"),
    )


def test_scripts_that_say_first_what_it_is_are_understood() -> None:
    row = "Warning: /source/mm/foo.c:12 function parameter 'x' not described in 'foo'"
    assert said(row, "/source") == (Said("warning", "mm/foo.c", 12, "function parameter 'x' not described in 'foo'"),)


HEADER = """\
In file included from <command-line>:
mm/msync.c: In function '__do_sys_msync':
././include/linux/compiler_types.h:358:45: error: call to '__compiletime_assert_295' declared with attribute error: no
  358 |         _compiletime_assert(condition, msg, __compiletime_assert_, __COUNTER__)
./include/linux/build_bug.h:50:9: note: in expansion of macro 'BUILD_BUG_ON_MSG'
../source/mm/msync.c:40:9: note: in expansion of macro 'BUILD_BUG_ON'
In file included from ../source/mm/util.c:7:
../source/include/linux/mm.h:9:1: error: expected ';'
"""


def test_what_is_said_of_a_header_is_told_with_who_uses_it() -> None:
    first, other = said(HEADER, "/place/source")
    assert (first.file, first.via) == ("include/linux/compiler_types.h", "mm/msync.c:40")
    assert (other.file, other.line, other.via) == ("include/linux/mm.h", 9, "mm/util.c:7")


def test_the_shipped_variants_are_understood() -> None:
    quick, every = variants.load(), variants.load(thorough=True)
    names = [its.name for its in every]
    assert {its.name for its in quick} < {*names} and len({*names}) == len(names)
    table = {its.name: its for its in every}
    assert table["32 bits"].arch.kernel_arch == "i386" and table["32 bits"].arch.name not in arches()
    assert table["64 KiB pages"].arch == arches()["aarch64"]
    swap = {wish.option: wish for wish in wanted(table["no SWAP"].lines, "6.1.192").wishes}
    assert swap["CONFIG_SWAP"].value == "n" and not swap["CONFIG_SHMEM"].essential
    assert wanted(table["allnoconfig"].lines, "6.1.192").start == "allnoconfig"
