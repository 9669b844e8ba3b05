# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known of two kernels when both are built, before they are measured: a file for each arch and pair."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import TypedDict

from orchestrator.analyse.contract import ChangedRow, IdenticalRow, NotBuiltRow
from orchestrator.model import Comparison
from orchestrator.runs.folder import RunFolder


class Against(TypedDict):
    """changed is None where it is not known what the kernels' sources differ by."""

    identical: IdenticalRow
    changed: ChangedRow | None
    not_built: list[NotBuiltRow]


def save(folder: RunFolder, found: Against) -> None:
    """For reports, and for whoever goes on with the run."""
    its = found["identical"]
    folder.write_json(_place(its["arch"], its["base"], its["new"]), found)


def load(folder: RunFolder, arches: Iterable[str], comparisons: Sequence[Comparison]) -> list[Against]:
    """All that there are, arch by arch."""
    places = (_place(arch, pair.base, pair.new) for arch, pair in product(dict.fromkeys(arches), comparisons))
    return [found for place in places if (found := folder.read_json(place))]


def _place(arch: str, base: str, new: str) -> str:
    return f"builds/{arch}/{new}/against-{base}.json"
