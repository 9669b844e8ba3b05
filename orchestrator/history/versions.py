# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables of a database: of which version they are; made where there are none, and old ones brought up to date."""

from __future__ import annotations

import sqlalchemy as sql
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateIndex, CreateTable

from orchestrator.errors import ConfigError
from orchestrator.history.entries import Entry
from orchestrator.history.tables import FORMAT, META, RUNS, VERSION

LOCK = 0x6B6D6174  # PostgreSQL's advisory lock: kmat


def version(connection: Connection) -> int:
    """Of the tables that are there; 0 if there are none. ConfigError for one that we do not know."""
    if not sql.inspect(connection).has_table(FORMAT.name):
        return 0
    found = connection.execute(sql.select(sql.func.max(FORMAT.c.version))).scalar() or 0
    if found > VERSION:
        raise ConfigError(f"the history was written by a newer kmatrix (format {found})", hint="use that one")
    return int(found)


def prepare(connection: Connection) -> None:
    """Make the tables as they are today; one recording at a time, so that the same run twice is one entry."""
    if connection.dialect.name == "postgresql":
        connection.execute(sql.select(sql.func.pg_advisory_xact_lock(LOCK)))
    found = version(connection)
    if found == VERSION:
        return
    for table in META.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    if found == 1:
        connection.exec_driver_sql(f"ALTER TABLE {RUNS.name} ADD COLUMN nights TEXT NOT NULL DEFAULT ''")
    connection.execute(sql.insert(FORMAT).values(version=VERSION))


def run_columns(found: int) -> dict[str, sql.ColumnElement[object]]:
    """{field of Entry: its column}. Reading changes no tables: what old ones do not have is empty."""
    own = {name: RUNS.c[name] for name in Entry.__dataclass_fields__ if name != "nights"}
    return {**own, "nights": RUNS.c.nights if found >= 2 else sql.literal("")}
