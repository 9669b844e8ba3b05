# SPDX-License-Identifier: GPL-2.0-or-later
"""Where runs are recorded: a file of SQLite by default, a team's PostgreSQL by its URL. One transaction a run."""

from __future__ import annotations

import json
import os
import platform
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import sqlalchemy as sql
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from orchestrator.analyse.contract import CellRow, MatrixReport, RunRow
from orchestrator.analyse.matrix import exit_code
from orchestrator.analyse.statistics import centre
from orchestrator.analyse.upgrade import upgraded
from orchestrator.errors import ConfigError, InfraError
from orchestrator.history import lineage
from orchestrator.history.entries import ALL, Filter, Point, Run
from orchestrator.history.tables import CELLS, FIGURES, RUNS
from orchestrator.history.versions import prepare, run_columns, version
from orchestrator.report.parts.rows import summary
from orchestrator.runs.run import Run as Finished
from orchestrator.store import of_user

OFF = "none"
PATIENCE = 30  # seconds that a recording waits for another one


def address(place: str | None) -> URL | None:
    """The database that a --history means: a file, a URL, none; without one KMATRIX_HISTORY, then the data folder."""
    named = place or os.environ.get("KMATRIX_HISTORY") or str(_usual())
    if named == OFF:
        return None
    if "://" not in named:
        return URL.create("sqlite", database=str(Path(named).expanduser().resolve()))
    try:
        url = make_url(named)
    except ArgumentError as error:
        raise ConfigError(
            "--history is no URL of a database", hint="postgresql://user@host/name, or a file"
        ) from error
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigError(f"no history in {url.drivername}", hint="it is kept in SQLite (a file) or PostgreSQL")
    return url


def _usual() -> Path:
    data = of_user("XDG_DATA_HOME", ".local/share", "set KMATRIX_HISTORY to a file, or to none")
    return data / "kmatrix/history.sqlite"


class History:
    """The database, as a context manager. Without one (`none`) nothing is recorded and nothing found."""

    def __init__(self, place: str | None = None) -> None:
        self.url = address(place)
        self._engine = _engine(self.url) if self.url else None

    def __enter__(self) -> History:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._engine:
            self._engine.dispose()

    @property
    def name(self) -> str:
        """For people: without its password."""
        return self.url.render_as_string(hide_password=True) if self.url else OFF

    def record(self, run: Finished) -> int | None:
        """Write a run's entry, instead of an earlier one of the same run; its id. All of it or nothing."""
        if not self._engine:
            return None
        if run.identity is None:
            raise ValueError("nobody knows which run this is")
        with self._asking(write=True) as connection:
            prepare(connection)
            return _insert(connection, run.identity, run.report, str(run.place))

    def runs(self, wanted: Filter = ALL) -> list[Run]:
        """Those with a cell that is asked for, in the order of time."""
        with self._asking() as connection:
            if not (form := version(connection)):
                return []
            columns = run_columns(form)
            cells = sql.select(CELLS.c.run).where(*_where(wanted))
            if wanted.metric:
                cells = cells.where(
                    CELLS.c.id.in_(sql.select(FIGURES.c.cell).where(FIGURES.c.metric == wanted.metric))
                )
            query = sql.select(*(column.label(name) for name, column in columns.items()))
            query = query.where(RUNS.c.id.in_(cells), *_of_run(wanted, columns)).order_by(RUNS.c.started, RUNS.c.id)
            return [Run(**row) for row in connection.execute(query).mappings()]

    def points(self, wanted: Filter = ALL) -> list[Point]:
        """Every metric of every cell that is asked for, in the order of time; failed cells have one of metric ""."""
        with self._asking() as connection:
            if not (form := version(connection)):
                return []
            of_run = run_columns(form)
            joined = RUNS.join(CELLS, CELLS.c.run == RUNS.c.id).outerjoin(FIGURES, FIGURES.c.cell == CELLS.c.id)
            columns = [column.label(str(column)) for column in [*CELLS.c, FIGURES.c.metric, FIGURES.c.boots]]
            columns += [column.label(f"{RUNS.name}.{name}") for name, column in of_run.items()]
            query = sql.select(*columns).select_from(joined).where(*_where(wanted), *_of_run(wanted, of_run))
            query = query.order_by(RUNS.c.started, RUNS.c.id, CELLS.c.id, FIGURES.c.id)
            found = [_point(dict(row)) for row in connection.execute(query).mappings()]
        return [point for point in found if wanted.metric in ("", point.metric) or not point.metric]

    def report(self, run: int) -> MatrixReport:
        """The whole matrix of an entry. ConfigError if there is none."""
        with self._asking() as connection:
            query = sql.select(RUNS.c.report).where(RUNS.c.id == run)
            packed = connection.execute(query).scalar() if version(connection) else None
        if packed is None:
            raise ConfigError(f"the history has no run {run}", hint="kmatrix history lists them")
        found: MatrixReport = json.loads(zlib.decompress(packed))
        return upgraded(found)

    @contextmanager
    def _asking(self, write: bool = False) -> Iterator[Connection]:
        """A transaction; what goes wrong in it is told without the password."""
        if self._engine is None:
            raise ConfigError("there is no history", hint=f"--history is {OFF}")
        path = Path(self.url.database or "") if self.url and self._engine.dialect.name == "sqlite" else None
        try:
            if path and write:
                path.parent.mkdir(parents=True, exist_ok=True)
            if path and not write and not path.exists():
                yield from self._nothing()
                return
            with self._engine.execution_options(writes=write).begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise InfraError(
                f"history {self.name}: {cause}", kind="history", hint="--history names another"
            ) from error

    def _nothing(self) -> Iterator[Connection]:
        """An empty database, for a file that nobody has written yet."""
        with sql.create_engine("sqlite://").begin() as connection:
            yield connection


def _engine(url: URL) -> sql.Engine:
    if url.get_backend_name() != "sqlite":
        return sql.create_engine(url, connect_args={"connect_timeout": 10})
    engine = sql.create_engine(url, connect_args={"timeout": PATIENCE})

    @sql.event.listens_for(engine, "connect")
    def _connected(connection: Any, record: object) -> None:
        connection.isolation_level = None  # BEGIN is ours to say
        connection.execute("PRAGMA foreign_keys = ON")

    @sql.event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")  # who only reads waits for nobody

    return engine


def _insert(connection: Connection, run: RunRow, report: MatrixReport, place: str) -> int:
    before = connection.execute(sql.select(RUNS.c.id).where(RUNS.c.name == run["id"])).scalar()
    if before is not None:
        connection.execute(sql.delete(RUNS).where(RUNS.c.id == before))
    versions = sorted({cell["linux"] for cell in report["cells"] if cell["linux"]})
    row = {
        "name": run["id"],
        "kind": run["kind"],
        "started": run["started"],
        "place": place,
        "machine": platform.node(),
        "linux": ", ".join(versions),
        "summary": summary(report),
        "code": exit_code(report),
        "nights": run.get("nights", ""),
        "report": zlib.compress(json.dumps(report).encode(), 9),
        **({"id": before} if before is not None else {}),  # what people have noted stays true
    }
    made = connection.execute(sql.insert(RUNS).values(**row).returning(RUNS.c.id)).scalar_one()
    for cell in report["cells"]:
        _insert_cell(connection, made, report, cell)
    return int(made)


def _insert_cell(connection: Connection, run: int, report: MatrixReport, cell: CellRow) -> None:
    values = {name: cell[name] for name in ("arch", "kernel", "workload", "status", "exact", "unit", "units")}
    inputs, source = lineage.inputs(report, cell), lineage.kernel(report, cell)
    query = sql.insert(CELLS).values(
        run=run, cell=cell["id"], inputs=json.dumps(inputs), source=json.dumps(source), **values
    )
    made = connection.execute(query.returning(CELLS.c.id)).scalar_one()
    rows = [
        {
            "cell": made,
            "metric": name,
            "unit": row["unit"],
            "value": _number(row["boots"]),
            "boots": json.dumps(row["boots"]),
        }
        for name, row in cell["metrics"].items()
    ]
    if rows:
        connection.execute(sql.insert(FIGURES), rows)


def _number(boots: Sequence[Sequence[float]]) -> float | None:
    value = centre(boots)
    return value if value == value else None  # NaN: not a number of SQL


def _where(wanted: Filter) -> list[sql.ColumnElement[bool]]:
    columns = {"arch": CELLS.c.arch, "kernel": CELLS.c.kernel, "workload": CELLS.c.workload}
    return [column == getattr(wanted, name) for name, column in columns.items() if getattr(wanted, name)]


def _of_run(wanted: Filter, columns: Mapping[str, sql.ColumnElement[Any]]) -> list[sql.ColumnElement[bool]]:
    named = [columns[name] == getattr(wanted, name) for name in ("kind", "nights") if getattr(wanted, name)]
    return [RUNS.c.started >= wanted.since, *named]


def _point(row: dict[str, Any]) -> Point:
    of = {name: row[f"{RUNS.name}.{name}"] for name in Run.__dataclass_fields__}
    cell = {name: row[f"{CELLS.name}.{name}"] for name in ("cell", "status", "exact", "unit", "units")}
    metric, boots = row[f"{FIGURES.name}.metric"], row[f"{FIGURES.name}.boots"]
    return Point(
        run=Run(**of),
        **cell,
        metric=metric or "",
        boots=json.loads(boots) if boots else (),
        inputs=json.loads(row[f"{CELLS.name}.inputs"]),
        kernel=json.loads(row[f"{CELLS.name}.source"]),
    )
