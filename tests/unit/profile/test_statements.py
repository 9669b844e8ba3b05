# SPDX-License-Identifier: GPL-2.0-or-later
"""Which statement a line of C is part of."""

from __future__ import annotations

from pathlib import Path

from orchestrator.profile.statements import Source, Statement, read_assembly, read_c

EXCERPTS = Path(__file__).parent / "excerpts"

SOURCE = """\
/* first
 * second */
#include <linux/mm.h>
#define LIMIT 3	/* goes
		 * on */
#define TWICE(x) ({ \\
	(x) + LIMIT; })
struct thing {
	int a:3, b;
	const char *name;	// "not; a { string"
};
static const struct ops table[] = {
	[0] = { .run = run, .stop = NULL },
#ifdef CONFIG_MORE
	{ .run = more },
#endif
};
extern int other(int x);

static struct thing *
find(struct thing *t,
     int key)
{
	int i, total = 0;
	struct thing *here;

	if (t && t->a == '{' &&
	    t->b == key)
		return t;
	else if (!t)
		goto out;
	for (i = 0; i < LIMIT; i++) {
		total += TWICE(i);
		here = pick(t,
			    /* of */
			    (struct thing){ .a = 1 });
	}
	list_for_each_entry(t, &head, list)
		total++;
	do {
		key--;
	} while (key > 0);
	switch (key) {
	case 1:
	case 2:
		total = 1;
		break;
	default:
		break;
	}
out:
	spin_unlock(&lock);
	return NULL;
}
"""


def of(source: Source, text: str, line: int) -> Statement:
    """The only statement of a line, which says this."""
    assert text in SOURCE.split("\n")[line - 1]
    (number,) = source.at[line]
    return source.statements[number]


def place(text: str) -> int:
    return next(n for n, row in enumerate(SOURCE.split("\n"), 1) if text in row)


def test_a_statement_has_all_lines_that_a_token_of_it_is_on() -> None:
    source = read_c(SOURCE)
    condition = place("if (t &&")
    assert of(source, "t->b", condition + 1).lines == (condition, condition + 1)
    call = place("here = pick")
    assert of(source, "struct thing)", call + 2).lines == (call, call + 2)  # the comment between is none of it
    assert call + 1 not in source.at


def test_what_is_no_code_is_in_no_statement() -> None:
    source = read_c(SOURCE)
    for text in ("/* first", " * second", "#include", "#define LIMIT", "* on */", "#ifdef", "#endif"):
        assert place(text) not in source.at
    lines = SOURCE.split("\n")
    assert all(n not in source.at for n, row in enumerate(lines, 1) if row.strip() in ("", "{", "}"))


def test_functions_are_found_signature_included() -> None:
    source = read_c(SOURCE)
    first, last = place("static struct thing *"), len(SOURCE.split("\n")) - 1
    assert source.functions == ((first, last),)
    assert source.function(place("total += ")) == (first, last) and source.function(place("extern")) is None


def test_what_decides_over_a_statement_is_its_parent() -> None:
    source = read_c(SOURCE)

    def parent(text: str) -> str:
        row = source.statements[of(source, text, place(text)).parent]
        return SOURCE.split("\n")[row.lines[0] - 1].strip()

    assert parent("return t;") == "if (t && t->a == '{' &&"
    assert parent("goto out;") == "else if (!t)"
    assert parent("else if (!t)") == "if (t && t->a == '{' &&"
    assert parent("total += TWICE") == "for (i = 0; i < LIMIT; i++) {"
    assert parent("total++;") == "list_for_each_entry(t, &head, list)"
    assert parent("total = 1;") == "switch (key) {"
    assert parent("spin_unlock") == "static struct thing *"


def test_jumps_labels_and_declarations_are_known() -> None:
    source = read_c(SOURCE)
    for text in ("return t;", "goto out;", "return NULL;"):
        assert of(source, text, place(text)).jump
    labelled = of(source, "total = 1;", place("total = 1;"))
    assert labelled.labelled and labelled.lines == (place("case 1:"), place("case 1:") + 1, place("total = 1;"))
    assert of(source, "spin_unlock", place("spin_unlock")).lines[0] == place("out:")
    assert not of(source, "struct thing *here;", place("struct thing *here;")).acts
    assert of(source, "int i, total = 0;", place("int i, total")).acts


def test_what_is_done_before_and_behind_for_sure() -> None:
    source = read_c(SOURCE)

    def lines(numbers: list[int]) -> list[str]:
        return [SOURCE.split("\n")[source.statements[n].lines[0] - 1].strip() for n in numbers]

    (call,) = source.at[place("here = pick")]
    assert lines(list(source.before(call))) == ["total += TWICE(i);"] and not list(source.behind(call))
    (loop,) = source.at[place("total++;")]
    assert not list(source.before(loop)) and not list(source.behind(loop))  # alone under its head
    (unlock,) = source.at[place("spin_unlock")]
    assert lines(list(source.behind(unlock))) == ["return NULL;"] and not list(source.before(unlock))
    (switch,) = source.at[place("switch (key)")]
    assert not list(source.behind(switch))  # out: can be come to from elsewhere


def test_a_macro_is_part_of_the_statements_that_it_ends_up_in() -> None:
    source = read_c(SOURCE)
    macro = source.macro(place("(x) + LIMIT"))
    assert macro is not None and macro.name == "TWICE"
    assert [source.statements[n].lines[0] for n in source.users(macro)] == [place("total += TWICE")]
    limit = source.macro(place("#define LIMIT") + 1)  # its comment goes on
    assert limit is not None and len(source.users(limit)) == 2  # the loop's head, and what TWICE is in


def test_brackets_that_the_preprocessor_chooses_from_are_right_again_at_the_next_function() -> None:
    text = (
        "void one(void)\n{\n#ifdef A\n\tif (a) {\n#else\n\tif (b) {\n#endif\n\t\tx();\n\t}\n}\n\n"
        "void two(void)\n{\n\ty();\n}\n"
    )
    assert read_c(text).functions == ((1, 10), (12, 15))


def test_an_excerpt_that_begins_and_ends_anywhere_is_read() -> None:
    text = (EXCERPTS / "gup.c").read_text()
    source = read_c(text)
    assert len(source.functions) == 1 and source.function(41) is not None
    assert read_c("\t} \"open\n'x\n/* never closed").statements


def test_assembly_has_a_statement_a_line() -> None:
    source = read_assembly("/* entry */\n#include <x.h>\n\t.text\nENTRY(foo)\n\tmov x0, #1 // one\n\n\tret\n")
    assert sorted(source.at) == [4, 5, 7]
