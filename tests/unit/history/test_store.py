# SPDX-License-Identifier: GPL-2.0-or-later
"""The history: what is recorded, in SQLite and in a real PostgreSQL."""

from __future__ import annotations

import copy
import json
import sqlite3
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from orchestrator.analyse.contract import RunRow
from orchestrator.analyse.upgrade import upgraded
from orchestrator.cli.history import moment
from orchestrator.engine import recorded
from orchestrator.errors import ConfigError, InfraError
from orchestrator.history import store, tables
from orchestrator.history.entries import Filter
from orchestrator.history.store import History, address
from orchestrator.runs import load as loading
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.identity import begin
from orchestrator.runs.load import load
from orchestrator.runs.run import Run
from tests.unit.history.conftest import REFERENCE


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield str(tmp_path / "deep/er/history.sqlite")
        return
    url = request.getfixturevalue("postgres")
    yield url
    found = address(url)
    assert found is not None
    engine = sql.create_engine(found)
    with engine.begin() as connection:
        connection.execute(
            sql.text("DROP TABLE IF EXISTS kmatrix_figures, kmatrix_cells, kmatrix_runs, kmatrix_format")
        )
    engine.dispose()


def run(number: int = 0, report: Any = None) -> Run:
    made = copy.deepcopy(report or upgraded(json.loads(REFERENCE.read_text())))
    made["run"] = {"id": f"run{number}", "started": 1000.0 + number, "kind": "run"}
    return Run(made, identity=made["run"], place=Path(f"/runs/{number}"))


def test_what_went_in_comes_out(place: str) -> None:
    one = run()
    with History(place) as history:
        assert history.runs() == [] and history.points() == []
        number = history.record(one)
        assert number is not None and history.report(number) == one.report
        [entry] = history.runs()
        points = history.points()
    assert (entry.name, entry.kind, entry.started, entry.place, entry.code) == ("run0", "run", 1000.0, "/runs/0", 0)
    assert len(points) == 24 and all(point.status == "passed" and point.exact for point in points)
    cell = next(row for row in one.report["cells"] if row["id"] == "s390x/patched/shmem-write")
    mine = next(p for p in points if (p.cell, p.metric) == (cell["id"], "time"))
    assert mine.boots == cell["metrics"]["time"]["boots"]
    assert mine.inputs["compiler"].startswith("s390x-linux-gnu-gcc")
    assert mine.kernel["source"] == one.report["kernels"]["s390x/patched"]["source"]


def test_the_same_run_twice_is_one_entry_with_its_number_and_what_is_new(place: str) -> None:
    with History(place) as history:
        first = history.record(run())
        history.record(run(1))
        again = run()
        again.report["cells"].pop()
        assert history.record(again) == first
        assert [entry.name for entry in history.runs()] == ["run0", "run1"]
        assert len(history.points()) == 44 and len(history.report(first or 0)["cells"]) == 5


def test_many_at_once_neither_fail_nor_double(place: str) -> None:
    """Tables are made by whoever is first; the same run comes from two sides."""

    def record(number: int) -> None:
        with History(place) as history:
            history.record(run(number % 4))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(record, range(16)))
    with History(place) as history:
        assert [entry.name for entry in history.runs()] == ["run0", "run1", "run2", "run3"]
        assert len(history.points()) == 4 * 24


def test_a_recording_that_fails_leaves_nothing(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = store._insert_cell

    def break_off(connection: Any, made: int, report: Any, cell: Any) -> None:
        if cell["id"].startswith("s390x/patched"):
            raise OSError("the disk is full")
        whole(connection, made, report, cell)

    with History(place) as history:
        history.record(run())
        monkeypatch.setattr(store, "_insert_cell", break_off)
        changed = run()
        changed.report["cells"][0]["status"] = "timed_out"
        for one in (changed, run(1)):
            with pytest.raises(InfraError, match="the disk is full"):
                history.record(one)
        assert [entry.name for entry in history.runs()] == ["run0"]
        assert {point.status for point in history.points()} == {"passed"} and len(history.points()) == 24


def test_filters(place: str) -> None:
    small = run(1)
    small.report["cells"] = [row for row in small.report["cells"] if row["arch"] == "s390x"]
    del small.report["cells"][0]["metrics"]["time"], small.report["cells"][1]["metrics"]["time"]
    assert small.identity is not None
    small.identity["kind"] = "verify"
    with History(place) as history:
        history.record(run())
        history.record(small)

        def names(**wanted: Any) -> list[str]:
            return [entry.name for entry in history.runs(Filter(**wanted))]

        assert names(arch="s390x") == ["run0", "run1"] and names(arch="aarch64") == ["run0"]
        assert names(metric="time") == ["run0"] and names(metric="pgfault") == ["run0", "run1"]
        assert names(workload="shmem-write", kernel="patched") == ["run0", "run1"] and names(workload="gup") == []
        assert names(since=1000.5) == ["run1"] and names(kind="verify") == ["run1"]
        assert {p.metric for p in history.points(Filter(metric="time"))} == {"time"}
        assert {p.cell for p in history.points(Filter(arch="s390x", kernel="patched"))} == {
            "s390x/patched/shmem-write"
        }


def test_a_failed_cell_is_a_point_without_figures(place: str) -> None:
    one = run()
    one.report["cells"][0] |= {"status": "kernel_broke", "metrics": {}}  # type: ignore[typeddict-item]
    with History(place) as history:
        history.record(one)
        point = history.points()[0]
    assert (point.status, point.metric, list(point.boots)) == ("kernel_broke", "", [])


def test_a_newer_format_is_left_alone(place: str) -> None:
    with History(place) as history:
        history.record(run())
        assert history._engine is not None
        with history._engine.begin() as connection:
            connection.execute(sql.insert(tables.FORMAT).values(version=tables.VERSION + 1))
        for act in (history.runs, history.points, lambda: history.record(run(1))):
            with pytest.raises(ConfigError, match="newer kmatrix"):
                act()


def made_old(history: History) -> None:
    """As the first version of the tables was."""
    assert history._engine is not None
    with history._engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE kmatrix_runs DROP COLUMN nights")
        connection.exec_driver_sql("UPDATE kmatrix_format SET version = 1")


def test_an_older_format_is_read_and_brought_up_to_date_by_the_next_run(place: str) -> None:
    mine = run(1)
    assert mine.identity is not None
    mine.identity["nights"] = "mine"
    with History(place) as history:
        number = history.record(run())
        made_old(history)
        assert [entry.nights for entry in history.runs()] == [""] and len(history.points()) == 24
        assert history.runs(Filter(nights="mine")) == [] == history.points(Filter(nights="mine"))
        assert number is not None and history.report(number)["cells"]
        assert history.record(mine) == number + 1 and history.record(run()) == number
        assert [(entry.id, entry.nights) for entry in history.runs()] == [(number, ""), (number + 1, "mine")]
        assert len(history.points()) == 48 and len(history.points(Filter(nights="mine"))) == 24
        assert {point.run.nights for point in history.points(Filter(nights="mine"))} == {"mine"}


def test_a_password_is_never_shown(postgres: str) -> None:
    wrong = postgres.replace("/postgres?", "/nothing-there?")
    with History(wrong) as history, pytest.raises(InfraError, match="nothing-there") as caught:
        history.runs()
    assert "secret" not in str(caught.value) and "secret" not in history.name


def test_recording_never_costs_a_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    recorded(loading.of_folder(folder(tmp_path / "run")), str(tmp_path / "file/history.sqlite"))
    assert "warning: not recorded in the history" in (said := capsys.readouterr().err) and "history import" in said
    (tmp_path / "rubbish").write_text("not a database, and longer than the header of one" * 9)
    recorded(loading.of_folder(folder(tmp_path / "run")), str(tmp_path / "rubbish"))
    assert "not a database" in capsys.readouterr().err
    recorded(loading.of_folder(folder(tmp_path / "run")), "mysql://x/y")
    assert "warning" in capsys.readouterr().err
    recorded(loading.of_folder(folder(tmp_path / "run")), "none")
    assert capsys.readouterr().err == ""


def folder(path: Path) -> RunFolder:
    """A run that was planned and measured nothing."""
    made = RunFolder(path)
    plan = {"builds": [], "cells": [], "comparisons": [], "expectations": {}, "measure": {"clock": "icount"}}
    made.write_json("plan.json", plan)
    return made


def named(path: Path) -> RunRow:
    """Which run lies there."""
    found = load(path).identity
    assert found is not None
    return found


def test_a_run_keeps_its_name_wherever_it_goes(tmp_path: Path) -> None:
    made = folder(tmp_path / "a")
    begin(made, "nightly", "mine-12345678")
    first = named(made.path)
    begin(made, "run")  # a later start
    made.path.rename(tmp_path / "b")
    assert named(tmp_path / "b") == first and first["kind"] == "nightly"
    assert first["nights"] == "mine-12345678"
    other = folder(tmp_path / "c")
    begin(other, "run")
    assert named(other.path)["id"] != first["id"]


def test_a_matrix_json_is_recorded_under_the_name_of_its_run(tmp_path: Path) -> None:
    (tmp_path / "matrix.json").write_text(json.dumps(run(7).report))
    assert named(tmp_path / "matrix.json")["id"] == "run7"
    assert named(REFERENCE) == named(REFERENCE) and load(REFERENCE).report["cells"]


def test_the_default_place_is_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KMATRIX_HISTORY", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    found = address(None)
    assert found is not None and found.database == str(tmp_path / "kmatrix/history.sqlite")
    monkeypatch.setenv("KMATRIX_HISTORY", "postgresql://me@host/team")
    found = address(None)
    assert found is not None and found.drivername == "postgresql+psycopg"
    assert address("none") is None
    with History("none") as history:
        assert history.record(run()) is None


def test_who_reads_does_not_wait_for_who_writes(tmp_path: Path) -> None:
    with History(str(tmp_path / "h")) as history:
        history.record(run())
        with history._asking(write=True), History(str(tmp_path / "h")) as other:
            assert [entry.name for entry in other.runs()] == ["run0"]


def test_the_file_can_be_read_without_kmatrix(tmp_path: Path) -> None:
    with History(str(tmp_path / "h")) as history:
        history.record(run())
    with sqlite3.connect(tmp_path / "h") as database:
        [[packed]] = database.execute("SELECT report FROM kmatrix_runs").fetchall()
        rows = database.execute("SELECT value FROM kmatrix_figures WHERE metric = 'pgfault'").fetchall()
    assert json.loads(zlib.decompress(packed))["schema"] == 1
    assert {value for [value] in rows} == {204800.0, 102400.0}


def test_since_is_a_date_or_an_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1e9)
    assert [moment(text) for text in ("", "2h", "3d", "1w")] == [0, 1e9 - 7200, 1e9 - 259200, 1e9 - 604800]
    assert moment("2026-11-01") < moment("2026-11-01T12:00")
    with pytest.raises(ConfigError, match="is no date"):
        moment("yesterday-ish")
