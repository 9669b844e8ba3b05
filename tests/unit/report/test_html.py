# SPDX-License-Identifier: GPL-2.0-or-later
"""The page: one file, nothing loaded, nothing of a guest's run, all of a cell's evidence in it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.report import html
from orchestrator.runs import consoles
from orchestrator.runs.consoles import TAIL, tail
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.run import Run
from tests.unit import conftest as reports
from tests.unit.report.conftest import Page

Printed = dict[str, Any]


@pytest.fixture
def printed(tmp_path: Path) -> Printed:
    """What a guest and a build left in a run folder."""
    boot = tmp_path / "cells/s390x/patched/shmem-write/boot-0"
    (boot / "counted").mkdir(parents=True)
    (boot / "console.log").write_text(reports.LOG)
    (boot / "qemu.txt").write_text("qemu-system-s390x -append '<b>'")
    (boot / "counted/console.log").write_text("kmatrix: ended")
    build = tmp_path / "builds/s390x/patched"
    build.mkdir(parents=True)
    (build / "build.log").write_text("CC <script>alert(2)</script>.o")
    folder = RunFolder(tmp_path)
    cell, built = "s390x/patched/shmem-write", "s390x/patched"
    return {"starts": {cell: consoles.starts(folder, cell)}, "logs": {built: consoles.build_log(folder, built)}}


@pytest.mark.parametrize("name", reports.ALL)
def test_one_sound_file_that_loads_nothing(name: str) -> None:
    page = Page(html.RENDER(Run(reports.ALL[name]())))
    assert page.tags.count("script") == 1 and page.tags.count("html") == 1
    assert all(link.startswith(("#", "data:,")) for link in page.links), page.links
    assert {link[1:] for link in page.links if link.startswith("#cell-")} <= set(page.ids)
    cells = [cell for cell in page.ids if cell.startswith("cell-")]
    assert len(cells) == len(set(cells)) == len(reports.ALL[name]()["cells"])


def test_a_guest_writes_text_and_no_tags(printed: Printed) -> None:
    text = html.RENDER(Run(reports.broken(), **printed, reproduce="kmatrix run --select '<x>'"))
    page = Page(text)
    assert "<script>alert" not in text and "\x1b" not in text and "\x00" not in text
    assert "<script>alert(1)</script>" in page.text and "<script>alert(2)</script>" in page.text
    assert "qemu-system-s390x -append '<b>'" in page.text and "--select '<x>'" in page.text
    assert page.tags.count("script") == 1


def test_the_browser_runs_the_one_script_alone() -> None:
    text = html.RENDER(Run(reports.good()))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    script = re.search(r"<script>(.*)</script>", text, re.S)
    assert policy and script and policy[1].startswith("default-src 'none'")
    own = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{own}'" in policy[1] and "http" not in policy[1]


def test_the_matrix_comes_first_then_each_cells_evidence(printed: Printed) -> None:
    text = Page(html.RENDER(Run(reports.broken(), **printed))).text
    places = [text.index(words) for words in ("shmem-write, unpatched to patched", "What failed", "Cells", "Samples")]
    assert places == sorted(places)
    assert "boot 0, counted passes from its snapshot" in text and "469350" in text and "469354" in text
    assert "0001-one.patch" in text and "no figures" in text


def test_figures_take_the_pages_colour_and_are_named() -> None:
    text = html.RENDER(Run(reports.good()))
    figures = re.findall(r"<svg .*?</svg>", text, re.S)
    assert len(figures) == 4
    for figure in figures:
        assert "currentColor" in figure and 'aria-label="' in figure and "#010203" not in figure
        used = set(re.findall(r'(?:href="#|url\(#)([\w-]+)', figure))
        assert used and used <= set(re.findall(r'id="([\w-]+)"', figure))
    assert html.RENDER(Run(reports.good())) == text


def test_dark_and_narrow_are_thought_of() -> None:
    text = html.RENDER(Run(reports.good()))
    assert "prefers-color-scheme: dark" in text and 'name="viewport" content="width=device-width' in text
    for table in re.finditer(r"<table", text):
        assert (
            text[: table.start()].rstrip().endswith(">")
            and 'class="box"' in text[table.start() - 200 : table.start()]
        )


def test_the_end_of_a_long_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\xff\xfe\x1b[0m\n" + b"".join(b"line %d\r\n" % i for i in range(100_000)))
    lines = tail(log).splitlines()
    assert lines[0] == "..." and lines[-1] == "line 99999" and len(lines) == TAIL + 1
    assert tail(tmp_path / "none") == ""
