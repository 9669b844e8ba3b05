# SPDX-License-Identifier: GPL-2.0-or-later
"""The change as a diff, beside each line what became of it."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.analyse.contract import MatrixReport, ReachRow
from orchestrator.profile.line_changes import CostRow, SourceLine
from orchestrator.report import html
from orchestrator.report.parts import coloured
from orchestrator.report.parts.coloured import Mark
from orchestrator.runs.run import Run
from tests.unit.analyse.test_reach import facts, line, report
from tests.unit.conftest import EVIL
from tests.unit.report.conftest import Page

DIFF = f"""\
diff -Nur a/arch/arm/mm/fault.c b/arch/arm/mm/fault.c
--- a/arch/arm/mm/fault.c
+++ b/arch/arm/mm/fault.c
@@ -1 +1,2 @@
 before
+theirs();
diff -Nur a/mm/rmap.c b/mm/rmap.c
--- a/mm/rmap.c
+++ b/mm/rmap.c
@@ -5,4 +5,6 @@
 same
-old();
+new();
+seldom();
+/* {EVIL} */
 same
 same
@@ -30 +32,3 @@
 far
+never();
+lacking();
"""
THEIRS: ReachRow = {**line("s390x", 2, "not_built"), "file": "arch/arm/mm/fault.c", "option": "CONFIG_ARM"}
ROWS: list[ReachRow] = [
    line("s390x", 6, "ran", side="removed", shmem_write=2.0),
    line("s390x", 6, "ran", shmem_write=1.0, ksm=0.0021),
    line("s390x", 7, "boot_only"),
    line("s390x", 8, "not_code"),
    line("s390x", 33, "not_run"),
    {**line("s390x", 34, "not_built"), "option": "CONFIG_X"},
    THEIRS,
]


def run(*rows: ReachRow, of: MatrixReport | None = None) -> Run:
    return Run(of or report(facts(*rows)), changes={("unpatched", "patched"): DIFF})


def marks(section: dict[str, Any]) -> dict[str, Mark]:
    """Of the first arch, by the line's text."""
    lines = [line for file in (*section["files"], *section["others"]) for hunk in file["hunks"] for line in hunk]
    return {line["sign"] + line["text"].strip(): line["marks"][0] for line in lines}


def test_each_changed_line_has_what_became_of_it() -> None:
    [section] = coloured.page(run(*ROWS))
    found = marks(section)
    assert section["arches"] == ["s390x"] and section["title"] == "unpatched to patched"
    assert found["-old();"] == Mark("2.00", "good", "shmem-write 2.00 per page")
    assert found["+new();"] == Mark("1.00", "good", "shmem-write 1.00 per page; ksm 0.0021 per unit")
    assert found["+seldom();"] == Mark("boot", "dim") and found["+never();"] == Mark("not run", "bad")
    assert found["+lacking();"] == Mark("not built", "dim", "needs CONFIG_X")
    assert found[" same"] == found["+theirs();"] == found[f"+/* {EVIL} */"] == Mark()


@pytest.mark.parametrize(
    ("base", "new", "costs", "text"),
    [
        (None, 3.0, {"atomics": (0, 1)}, "· 3.00, atomics 1.00"),
        (4.0, None, {"tlb_flushes": (2, 0), "repeated": (3, 0)}, "· 4.00, TLB flushes 2.00"),
        (4.0, 4.0, {"atomics": (2, 1), "barriers": (1, 1)}, "· atomics 2.00 → 1.00"),
        (4.0, 3.0, {}, "· 4.00 → 3.00"),
        (4.0, 4.0, {"barriers": (1, 1)}, ""),
        (None, 0.0, {}, ""),
    ],
)
def test_what_hardware_pays_for_stands_behind_a_lines_instructions(
    base: float | None, new: float | None, costs: dict[str, tuple[float, float]], text: str
) -> None:
    rows: dict[str, CostRow] = {n: {"base": a, "new": b, "change": b - a} for n, (a, b) in costs.items()}
    line: SourceLine = {
        "sign": "+", "base_line": 1, "new_line": 1, "text": "", "base_instructions": base, "new_instructions": new,
        "change": 0.0, "costs": rows,
    }  # fmt: skip
    assert coloured._instructions(line) == text


def test_a_file_that_is_nowhere_says_so_at_its_name() -> None:
    elsewhere = [{**THEIRS, "arch": "x86_64"}, line("x86_64", 6, "not_built"), line("x86_64", 33, "not_code")]
    [section] = coloured.page(run(*ROWS, *elsewhere))  # type: ignore[arg-type]
    [here], [elsewhere_only] = section["files"], section["others"]
    assert (here["name"], here["note"], len(here["hunks"])) == ("mm/rmap.c", "not built on x86_64", 2)
    assert (elsewhere_only["name"], elsewhere_only["note"]) == (
        "arch/arm/mm/fault.c",
        "not built here: needs CONFIG_ARM",
    )
    assert section["arches"] == ["s390x", "x86_64"]


@pytest.mark.parametrize("of", [report(None), report(facts())])
def test_nothing_without_a_diff_or_where_nobody_looked(of: MatrixReport) -> None:
    assert coloured.page(run(of=of)) == [] and coloured.page(Run(report(facts(*ROWS)))) == []
    assert "line by line" not in html.RENDER(run(of=of))


def test_the_page_has_it_as_text() -> None:
    text = html.RENDER(run(*ROWS))
    page = Page(text)
    assert "The change, line by line" in page.text and "+new();" in page.text and EVIL not in text
    assert 'title="needs CONFIG_X"' in text and '<tr class="minus"><td class="num good"' in text
