# SPDX-License-Identifier: GPL-2.0-or-later
"""kmatrix check on real guests: which patch of a series did it, and what does not apply."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.boot.conftest import EVERYWHERE, HERE, LAB, Done, Kmatrix

NIGHT = pytest.mark.night
FAULTS = LAB.replace("[shmem-light]", "[faults]")  # one pass: of shared write faults
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
    slow = (HERE / "patches/lab.patch").read_text()
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


def check(kmatrix: Kmatrix, *arguments: str | Path, text: str = EVERYWHERE) -> Done:
    """Of workloads that take a moment."""
    return kmatrix("check", *arguments, "--config", kmatrix.matrix(text), "--out", kmatrix.folder / "run")


@pytest.mark.parametrize("arch", ["aarch64", pytest.param("x86_64", marks=NIGHT), pytest.param("s390x", marks=NIGHT)])
def test_each_names_the_patch_that_did_it(ready: None, kmatrix: Kmatrix, arch: str) -> None:
    done = check(kmatrix, mbox(kmatrix.folder), "--each", "--arch", arch, text=FAULTS)
    assert done.code == 1, done.out + done.err
    times = {(r["base"], r["new"]): r for r in done.json()["comparisons"] if r["metric"] == "time"}
    steps = {new: row["verdict"] for (_, new), row in times.items()}
    assert steps == {"patched-1": "same", "patched-2": "worse", "patched-3": "same", "patched": "worse"}
    size = times["patched-1", "patched-2"]["per_unit_new"] - times["patched-1", "patched-2"]["per_unit_base"]
    assert abs(size - 7) < 0.2
    assert f'worse: patch 2/3 "mm: do more in each shared fault": {arch} faults time +' in done.out


def test_what_does_not_apply_is_said_first_and_nothing_is_built(ready: None, kmatrix: Kmatrix) -> None:
    """With the shipped matrix, whose workloads expect what is about other kernels."""
    out = kmatrix.folder / "run"
    done = kmatrix("check", HERE / "patches/no-apply.patch", "--arch", "aarch64", "--out", out)
    assert done.code == 3, done.out + done.err
    assert "applies to debian-6.1: no: " in done.out.splitlines()[0] and "first answer" not in done.out
    assert {cell["status"] for cell in done.json()["cells"]} == {"build_failed"}
    assert not any(done.json("plan.json")["expectations"].values())


def told(kmatrix: Kmatrix, patch: str, breaks: list[str], *arguments: str) -> tuple[str, str]:
    """Check a patch that breaks there and not elsewhere: its first answer, and the reply."""
    done = check(kmatrix, HERE / f"patches/{patch}.patch", *arguments)
    assert done.code == 3, done.out + done.err
    [first] = [row.partition(" s  first answer: ")[2] for row in done.out.splitlines() if "first answer" in row]
    cells = done.json()["cells"]
    assert {c["arch"] for c in cells if c["status"] != "passed"} == set(breaks)
    assert {c["kernel"] for c in cells if c["status"] != "passed"} == {"patched"}
    assert {row["arch"] for row in done.json()["comparisons"]} == {c["arch"] for c in cells} - set(breaks)
    mail = kmatrix("report", done.folder, "--format", "mail")
    assert mail.code == done.code
    assert "Tested-by" not in mail.out and max(map(len, mail.out.splitlines())) <= 75
    return first, mail.out


def test_a_reply_says_what_breaks_where_and_measures_the_rest(ready: None, kmatrix: Kmatrix) -> None:
    """One patch, three fates."""
    first, mail = told(kmatrix, "uneven", ["s390x", "aarch64"])
    assert first == "builds and boots on x86_64 and aarch64; does not build on s390x"
    words = " ".join(mail.split())
    assert "patched does not build on s390x" in words and "patched breaks on aarch64 (oops)" in words
    assert "no_such_name" in mail and "shmem_fault" in mail


def test_a_kernel_that_does_not_boot_is_the_first_answer(ready: None, kmatrix: Kmatrix) -> None:
    first, mail = told(kmatrix, "panics", ["aarch64"], "--arch", "aarch64")
    assert first == "builds and does not boot on aarch64"
    assert "patched breaks on aarch64 (panic)" in " ".join(mail.split()) and "panic at boot" in mail


@pytest.mark.night
@pytest.mark.parametrize(
    ("patch", "breaks", "first", "sentence", "evidence"),
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
def test_each_fate_alone_everywhere(
    ready: None, kmatrix: Kmatrix, patch: str, breaks: list[str], first: str, sentence: str, evidence: str
) -> None:
    answer, mail = told(kmatrix, patch, breaks)
    assert answer == first
    assert sentence in " ".join(mail.split()) and evidence in mail


def test_what_is_no_patch_is_told(kmatrix: Kmatrix, tmp_path: Path) -> None:
    for words, said in (
        ([tmp_path / "nowhere.patch"], "no such file"),
        ([HERE / "conftest.py"], "there is no patch in it"),
        (["a..b", "--tree", tmp_path], "git merge-base in"),
        ([HERE / "patches/nop-1.patch", "--arch", "vax"], "unknown arch 'vax'"),
        ([HERE / "patches/nop-1.patch", "--base", "nothing"], "unknown source 'nothing'"),
    ):
        done = kmatrix("check", *words)
        assert done.code == 2 and said in done.err, done.err


def test_a_git_range_without_commits_is_told(tmp_path: Path, kmatrix: Kmatrix) -> None:
    """Before any guest."""

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True)

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "one")
    done = kmatrix("check", "HEAD..HEAD", "--tree", tmp_path)
    assert done.code == 2 and "has no commit" in done.err
