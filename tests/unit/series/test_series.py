# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches as people send them."""

from __future__ import annotations

import base64
import gzip
import quopri
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import ConfigError
from orchestrator.series import mbox
from orchestrator.series.series import Series, from_mails, read

DIFF = "--- a/mm/{0}.c\n+++ b/mm/{0}.c\n@@ -1 +1,2 @@\n a\n+{0}\n"


def mail(subject: str, body: str, headers: str = "") -> str:
    head = "From 0123456789abcdef Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>"
    return f"{head}\nSubject: {subject}\n{headers}\n{body}\n"


def parsed(tmp_path: Path, *texts: str) -> list[str]:
    for i, text in enumerate(texts):
        (tmp_path / f"{i}.mbox").write_text(text)
    return [patch.title for patch in read(tmp_path / f"{i}.mbox" for i in range(len(texts))).patches]


THREAD = (
    mail("[PATCH v2 0/2] mm: two changes", "A cover letter.\n\nbase-commit: 0123456789ab\n")
    + mail("[PATCH v2 2/2] mm: second", DIFF.format("two"))
    + mail("Re: [PATCH v2 1/2] mm: first", "> " + DIFF.format("one").replace("\n", "\n> "))
    + mail("Re: [PATCH v2 1/2] mm: better so", DIFF.format("reply"))
    + mail("[PATCH v2 1/2] mm: first", DIFF.format("one"))
    + mail("[PATCH 1/1] mm: an older one", DIFF.format("old"))
)


def test_a_thread_is_its_newest_series_in_order(tmp_path: Path) -> None:
    assert parsed(tmp_path, THREAD) == ["mm: first", "mm: second"]
    assert read([tmp_path / "0.mbox"]).base == "0123456789ab"


def test_files_of_format_patch_may_come_in_any_order(tmp_path: Path) -> None:
    second, first = (mail(f"[PATCH {n}/2] {n}", DIFF.format(n)) for n in (2, 1))
    assert parsed(tmp_path, second, first) == ["1", "2"]


def test_a_plain_diff_is_a_patch(tmp_path: Path) -> None:
    assert parsed(tmp_path, DIFF.format("x")) == ["0"], "which is the file's name"
    assert parsed(tmp_path, "mm: words before it\n\n" + DIFF.format("x")) == ["mm: words before it"]


def test_a_mail_is_decoded(tmp_path: Path) -> None:
    body = base64.b64encode(DIFF.format("x").encode()).decode()
    text = mail("=?utf-8?q?=5BPATCH=5D_mm=3A_=C3=BC?=", body, "Content-Transfer-Encoding: base64\n")
    (tmp_path / "a.mbox").write_text(text)
    patch = read([tmp_path / "a.mbox"]).patches[0]
    assert patch.title == "mm: ü" and DIFF.format("x") in patch.text


def test_file_names_are_those_of_git(tmp_path: Path) -> None:
    (tmp_path / "a.mbox").write_text(mail("[PATCH] mm/shmem: do less (../../etc)", DIFF.format("x")))
    assert read([tmp_path / "a.mbox"]).patches[0].file_name(2) == "0002-mm-shmem-do-less-..-..-etc.patch"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (mail("[PATCH 1/3] a", DIFF.format("a")) + mail("[PATCH 3/3] c", DIFF.format("c")), "patch 2/3 is missing"),
        (
            mail("[PATCH 1/1] a", DIFF.format("a")) + mail("[PATCH 1/1] a", DIFF.format("b")),
            "patch 1/1 is there more than once",
        ),
        (mail("[PATCH 0/1] a", "words"), "there is no patch in it"),
        ("", "there is no patch in it"),
    ],
)
def test_what_is_no_whole_series_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parsed(tmp_path, text)


def of(*texts: str | bytes) -> Series:
    """Each text is a file."""
    return from_mails(text.encode() if isinstance(text, str) else text for text in texts)


def titles(*texts: str | bytes) -> list[str]:
    return [patch.title for patch in of(*texts).patches]


FOREIGN = '--- a/mm/hmm.c\n+++ b/mm/hmm.c\n@@ -1 +1,2 @@\n /* Jérôme – 日本 */\n+"é"\n'


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "8bit": bytes,
    "quoted-printable": quopri.encodestring,
    "base64": base64.encodebytes,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_letters_beyond_ascii_stay_what_they_are(encoding: str) -> None:
    encode = ENCODINGS[encoding]
    headers = f"Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: {encoding}\n"
    patch = of(mail("[PATCH] mm: ü", "", headers).encode().rstrip() + b"\n\n" + encode(FOREIGN.encode())).patches[0]
    assert patch.title == "mm: ü" and FOREIGN in patch.text


def test_bytes_that_are_no_utf8_are_kept() -> None:
    text = mail("[PATCH] x", FOREIGN).encode("latin-1", errors="replace")
    assert FOREIGN.encode("latin-1", errors="replace") in of(text).patches[0].text.encode(errors="surrogateescape")


@pytest.mark.parametrize("disposition", ["attachment", "inline"])
def test_a_patch_may_be_attached(disposition: str) -> None:
    """As git format-patch --attach and --inline have it."""
    body = f"""\
--------------2.39.5
Content-Type: text/plain; charset=UTF-8; format=fixed
Content-Transfer-Encoding: 8bit

Words.
---
--------------2.39.5
Content-Type: text/x-patch; name="0001-x.patch"
Content-Transfer-Encoding: 8bit
Content-Disposition: {disposition}; filename="0001-x.patch"

{FOREIGN}
--------------2.39.5--
"""
    headers = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="------------2.39.5"\n'
    patch = of(mail("[PATCH 1/1] x", body, headers)).patches[0]
    assert FOREIGN in patch.text and "Words." in patch.text


def test_of_a_mail_in_two_forms_the_plain_one_is_read() -> None:
    body = "--B\nContent-Type: text/plain\n\n" + DIFF.format("x")
    body += "\n--B\nContent-Type: text/html\n\n<p>\n--B--\n"
    text = of(mail("[PATCH] a", body, "Content-Type: multipart/alternative; boundary=B\n")).patches[0].text
    assert DIFF.format("x") in text and "<p>" not in text


def test_a_cover_letter_with_an_interdiff_is_no_patch() -> None:
    cover = mail("[PATCH v2 0/1] x", "Interdiff against v1:\n" + DIFF.format("old"))
    assert titles(cover, mail("[PATCH v2 1/1] x", DIFF.format("x"))) == ["x"]


@pytest.mark.parametrize(
    "tags",
    [
        "[PATCH v2 {}/2]",
        "[PATCHv2 {}/2]",
        "[PATCH V2 {}/2]",
        "[RFC v2 {}/2]",
        "[rfc patch v2 0{}/02]",
        "[linux-mm] [PATCH v2 {}/2]",
        "[RFC][PATCH v2 {}/2]",
        "[PATCH][v2 {}/2]",
        "[PATCH 5.10/5.15 v2 {}/2]",
        "[mm-unstable v2 {}/2]",
    ],
)
def test_tags_of_every_form(tags: str) -> None:
    second, first, older = (mail(f"{tags.format(n)} mm: {n}", DIFF.format(n)) for n in (2, 1, 2))
    older = older.replace("v2", "").replace("V2", "")
    assert titles(second + first + older) == ["mm: 1", "mm: 2"]
    with pytest.raises(ConfigError, match="patch 1/2 is missing"):
        of(second + mail("Re: mm: 2", "words"))


@pytest.mark.parametrize(
    "answer", ["[tip: x86/mm] mm: x", "Antw: [PATCH] mm: x", "+ mm-x.patch added to mm-unstable"]
)
def test_an_answer_with_a_diff_is_no_patch_of_the_thread(answer: str) -> None:
    assert titles(mail("[PATCH] mm: x", DIFF.format("x")) + mail(answer, DIFF.format("x"))) == ["mm: x"]


def test_files_without_a_tag_are_patches_beside_others() -> None:
    tagged, untagged = mail("[PATCH v3 1/1] a", DIFF.format("a")), mail("b", DIFF.format("b"))
    assert titles(tagged, untagged, DIFF.format("c")) == ["a", "b", "change"]


def test_lines_may_end_as_on_windows() -> None:
    series = [mail(f"[PATCH {n}/2] {n}", DIFF.format(n) + "\nbase-commit: 0123456789ab") for n in (2, 1)]
    crlf = [text.replace("\n", "\r\n") for text in series]
    assert mails_of(*crlf) == of(*series)
    assert mails_of("".join(crlf)) == of("".join(series))
    assert mails_of(DIFF.format("x").replace("\n", "\r\n")) == of(DIFF.format("x"))


def mails_of(*texts: str) -> Series:
    return of(*(mbox.lines(text.encode()) for text in texts))


def quoted(text: bytes) -> bytes:
    """Quoted-printable, as git has it; quopri takes a CR before LF for the line's end."""
    return quopri.encodestring(text.replace(b"\r", b"\1")).replace(b"=01", b"=0D")


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64"])
def test_a_cr_of_the_file_that_is_changed_stays(encoding: str) -> None:
    changed = DIFF.format("x").replace(" a\n+x\n", " a\r\n+x\r\n")
    encode = quoted if encoding == "quoted-printable" else base64.encodebytes
    head = mail("[PATCH] x", "", f"Content-Transfer-Encoding: {encoding}\n").rstrip() + "\n\n"
    for body in (changed, changed.replace("\n", "\r\n")):  # some mailers end the lines of what they encode so
        assert changed in of(head + encode(body.encode()).decode()).patches[0].text
    assert (
        changed in mails_of(changed).patches[0].text
        and changed in mails_of(mail("[PATCH] x", changed)).patches[0].text
    )


@pytest.mark.parametrize("what", ["old mode 100644\nnew mode 100755", "new file mode 100644\nindex 0000000..e69de29"])
def test_changes_without_lines_are_patches(what: str) -> None:
    diff = f"diff --git a/mm/x.sh b/mm/x.sh\n{what}\n"
    assert titles(mail("[PATCH 2/2] b", diff), mail("[PATCH 1/2] a", DIFF.format("a"))) == ["a", "b"]


def test_what_the_words_quote_is_no_diff() -> None:
    quoted = "  " + DIFF.format("x").replace("\n", "\n  ")
    with pytest.raises(ConfigError, match="there is no patch in it"):
        of(mail("[PATCH] x", quoted))


def test_the_base_is_that_of_the_series_that_is_taken(tmp_path: Path) -> None:
    new, old = (DIFF.format("x") + f"\nbase-commit: {digit * 12}\n" for digit in "21")
    assert of(mail("[PATCH v2] x", new) + mail("[PATCH] x", old)).base == "2" * 12
    assert of(mail("[PATCH v2] x", DIFF.format("x")) + mail("[PATCH] x", old)).base == ""
    assert of(mail("[PATCH] x", new) + mail("Re: [PATCH] x", old)).base == "2" * 12
    encoded = base64.encodebytes(new.encode()).decode()
    assert of(mail("[PATCH] x", encoded, "Content-Transfer-Encoding: base64\n")).base == "2" * 12
    assert of(DIFF.format("x") + "\nbase-commit: 0123456789ab\n").base == "0123456789ab"


def test_an_archives_compressed_thread_is_read(tmp_path: Path) -> None:
    packed = gzip.compress(THREAD.encode())
    (tmp_path / "t.mbox.gz").write_bytes(packed)
    assert [patch.title for patch in read([tmp_path / "t.mbox.gz"]).patches] == ["mm: first", "mm: second"]
    for broken, said in ((packed[:-20], "ends in the middle"), (packed[:2] + b"no" * 99, "is not the gzip file")):
        (tmp_path / "broken").write_bytes(broken)
        with pytest.raises(ConfigError, match=said):
            read([tmp_path / "broken"])


def test_what_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mbox, "LARGEST", 1 << 20)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(2 << 20)))
    with pytest.raises(ConfigError, match="unpacks to more than 1 MiB"):
        read([tmp_path / "bomb.gz"])
