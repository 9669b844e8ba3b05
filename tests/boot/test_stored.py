# SPDX-License-Identifier: GPL-2.0-or-later
"""What was measured before, and repeats exactly, is taken from the store; with --fresh it is measured again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.boot.conftest import SMALL, Done, Kmatrix

TWO = SMALL.replace("[small]", "[faults]").replace("boots: 1", "boots: 2")


@pytest.fixture
def stored(kmatrix: Kmatrix) -> Kmatrix:
    """As a user has it."""
    kmatrix.fresh = False
    return kmatrix


def run(kmatrix: Kmatrix, name: str, *options: str) -> tuple[Done, list[Any]]:
    """Into FOLDER/NAME; with its events."""
    words = ["--config", kmatrix.matrix(TWO), "--out", kmatrix.folder / name, "--json", *options]
    done = kmatrix("run", *words)
    assert done.code == 0, done.out + done.err
    done.folder = kmatrix.folder / name
    return done, [json.loads(row) for row in done.out.splitlines()]


def measured(events: list[Any]) -> list[str]:
    return [row["subject"] for row in events if row["kind"] == "done" and row["stage"] == "measure"]


def figures(done: Done) -> Any:
    return {cell["id"]: (cell["metrics"], cell["vmstat"], cell["provenance"]) for cell in done.json()["cells"]}


def test_the_second_run_measures_nothing_and_fresh_measures_all(ready: None, stored: Kmatrix) -> None:
    first, events = run(stored, "first", "--fresh")
    assert len(measured(events)) == 2 and not any(cell["stored"] for cell in first.json()["cells"])
    second, events = run(stored, "second")
    assert measured(events) == [] and all(cell["stored"] for cell in second.json()["cells"])
    assert [row["stored"] for row in events if row["kind"] == "cell"] == [True]
    assert figures(second) == figures(first)
    files = [{str(p.relative_to(done.folder)) for p in done.folder.rglob("*")} for done in (first, second)]
    assert files[0] == files[1], "it has all that a run leaves"
    assert second.seconds < 20 + first.seconds / 2
    third, events = run(stored, "third", "--fresh")
    assert len(measured(events)) == 2 and not any(cell["stored"] for cell in third.json()["cells"])
    (before, after) = ({m: cell["metrics"][m]["boots"] for m in cell["metrics"] if m != "time"} for cell in
                       (first.json()["cells"][0], third.json()["cells"][0]))  # fmt: skip
    assert before == after, "what is exact repeats"


def test_verify_always_measures(ready: None, stored: Kmatrix) -> None:
    first, _ = run(stored, "first", "--fresh")
    done = stored("verify", first.folder, "--out", stored.folder / "run")
    assert done.code == 0 and "the same: 12 of 12 values" in done.out, done.out + done.err
    assert not any(cell["stored"] for cell in done.json()["cells"])
