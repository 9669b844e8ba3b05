# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs before anything runs, in every format."""

from __future__ import annotations

import json

import pytest

from orchestrator.analyse.contract import MatrixReport, PairRow, StaticLeftOutRow, StaticRow
from orchestrator.report import html, mail, markdown, terminal
from orchestrator.report.b4check import RENDER as b4check
from orchestrator.report.json import RENDER as as_json
from orchestrator.report.parts import static
from orchestrator.runs.run import Run
from tests.unit.conftest import good
from tests.unit.report.conftest import Page


def row(
    kind: str,
    function: str,
    base: int | None,
    new: int | None,
    arch: str = "s390x",
    text: str = "",
    to: str = "patched",
) -> StaticRow:
    pair = PairRow(arch=arch, base="unpatched", new=to)
    made = StaticRow(**pair, kind=kind, function=function, base_value=base, new_value=new)
    return {**made, "text": text} if text else made


ROWS = [
    row("size", "fixup_user_fault", 410, 438),
    row("size", "came", None, 40),
    row("size", "gone", 30, None),
    row("stack", "fixup_user_fault", 80, 592),
    row("section", ".text", 4096, 8192),
    row("section", ".rodata", 96, 64),
    row("layout", "struct follow_page_context", 16, 24, text="with pad"),
    row("layout", "struct follow_page_context", 16, 24, "aarch64", text="with pad"),
    row("layout", "struct page.lru", 8, 16, "aarch64"),
    row("warning", "mm/gup.c:1364", None, None, text="unused variable 'x' [-Wunused-variable]"),
]
LEFT = StaticLeftOutRow(
    arch="s390x", base="unpatched", new="patched", why="layout of structs: pahole is not installed"
)


def report(*rows: StaticRow, left_out: bool = False) -> MatrixReport:
    return {**good(), "static": list(rows), "static_left_out": [LEFT] if left_out else []}


def said(*rows: StaticRow, most: int = static.MOST) -> list[str]:
    return [line for line, _ in static.lines(report(*rows), most)]


def test_a_line_for_each_kind() -> None:
    assert said(*ROWS) == [
        "s390x: the compiler warns anew: mm/gup.c:1364: unused variable 'x' [-Wunused-variable]",
        "s390x: code +38 in 3 functions: fixup_user_fault +28 (410 to 438), came new (40), gone gone (30)",
        "s390x: stack frames: fixup_user_fault +512 (80 to 592)",
        "s390x: layout: struct follow_page_context +8 (16 to 24, with pad)",
        "aarch64: layout: struct follow_page_context +8 (16 to 24, with pad), struct page.lru moved (8 to 16)",
        "s390x: sections: .text +4096, .rodata -32",
    ]
    assert static.lines(good()) == static.lines(report()) == []


def test_architectures_of_which_the_same_is_said_share_a_line() -> None:
    both = [row("layout", "struct a", 8, 16, arch) for arch in ("s390x", "aarch64")]
    assert said(*both) == ["s390x and aarch64: layout: struct a +8 (8 to 16)"]
    assert said(both[0], row("layout", "struct a", 8, 16, to="patched-1"))[1] == (
        "s390x, unpatched to patched-1: layout: struct a +8 (8 to 16)"
    )


def test_the_largest_are_named_and_the_sum_is_of_all() -> None:
    rows = [row("size", f"f{i}", 0, 100 - i) for i in range(7)]
    assert said(*rows) == [
        "s390x: code +679 in 7 functions: f0 +100 (0 to 100), f1 +99 (0 to 99), f2 +98 (0 to 98), f3 +97 (0 to 97), "
        "f4 +96 (0 to 96) and 2 more"
    ]
    assert said(*rows, row("size", "(others)", 1, 2), most=1)[0].startswith(
        "s390x: code +680 in more than 7 functions"
    )


def test_what_was_not_looked_at_is_said() -> None:
    lines = static.lines(report(left_out=True))
    assert lines == [("s390x: not looked at: layout of structs: pahole is not installed", "plain")]


@pytest.mark.parametrize("render", [terminal.RENDER, markdown.RENDER, mail.RENDER, html.RENDER])
def test_formats_for_people_carry_it(render: type[str]) -> None:
    text = " ".join(render(Run(report(*ROWS))).split()).replace("&#39;", "'")
    for words in (
        "code +38 in 3 functions",
        "fixup_user_fault +512 (80 to 592)",
        "mm/gup.c:1364: unused variable 'x'",
    ):
        assert words in text
    assert "in 3 functions" not in render(Run(good()))


def test_a_mail_has_eight_lines_of_it_and_keeps_to_its_width() -> None:
    many = [
        row(kind, f"a_function_with_a_long_name_{i}", 10, 20 + i, arch)
        for arch in ("x86_64", "aarch64", "s390x") for kind in ("size", "stack", "section") for i in range(9)
    ]  # fmt: skip
    block = static.mail(report(*many))
    assert len(block) == static.MAIL_LINES and "all of it: kmatrix report" in block[-1]
    text = mail.RENDER(Run(report(*many)))
    assert max(map(len, text.splitlines())) <= 75 and text.isascii() and block[0] in text
    assert static.mail(good()) == []


def test_the_page_has_every_row_folded() -> None:
    text = html.RENDER(Run(report(*ROWS, row("size", "<b>", 1, 2))))
    page = Page(text)
    assert "11 differences" in page.text and "&lt;b&gt;" in text and ".rodata" in page.text
    many = report(*(row("size", f"f{i}", 1, 3 + i) for i in range(static.PAGE_MOST + 7)))
    assert "7 more are in matrix.json" in Page(html.RENDER(Run(many))).text


def test_a_new_warning_is_worth_a_warn() -> None:
    def statuses(found: MatrixReport) -> dict[str, str]:
        return {entry["tool"]: entry["status"] for entry in json.loads(b4check(Run(found)))}

    before = statuses(report(*ROWS[:-1]))
    assert set(before.values()) == {"pass"}
    assert statuses(report(*ROWS)) == {**before, "kmatrix-s390x": "warn"}


def test_json_has_the_rows() -> None:
    found = json.loads(as_json(Run(report(*ROWS, left_out=True))))
    assert found["static"][0] == {
        "arch": "s390x", "base": "unpatched", "new": "patched", "kind": "size", "function": "fixup_user_fault",
        "base_value": 410, "new_value": 438,
    }  # fmt: skip
    assert found["static_left_out"] == [LEFT]
