# SPDX-License-Identifier: GPL-2.0-or-later
"""Two cells side by side: the change of each metric and what may be said of it."""

from __future__ import annotations

from orchestrator.analyse.contract import CellRow, ComparisonRow
from orchestrator.analyse.statistics import centre, reach, spread
from orchestrator.collectors import Collector
from orchestrator.collectors import known as collectors
from orchestrator.model import Clock, Direction, Verdict

# What must be equal for two cells to be compared: they differ in the kernel alone.
SAME = ("arch", "workload", "accel", "clock", "qemu", "cpu", "units", "unit", "workload_sha256")
FLOOR = 50e-6  # relative: smaller changes of a time are not told from tick phase


def compare(base: CellRow, new: CellRow) -> list[ComparisonRow]:
    """A row a metric that both have. Empty when one did not pass."""
    if base["status"] != "passed" or new["status"] != "passed":
        return []
    differing = [name for name in SAME if base[name] != new[name]]  # type: ignore[literal-required]
    return [
        _row(base, new, metric, collectors()[metric], differing)
        for metric in base["metrics"]
        if metric in new["metrics"]
    ]


def _row(base: CellRow, new: CellRow, metric: str, how: Collector, differing: list[str]) -> ComparisonRow:
    old_boots, new_boots = base["metrics"][metric]["boots"], new["metrics"][metric]["boots"]
    old_value, new_value = centre(old_boots), centre(new_boots)
    units = base["units"] or 1
    noise = max(reach(old_boots), reach(new_boots), 0.0 if how.exact else FLOOR * abs(old_value))
    verdict, why = _verdict(new_value - old_value, noise, how, base["clock"], differing)
    return ComparisonRow(
        arch=base["arch"],
        workload=base["workload"],
        metric=metric,
        base=base["kernel"],
        new=new["kernel"],
        base_value=old_value,
        new_value=new_value,
        change=(new_value - old_value) / old_value if old_value else None,
        spread_base=spread(old_boots),
        spread_new=spread(new_boots),
        noise=noise,
        unit=how.unit,
        units=units,
        shown_unit=how.shown_unit,
        per_unit_base=old_value * how.scale / units,
        per_unit_new=new_value * how.scale / units,
        direction=how.direction.value,
        verdict=verdict.value,
        why=why,
    )


def _verdict(
    difference: float, noise: float, how: Collector, clock: str, differing: list[str]
) -> tuple[Verdict, str]:
    """Only a difference beyond the noise is one; without it there is no difference shown, not none."""
    if differing:
        return Verdict.UNCLEAR, f"not comparable: {', '.join(differing)} differ"
    if abs(difference) <= noise:
        if clock == Clock.WALL and not how.exact:
            return Verdict.UNCLEAR, "within the noise of a wall clock"
        return Verdict.SAME, "no difference shown"
    if how.direction is Direction.NEITHER:
        return Verdict.UNCLEAR, "it moved, but neither way is better by itself"
    good = (difference < 0) == (how.direction is Direction.LOWER)
    return (Verdict.BETTER if good else Verdict.WORSE), "beyond the noise"
