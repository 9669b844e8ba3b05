# SPDX-License-Identifier: GPL-2.0-or-later
"""Nights with real guests: nothing changed, a patch changed, cut off in the middle and gone on with."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.boot.conftest import Done, Kmatrix, alive, children, emulators, until

MATRIX = """\
arches: [aarch64]
workloads: [small, faults]
sources:
  debian-6.1: {debian: linux-source-6.1}
  another: {debian: linux-source-6.12}
kernels:
  mine: {source: debian-6.1, patches: [%s]}
  not-nightly: {source: another}
measure: {boots: 1, passes: 1, retries: 0}
nightly: {sources: [debian-6.1], budget: 40m}
"""
SMALL, FAULTS = "aarch64/mine/small", "aarch64/mine/faults"


def arguments(kmatrix: Kmatrix, patches: str = "", text: str = MATRIX) -> list[str | Path]:
    config = kmatrix.matrix(text % patches)
    return ["nightly", "--offline", "--quiet", "--config", config, "--state", kmatrix.folder / "state"]


def night(kmatrix: Kmatrix, patches: str = "") -> Done:
    return kmatrix(*arguments(kmatrix, patches))


def runs(kmatrix: Kmatrix) -> list[Path]:
    return sorted((kmatrix.folder / "state/runs").glob("*"))


def state(kmatrix: Kmatrix) -> Any:
    return json.loads((kmatrix.folder / "state/state.json").read_text())


def entries(kmatrix: Kmatrix) -> list[str]:
    """Places of the history's runs."""
    with sqlite3.connect(kmatrix.folder / "history.sqlite") as database:
        return [place for [place] in database.execute("SELECT place FROM kmatrix_runs ORDER BY started")]


def statuses(run: Path) -> dict[str, str]:
    return {cell["id"]: cell["status"] for cell in json.loads((run / "matrix.json").read_text())["cells"]}


def test_three_nights(ready: None, kmatrix: Kmatrix) -> None:
    """The first measures all, the second nothing, the third what a patch changed, and says that it is worse."""
    first = night(kmatrix)
    assert first.code == 0, first.out + first.err
    [run] = runs(kmatrix)
    assert statuses(run) == {SMALL: "passed", FAULTS: "passed"}  # and no cell of a source that is none of nightly's
    assert "not measured before" in first.out

    second = night(kmatrix)
    assert second.code == 0 and "nothing changed since" in second.out, second.out + second.err
    assert runs(kmatrix) == [run] and entries(kmatrix) == [str(run)]

    third = night(kmatrix, "patches/lab.patch")
    assert third.code == 1, third.out + third.err
    last = runs(kmatrix)[-1]
    assert len(runs(kmatrix)) == 2 and entries(kmatrix) == [str(run), str(last)]
    mail = (last / "mail.txt").read_text()
    assert "patches none -> lab.patch" in mail.replace("\n  ", " ")
    assert f"{FAULTS} time: " in mail.replace("\n  ", " ") and ", worse; last on" in mail.replace("\n  ", " ")
    assert mail.isascii() and max(map(len, mail.splitlines())) <= 75
    assert mail.startswith("Subject: [kmatrix] nightly ") and (last / "night.md").is_file()


def test_killed_in_the_middle_and_gone_on_with(ready: None, kmatrix: Kmatrix) -> None:
    process = kmatrix.start(*arguments(kmatrix))
    until(lambda: runs(kmatrix) and len(list(runs(kmatrix)[0].glob("cells/*/*/*/result.json"))) == 1)
    [run] = runs(kmatrix)
    [ended] = run.glob("cells/*/*/*/result.json")
    guests = until(lambda: emulators(process.pid))
    below = list(children(process.pid))
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    until(lambda: not any(alive(pid) for pid in [*guests, *below]), 20)
    assert state(kmatrix)["current"]["run"] == str(run) and not (run / "matrix.json").exists()
    before = ended.stat().st_mtime_ns

    again = kmatrix(*arguments(kmatrix), "--resume")
    assert again.code == 0, again.out + again.err
    assert "cut off; resumed" in again.out
    assert runs(kmatrix) == [run] and statuses(run) == {SMALL: "passed", FAULTS: "passed"}
    assert ended.stat().st_mtime_ns == before, "a cell was run twice"
    assert entries(kmatrix) == [str(run)] and state(kmatrix)["current"] is None
    assert set(json.loads((run / "host.json").read_text())["guest_image"]) == {"aarch64"}
    assert "nothing changed" in night(kmatrix).out
    assert "no night was cut off" in kmatrix(*arguments(kmatrix), "--resume").out


def test_never_twice_at_once(ready: None, kmatrix: Kmatrix) -> None:
    process = kmatrix.start(*arguments(kmatrix))
    until(lambda: runs(kmatrix))
    other = night(kmatrix)
    assert other.code == 2 and "another kmatrix nightly" in other.err
    assert process.wait(600) == 0


@pytest.mark.parametrize("budget", ["1s", pytest.param("0.001s", marks=pytest.mark.night)])
def test_what_does_not_fit_comes_first_the_next_night(ready: None, kmatrix: Kmatrix, budget: str) -> None:
    first = kmatrix(*arguments(kmatrix, text=MATRIX.replace("40m", budget)))
    [run] = runs(kmatrix)
    assert "Not measured, for the time was up" in first.out
    left = state(kmatrix)["first"]
    assert left and left == [name for name, status in statuses(run).items() if status == "skipped"]
    assert first.code == 0, first.out + first.err
    second = night(kmatrix)
    assert second.code == 0 and "left over from last night" in second.out.replace("\n  ", " ")
    assert list(statuses(runs(kmatrix)[-1])) == left
