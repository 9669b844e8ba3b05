# SPDX-License-Identifier: GPL-2.0-or-later
"""What two kernels differ by before anything runs, as a run folder keeps it: a file for each arch and pair."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from orchestrator.analyse.contract import MatrixReport, PairRow
from orchestrator.analyse.static import StaticFacts
from orchestrator.model import Comparison
from orchestrator.runs.folder import RunFolder


def save(folder: RunFolder, pair: PairRow, facts: StaticFacts) -> None:
    """For reports, and for whoever goes on with the run."""
    folder.write_json(_place(**pair), facts)


def known(folder: RunFolder, pair: PairRow) -> bool:
    """Did an earlier start of this run look?"""
    return folder.read_json(_place(**pair)) is not None


def add(report: MatrixReport, folder: RunFolder, arches: Iterable[str], comparisons: Sequence[Comparison]) -> None:
    """To a matrix, if anybody looked."""
    places = (_place(arch, pair.base, pair.new) for arch, pair in product(dict.fromkeys(arches), comparisons))
    found: list[StaticFacts] = [its for place in places if (its := folder.read_json(place))]
    if found:
        report["static"] = [row for its in found for row in its["rows"]]
        report["static_left_out"] = [row for its in found for row in its["left_out"]]


def _place(arch: str, base: str, new: str) -> str:
    return f"builds/{arch}/{new}/static-{base}.json"
