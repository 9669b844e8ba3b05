# SPDX-License-Identifier: GPL-2.0-or-later
"""Which lines of a source are code, and which of them a .config leaves out."""

from __future__ import annotations

import pytest

from orchestrator.profile import code
from orchestrator.profile.conditions import Known

SOURCE = """\
/* SPDX
 * words
 */
#include <linux/mm.h>

#define LESS(x) \\
	do_less(x)
#ifdef CONFIG_SWAP
static int a; // a comment
#elif defined(CONFIG_NUMA) && !CONFIG_ODD
static int b;
#else
static int c;
#endif
int d; /* a comment
   goes on */ int e;
"""
CODE = {6, 7, 9, 11, 13, 15, 16}
OPTIONS = {"CONFIG_SWAP": "y", "CONFIG_LEVELS": "4", "CONFIG_MOD": "m", "CONFIG_NAME": '"x"'}


def test_comments_blanks_and_directives_are_no_code_but_macros_are() -> None:
    found = code.read(SOURCE, "mm/a.c")
    assert {n for n in range(0, 30) if found.is_code(n)} == CODE
    assert [bool(row) for row in found.code] == [n in CODE for n in range(1, 18)]


@pytest.mark.parametrize(
    ("options", "left_out"),
    [
        ({"CONFIG_SWAP": "y"}, {11: ("CONFIG_SWAP=n", "CONFIG_NUMA"), 13: ("CONFIG_SWAP=n",)}),
        ({"CONFIG_NUMA": "y"}, {9: ("CONFIG_SWAP",), 13: ("CONFIG_NUMA=n",)}),
        ({}, {9: ("CONFIG_SWAP",), 11: ("CONFIG_NUMA",)}),
        ({"CONFIG_SWAP": "m"}, {9: ("CONFIG_SWAP",), 11: ("CONFIG_NUMA",)}),
    ],
)
def test_each_branch_names_what_it_would_need(options: dict[str, str], left_out: dict[int, tuple[str, ...]]) -> None:
    found, known = code.read(SOURCE, "mm/a.c"), Known(options)
    lacking = {n: known.left_out(found.under(n)) for n in (5, 7, 9, 11, 13, 15, 16)}
    assert {n: its for n, its in lacking.items() if its is not None} == left_out


@pytest.mark.parametrize(
    ("condition", "left_out"),
    [
        ("1", None),
        ("0", ()),
        ("IS_ENABLED(CONFIG_SWAP)", None),
        ("IS_ENABLED(CONFIG_MOD)", None),
        ("defined(CONFIG_MOD)", ("CONFIG_MOD",)),
        ("defined CONFIG_ZSWAP", ("CONFIG_ZSWAP",)),
        ("IS_BUILTIN(CONFIG_ZSWAP) && defined(CONFIG_ZPOOL)", ("CONFIG_ZSWAP", "CONFIG_ZPOOL")),
        ("defined(CONFIG_ZSWAP) || (defined(CONFIG_A) && defined(CONFIG_B))", ("CONFIG_ZSWAP",)),
        ("!defined(CONFIG_SWAP)", ("CONFIG_SWAP=n",)),
        ("!(defined(CONFIG_SWAP) && defined(CONFIG_LEVELS))", ("CONFIG_SWAP=n",)),
        ("CONFIG_LEVELS > 3", None),
        ("CONFIG_LEVELS == 3 /* of them */", ()),
        ("CONFIG_ABSENT", ("CONFIG_ABSENT",)),
        ("USE_SPLIT_PTE_PTLOCKS", None),  # nobody knows
        ("USE_SPLIT_PTE_PTLOCKS && defined(CONFIG_ZSWAP)", ()),  # whatever the first is; both may be needed
        ("defined(__ASSEMBLY__)", ()),
        ("defined(MODULE)", ()),
        ("LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 0)", None),
        ("((", None),
        ("", None),
    ],
)
def test_what_a_condition_comes_to(condition: str, left_out: tuple[str, ...] | None) -> None:
    found = code.read(f"#if {condition}\nint a;\n#endif\n", "mm/a.c")
    assert Known(OPTIONS).left_out(found.under(2)) == left_out


def test_of_nested_conditions_all_that_is_missing_is_named_the_outermost_first() -> None:
    text = "#ifdef CONFIG_A\n#if 1\n#ifndef CONFIG_SWAP\nint a;\n#endif\n#endif\n#endif\nint b;\n"
    found = code.read(text, "mm/a.c")
    assert Known(OPTIONS).left_out(found.under(4)) == ("CONFIG_A", "CONFIG_SWAP=n")
    assert Known(OPTIONS).left_out(found.under(8)) is None
    assert code.read("#endif\n#else\nint a;\n#if 0\n", "a.c").is_code(3), "whatever is wrong with it"


def test_in_assembly_a_hash_begins_a_comment_and_assembly_is_what_is_asked() -> None:
    text = "# a comment\n#ifdef __ASSEMBLY__\n\tnop\n#endif\n#define A 1\n\tret # back\n"
    found = code.read(text, "arch/x86/lib/a.S")
    assert [n for n in range(1, 7) if found.is_code(n)] == [3, 5, 6]
    assert Known({}, assembly=True).left_out(found.under(3)) is None
    assert Known({}).left_out(found.under(3)) == ()


@pytest.mark.parametrize(
    ("lines", "held"),
    [
        (["int a;", "/* words", " * more */"], [True, False, False]),
        ([" * words", " * more", " */", "int a;"], [False, False, False, True]),
        ([" * words", " *", " * more"], [False, False, False]),
        (["words of a comment", "*/ int a; /* b", "c */"], [False, True, False]),
        (["\t*pprev = vma;", "\treturn 0;"], [True, True]),
        (["", "\t}"], [False, True]),
    ],
)
def test_lines_from_the_middle_of_a_file_are_told_by_how_comments_look(lines: list[str], held: list[bool]) -> None:
    assert code.of_part(lines, "mm/a.c") == held
