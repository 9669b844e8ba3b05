# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known of two kernels when both are built, before they are measured: a file for each arch and pair."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import TypedDict

from orchestrator.analyse.contract import ChangedRow, IdenticalRow, NotBuiltRow
from orchestrator.analyse.identical import DIFFERS
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


def same_as(folder: RunFolder, build_id: str) -> list[str]:
    """Builds that were there before it, of kernels that are the same."""
    arch = build_id.partition("/")[0]
    found = [folder.read_json(str(path.relative_to(folder.path))) for path in _all_of(folder, build_id)]
    rows: list[IdenticalRow] = [its["identical"] for its in found if its]
    return [f"{arch}/{row['base']}" for row in rows if row["how"] != DIFFERS]


def _all_of(folder: RunFolder, build_id: str) -> list[Path]:
    return sorted((folder.path / "builds" / build_id).glob("against-*.json"))


def _place(arch: str, base: str, new: str) -> str:
    return f"builds/{arch}/{new}/against-{base}.json"
