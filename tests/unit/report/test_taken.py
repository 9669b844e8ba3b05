# SPDX-License-Identifier: GPL-2.0-or-later
"""Which patch a check was of, and how it was taken, stands in every report."""

from __future__ import annotations

import json

import pytest

from orchestrator.analyse.contract import MatrixReport, SeriesRow, TakenRow
from orchestrator.report import b4check, html, junit, kcidb, ktap, mail, markdown, terminal
from orchestrator.report import json as as_json
from orchestrator.report.parts import taken
from orchestrator.report.parts.signoff import offer
from orchestrator.runs.run import Run
from tests.unit.conftest import EVIL, good

FORMATS = (b4check, html, as_json, junit, kcidb, ktap, mail, markdown, terminal)
SERIES = SeriesRow(
    title="mm: do less", version="v2", author="A <a@example.org>", date="2026-11-02", message_id="i@example.org",
    parts=1, total=3,
)  # fmt: skip
ROW = TakenRow(
    series=[SERIES], notes=["1/3 and 3/3 of the series were not given"],
    left_out=["[PATCH 6/5] tests: there are 5 parts"], fuzz=0, partial=False, adapted=[],
)  # fmt: skip
TOLD = "1.patch: hunk #1 of mm/x.c applied with fuzz 1"


def report(row: TakenRow = ROW) -> MatrixReport:
    return {**good(), "taken": row}


def text(form: object, row: TakenRow = ROW) -> str:
    """On one line, whatever the format folds or quotes."""
    made = form.RENDER(Run(report(row)))  # type: ignore[attr-defined]
    if form is b4check:
        made = json.loads(made)[0]["details"]
    for quoted, plain in (("&#34;", '"'), ("&#60;", "<"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"')):
        made = made.replace(quoted, plain)
    return " ".join(made.split())


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.__name__.rpartition(".")[2])
def test_every_report_says_which_series_what_is_missing_and_what_was_chosen(form: object) -> None:
    chosen = TakenRow({**ROW, "fuzz": 1, "adapted": [TOLD]})
    found = text(form, chosen)
    for said in ("mm: do less", "1/3 and 3/3 of the series were not given", "[PATCH 6/5] tests: there are 5", TOLD):
        assert said in found
    if form not in (as_json, kcidb):
        assert '"mm: do less", v2, 1 of 3 parts, A <a@example.org>, 2026-11-02, <i@example.org>' in found
        assert f"applied with --fuzz 1: {TOLD}" in found


def test_what_was_not_applied_as_it_stands_is_not_vouched_for() -> None:
    assert offer(report(), "A <a@example.org>"), "a part that was checked alone may be"
    assert not offer(report(TakenRow({**ROW, "fuzz": 1, "adapted": [TOLD]})), "A <a@example.org>")
    assert not offer(report(TakenRow({**ROW, "partial": True})), "A <a@example.org>")
    assert offer(report(TakenRow({**ROW, "fuzz": 1})), "A <a@example.org>"), "it was not needed"


def test_a_run_that_is_no_check_says_nothing() -> None:
    assert taken.lines(good()) == [] and taken.TITLE not in html.RENDER(Run(good()))


def test_what_was_chosen_and_not_needed_is_told_as_that() -> None:
    said = "--partial was asked for, and no patch was changed for it"
    assert taken.chosen(TakenRow({**ROW, "partial": True})) == [said], "nor where it does not apply even so"
    lacking = ["1/3 of the series was not given: gone on without (--partial)"]
    assert taken.chosen(TakenRow({**ROW, "partial": True, "notes": lacking})) == [], "which is told already"


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.__name__.rpartition(".")[2])
def test_a_strangers_subject_is_only_text(form: object) -> None:
    evil = TakenRow({**ROW, "series": [SeriesRow({**SERIES, "title": EVIL})]})
    made = form.RENDER(Run(report(evil)))  # type: ignore[attr-defined]
    assert "\x1b" not in made and "\x00" not in made
    if form is html:
        assert "<script>alert" not in made
