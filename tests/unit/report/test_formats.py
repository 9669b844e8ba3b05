# SPDX-License-Identifier: GPL-2.0-or-later
"""Every format, letter by letter: what others read of a run does not change by itself."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from orchestrator.report import known
from orchestrator.report.parts.rows import not_there
from orchestrator.runs.run import Run, Start
from tests.unit import conftest as reports

GOLDEN = Path(__file__).parent / "golden"
COMMAND = "kmatrix run --config matrix.yaml"
SVG = re.compile(r"<svg .*?</svg>", re.S)  # drawn by matplotlib, whose versions differ; test_html.py looks at figures
FORMATS = sorted(set(known()) - {"json", "mail"})  # the first is the contract's, the second has tests of its own


@pytest.mark.parametrize("name", ["good", "broken", "testbed", "doubtful", "one_arch", "unbuilt", "costly"])
@pytest.mark.parametrize("format", FORMATS)
def test_golden(format: str, name: str) -> None:
    """KMATRIX_UPDATE=1 writes them anew: read what changed."""
    cell = "s390x/patched/shmem-write"
    run = Run(
        reports.ALL[name](),
        starts={cell: (Start("boot 0", "qemu-system-s390x", reports.LOG.replace("\x00", ""), "a complaint"),)},
        logs={"s390x/patched": "CC mm/memory.o"},
        reproduce=COMMAND,
        page="file:///runs/1/matrix.html",
    )
    text = SVG.sub("<svg/>", known()[format](run))
    path = GOLDEN / f"{format}-{name}.txt"
    if os.environ.get("KMATRIX_UPDATE"):
        path.write_text(text, newline="")
    assert text == path.read_bytes().decode()


def test_what_a_kernel_was_built_with_and_without_is_told() -> None:
    """Its config by name, and the wished options that are not in it; kernels that lack the same share a line."""
    report = reports.good()
    lost = {"CONFIG_A": "no such option in this source", "CONFIG_B": "depends on (C)"}
    for build in ("s390x/patched", "aarch64/patched"):
        report["kernels"][build] = {"config": "standard", "linux": "6.1.192", "wished": lost}
    for row in report["cells"]:
        row["config"] = "standard"
    line = "aarch64/patched, s390x/patched: built without what this Linux does not have or take: CONFIG_A, CONFIG_B"
    assert not_there(report) == [line]
    for name in ("terminal", "markdown"):
        text = " ".join(known()[name](Run(report)).split())
        assert line in text and "config standard" in text
    assert "CONFIG_A, CONFIG_B" in " ".join(known()["mail"](Run(report)).split())
