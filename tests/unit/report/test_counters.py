# SPDX-License-Identifier: GPL-2.0-or-later
"""Counters that nobody named, in every format."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from orchestrator.analyse.contract import CounterRow, CountersLeftOutRow, MatrixReport
from orchestrator.report import b4check, html, junit, kcidb, ktap, mail, markdown, terminal
from orchestrator.report.json import RENDER as as_json
from orchestrator.report.parts import counters
from orchestrator.runs.run import Run
from tests.unit.conftest import NEW, cell, matrix
from tests.unit.report.conftest import Page

ARCHES = ("x86_64", "aarch64", "s390x")
PAIR = {"base": "unpatched", "new": "patched", "workload": "shmem-write"}


def row(
    counter: str, base: int | None, new: int | None, arch: str = "s390x", units: int = 4096, source: str = "vmstat"
) -> CounterRow:
    values = {"base_value": None if base is None else base / units, "new_value": None if new is None else new / units}
    return CounterRow(
        arch=arch, **PAIR, counter=counter, source=source, **values, base_count=base, new_count=new, units=units
    )  # type: ignore[typeddict-item]


def lacking(arch: str, *names: str, too_few: tuple[str, ...] = ()) -> CountersLeftOutRow:
    return CountersLeftOutRow(arch=arch, **PAIR, not_repeating=len(names), names=list(names), too_few=list(too_few))  # type: ignore[typeddict-item]


def report(*rows: CounterRow, left_out: tuple[CountersLeftOutRow, ...] = ()) -> MatrixReport:
    cells = [cell(arch, kernel, NEW) for arch in ARCHES for kernel in ("unpatched", "patched")]
    return {**matrix(*cells, expected=False), "counters": list(rows), "counters_left_out": list(left_out)}


def lines(made: MatrixReport, most: int = counters.MOST) -> list[str]:
    return [line for _, its in counters.blocks(made, most) for line in its]


@pytest.mark.parametrize(
    ("base", "new", "units", "text"),
    [
        (0, 4096, 4096, "+1.000 per page"),
        (8192, 4096, 4096, "-1.000 per page"),
        (0, 8, 4096, "+0.0020 per page (8 more in 4096)"),
        (8, 0, 4096, "-0.0020 per page (8 fewer in 4096)"),
        (0, 1, 102400, "+0.0000098 per page (1 more in 102400)"),
        (0, 10, 1000, "+0.010 per page"),
        (0, 102401, 102400, "+1.000 per page (102401 more in 102400)"),
        (3, 10, 1, "+7 per page"),
        (None, 4096, 4096, "1.000 per page (not in unpatched)"),
        (4096, None, 4096, "1.000 per page (not in patched)"),
    ],
)
def test_a_difference_is_told_to_the_last_one(base: int | None, new: int | None, units: int, text: str) -> None:
    assert counters.difference(row("a", base, new, units=units), "page") == text


def test_what_moved_alike_shares_a_line() -> None:
    both = [row(name, 0, 4096, arch) for arch in ARCHES for name in ("pgalloc_normal", "pgfree")]
    other = row("pgactivate", 0, 8192, "s390x")
    assert counters.blocks(report(*both, other)) == [
        (
            "Other counters, shmem-write, unpatched to patched",
            [
                "pgactivate +2.000 per page on s390x",
                "pgalloc_normal and pgfree +1.000 per page on x86_64, aarch64 and s390x",
            ],
        )
    ]


def test_where_the_workloads_own_memory_is_meant_it_is_said() -> None:
    assert lines(report(row("anon", 0, 4096 * 4096, source="memory.stat"))) == [
        "memory.stat anon +4096.000 per page on s390x"
    ]


def test_a_comparison_has_few_lines_and_the_rest_is_counted() -> None:
    many = [row(f"c{i}", 0, 4096 * (20 - i)) for i in range(10)]
    told = lines(report(*many, left_out=(lacking("s390x", "x"),)))
    assert len(told) == counters.MOST and told[0].startswith("c0 +20")
    assert told[-2:] == [
        "and 6 more counters, in matrix.json and on the HTML page", "1 counter does not repeat on s390x: left out",
    ]  # fmt: skip
    alike = [row(f"c{i}", 0, 4096) for i in range(10)]
    assert lines(report(*alike)) == ["c0, c1, c2, c3, c4, c5 and 4 more +1.000 per page on s390x"]


def test_what_is_left_out_is_counted() -> None:
    rows = (lacking("x86_64", "a", "b"), lacking("aarch64", "a", "b"), lacking("s390x", "a"))
    assert lines(report(left_out=rows)) == ["2 counters do not repeat on x86_64 and aarch64, 1 on s390x: left out"]
    few = (lacking("x86_64", too_few=("a", "b")), lacking("s390x", too_few=("b", "c")))
    assert lines(report(left_out=few)) == [
        "a, b and c on x86_64 and s390x: seen too seldom to know whether they repeat"
    ]


def test_where_there_is_nothing_nothing_is_said() -> None:
    whole = report()
    older = {key: value for key, value in whole.items() if key not in ("counters", "counters_left_out")}
    for made in (whole, older):
        assert counters.blocks(made) == counters.rows(made) == counters.left_out(made) == []  # type: ignore[arg-type]
        for format in (terminal, markdown, mail, html):
            assert "Other counters" not in format.RENDER(Run(made))  # type: ignore[arg-type]


SOME = (
    *(row("pgalloc_normal", 0, 4096, arch) for arch in ARCHES),
    row("a_counter_with_a_rather_long_name_of_its_own", 0, 9, "x86_64"),
)


@pytest.mark.parametrize("render", [terminal.RENDER, markdown.RENDER, mail.RENDER])
def test_formats_for_people_carry_it(render: Callable[[Run], str]) -> None:
    text = render(Run(report(*SOME, left_out=(lacking("s390x", "x"),))))
    flat = " ".join(text.split())
    assert "Other counters, shmem-write, unpatched to patched: " in flat
    assert "pgalloc_normal +1.000 per page on x86_64, aarch64 and s390x" in flat
    assert "a_counter_with_a_rather_long_name_of_its_own +0.0022 per page (9 more in 4096) on x86_64" in flat
    assert "1 counter does not repeat on s390x: left out" in flat
    if render is mail.RENDER:
        assert text.isascii() and max(map(len, text.splitlines())) <= 75


def test_the_page_has_all_of_them_in_a_table() -> None:
    many = [row(f"c{i}", 4096, 4096 * (20 - i)) for i in range(12)]
    text = html.RENDER(Run(report(*many, left_out=(lacking("s390x", "x"),))))
    page = Page(text)
    assert all(f"c{i}" in page.text for i in range(12)) and "+19.000 per page" in page.text
    assert "1 counter does not repeat on s390x: left out" in page.text


def test_a_counters_name_is_a_strangers_text() -> None:
    """A kernel may call it anything."""
    evil = row("</td><script>alert(1)</script>", 0, 4096)
    assert "<script>alert" not in html.RENDER(Run(report(evil)))
    assert "alert(1)" in mail.RENDER(Run(report(evil)))


def test_json_has_all_of_it() -> None:
    told = json.loads(as_json(Run(report(*SOME, left_out=(lacking("s390x", "x"),)))))
    assert told["counters"] == list(SOME) and told["counters_left_out"][0]["names"] == ["x"]


@pytest.mark.parametrize("render", [junit.RENDER, ktap.RENDER, kcidb.RENDER])
def test_machines_are_told_what_they_were(render: Callable[[Run], str]) -> None:
    """Ids of KCIDB's, too."""
    assert render(Run(report(*SOME, left_out=(lacking("s390x", "x"),)))) == render(Run(report()))


def test_a_check_of_b4_is_what_it_was() -> None:
    """Its details are the mail."""

    def told(made: MatrixReport) -> list[tuple[str, str]]:
        return [(entry["status"], entry["summary"]) for entry in json.loads(b4check.RENDER(Run(made)))]

    assert told(report(*SOME)) == told(report())
