# SPDX-License-Identifier: GPL-2.0-or-later
"""The reply: its width and words, what it offers to sign, where it threads."""

from __future__ import annotations

import email
import os
import re
import subprocess
from collections.abc import Callable
from email.policy import default
from pathlib import Path

import pytest

from orchestrator.analyse.contract import MatrixReport
from orchestrator.analyse.slice import sliced
from orchestrator.errors import ConfigError
from orchestrator.report import Telling, mail
from orchestrator.report.parts import eml
from orchestrator.report.parts.evidence import excerpt
from orchestrator.report.parts.paper import WIDTH, folded
from orchestrator.report.parts.rows import limits
from orchestrator.report.parts.signoff import NOBODY
from orchestrator.runs.run import Run
from orchestrator.series import mbox
from tests.unit import conftest as reports

GOLDEN = Path(__file__).parent / "golden"
BOTH = "patched against unpatched: shmem-write.time is"
PATCH_MAIL = """\
Date: Thu, 05 May 2022 17:17:48 -0400
From: Peter Xu <peterx@example.com>
To: linux-kernel@example.org, me@example.net
Cc: =?utf-8?q?J=C3=A9r=C3=B4me?= <j@example.com>, "Doe, Jane" <PETERX@example.com>
Subject: [PATCH v2 1/2] mm: Avoid unnecessary page fault retires on shared
 memory types
Message-Id: <one@example.com>
In-Reply-To: <cover@example.com>

From the body.
"""


@pytest.mark.parametrize("name", reports.ALL)
@pytest.mark.parametrize("signer", ["", "A. Person " + "with a long name " * 5 + "<person@example.org>"])
def test_plain_ascii_of_75_columns_that_no_mbox_tears_apart(name: str, signer: str) -> None:
    text = mail.RENDER(
        Run(reports.ALL[name](), reproduce="kmatrix check " + "--arch s390x " * 20), Telling(signer=signer)
    )
    assert text.isascii() and text.endswith("\n") and not text.endswith("\n\n")
    assert max(map(len, text.splitlines())) <= WIDTH
    assert not re.search(r"^From |[\x00-\x08\x0b-\x1f\x7f]", text, re.M)


@pytest.mark.parametrize("name", reports.ALL)
def test_golden(name: str) -> None:
    """KMATRIX_UPDATE=1 writes them anew: read what changed."""
    text = mail.RENDER(Run(reports.ALL[name](), reproduce="kmatrix run --config matrix.yaml"))
    path = GOLDEN / f"mail-{name}.txt"
    if os.environ.get("KMATRIX_UPDATE"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (reports.good, f"{BOTH} better on aarch64 (-15.13%) and s390x (-15.13%), and so are 4 more rows; nothing"),
        (reports.worse, f"{BOTH} worse on s390x (+17.82%), and so are 2 more rows."),
        (reports.broken, f"patched breaks on s390x (panic); {BOTH} better on aarch64 (-15.13%)"),
        (reports.testbed, "the testbed itself, not unpatched, failed on x86_64; patched does not build on x86_64"),
        (reports.doubtful, "none of 4 comparisons could be decided."),
        (reports.one_arch, f"{BOTH} worse on s390x (+0.0085%)."),
        (reports.unbuilt, "none of the 4 changed lines of code is built on aarch64 and s390x: what was measured"),
    ],
)  # fmt: skip
def test_the_first_sentence_is_the_result(make: Callable[[], MatrixReport], said: str) -> None:
    first = " ".join(mail.RENDER(Run(make())).split("\n\n")[0].split())
    assert first.startswith(said)


def test_a_broken_cell_is_told_with_evidence_and_the_other_arch_keeps_its_numbers() -> None:
    text = mail.RENDER(Run(reports.broken()))
    block = text[text.index("s390x, patched (shmem-write): kernel broke") :].split("\n\n")[0]
    quoted = [line for line in block.splitlines() if line.startswith("| ")]
    assert any("Kernel panic - not syncing" in line for line in quoted) and len(quoted) <= 14
    assert "early line 3" not in block
    assert re.search(r"^  aarch64 +4583.52 \(\+-0.00%\) +3890.16 \(\+-0.00%\) +-15.13% +0.005% +better$", text, re.M)
    assert "no figures of s390x/patched/shmem-write" in text


def test_rows_carry_the_robots_names_with_unit_and_direction() -> None:
    text = mail.RENDER(Run(reports.good()))
    assert "\nproc-vmstat.pgfault, per page, lower is better:\n" in text
    assert "\nshmem-write.time, ns per page, lower is better:\n" in text
    assert "\ntime.minor_page_faults, per page, neither way is better by itself:\n" in text


def test_hashes_and_the_command() -> None:
    text = mail.RENDER(Run(reports.good(), reproduce="kmatrix run --config matrix.yaml"))
    assert "\n    sha256 " + "ab" * 32 + "\n" in text and "\n    sha256 " + "cd" * 32 + "\n" in text
    assert "\n  kmatrix run --config matrix.yaml\n" in text


def test_an_architecture_can_be_cut_out_and_the_rest_is_named() -> None:
    part = sliced(reports.broken(), ["aarch64"])
    text = mail.RENDER(Run(part), Telling(left_out=("s390x",)))
    assert "panic" not in text and "measured in this run, but not shown here: s390x" in text
    assert {row["arch"] for row in (*part["cells"], *part["comparisons"], *part["expectations"])} == {"aarch64"}
    with pytest.raises(ConfigError, match="unknown architecture of this run 'riscv64'"):
        sliced(part, ["riscv64"])
    with pytest.raises(ConfigError, match="names no cell"):
        sliced(part, select=["s390x/*"])
    one = sliced(reports.good(), select=["*/patched", "s390x"])
    assert [c["id"].split("/")[0] for c in one["cells"]] == ["aarch64", "s390x", "s390x"]
    assert {row["arch"] for row in one["comparisons"]} == {"s390x"}


def test_tested_by_is_offered_only_when_all_is_clean_and_never_signed() -> None:
    text = mail.RENDER(Run(reports.good()), Telling(signer="A Person <a@example.org>"))
    assert text.endswith("\n# Tested-by: A Person <a@example.org> # aarch64, s390x (TCG)\n")
    assert f"# Tested-by: {NOBODY} #" in mail.RENDER(Run(reports.good()))
    assert not re.search(r"^\s*Tested-by:", text, re.M)
    for name in ("worse", "broken", "testbed", "doubtful", "unbuilt"):
        assert "Tested-by" not in mail.RENDER(Run(reports.ALL[name]()), Telling(signer="A Person <a@example.org>"))


def test_what_was_not_booted_was_not_tested() -> None:
    report = reports.one_arch()
    for row in report["comparisons"]:
        row["verdict"] = "same"
    assert "\n# Tested-by: A <a@b> # s390x (TCG)\n" in mail.RENDER(Run(report), Telling(signer="A <a@b>"))
    alone = sliced(report, ["x86_64"])
    assert "Tested-by" not in mail.RENDER(Run(alone))
    alone["changed"][0]["built"] = 4
    assert "Tested-by" not in mail.RENDER(Run(alone)), "the same kernel, whatever of it is code"


def test_no_offer_without_a_comparison_or_with_a_broken_claim() -> None:
    alone = sliced(reports.good(), select=["*/patched"])
    assert "Tested-by" not in mail.RENDER(Run(alone))
    lost = reports.good()
    lost["expectations"][0]["verdict"] = "not_as_expected"
    text = mail.RENDER(Run(lost))
    assert "Tested-by" not in text and "expectations do not hold" in text and "Not as expected" in text


def test_what_was_seen_once_has_no_spread() -> None:
    once = reports.matrix(reports.cell("s390x", "unpatched", reports.BASE, boots=1),
                          reports.cell("s390x", "patched", reports.NEW, boots=1))  # fmt: skip
    text = mail.RENDER(Run(once))
    assert "(+-" not in text.split("Values are")[0] and re.search(r"s390x +4583.50 +3890.14", text)


def test_a_line_that_starts_with_from_is_not_the_next_mail() -> None:
    assert folded(["From here"]) == [" From here"]


@pytest.mark.parametrize(
    ("log", "first", "last"),
    [
        ("a\nb\n\nc", "a", "c"),
        ("\n".join(f"line {i}" for i in range(30)), "...", "line 29"),
        ("\n".join(["x"] * 30 + ["Oops: 1"] + ["frame"] * 30), "...", "..."),
        ("\n".join(["BUG: now"] + ["frame"] * 30), "BUG: now", "..."),
    ],
)
def test_the_telling_lines_of_a_log(log: str, first: str, last: str) -> None:
    lines = excerpt(log)
    assert (lines[0], lines[-1]) == (first, last) and len(lines) <= 10


def test_where_it_was_is_told_even_far_below() -> None:
    """arm64 prints what the registers hold first."""
    rows = [
        "Unable to handle kernel NULL pointer",
        *["  Mem abort info"] * 20,
        "pc : shmem_fault+0x2c/0x200",
        "lr : x",
    ]
    lines = excerpt("\n".join([*rows, *["x29: 0"] * 9, "Call trace:", " shmem_fault+0x2c/0x200"]))
    assert lines[0] == rows[0] and "pc : shmem_fault+0x2c/0x200" in lines and len(lines) <= 10


def test_an_excerpt_of_a_guest_that_hangs_is_where_it_was_seen() -> None:
    """Whatever its console has warned of before."""
    seen = ["The program counter was looked at 43 times in 7 s, and was in", " 100.0%  do_shared_fault"]
    warned = [
        "The console's last lines:",
        "[    0.07] WARNING: see the kernel's documentation",
        *["[    0.08] more"] * 13,
    ]
    lines = excerpt("\n".join([*seen, "", *warned]))
    assert lines[:2] == seen and lines[-1] == "..."


def parsed(text: str) -> email.message.EmailMessage:
    return email.message_from_string(text, policy=default)  # type: ignore[return-value]


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    path = tmp_path / "patch.eml"
    path.write_text(PATCH_MAIL)
    return path


def test_the_answer_threads_and_goes_to_everybody_but_me(asked: Path) -> None:
    answer = parsed(eml.reply(asked.read_bytes(), mail.RENDER(Run(reports.good())), "Me <me@example.net>"))
    assert answer["In-Reply-To"] == "<one@example.com>"
    assert answer["References"].split() == ["<cover@example.com>", "<one@example.com>"]
    assert answer["Subject"] == "Re: [PATCH v2 1/2] mm: Avoid unnecessary page fault retires on shared memory types"
    assert answer["From"] == "Me <me@example.net>" and answer["To"] == "Peter Xu <peterx@example.com>"
    assert [a.addr_spec for a in answer["Cc"].addresses] == ["linux-kernel@example.org", "j@example.com"]
    assert answer["Cc"].addresses[1].display_name == "Jérôme"
    assert answer.get_content_type() == "text/plain" and answer.get_content_charset() == "us-ascii"
    assert answer.get_content() == mail.RENDER(Run(reports.good()))


def test_an_mbox_an_answer_and_a_mail_without_an_id(tmp_path: Path) -> None:
    both = tmp_path / "two.mbox"
    one = PATCH_MAIL.replace("Subject: ", "Subject: Re: ").replace("\nFrom the", "\n>From the")
    start = "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n"
    both.write_text(start + one + "\n" + start + one.replace("one@", "two@"))
    answer = parsed(eml.reply(both.read_bytes(), "text\n", ""))
    assert answer["Subject"].startswith("Re: [PATCH v2 1/2]") and answer["In-Reply-To"] == "<one@example.com>"
    assert "From" not in answer and "From the body." in eml.plain_text(mbox.first(both.read_bytes()))
    with pytest.raises(ConfigError, match="no Message-Id"):
        eml.reply(b"Subject: x\n\nbody\n", "text\n", "")


def send_email(reply: Path) -> str:
    """What git send-email would send, and to whom."""
    who = ["-c", "user.name=Me", "-c", "user.email=me@example.net"]  # as whoever sends mail by git has told it
    command = ["git", *who, "-c", "sendemail.confirm=never", "send-email", "--dry-run"]
    command += ["--from", "Me <me@example.net>", str(reply)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=reply.parent)
    assert done.returncode == 0 and "Result: OK" in done.stdout, done.stdout + done.stderr
    return done.stdout


def test_git_send_email_takes_it(asked: Path) -> None:
    reply = asked.with_name("reply.eml")
    reply.write_text(eml.reply(asked.read_bytes(), mail.RENDER(Run(reports.broken())), "Me <me@example.net>"))
    sent = send_email(reply)
    assert "In-Reply-To: <one@example.com>" in sent and "RCPT TO:<linux-kernel@example.org>" in sent


LONG = [f"<{letter * 90}@{letter}.prod.outlook.com>" for letter in "abc"]


@pytest.mark.parametrize("before", [[], ["<short@example.com>", *LONG[:2]]])
def test_ids_longer_than_a_line_thread_too(asked: Path, before: list[str]) -> None:
    parents = f"References: {' '.join(before)}\n" if before else ""
    text = PATCH_MAIL.replace("In-Reply-To: <cover@example.com>\n", parents)
    asked.write_text(text.replace("<one@example.com>", LONG[2]))
    text = eml.reply(asked.read_bytes(), "text\n", "Me <me@example.net>")
    answer = parsed(text)
    assert answer["In-Reply-To"] == LONG[2] and answer["References"].split() == [*before, LONG[2]]
    assert "=?" not in text.partition("\nFrom:")[0] and text.isascii()
    reply = asked.with_name("reply.eml")
    reply.write_text(text)
    sent = send_email(reply).splitlines()
    assert f"In-Reply-To: {LONG[2]}" in sent
    assert f"References: {' '.join([*before, LONG[2]])}" in sent


def test_an_attached_patch_is_part_of_a_mails_text() -> None:
    head = 'Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n'
    plain = "--B\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\né\n"
    patch = '--B\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename="a.patch"\n\n+1\n'
    assert eml.plain_text(mbox.first((head + plain + patch + "--B--\n").encode())).split() == ["é", "+1"]


def test_comparisons_of_which_the_same_is_said_share_a_line() -> None:
    cells = [
        reports.cell(arch, kernel, values, "wall")
        for arch in ("aarch64", "s390x")
        for kernel, values in (("unpatched", reports.BASE), ("patched", reports.NEW))
    ]
    lines = limits(reports.matrix(*cells, expected=False))
    assert [line.partition(":")[0] for line in lines if "time" in line] == [
        "time of shmem-write on aarch64, s390x, unpatched to patched"
    ]
    assert len(lines) == len(set(lines)) <= 2
