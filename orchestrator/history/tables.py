# SPDX-License-Identifier: GPL-2.0-or-later
"""The history's tables: the whole matrix of each run, and beside it what is asked for by cell and metric."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text

VERSION = 2  # of these tables; a newer one is left alone, an older one brought up to date: versions.py
META = MetaData()

FORMAT = Table("kmatrix_format", META, Column("version", Integer, primary_key=True))

RUNS = Table(
    "kmatrix_runs",
    META,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),  # contract.RunRow's id
    Column("kind", Text, nullable=False),
    Column("started", Double, nullable=False, index=True),  # seconds since 1970
    Column("place", Text, nullable=False),  # the run folder, as of its recording
    Column("machine", Text, nullable=False),  # that recorded it
    Column("linux", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("code", Integer, nullable=False),  # exit code
    Column("nights", Text, nullable=False, server_default=""),  # contract.RunRow's; since version 2
    Column("report", LargeBinary, nullable=False),  # matrix.json, zlib
)

CELLS = Table(
    "kmatrix_cells",
    META,
    Column("id", Integer, primary_key=True),
    Column("run", ForeignKey(RUNS.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("cell", Text, nullable=False),
    Column("arch", Text, nullable=False),
    Column("kernel", Text, nullable=False),
    Column("workload", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("exact", Boolean, nullable=False),
    Column("unit", Text, nullable=False),  # of work
    Column("units", Integer),  # in a pass
    Column("inputs", Text, nullable=False),  # JSON: lineage.inputs()
    Column("source", Text, nullable=False),  # JSON: lineage.kernel()
)

FIGURES = Table(
    "kmatrix_figures",
    META,
    Column("id", Integer, primary_key=True),
    Column("cell", ForeignKey(CELLS.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("metric", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("value", Double),  # the median of the boots' medians; none without a counted pass
    Column("boots", Text, nullable=False),  # JSON: one list per boot, in it one number per counted pass
)

Index("kmatrix_cells_by_name", CELLS.c.cell)
