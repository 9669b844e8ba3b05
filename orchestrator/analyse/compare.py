# SPDX-License-Identifier: GPL-2.0-or-later
"""Two cells side by side: the change of each metric and what may be said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from orchestrator.analyse.contract import CellRow, ComparisonRow
from orchestrator.analyse.identical import Pairs
from orchestrator.analyse.statistics import centre, spread
from orchestrator.analyse.verdicts import Case, Finding, exact, varying
from orchestrator.collectors import known as collectors
from orchestrator.model import Reason, Status, Verdict

# What must be equal for two cells to be compared, beside their provenance: they differ in the kernel alone.
SAME = ("arch", "workload", "accel", "clock", "qemu", "cpu", "units", "unit", "workload_sha256", "exact")


@dataclass(frozen=True)
class _Pair:
    base: CellRow
    new: CellRow
    metric: str

    @property
    def case(self) -> Case:
        boots = [cell["metrics"][self.metric]["boots"] for cell in (self.base, self.new)]
        return Case(boots[0], boots[1], collectors()[self.metric])

    def among(self, same: Pairs) -> bool:
        """Are their kernels the same?"""
        return (self.base["arch"], self.base["kernel"], self.new["kernel"]) in same

    @property
    def differing(self) -> list[str]:
        return differing(self.base, self.new)


def compare(cells: Iterable[tuple[CellRow, CellRow]], same: Pairs = frozenset()) -> list[ComparisonRow]:
    """All (base, new) cells of one matrix at once, because the correction is over all that may vary. same: kernels
    that are: between these there is nothing to be tested.

    One row per metric that both cells have; none where one did not pass, but what was planned counts: a run that
    is looked at while it goes on, or that lost a cell, promises no less.
    """
    sides = list(cells)
    measured = [(base, new) for base, new in sides if base["status"] == new["status"] == Status.PASSED]
    pairs = [
        _Pair(base, new, metric) for base, new in measured for metric in base["metrics"] if metric in new["metrics"]
    ]
    tested = [i for i, pair in enumerate(pairs) if not pair.differing and not pair.among(same)]
    inexact = [i for i in tested if not pairs[i].base["exact"]]
    missing = sum(not base["exact"] for base, _ in sides) - sum(not base["exact"] for base, _ in measured)
    each = max(Counter((id(pairs[i].base), id(pairs[i].new)) for i in inexact).values(), default=1)
    found = dict(zip(inexact, varying([pairs[i].case for i in inexact], missing * each), strict=True))
    return [_row(pair, found[i] if i in found else _alone(pair, same)) for i, pair in enumerate(pairs)]


def differing(base: CellRow, new: CellRow) -> list[str]:
    """What two cells differ in beside the kernel, so that they cannot be compared."""
    found = [name for name in SAME if base[name] != new[name]]  # type: ignore[literal-required]
    old, others = (_inputs(cell.get("provenance") or {}) for cell in (base, new))
    return list(dict.fromkeys([*found, *(name for name in old if name in others and old[name] != others[name])]))


def _inputs(provenance: dict[str, Any]) -> dict[str, Any]:
    """All that a cell's figures rest on but the kernel, by the names that SAME has for some of them."""
    parts = {**provenance, **provenance.get("workload", {}), **provenance.get("machine", {})}
    told = ("kernel", "workload", "machine", "program")  # the program is SAME's workload_sha256
    return {name: value for name, value in parts.items() if name not in told}


def _alone(pair: _Pair, same: Pairs) -> Finding:
    if pair.among(same):
        return Finding(Verdict.SAME, Reason.IDENTICAL, "the same kernel", detectable=0.0)
    if pair.differing:
        return Finding(Verdict.UNCLEAR, Reason.NOT_COMPARABLE, f"not comparable: {', '.join(pair.differing)} differ")
    return exact(pair.case)


def _change(old: float, new: float, finding: Finding) -> float | None:
    if finding.reason is Reason.IDENTICAL and old == new:
        return 0.0
    return (new - old) / old if old else None


def _row(pair: _Pair, finding: Finding) -> ComparisonRow:
    case = pair.case
    old_value, new_value = centre(case.base), centre(case.new)
    units = pair.base["units"] or 1
    return ComparisonRow(
        arch=pair.base["arch"],
        workload=pair.base["workload"],
        metric=pair.metric,
        base=pair.base["kernel"],
        new=pair.new["kernel"],
        base_value=old_value,
        new_value=new_value,
        change=_change(old_value, new_value, finding),
        spread_base=spread(case.base),
        spread_new=spread(case.new),
        unit=case.how.unit,
        units=units,
        shown_unit=case.how.shown_unit,
        per_unit_base=old_value * case.how.scale / units,
        per_unit_new=new_value * case.how.scale / units,
        direction=case.how.direction.value,
        noise=finding.noise,
        verdict=finding.verdict.value,
        reason=finding.reason.value,
        why=finding.why,
        detectable=finding.detectable,
        p=finding.p,
        p_corrected=finding.p_corrected,
        reached=None,
    )
