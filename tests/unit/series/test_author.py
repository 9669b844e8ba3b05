# SPDX-License-Identifier: GPL-2.0-or-later
"""What mails say of the source that their author had."""

from __future__ import annotations

import pytest

from orchestrator.series import author
from orchestrator.series.letters import Patch
from orchestrator.series.series import Origin, Series, from_mails

OLD, NEW, NONE = "47e89cf37062", "d3805b95c21b", "000000000000"
HUNK = "@@ -1 +1,2 @@\n a\n+b\n"


def section(name: str, index: str = f"{OLD}..{NEW}", head: str = "", old: str = "", body: str = HUNK) -> str:
    before = old or f"a/{name}"
    return f"diff --git a/{name} b/{name}\n{head}index {index} 100644\n--- {before}\n+++ b/{name}\n{body}"


def of(*texts: str, cover: str = "") -> author.Author:
    patches = tuple(Patch(f"p{i}", text) for i, text in enumerate(texts, 1))
    return author.of(Series(patches, origins=(Origin("x", cover=cover),)))


@pytest.mark.parametrize(
    ("text", "blobs"),
    [
        (section("mm/a.c"), {"mm/a.c": OLD}),
        (section("mm/a.c", "1" * 40 + ".." + "2" * 40), {"mm/a.c": "1" * 40}),
        (section("mm/a.c", f"{NONE}..{NEW}", "new file mode 100644\n", "/dev/null"), {"mm/a.c": author.ABSENT}),
        (section("mm/a.c", f"{OLD}..{NONE}"), {"mm/a.c": OLD}),
        (section("mm/a.c", f"{NONE}..{NONE}"), {}),  # the hunks are right, only the index line is not
        (section("mm/b.c", head="similarity index 90%\nrename from mm/a.c\nrename to mm/b.c\n"), {"mm/a.c": OLD}),
        (f"diff --git a/mm/a.c b/mm/a.c\ndeleted file mode 100644\nindex {OLD}..{NONE}\n--- a/mm/a.c\n+++ /dev/null\n"
         "@@ -1 +0,0 @@\n-a\n", {"mm/a.c": OLD}),
        (f"diff --git a/mm/a.c b/mm/a.c\nindex {OLD}..{NEW}\nGIT binary patch\nliteral 3\n", {"mm/a.c": OLD}),
        ("--- a/mm/a.c\n+++ b/mm/a.c\n" + HUNK, {}),
        ("words\n  diff --git a/x b/x\n  index 1111111..2222222\n" + section("mm/a.c"), {"mm/a.c": OLD}),
        (section("mm/a.c", body="@@ -1 +1,2 @@\n a\n+index 1111111..2222222 100644\n"), {"mm/a.c": OLD}),
        ("old mode 100644\n", {}),
    ],
)  # fmt: skip
def test_index_lines_name_the_files_that_the_author_had(text: str, blobs: dict[str, str]) -> None:
    assert of(text).blobs == blobs


def test_of_a_file_that_several_patches_change_the_first_counts() -> None:
    second = section("mm/a.c", f"{NEW}..1234567") + section("mm/b.c", "7654321..1234567")
    assert of(section("mm/a.c"), second).blobs == {"mm/a.c": OLD, "mm/b.c": "7654321"}
    made = section("mm/a.c", f"{NONE}..{NEW}", "new file mode 100644\n", "/dev/null")
    assert of(made, second).blobs == {"mm/a.c": author.ABSENT, "mm/b.c": "7654321"}
    unknown = "--- a/mm/a.c\n+++ b/mm/a.c\n" + HUNK
    assert of(unknown, second).blobs == {"mm/b.c": "7654321"}, "what the first one found is not known"


def test_bases_and_prerequisites_are_named_in_the_patch_or_in_the_cover_letter() -> None:
    trailer = f"\nbase-commit: {'1' * 40}\nprerequisite-patch-id: {'2' * 40}\nprerequisite-patch-id: {'3' * 40}\n"
    trailer += "prerequisite-message-id: <one@example.org>\n-- \n2.39\n"
    patch = section("mm/a.c")
    for words in (f"Subject: [PATCH] a\n\nwords\n---\n{patch}{trailer}", None):
        mails = [words] if words else [f"Subject: [PATCH 0/1] a\n\n{trailer}", f"Subject: [PATCH 1/1] a\n\n{patch}"]
        found = author.of(from_mails([mail.encode() for mail in mails]))
        assert found.base == "1" * 40 and found.patch_ids == ("2" * 40, "3" * 40)
        assert found.messages == ("one@example.org",) and found.blobs == {"mm/a.c": OLD}


@pytest.mark.parametrize(
    ("brackets", "tree"),
    [
        ("[PATCH]", ""), ("[PATCH v2 1/3]", ""), ("[RFC PATCHv2 01/12]", ""), ("[PATCH RESEND 2/3]", ""),
        ("[PATCH mm-unstable v2 1/3]", "mm-unstable"), ("[PATCH v2 mm-new 1/3]", "mm-new"),
        ("[PATCH -next]", "next"), ("[linux-mm] [PATCH mm-stable]", "mm-stable"), ("[PATCH 6.1.y 3/9]", "6.1.y"),
        ("[tip: x86/mm]", ""),
    ],
)  # fmt: skip
def test_the_subject_may_name_the_tree(brackets: str, tree: str) -> None:
    mail = f"Subject: {brackets} mm: do less\n\n{section('mm/a.c')}"
    assert author.of(from_mails([mail.encode()])).tree == tree


def test_names_that_lead_elsewhere_and_halves_of_lines_are_only_names() -> None:
    assert of(section("../../etc/passwd")).blobs == {"../../etc/passwd": OLD}
    assert of("diff --git a/x b/x\nindex").blobs == {} and of("").blobs == {}
    for name in ("a\0b", "x" * 5000):
        assert of(section(name)).blobs == {}
