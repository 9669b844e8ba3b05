# SPDX-License-Identifier: GPL-2.0-or-later
"""How a check's source is that of the author, in every report."""

from __future__ import annotations

from pathlib import Path

from orchestrator.analyse.contract import AuthorRow
from orchestrator.report import known
from orchestrator.report.parts.author import lines
from orchestrator.runs import load, of_check
from orchestrator.runs.run import Run
from tests.unit.conftest import four, good, run_folder

ROW = AuthorRow(
    source="debian-6.1", files=2, other=["mm/mlock.c"], why="debian-6.1 is the base: more of it is",
    prerequisites=["mm: first"], missing=["prerequisite-patch-id 89ab"], notes=["no git source has it"],
)  # fmt: skip
SAID = [
    "debian-6.1 is the base: more of it is",
    "debian-6.1: 1 of 2 files are byte for byte those that the author had; mm/mlock.c is not",
    "its prerequisites come first: mm: first",
    "it was made on top of what was not given: prerequisite-patch-id 89ab",
    "no git source has it",
]


def row(files: int, other: list[str]) -> AuthorRow:
    return {**ROW, "files": files, "other": other, "why": "", "prerequisites": [], "missing": [], "notes": []}


def test_in_words() -> None:
    assert lines(ROW) == SAID
    assert lines(row(1, [])) == ["debian-6.1: the file is byte for byte that of the author"]
    assert lines(row(1, ["mm/a.c"])) == ["debian-6.1: mm/a.c is not byte for byte that of the author"]
    assert lines(row(2, [])) == ["debian-6.1: 2 of 2 files are byte for byte those that the author had"]
    many = [f"mm/{n}.c" for n in range(20)]
    assert lines(row(20, many))[0].endswith("mm/7.c, mm/8.c and 11 more are not")
    assert lines(row(0, [])) == []


def test_every_report_for_people_has_it_and_one_without_it_is_as_before() -> None:
    told = {**good(), "author": ROW}
    for name, times in {"terminal": 1, "markdown": 1, "mail": 1, "html": 1, "ktap": 1, "junit": 2}.items():  # suites
        text = " ".join(known()[name](Run(told)).split())  # type: ignore[arg-type]
        assert text.count("1 of 2 files are byte for byte those that the author had") == times, name
        assert "byte for byte" not in known()[name](Run(good()))


def test_it_is_told_with_what_was_checked() -> None:
    mail = known()["mail"](Run({**good(), "author": ROW}))  # type: ignore[arg-type]
    assert "What was checked:\n- debian-6.1 is the base: more of it is\n- debian-6.1: 1 of 2" in mail
    assert "What of the change is in these kernels" not in mail


def test_the_run_folder_keeps_it(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *four())
    assert "author" not in load.load(folder.path).report
    of_check.AUTHOR.save(folder, ROW)
    assert load.load(folder.path).report["author"] == ROW
    folder.write_json("matrix.json", load.matrix_of(folder))
    assert load.load(folder.path / "matrix.json").report["author"] == ROW, "a matrix.json alone has it, too"
