# SPDX-License-Identifier: GPL-2.0-or-later
"""What reports tell of a profile: the mail little, the page all, and nothing where there is none."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator import report
from orchestrator.analyse.slice import sliced
from orchestrator.profile.comparison import DifferenceRow
from orchestrator.report import html, mail, markdown
from orchestrator.report.parts import figures
from orchestrator.report.parts.paper import WIDTH
from orchestrator.runs import load
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.run import Run
from tests.unit.conftest import call, four, run_folder
from tests.unit.profile.conftest import LONG, PATCHED, UNPATCHED, account
from tests.unit.report.conftest import Page

GOLDEN = Path(__file__).parent / "golden"
DIFF = """\
--- a/mm/memory.c\t1
+++ b/mm/memory.c\t2
@@ -99,3 +99,4 @@
 \tif (x) {
-\t\tslow("<script>alert(3)</script>");
+\t\tfast("é", a_name_that_is_long, another_name_that_is_long);
+\t\tnever();
 \t}
--- a/arch/vax/fault.c\t1
+++ b/arch/vax/fault.c\t2
@@ -1 +1 @@
-old
+new
"""


@pytest.fixture
def profiled(tmp_path: Path) -> RunFolder:
    folder = run_folder(tmp_path / "run", *four())
    for arch in ("aarch64", "s390x"):
        for kernel, functions, line in (
            ("unpatched", UNPATCHED, {"99": [2000, 2000], "100": [4000, 9000]}),
            ("patched", PATCHED, {"99": [2000, 2000], "100": [500, 500]}),
        ):
            told = account(arch, kernel, functions, line)
            folder.write_json(f"cells/{arch}/{kernel}/shmem-write/profile.json", told)
    folder.write_text("diffs/unpatched..patched.diff", DIFF)
    return folder


def rendered(folder: RunFolder, format: Any, *arches: str) -> str:
    whole = load.of_folder(folder)
    text: str = format.RENDER(replace(whole, report=sliced(whole.report, arches)))
    return text


def test_the_mail_has_the_largest_changes_after_the_matrix(profiled: RunFolder) -> None:
    """KMATRIX_UPDATE=1 writes it anew: read what changed."""
    text = rendered(profiled, mail)
    assert text.isascii() and max(map(len, text.splitlines())) <= WIDTH
    places = [text.index(words) for words in ("is the change that noise", "== where the instr", "What this does not")]
    assert places == sorted(places)
    part = "== where" + text.split("== where")[1].split("What this does not")[0]
    path = GOLDEN / "mail-profile-part.txt"
    if os.environ.get("KMATRIX_UPDATE"):
        path.write_text(part)
    assert part == path.read_text()


def test_one_architecture_brings_its_own_profile_alone(profiled: RunFolder) -> None:
    for format in (mail, html, markdown):
        text = rendered(profiled, format, "s390x")
        assert "s390x shmem-write, instructions a page" in text and "aarch64 shmem-write, instr" not in text


@pytest.mark.parametrize("format", [mail, html, markdown])
def test_without_a_profile_nothing_is_said_of_one(tmp_path: Path, profiled: RunFolder, format: Any) -> None:
    said = re.compile(r"where the instructions went", re.I)
    assert said.search(rendered(profiled, format))
    assert not said.search(rendered(run_folder(tmp_path / "plain" / "run", *four()), format))
    assert not said.search(format.RENDER(Run(load.of_folder(profiled).report)))  # a matrix.json alone


def test_the_page_has_all_functions_and_all_lines_of_what_ran(profiled: RunFolder) -> None:
    text = html.RENDER(load.of_folder(profiled))
    page = Page(text)
    tables = re.findall(r'<table class="sort">(.*?)</table>', text, re.S)
    functions = [table for table in tables if "<th>function</th>" in table and ">calls, unpatched<" in table]
    assert len(functions) == 2 and all(table.count("<tr>") == 1 + 33 + 2 for table in functions)
    assert LONG in page.text and "<b>" in page.text and "<script>alert(3)</script>" in page.text
    assert "<script>alert(3)" not in text and page.tags.count("script") == 1
    rows = re.findall(r'<tr class="(\w*)"><td class="num">([\d.]*)</td><td class="num">([\d.]*)</td>', text)
    assert rows[:5] == [
        ("", "2.00", "2.00"),
        ("minus", "9.00", ""),
        ("plus", "", "0.50"),
        ("plus", "", ""),
        ("", "", ""),
    ]
    assert "Nothing was executed of 1 hunk in arch/vax/fault.c." in page.text
    assert "inlined_somewhere" in page.text and "they agree" in page.text
    assert html.RENDER(load.of_folder(profiled)) == text


def test_the_page_has_a_box_a_call(profiled: RunFolder) -> None:
    text = rendered(profiled, html, "s390x")
    calls = re.findall(r'<p style="([^"]*)" title="([^"]*)">([^<]*)</p>', text)
    assert [name for _, _, name in calls] == ["user:main", "&lt;i&gt;", "handle_mm_fault"]
    assert calls[1][1] == "&lt;i&gt;: 92.00 -&gt; 47.00 (-45.00)" and "42, 157, 99" in calls[2][0]
    assert text.count('<div style="flex: 45') == 0 and text.count('<div style="flex: 90.000 0 0">') == 1
    path = "cells/s390x/patched/shmem-write/profile.json"
    profiled.write_json(path, {**profiled.read_json(path), "paths": None, "paths_why": "their sums are off"})
    assert "Not known: their sums are off." in rendered(profiled, html) and "<p style" not in rendered(
        profiled, html, "s390x"
    )


def test_lines_that_are_not_known_are_told_everywhere(profiled: RunFolder) -> None:
    (profiled.path / "diffs/unpatched..patched.diff").unlink()
    assert "lines of the change are not known: the two kernels are not of one source" in rendered(profiled, mail)
    assert "Not known: the two kernels are not of one source." in rendered(profiled, html)


def test_an_account_that_does_not_balance_is_told(profiled: RunFolder) -> None:
    assert "does NOT balance" not in rendered(profiled, mail)
    path = "cells/s390x/patched/shmem-write/profile.json"
    profiled.write_json(path, {**profiled.read_json(path), "clock_unprofiled": 900_000})
    assert rendered(profiled, mail).count("The account does NOT balance with the instruction clock.") == 1
    assert "do NOT agree" in rendered(profiled, html) and "do NOT agree" in rendered(profiled, markdown)


def difference(folder: RunFolder) -> DifferenceRow:
    return load.of_folder(folder).profile["differences"][0]


def test_a_figure_has_a_bar_a_function_on_the_side_of_its_change(profiled: RunFolder) -> None:
    row = difference(profiled)
    svg = figures.function_bars(row)
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert "-45.00" in texts and "+62.00" in texts and "handle_mm_fault" in texts
    assert any(text.endswith("..") and LONG.startswith(text[:-2]) for text in texts)
    assert svg.count(figures.COLOURS["worse"]) == 2 and svg.count(figures.COLOURS["better"]) == 2
    assert "currentColor" in svg and figures.function_bars({**row, "functions": []}) == ""


def test_names_and_numbers_of_a_figure_stay_inside(profiled: RunFolder) -> None:
    row = difference(profiled)
    many = [
        {**row["functions"][0], "name": "x" * 60, "change": change * (-1) ** place}
        for place, change in enumerate((123_456.78, 9.5, 0.01, *range(30, 1, -1)))
    ]
    svg = figures.function_bars({**row, "functions": many})
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert f"{len(many) - figures.BARS} more functions" in texts
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])  # type: ignore[index]
    placed = re.findall(r'text-anchor: (\w+)[^>]*? x="([\d.-]+)"[^>]*>([^<]*)<', svg)
    assert len(placed) == 1 + 2 * (figures.BARS + 1)  # the title, and two a bar
    for anchor, x, text in placed:
        wide = figures.LETTER * len(text)
        left = float(x) - wide * {"start": 0, "end": 1}[anchor]
        assert left >= -1 and left + wide <= width + 1, text


@pytest.mark.parametrize("format", sorted(report.known()))
def test_every_format_reports_a_profiled_run_from_its_files_alone(profiled: RunFolder, format: str) -> None:
    """Its accounts have no call of what the workload expects to be called, so there are expectations to tell of."""
    code, text = call("report", profiled.path, "-f", format, "--arch", "aarch64")
    assert code == 1 and text
    if format in ("mail", "junit", "ktap"):
        assert "shmem-write.calls.down_read_trylock" in text
