# SPDX-License-Identifier: GPL-2.0-or-later
"""A run and its repetition: which values are the same, and what differs in what went in. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from orchestrator.analyse import costs
from orchestrator.analyse.contract import CellRow, MatrixReport
from orchestrator.analyse.differences import Difference, differences
from orchestrator.analyse.expect import kernels_of
from orchestrator.analyse.statistics import reach
from orchestrator.analyse.verdicts import SMALL
from orchestrator.collectors import FLOOR
from orchestrator.collectors import known as collectors
from orchestrator.model import COSTS, MEMORY
from orchestrator.registry import numberless

Boots = Sequence[Sequence[float]]  # one list per boot, of its counted passes
SAME, OFF, STATUS, VARIES, UNSURE = "same", "off", "status differs", "varies", "does not repeat"
WIDER = 4  # times as far apart as when it was recorded: two boots tell little of how far two others are


@dataclass(frozen=True)
class Value:
    """A cell's metric, then and now, for a whole pass in the metric's unit; off is relative.

    verdict: same; off (beyond its floor, 50 ppm of a time, and the passes' own reach, or any difference of a
    counter); status differs (of the cell: one of both has no value); varies (no exact figure, or none that repeated
    when it was recorded, so only its expectations are held against each other); does not repeat (here, by more than
    could be told from a difference). failure: what a cell without a value ended with, in its own words.
    """

    cell: str
    metric: str
    unit: str
    recorded: float | None
    here: float | None
    off: float | None
    verdict: str
    causes: tuple[str, ...] = ()
    failure: str = ""


@dataclass(frozen=True)
class Verified:
    """The answer of `kmatrix verify`."""

    values: tuple[Value, ...]
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Every value, and all that was measured: not only figures that agree by chance."""
        values = all(value.verdict in (SAME, VARIES) for value in self.values)
        return bool(self.values) and values and not any(row.content for row in self.differences)

    def as_json(self) -> dict[str, Any]:
        """verify.json."""
        return {"schema": 1, "same": self.same, **asdict(self)}


def verify(recorded: MatrixReport, here: MatrixReport) -> Verified:
    """Every value of every recorded cell; cells are matched by id. What touches none of them is left out."""
    ids = [cell["id"] for cell in recorded["cells"]]
    found = tuple(row for row in differences(recorded, here) if any(row.touches(name) for name in ids))
    now = {cell["id"]: cell for cell in here["cells"]}
    values = [
        value
        for cell in recorded["cells"]
        for value in _cell(cell, now.get(cell["id"]), _judged(recorded, cell), _judged(here, cell))
    ]
    return Verified(tuple(_explained(value, found) for value in values), found)


def _explained(value: Value, found: Sequence[Difference]) -> Value:
    if value.verdict in (SAME, VARIES):
        return value
    causes = [row.text for row in found if row.matters and row.touches(value.cell)]
    return Value(**{**asdict(value), "causes": tuple(causes)})


def _judged(report: MatrixReport, cell: CellRow) -> dict[tuple[Any, ...], str]:
    """{(metric, and all else that an expectation says): verdict} of those that this cell's figures bear on."""
    return {
        (row["metric"], *kernels_of(row), row["kind"], row["expected"], row["tolerance"]): row["verdict"]
        for row in report["expectations"]
        if (row["arch"], row["workload"]) == (cell["arch"], cell["workload"]) and cell["kernel"] in kernels_of(row)
    }


def _cell(then: CellRow, now: CellRow | None, judged: dict[Any, str], judged_now: dict[Any, str]) -> Iterable[Value]:
    if now is None or now["status"] != then["status"]:
        yield Value(then["id"], "", "", None, None, None, STATUS, failure=_ended(then, now))
        return
    if not then["metrics"]:  # neither has a value: they may still have ended for the same reason
        alike = _reason(then) == _reason(now)
        yield Value(then["id"], "", "", None, None, None, SAME if alike else STATUS, failure=_ended(then, now))
        return
    for name, row in then["metrics"].items():
        if name in MEMORY and then["qemu"] != now["qemu"]:
            continue  # each makes accesses, and tells of them, in its own way
        if name in COSTS and name not in MEMORY and not costs.told(now, name):
            continue  # nobody looked
        old, new = _boots(then, name), _boots(now, name)
        if not (then["exact"] and now["exact"]) or (_wide(name, old) and old != new):
            shared = [key for key in judged if key[0] == name and key in judged_now]
            turned = any(judged[key] != judged_now[key] for key in shared)
            yield Value(then["id"], name, row["unit"], _middle(old), _middle(new), None, OFF if turned else VARIES)
        else:
            yield _exact(then["id"], name, row["unit"], old, new)


def _ended(then: CellRow, now: CellRow | None) -> str:
    """How the cell ended on the side that has no value; its failure's words."""
    if now is None:
        return "not measured here"
    words = {word: cell["failure"] or {} for word, cell in (("here", now), ("recorded", then))}
    said = [f"{word}: {why['message']}" for word, why in words.items() if why]
    return "; ".join(said) or f"{then['status']} recorded, {now['status']} here"


def _reason(cell: CellRow) -> tuple[str, str]:
    """Without numbers, which are of a boot."""
    why = cell["failure"] or {}
    return why.get("kind", ""), numberless(why.get("message", ""))


def _boots(cell: CellRow, metric: str) -> list[list[float]]:
    return cell["metrics"][metric]["boots"] if metric in cell["metrics"] else []


def _middle(boots: Boots) -> float | None:
    return median(_values(boots)) if _values(boots) else None


def _values(boots: Boots) -> list[float]:
    return [value for passes in boots for value in passes]


def _exact(cell: str, metric: str, unit: str, old: Boots, new: Boots) -> Value:
    """Counters must be equal in every pass; others, in the middle of their passes, to their floor or their reach. The
    same digits, boot by boot, are the same however far apart the boots are."""
    then, now = _middle(old), _middle(new)
    if then is None or now is None:
        return Value(cell, metric, unit, then, now, None, SAME if then == now else STATUS)
    off = (now - then) / then if then else None
    how = collectors().get(metric)
    floor = how.noise(then) if how else FLOOR * abs(then)
    allowed = max(floor, reach(old), reach(new))
    if _wide(metric, new) and old != new and reach(new) > WIDER * reach(old):
        return Value(cell, metric, unit, then, now, off, UNSURE)
    equal = set(_values(old)) == set(_values(new)) if how and how.exact else abs(now - then) <= allowed
    return Value(cell, metric, unit, then, now, off, SAME if equal else OFF)


def _wide(metric: str, boots: Boots) -> bool:
    """Do its passes differ by so much that a difference could not be told? Of counters each must be the same."""
    middle, how = _middle(boots), collectors().get(metric)
    if middle is None or (how and how.exact):
        return False
    return reach(boots) > max(how.noise(middle) if how else FLOOR * abs(middle), SMALL * abs(middle))
