# SPDX-License-Identifier: GPL-2.0-or-later
"""What the history gives back: runs, and points of lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """An entry, as `kmatrix history` lists it. started: seconds since 1970."""

    id: int
    name: str
    kind: str
    started: float
    place: str
    machine: str
    linux: str
    summary: str
    code: int
    nights: str  # contract.RunRow's; "" for other runs, and for nights of before it was recorded


@dataclass(frozen=True)
class Point:
    """One cell's metric in one run.

    boots: one list per boot, in it one number per counted pass; () where the cell did not pass.
    """

    run: Run
    cell: str
    status: str
    exact: bool
    unit: str  # of work
    units: int | None
    metric: str
    boots: Sequence[Sequence[float]]
    inputs: Mapping[str, str]  # lineage.inputs()
    kernel: Mapping[str, str]  # lineage.kernel()


@dataclass(frozen=True)
class Filter:
    """What is asked for; "" and 0 are all. since: seconds since 1970."""

    arch: str = ""
    kernel: str = ""
    workload: str = ""
    metric: str = ""
    kind: str = ""
    since: float = 0.0
    nights: str = ""


ALL = Filter()
