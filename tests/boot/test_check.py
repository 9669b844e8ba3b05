# SPDX-License-Identifier: GPL-2.0-or-later
"""kmatrix check on real guests: which patch of a series did it, and what does not apply."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.boot.conftest import HERE, ROOT, Done, Kmatrix

EXPLAIN = """\
--- a/mm/{0}.c
+++ b/mm/{0}.c
@@ -1,3 +1,4 @@
 // SPDX-License-Identifier: GPL-2.0-only
+/* a comment more */
 /*
  * {1}mm/{0}.c
"""


def mbox(folder: Path) -> Path:
    """Three patches, the second of which slows shared write faults, a cover letter and a reply."""
    slow = (HERE / "patches/nop-20.patch").read_text()
    parts = [
        ("[PATCH 0/3] mm: three changes", "words"),
        ("[PATCH 1/3] mm: explain mmap", EXPLAIN.format("mmap", "")),
        ("[PATCH 2/3] mm: do more in each shared fault", slow),
        ("[PATCH 3/3] mm: explain filemap", EXPLAIN.format("filemap", "\tlinux/").replace(" * \t", " *\t")),
        ("Re: [PATCH 2/3] mm: do more in each shared fault", "No."),
    ]
    path = folder / "series.mbox"
    head = "From 0123456789abcdef Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\n"
    path.write_text("".join(f"{head}Subject: {subject}\n\n{body}\n" for subject, body in parts))
    return path


def check(kmatrix: Kmatrix, *arguments: str | Path) -> Done:
    return kmatrix("check", *arguments, "--out", kmatrix.folder / "run")


def test_each_names_the_patch_that_did_it(seed: Done, kmatrix: Kmatrix) -> None:
    config = kmatrix.matrix((ROOT / "matrix.yaml").read_text().replace("  boots: 2 ", "  boots: 1 "))
    (kmatrix.folder / "images").symlink_to(ROOT / "images")
    done = check(kmatrix, mbox(kmatrix.folder), "--each", "--config", config)
    assert done.code == 1, done.out + done.err
    for arch in ("x86_64", "aarch64", "s390x"):
        mine = [r for r in done.json()["comparisons"] if (r["arch"], r["metric"]) == (arch, "time")]
        times = {(r["base"], r["new"]): r for r in mine}
        steps = {new: row["verdict"] for (_, new), row in times.items()}
        assert steps == {"patched-1": "same", "patched-2": "worse", "patched-3": "same", "patched": "worse"}, arch
        size = times["patched-1", "patched-2"]["per_unit_new"] - times["patched-1", "patched-2"]["per_unit_base"]
        assert abs(size - 20) < 0.2
        assert f'worse: patch 2/3 "mm: do more in each shared fault": {arch} shmem-write time +' in done.out
    assert not done.json()["expectations"], "those of the shipped workloads are about other kernels"


def test_what_does_not_apply_is_said_first_and_nothing_is_built(seed: Done, kmatrix: Kmatrix) -> None:
    done = check(kmatrix, HERE / "patches/no-apply.patch", "--arch", "aarch64")
    assert done.code == 3, done.out + done.err
    assert "applies to debian-6.1: no: " in done.out.splitlines()[0] and "first answer" not in done.out
    assert {cell["status"] for cell in done.json()["cells"]} == {"build_failed"}


@pytest.mark.parametrize(
    "patch, breaks, first, sentence, evidence",
    [
        (
            "s390-only",
            ["s390x"],
            "builds and boots on x86_64 and aarch64; does not build on s390x",
            "patched does not build on s390x",
            "no_such_name",
        ),
        (
            "panics",
            ["x86_64", "aarch64", "s390x"],
            "builds and does not boot on x86_64, aarch64 and s390x",
            "patched breaks on x86_64, aarch64 and s390x (panic)",
            "panic at boot",
        ),
        (
            "oopses-arm64",
            ["aarch64"],
            "builds and boots on x86_64, aarch64 and s390x",
            "patched breaks on aarch64 (oops)",
            "shmem_fault",
        ),
    ],
)
def test_a_reply_says_what_breaks_where_and_measures_the_rest(
    seed: Done, kmatrix: Kmatrix, patch: str, breaks: list[str], first: str, sentence: str, evidence: str
) -> None:
    done = check(kmatrix, HERE / f"patches/{patch}.patch")
    assert done.code == 3, done.out + done.err
    assert [row.endswith(f" s  first answer: {first}") for row in done.out.splitlines() if "first answer" in row] == [
        True
    ]
    cells = done.json()["cells"]
    assert {c["arch"] for c in cells if c["status"] != "passed"} == set(breaks)
    assert {c["kernel"] for c in cells if c["status"] != "passed"} == {"patched"}
    compared = {row["arch"] for row in done.json()["comparisons"]}
    assert compared == {c["arch"] for c in cells} - set(breaks)
    mail = kmatrix("report", done.folder, "--format", "mail")
    assert mail.code == done.code
    assert sentence in " ".join(mail.out.split()) and evidence in mail.out
    assert "Tested-by" not in mail.out and max(map(len, mail.out.splitlines())) <= 75


def test_what_is_no_patch_is_told(kmatrix: Kmatrix, tmp_path: Path) -> None:
    for words, said in (
        ([tmp_path / "nowhere.patch"], "no such file"),
        ([HERE / "conftest.py"], "there is no patch in it"),
        (["a..b", "--tree", tmp_path], "git merge-base in"),
        ([HERE / "patches/nop-1.patch", "--arch", "vax"], "unknown arch 'vax'"),
        ([HERE / "patches/nop-1.patch", "--base", "nothing"], "unknown source 'nothing'"),
    ):
        done = check(kmatrix, *words)
        assert done.code == 2 and said in done.err, done.err


def test_a_git_range_without_commits_is_told(tmp_path: Path, kmatrix: Kmatrix) -> None:
    """Before any guest."""

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True)

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "one")
    done = check(kmatrix, "HEAD..HEAD", "--tree", tmp_path)
    assert done.code == 2 and "has no commit" in done.err
