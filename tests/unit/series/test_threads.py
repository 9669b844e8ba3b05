# SPDX-License-Identifier: GPL-2.0-or-later
"""Which series a thread has, which one is taken, and what is told of the rest."""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import quopri
import re
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from orchestrator.errors import ConfigError
from orchestrator.series import mbox
from orchestrator.series.series import Series, from_mails, read
from orchestrator.series.subject import parsed

A, B = "A Developer <a@example.org>", "B Developer <b@example.org>"
WORDS = "Words.\n\nSigned-off-by: A Developer <a@example.org>\n---\n"


def diff(what: str, file: str = "x") -> str:
    return (
        f"diff --git a/mm/{file}.c b/mm/{file}.c\n--- a/mm/{file}.c\n+++ b/mm/{file}.c\n@@ -1 +1,2 @@\n a\n+{what}\n"
    )


def mail(subject: str, id: str, what: str = "x", by: str = A, day: int = 2, to: str = "", body: str = "") -> str:
    """to: the mail that it answers."""
    answers = f"In-Reply-To: <{to}>\nReferences: <{to}>\n" if to else ""
    return (
        f"From {'0' * 40} Mon Sep 17 00:00:00 2001\nFrom: {by}\nDate: Mon, {day:02} Nov 2026 10:00:00 +0000\n"
        f"Message-Id: <{id}>\n{answers}Subject: {subject}\n\n{body or WORDS + diff(what)}-- \n2.39.5\n\n"
    )


def taken(*texts: str | bytes, pick: str = "", partial: bool = False, thread: str = "") -> Series:
    """Each text is a file."""
    files = (text.encode(errors="surrogateescape") if isinstance(text, str) else text for text in texts)
    return from_mails(files, pick, partial, thread)


def adds(series: Series) -> list[str]:
    """What each of its patches adds."""
    return [", ".join(re.findall(r"^\+(\w.*)$", patch.text, re.M)) for patch in series.patches]


OLDER = mail("[PATCH v2] mm: the older one", "old", "older") + mail("[PATCH] mm: newer", "new", "newer", B, 25)
IN_A_THREAD = mail("[PATCH v2 1/1] mm: an idea", "idea", "idea") + mail(
    "[PATCH 1/1] mm: a better way", "better", "better", B, 3, to="idea"
)
UNRELATED = (
    mail("[PATCH 1/2] mm: first", "u1", "first")
    + mail("[PATCH 2/2] mm: second", "u2", "second", to="u1")
    + mail("[PATCH] mm: something else", "x", "third", B)
)


@pytest.mark.parametrize(
    ("text", "rows", "second"),
    [
        (
            OLDER,
            [
                f'1  2026-11-02  {A}  "[PATCH v2] mm: the older one"  <old>',
                f'2  2026-11-25  {B}  "[PATCH] mm: newer"  <new>',
            ],
            ["newer"],
        ),
        (
            IN_A_THREAD,
            [
                f'1  2026-11-02  {A}  "[PATCH v2 1/1] mm: an idea"  <idea>',
                f'2  2026-11-03  {B}  "[PATCH 1/1] mm: a better way"  <better>',
            ],
            ["better"],
        ),
        (
            UNRELATED,
            [
                f'1  2026-11-02  {A}  "[PATCH 1/2] mm: first"  <u1>',
                f'2  2026-11-02  {B}  "[PATCH] mm: something else"  <x>',
            ],
            ["third"],
        ),
    ],
)
def test_two_series_in_a_file_are_listed_and_one_can_be_picked(text: str, rows: list[str], second: list[str]) -> None:
    with pytest.raises(ConfigError, match="there are 2 series in it") as caught:
        taken(text)
    first, last = (re.findall(r"<(\w+)>$", row)[0] for row in rows)
    assert [line.strip() for line in caught.value.message.splitlines()[1:]] == rows
    assert f"--series {first}" in caught.value.hint
    for pick in (last, f"<{last}>", "2"):
        found = taken(text, pick=pick)
        assert adds(found) == second and found.origins[0].message_id == last
        assert len(found.left_out) == 1 and found.left_out[0].endswith(": another series")
    with pytest.raises(ConfigError, match="no series has the mail 3:"):
        taken(text, pick="3")


REROLL = (
    mail("[PATCH v2 1/2] mm: first", "r1", "first")
    + mail("[PATCH v2 2/2] mm: second", "r2", "second", to="r1")
    + mail("[PATCH v3 2/2] mm: second", "r3", "second, again", day=3, to="r2")
)


def test_a_partial_reroll_takes_the_rest_of_the_version_before() -> None:
    found = taken(REROLL)
    assert adds(found) == ["first", "second, again"]
    (origin,) = found.origins
    assert (origin.version, origin.date, origin.parts, origin.total) == ("v3", "2026-11-03", 2, 2)
    assert found.notes == ("patch 1/2 is that of v2: later versions do not repeat it",)
    assert found.left_out == ('"[PATCH v2 2/2] mm: second" (A Developer, 2026-11-02): an older version',)
    again = REROLL + mail("[PATCH v4 1/2] mm: first", "r4", "first, again", day=4, to="r1")
    assert adds(taken(again)) == ["first, again", "second, again"], "v4 repeats the first of v2"
    assert "patch 2/2 is that of v3" in taken(again).notes[0]


def test_a_new_version_that_is_no_reroll_must_be_whole() -> None:
    """Its parts answer none of the version before, so nobody knows what it is without the others."""
    text = REROLL.replace("In-Reply-To: <r2>\nReferences: <r2>\n", "In-Reply-To: <r1>\nReferences: <r1>\n")
    with pytest.raises(ConfigError, match="patch 1/2 is missing") as caught:
        taken(text)
    assert "--partial" in caught.value.hint
    found = taken(text, partial=True)
    assert adds(found) == ["second, again"]
    assert found.notes == ("1/2 of the series was not given: gone on without (--partial)",)


def test_v2_1_is_a_part_of_v2() -> None:
    text = REROLL.replace("v3", "v2.1").replace("<r2>\nReferences: <r2>", "<r1>\nReferences: <r1>")
    found = taken(text)
    assert adds(found) == ["first", "second, again"] and found.origins[0].version == "v2.1"


RESEND = mail("[PATCH v2] mm: x", "s1", "once") + mail("[RESEND PATCH v2] mm: x", "s2", "once", day=10)


@pytest.mark.parametrize("tag", ["[RESEND PATCH v2]", "[PATCH v2 RESEND]", "[REPOST PATCH v2]", "[PATCH RE-SEND v2]"])
def test_what_was_sent_again_is_taken_once(tag: str) -> None:
    found = taken(RESEND.replace("[RESEND PATCH v2]", tag))
    assert adds(found) == ["once"] and found.origins[0].message_id == "s2"
    assert found.left_out == ('"[PATCH v2] mm: x" (A Developer, 2026-11-02): it was sent again later',)


def test_a_part_that_was_sent_again_is_the_later_one() -> None:
    text = mail("[PATCH 1/2] mm: first", "p1", "broken", to="c") + mail(
        "[PATCH 2/2] mm: second", "p2", "second", to="c"
    )
    for tag in ("[PATCH 1/2]", "[PATCH RESEND 1/2]"):
        found = taken(text + mail(f"{tag} mm: first", "p3", "whole", day=3, to="c"))
        assert adds(found) == ["whole", "second"] and len(found.left_out) == 1
        assert found.left_out[0].endswith("it was sent again later") and found.notes == ()


def test_a_second_round_without_a_version_is_the_newer_one() -> None:
    text = mail("[PATCH 1/2] mm: first", "p1", "first") + mail("[PATCH 2/2] mm: second", "p2", "second", to="p1")
    again = mail("[PATCH 1/2] mm: first", "q1", "first, again", day=5, to="p1")
    again += mail("[PATCH 2/2] mm: called otherwise", "q2", "second, again", day=5, to="q1")
    assert adds(taken(text + again)) == ["first, again", "second, again"]


def test_of_an_archive_only_some_series_are_listed() -> None:
    with pytest.raises(ConfigError, match="there are 30 series in it") as caught:
        taken("".join(mail(f"[PATCH] mm: {n}", f"n{n}", f"n{n}") for n in range(30)))
    assert caught.value.message.endswith("  and 10 more")
    found = taken("".join(mail(f"[PATCH] mm: {n}", f"n{n}", f"n{n}") for n in range(30)), pick="n29")
    assert adds(found) == ["n29"] and len(found.left_out) == 21 and found.left_out[-1] == "and 9 more"


def test_a_mail_that_came_twice_is_one() -> None:
    assert adds(taken(REROLL + REROLL)) == ["first", "second, again"]


ALONE = mail("[PATCH 2/3] mm: the middle one", "part2", "middle")


def test_a_part_that_is_named_alone_is_taken_and_told() -> None:
    found = taken(ALONE)
    assert adds(found) == ["middle"] and found.notes == ("1/3 and 3/3 of the series were not given",)
    assert (found.origins[0].parts, found.origins[0].total) == (1, 3)
    two = taken(ALONE, mail("[PATCH 1/3] mm: the first", "part1", "first"))
    assert adds(two) == ["first", "middle"] and two.notes == ("3/3 of the series was not given",)


def test_a_gap_in_an_mbox_is_an_error_that_names_the_way_on() -> None:
    text = ALONE + mail("Re: [PATCH 2/3] mm: the middle one", "answer", body="No.\n", to="part2")
    with pytest.raises(ConfigError, match=r"patch 1/3 is missing\npatch 3/3 is missing") as caught:
        taken(text)
    assert "--partial goes on without" in caught.value.hint
    assert adds(taken(text, partial=True)) == ["middle"]


@pytest.mark.parametrize("to", ["p1", "p3", ""])
def test_a_part_beyond_the_last_is_left_out(to: str) -> None:
    series = "".join(mail(f"[PATCH {n}/5] mm: part {n}", f"p{n}", f"part{n}") for n in range(1, 6))
    found = taken(series + mail("[PATCH 6/5] tests: a test for it", "p6", "test", to=to))
    assert adds(found) == [f"part{n}" for n in range(1, 6)]
    assert found.left_out == ('"[PATCH 6/5] tests: a test for it" (A Developer, 2026-11-02): there are 5 parts',)
    assert adds(taken(mail("[PATCH 6/5] tests: a test for it", "p6", "test"))) == ["test"], "that is what was named"


def attached(
    *names: str, to: str = "idea", text: str = "Would the attached do?\n", subject: str = "Re: mm: x"
) -> bytes:
    made = EmailMessage()
    made["From"], made["Subject"], made["Message-Id"] = A, subject, "<attached>"
    made["Date"], made["In-Reply-To"] = "Tue, 03 Nov 2026 10:00:00 +0000", f"<{to}>"
    made.set_content(text)
    for name in names:
        content = f"{WORDS}{diff(name[5:].partition('.')[0])}".encode()
        packed = gzip.compress(content) if name.endswith(".gz") else content
        made.add_attachment(packed, maintype="application", subtype="octet-stream", filename=name)
    return made.as_bytes()


@pytest.mark.parametrize("name", ["0001-one.patch", "0001-one.diff", "0001-one.patch.gz"])
def test_the_patch_that_is_attached_to_an_answer_is_one_if_there_is_no_other(name: str) -> None:
    found = taken(attached(name))
    assert adds(found) == ["one"] and found.patches[0].title == "mm: x"
    assert found.notes == (f"attached to an answer: {name}",) and found.origins[0].author == A
    thread = mail("[PATCH] mm: x", "idea", "idea").encode() + b"From x@y Mon Nov 02 2026\n" + attached(name)
    found = taken(thread)
    assert adds(found) == ["idea"]
    assert found.left_out == ('"Re: mm: x" (A Developer, 2026-11-03): only answers the series',)
    assert adds(taken(thread, pick="attached")) == ["one"]


def test_several_that_are_attached_to_one_mail_are_as_many_patches() -> None:
    found = taken(attached("0001-one.patch", "0002-two.patch"))
    assert adds(found) == ["one", "two"] and [patch.file_name(1) for patch in found.patches] != []


def test_mails_that_are_attached_to_a_mail_are_the_series() -> None:
    outer = EmailMessage()
    outer["From"], outer["Subject"] = B, "Fwd: two patches"
    outer.set_content("See below.\n")
    for number in (2, 1):
        inner = mail(f"[PATCH {number}/2] mm: {number}", f"m{number}", f"part{number}").partition("\n")[2]
        outer.add_attachment(mbox.read(inner.encode()))
    found = taken(outer.as_bytes())
    assert adds(found) == ["part1", "part2"] and found.origins[0].author == A


def test_a_diff_that_an_answer_quotes_or_has_in_itself_is_left_out() -> None:
    quoted = mail("Re: [PATCH] mm: x", "q", by=B, to="idea", body="> " + diff("no").replace("\n", "\n> ") + "\nNo.\n")
    own = mail("Re: [PATCH] mm: x", "own", "better", B, 4, to="idea")
    found = taken(mail("[PATCH] mm: x", "idea", "idea") + quoted + own)
    assert adds(found) == ["idea"]
    assert found.left_out == ('"Re: mm: x" (B Developer, 2026-11-04): only answers the series',)


MERGED = """\
The quilt patch titled
     Subject: mm/x: do less
has been removed from the -mm tree.  Its filename was
     mm-x-do-less.patch

This patch was dropped because it was merged into the mm-stable branch

------------------------------------------------------
From: A Developer <a@example.org>
Subject: mm/x: do less
Date: Mon, 2 Nov 2026 10:00:00 +0000

Words.
---

 mm/x.c |    1 +

--- a/mm/x.c~mm-x-do-less
+++ a/mm/x.c
@@ -1 +1,2 @@
 a
+merged
_

Patches currently in -mm which might be from a@example.org are

"""


@pytest.mark.parametrize(
    ("subject", "body", "title", "author"),
    [
        ("[tip: x86/mm] x86/mm: Do less", WORDS + diff("x"), "x86/mm: Do less", B),
        ("[merged mm-stable] mm-x-do-less.patch removed from -mm tree", MERGED, "mm/x: do less", A),
        ("+ mm-x-do-less.patch added to mm-unstable branch", MERGED.partition("---\n")[2], "mm/x: do less", A),
        ("[PATCH AUTOSEL 6.1 03/12] mm: do less", f"From: {A}\n\n{WORDS}{diff('x')}", "mm: do less", A),
        (
            "[PATCH 6.1 003/123] mm: do less",
            f"6.1-stable review patch.\n\n------------------\n\nFrom: {A}\n\n{diff('x')}",
            "mm: do less",
            A,
        ),
    ],
)
def test_a_patch_that_somebody_took_is_told_by_its_own_title_and_author(
    subject: str, body: str, title: str, author: str
) -> None:
    found = taken(mail(subject, "t", by=B, body=body))
    assert [patch.title for patch in found.patches] == [title]
    assert found.origins[0].author == author and found.origins[0].date == "2026-11-02"
    thread = mail("[PATCH] mm: x", "idea", "idea") + mail(subject, "t", by=B, body=body, to="idea")
    if "PATCH" not in subject:
        assert adds(taken(thread)) == ["idea"], "it says what became of the patch, and is no other"


def test_patches_of_several_stable_trees_are_several_series() -> None:
    text = "".join(mail(f"[PATCH AUTOSEL {tree} 1/1] mm: x", f"a{tree}", f"for {tree}") for tree in ("6.1", "5.15"))
    with pytest.raises(ConfigError, match="there are 2 series"):
        taken(text)
    assert adds(taken(text, pick="a5.15")) == ["for 5.15"]


def test_versions_are_known_by_title_by_thread_and_by_b4s_change_id() -> None:
    new = mail("[PATCH v2] mm: x", "n", "new", day=5)
    assert adds(taken(mail("[RFC PATCH] mm: x", "o", "old") + new)) == ["new"]
    renamed = mail("[PATCH] mm: called otherwise", "o", "old")
    assert adds(taken(renamed + mail("[PATCH v2] mm: x", "n", "new", day=5, to="o"))) == ["new"]
    with pytest.raises(ConfigError, match="there are 2 series"):
        taken(renamed + new)
    cover = "Words.\n\n---\nchange-id: 20261102-less-0123456789ab\n"
    text = ""
    for tag, name, day in (("v1", "less", 2), ("v2", "much less", 3)):
        text += mail(f"[PATCH {tag} 0/1] mm: {name}", f"c{tag}", body=cover, day=day)
        text += mail(f"[PATCH {tag} 1/1] {tag}", f"p{tag}", tag, to=f"c{tag}", day=day)
    found = taken(text)
    assert found.origins[0].title == "mm: much less" and found.origins[0].version == "v2"


def test_a_relay_and_a_second_address_are_the_same_person() -> None:
    relayed = "A Developer via B4 Relay <devnull+a.example.org@kernel.org>"
    text = mail("[PATCH] mm: x", "o", "old") + mail("[PATCH v2] mm: x", "n", "new", relayed, 5)
    assert adds(taken(text)) == ["new"]


def test_a_whole_thread_that_was_asked_for_by_a_mail_gives_its_series() -> None:
    assert adds(taken(UNRELATED, thread="u2")) == ["first", "second"]
    assert adds(taken(REROLL, thread="r2")) == ["first", "second, again"], "the newest version, as b4 does"


def test_files_of_several_series_are_all_meant() -> None:
    first, second = mail("[PATCH] mm: one", "o", "one"), mail("[PATCH] mm: two", "t", "two", B)
    found = taken(second, first)
    assert adds(found) == ["two", "one"] and [its.author for its in found.origins] == [B, A]


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-8", "windows-1252", "koi8-r", "gb18030", "iso-2022-jp"])
@pytest.mark.parametrize("encoding", ["8bit", "base64", "quoted-printable"])
def test_any_charset_becomes_that_of_the_source(charset: str, encoding: str) -> None:
    word = {"koi8-r": "мир", "gb18030": "内存", "iso-2022-jp": "日本"}.get(charset, "Jérôme")
    made = EmailMessage()
    made["From"], made["Subject"] = A, "[PATCH] mm: x"
    payload = f"{word}\n---\n{diff(word)}".encode(charset)
    encoded = {"8bit": bytes, "base64": base64.encodebytes, "quoted-printable": quopri.encodestring}
    head = made.as_bytes().rstrip() + f"\nContent-Type: text/plain; charset={charset}\n".encode()
    text = head + f"Content-Transfer-Encoding: {encoding}\n\n".encode() + encoded[encoding](payload)
    assert f"+{word}\n" in taken(text).patches[0].text


def test_a_mail_that_was_folded_for_screens_is_unfolded() -> None:
    stuffed = (f" {line}" if line[:1] in (" ", "") else line for line in diff("x").split("\n"))
    body = "Some words \ngo on.\n---\n" + "\n".join(stuffed)
    head = f"From: {A}\nSubject: [PATCH] mm: x\nContent-Type: text/plain; format=flowed\n\n"
    text = taken(head + body).patches[0].text
    assert "Some words go on.\n" in text and diff("x") in text


def in_two(content: bytes) -> bytes:
    return gzip.compress(content[:99]) + gzip.compress(content[99:])


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, in_two])
def test_a_packed_file_is_unpacked_to_its_end(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "t.mbox.packed"
    path.write_bytes(pack(REROLL.encode()))
    assert adds(read([path])) == ["first", "second, again"]


def test_a_file_of_utf_16_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.patch").write_bytes(diff("é").replace("\n", "\r\n").encode("utf-16"))
    assert read([tmp_path / "x.patch"]).patches[0].text == diff("é")


def test_an_mboxrd_gives_back_what_it_quoted() -> None:
    body = f">From the start,\n>>From afar.\n{WORDS}{diff('x')}"
    text = taken("\n" + mail("[PATCH 1/1] mm: x", "a", body=body) + mail("Re: x", "b", body="No.\n")).patches[0].text
    assert "\nFrom the start,\n>From afar.\n" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[linux-mm] [RFC PATCHv2 1/3] mm: do less", ("mm: do less", (2, 0), 1, 3, {"linux-mm"}, False, False)),
        ("[PATCH AUTOSEL 6.1 03/12] mm: x", ("mm: x", (1, 0), 3, 12, {"autosel", "6.1"}, False, False)),
        ("[tip: x86/mm] x86/mm: X", ("x86/mm: X", (0, 0), 0, 0, {"tip", "x86/mm"}, False, False)),
        ("Re: AW: [PATCH v10.1] mm: x", ("mm: x", (10, 1), 0, 0, set(), False, True)),
        ("[RESEND PATCH v2] mm: [x] y", ("mm: [x] y", (2, 0), 0, 0, set(), True, False)),
        ("mm: v2 1/3 of PATCH", ("mm: v2 1/3 of PATCH", (0, 0), 0, 0, set(), False, False)),
        ("", ("change", (0, 0), 0, 0, set(), False, False)),
    ],
)
def test_subjects_of_every_form(text: str, said: tuple[object, ...]) -> None:
    its = parsed(text)
    assert (its.title, its.version, its.number, its.total, set(its.words), its.resend, its.reply) == said


def test_a_title_that_begins_in_brackets_is_of_its_series() -> None:
    series = taken(
        mail("[PATCH 1/3] mm: one", "1@x", "one"), mail("[PATCH 2/3] [media] two", "2@x", "two", to="1@x"),
        mail("[PATCH 3/3] mm: three", "3@x", "three", to="1@x"),
    )  # fmt: skip
    assert adds(series) == ["one", "two", "three"] and not series.notes
    assert parsed("[PATCH 2/3] [media] two").title == "[media] two"
    assert parsed("[linux-mm] [RFC PATCHv2][RESEND][1/3] mm: do less").title == "mm: do less"
