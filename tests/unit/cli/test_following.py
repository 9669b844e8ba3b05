# SPDX-License-Identifier: GPL-2.0-or-later
"""What a check says and does once its first answer is there. Nothing is configured, built or booted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.analyse.contract import MatrixReport
from orchestrator.cli import following
from orchestrator.config import matrix_file
from orchestrator.engine import Manner
from orchestrator.errors import InfraError
from orchestrator.measure.follow import Followed, Had, followed
from orchestrator.model import Comparison, Kernel, Matrix
from orchestrator.runs import of_check
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.run import Run
from tests.unit.conftest import DIFF, TEXT, unbuilt

MANNER = Manner()
LOOKS = (
    "its lines need CONFIG_SWAP, CONFIG_DAMON and CONFIG_DAMON_VADDR: kernels are configured to see what can be had"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setenv("KMATRIX_CACHE", str(tmp_path / "cache"))
    (tmp_path / "one.patch").write_text(DIFF)
    return RunFolder(tmp_path / "run")


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was asked to be measured."""
    asked: list[tuple[Any, ...]] = []

    def note(*words: Any) -> Run:
        asked.append(words)
        return Run(unbuilt())

    monkeypatch.setattr(following, "grown", note)
    monkeypatch.setattr(following, "settled", lambda *words: note(*words))
    return asked


def matrix(folder: RunFolder) -> Matrix:
    return matrix_file.from_text(TEXT, folder.path.parent / "matrix.yaml")


def finds(monkeypatch: pytest.MonkeyPatch, made: Callable[[], Followed]) -> None:
    """What the config can follow."""

    async def seconds(*_: object) -> float:
        return 236.0

    class Found:
        def __init__(self, *_: object) -> None:
            pass

        async def __call__(self) -> Followed:
            return made()

    monkeypatch.setattr(following, "Following", Found)
    monkeypatch.setattr(following.follow, "seconds", seconds)


def some(its: Matrix) -> Followed:
    """One arch can have it, the other cannot."""
    one, other = its.arches
    had = [Had(one, ("CONFIG_SWAP",), lines=("CONFIG_SWAP=y",)), Had(other, lost={"CONFIG_SWAP": "depends on !S390"})]
    return followed(its, Comparison("unpatched", "patched"), had)


def test_the_cost_is_told_before_and_what_cannot_be_had(
    folder: RunFolder, grown: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    its = matrix(folder)
    finds(monkeypatch, lambda: some(its))
    assert following.after(folder, its, Run(unbuilt()), MANNER) is not None
    assert capsys.readouterr().out.splitlines() == [
        LOOKS,
        "CONFIG_SWAP cannot be had on s390x: depends on !S390",
        "CONFIG_SWAP needed on aarch64: about 4 min",
    ]
    [(_, asked, request, more, _)] = grown
    assert [kernel.name for kernel in asked.kernels[2:]] == ["unpatched+CONFIG_SWAP", "patched+CONFIG_SWAP"]
    assert request.select == ("*/unpatched/*", "*/patched/*", *more[:2])
    assert all(glob.startswith("aarch64/") for glob in more)
    assert [row["arch"] for row in of_check.NEEDED.load(folder) or ()] == ["aarch64", "s390x"]


def test_a_person_at_a_terminal_is_told_how_to_leave_it(
    folder: RunFolder, grown: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    its = matrix(folder)
    finds(monkeypatch, lambda: some(its))
    monkeypatch.setattr(following.sys.stdout, "isatty", lambda: True, raising=False)
    following.after(folder, its, Run(unbuilt()), MANNER)
    assert "about 4 min; Ctrl-C keeps the answer above" in " ".join(capsys.readouterr().out.split())


def test_json_has_the_same_as_notes(
    folder: RunFolder, grown: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    its = matrix(folder)
    finds(monkeypatch, lambda: some(its))
    following.after(folder, its, Run(unbuilt()), Manner(json=True))
    rows = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert [(row["kind"], row["subject"]) for row in rows] == [("note", "config")] * 3


def test_where_nothing_can_be_had_the_report_says_why(
    folder: RunFolder, grown: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    its = matrix(folder)
    lost = [Had(arch, lost={"CONFIG_X": "depends on PCI"}) for arch in its.arches]
    finds(monkeypatch, lambda: followed(its, Comparison("unpatched", "patched"), lost))
    assert following.after(folder, its, Run(unbuilt()), MANNER) is not None
    assert capsys.readouterr().out == f"{LOOKS}\nCONFIG_X cannot be had on aarch64 and s390x: depends on PCI\n"
    assert [len(words) for words in grown] == [2], "nothing is measured: it is told anew"


def test_the_first_answer_does_not_suffer(
    folder: RunFolder, grown: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> Followed:
        raise InfraError("no room")

    its = matrix(folder)
    finds(monkeypatch, fails)
    assert following.after(folder, its, Run(unbuilt()), MANNER) is None and not grown
    assert capsys.readouterr().out == f"{LOOKS}\nnot known what its lines need: no room\n"
    finds(monkeypatch, lambda: followed(its, Comparison("unpatched", "patched"), []))
    assert following.after(folder, its, Run(unbuilt()), MANNER) is None and not grown


def test_of_a_series_taken_apart_it_is_told_what_is_left_out(
    folder: RunFolder, grown: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    its = matrix(folder)
    more: Kernel = replace(its.kernels[1], name="patched-1")
    report: MatrixReport = unbuilt()
    assert following.after(folder, replace(its, kernels=(*its.kernels, more)), Run(report), MANNER) is None
    said = capsys.readouterr().out
    assert said == "CONFIG_SWAP, CONFIG_DAMON and CONFIG_DAMON_VADDR would be needed: left out with --each\n"
    assert not grown


@pytest.mark.parametrize(("seconds", "text"), [(3, "10 s"), (44, "40 s"), (95, "2 min"), (236, "4 min")])
def test_durations_are_about(seconds: float, text: str) -> None:
    assert following.duration(seconds) == text
