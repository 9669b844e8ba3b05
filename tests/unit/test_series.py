# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches as people send them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from orchestrator.errors import ConfigError
from orchestrator.series import read

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
    assert parsed(tmp_path, DIFF.format("x")) == ["change"]
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
        (mail("[PATCH 1/1] a", DIFF.format("a")) * 2, "patch 1/1 is there more than once"),
        (mail("[PATCH 0/1] a", "words"), "there is no patch in it"),
        ("", "there is no patch in it"),
    ],
)
def test_what_is_no_whole_series_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parsed(tmp_path, text)
