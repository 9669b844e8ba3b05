# SPDX-License-Identifier: GPL-2.0-or-later
"""Which functions a change touches, by its text."""

from __future__ import annotations

import difflib

from orchestrator.model import Side
from orchestrator.profile.changed import Changed, changed
from orchestrator.profile.reach import change

BASE = """\
#define TWICE(x) do_it(x, 2)
static int limit = 4;

static vm_fault_t do_fault(struct vm_fault *vmf,
			   int flags)
{
	if (flags)
		return 1;
	return TWICE(flags);
}

SYSCALL_DEFINE3(mprotect, unsigned long, start, size_t, len,
		unsigned long, prot)
{
	return do_mprotect(start, len);
}
"""


def between(new: str, base: str = BASE, name: str = "mm/a.c") -> Changed:
    rows = difflib.unified_diff(base.splitlines(True), new.splitlines(True), f"a/{name}", f"b/{name}")
    texts = {Side.REMOVED: {name: base}, Side.ADDED: {name: new}}
    text = "".join(rows)
    return changed(change(text, {name: base}, {name: new}), text, texts)


def test_a_function_is_known_by_the_words_of_its_head() -> None:
    its = between(BASE.replace("return 1;", "return 2;"))
    assert [place.file for place in its.functions] == ["mm/a.c"] and "do_fault" in its.functions[0].words
    assert not its.outside


def test_lines_that_are_only_added_count_too() -> None:
    its = between(BASE.replace("\tif (flags)\n", "\tcount();\n\tif (flags)\n"))
    assert ["do_fault" in place.words for place in its.functions] == [True]


def test_a_system_call_has_the_name_that_its_macro_gives_it() -> None:
    its = between(BASE.replace("start, len);", "start, len + 1);"))
    assert any("__do_sys_mprotect" in place.words for place in its.functions)


def test_a_macro_ends_up_in_functions_that_use_it() -> None:
    its = between(BASE.replace("do_it(x, 2)", "do_it(x, 3)"))
    assert ["do_fault" in place.words for place in its.functions] == [True]


def test_data_is_outside() -> None:
    its = between(BASE.replace("limit = 4", "limit = 5"))
    assert not its.functions and its.outside == ("mm/a.c",)


def test_comments_change_nothing() -> None:
    its = between(BASE.replace("\tif (flags)", "\t/* why */\n\tif (flags)"))
    assert not its.functions and not its.outside


def test_a_spot_is_what_is_taken_out_or_what_is_around() -> None:
    out = between(BASE.replace("return 1;", "return 2;")).spots
    assert [(spot.before, spot.behind) for spot in out] == [((8,), (8,))]
    added = between(BASE.replace("\t\treturn 1;\n", "\t\tcount();\n\t\treturn 1;\n")).spots
    assert [(spot.before, spot.behind) for spot in added] == [((7, 6, 5), (8, 9, 10))]
