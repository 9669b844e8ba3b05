# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs that tell: report with its options, b4-check."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import ConfigError
from orchestrator.series import diff
from tests.unit import conftest as reports
from tests.unit.conftest import DIFF, call, four, run_folder

MAIL = f"""\
From: A <a@example.org>
Subject: [PATCH] one
Message-Id: <1@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Words =E2=80=94 and a table:
--- not a diff

---
 mm/memory.c | 3 ++-

{DIFF.replace("=", "=3D").replace("@@ -10,3 +10,4 @@", "@@ -99,3 +99,4 @@")}-- =20
2.39.5
"""


@pytest.mark.parametrize(
    "format", ["terminal", "markdown", "json", "mail", "html", "junit", "ktap", "kcidb", "b4check"]
)
def test_the_exit_code_is_the_runs_whatever_the_format(tmp_path: Path, format: str) -> None:
    run_folder(tmp_path / "good", *four())
    run_folder(tmp_path / "bad", *four(reports.failed("s390x", "patched")))
    out = tmp_path / "file"
    assert call("report", tmp_path / "good", "-f", format)[0] == 0
    assert call("report", tmp_path / "bad", "-f", format, "-o", out) == (3, "")
    assert "panic" in out.read_text()
    assert call("report", tmp_path / "bad", "-f", format, "--arch", "aarch64")[0] == 0


@pytest.mark.parametrize("format", ["terminal", "markdown"])
def test_what_is_not_as_expected_is_told_with_its_figures(tmp_path: Path, format: str) -> None:
    twice = reports.cell("s390x", "patched", {**reports.NEW, "pgfault": 204800.0})
    run_folder(tmp_path / "run", *four(twice))
    code, text = call("report", tmp_path / "run", "-f", format)
    assert code == 1 and "NOT as expected: s390x shmem-write pgfault, patched: 2, expected 1 [C1 C12]" in text
    assert "NOT as expected: aarch64" not in text


def test_a_check_that_found_a_patch_worse_stays_1_in_every_report(tmp_path: Path) -> None:
    slow = {**reports.NEW, "time": reports.BASE["time"] * 1.01}
    cells = [reports.cell("aarch64", *kernel) for kernel in (("unpatched", reports.BASE), ("patched", slow))]
    for kind, code in (("check", 1), ("run", 0)):
        folder = run_folder(tmp_path / kind, *cells, *four()[2:])
        folder.write_json("run.json", {"id": kind, "started": 1.0, "kind": kind})
        expects_nothing = {**folder.read_json("plan.json"), "expectations": {}}
        folder.write_json("plan.json", expects_nothing)
        assert call("report", tmp_path / kind, "-f", "mail")[0] == code
        assert call("report", tmp_path / kind, "-f", "junit", "--arch", "s390x")[0] == 0


def test_an_unknown_format_arch_or_a_reply_that_is_no_mail(tmp_path: Path) -> None:
    run_folder(tmp_path / "run", *four())
    with pytest.raises(ConfigError, match="unknown format 'mial'; Did you mean mail"):
        call("report", tmp_path / "run", "-f", "mial")
    with pytest.raises(ConfigError, match="unknown architecture"):
        call("report", tmp_path / "run", "-a", "s390")
    with pytest.raises(ConfigError, match="makes a mail"):
        call("report", tmp_path / "run", "-f", "html", "--in-reply-to", tmp_path / "x")
    with pytest.raises(ConfigError, match="No such file"):
        call("report", tmp_path / "run", "-f", "mail", "--in-reply-to", tmp_path / "x")


def test_the_mail_tells_how_to_do_it_again_without_paths_of_here(tmp_path: Path) -> None:
    run_folder(tmp_path / "run", *four())
    (tmp_path / "patch.eml").write_text(MAIL)
    code, text = call("report", tmp_path / "run", "-f", "mail", "--in-reply-to", tmp_path / "patch.eml")
    assert code == 0 and "\n  kmatrix run --config matrix.yaml --boots 2\n" in text
    assert "In-Reply-To: <1@example.org>\n" in text and "Subject: Re: [PATCH] one\n" in text
    assert str(tmp_path) not in text


def test_b4_is_answered_from_the_newest_run_of_each_arch_that_had_the_patch(tmp_path: Path) -> None:
    run_folder(tmp_path / "a" / "old", *four(reports.failed("s390x", "patched")))
    assert {e["tool"]: e["status"] for e in checked(tmp_path / "a")} == {
        "kmatrix-aarch64": "pass",
        "kmatrix-s390x": "fail",
    }
    run_folder(tmp_path / "a" / "new", *four())
    os.utime(tmp_path / "a/old/matrix.json", (1, 1))
    assert {e["status"] for e in checked(tmp_path / "a")} == {"pass"}
    assert {e["status"] for e in checked(tmp_path / "a" / "old")} == {"pass", "fail"}


def test_b4_is_told_nothing_of_another_patch_a_cover_letter_or_a_run_that_goes_on(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "runs" / "one", *four())
    assert checked(tmp_path / "runs", MAIL.replace("int b;", "int c;")) == []
    assert checked(tmp_path / "runs", MAIL.split("@@")[0]) == []
    assert checked(tmp_path / "none") == []
    assert checked(tmp_path / "runs") != []
    (folder.path / "matrix.json").unlink()
    assert checked(tmp_path / "runs") == []


def checked(runs: Path, mail: str = MAIL) -> list[dict[str, str]]:
    code, text = call("b4-check", "--runs", runs, stdin=mail)
    assert code == 0
    found: list[dict[str, str]] = json.loads(text)
    return found


def test_a_base_that_has_the_patch_too_says_nothing_of_it(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *four())
    kept = folder.read_json("plan.json")
    folder.write_json("plan.json", {**kept, "diffs": dict.fromkeys(kept["diffs"], kept["diffs"]["patched"])})
    assert checked(tmp_path / "run") == []


def test_one_change_has_one_id_wherever_it_is_read() -> None:
    [one] = diff.ids(DIFF)
    assert diff.ids(
        "From " + "0" * 40 + " Mon\nSubject: x\n\n" + DIFF + "-- \n2.1\n\nFrom " + "1" * 40 + " Mon\n\nno diff\n"
    ) == [one]
    assert diff.identity(DIFF.replace("\t", "    ").replace("@@ -10,3 +10,4 @@", "@@ -1,3 +1,4 @@")) == one
    assert diff.identity(DIFF.replace("a/mm", "old/mm").replace("b/mm", "new/mm")) == one
    other = DIFF.replace("memory.c", "mmap.c")
    assert diff.identity(other) != one and diff.identity(DIFF + other) == diff.identity(other + DIFF)
    assert diff.identity(DIFF.replace("= 1", "= 2")) != one
    assert diff.identity("--- a\n+++ b\n") == ""


def test_what_did_not_pass_is_no_clean_run(tmp_path: Path) -> None:
    run_folder(tmp_path / "run", *[replace(cell, boots=()) for cell in four()])
    code, text = call("report", tmp_path / "run", "-f", "mail")
    assert code == 0 and "Tested-by" not in text and "nothing was measured" in text
