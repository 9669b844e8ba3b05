# SPDX-License-Identifier: GPL-2.0-or-later
"""Which workloads of a library a change is measured with: those that run the functions that it changes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from orchestrator.analyse.contract import ChosenRow
from orchestrator.profile.changed import Place, Spot
from orchestrator.profile.cover import Cover

MOST = 8  # that run what is changed
CONTROLS = 2
# In this order, of those that do not run it: each runs much that the others do not, and none takes long.
AS_CONTROL = ("syscall-null", "anon-write", "mmap-small", "pipe-create", "read-cached", "context-switch")
_NAMED = 4  # functions in a reason

T = TypeVar("T")
Function = tuple[str, str]  # its file, its name


@dataclass(frozen=True)
class Choice:
    """workloads: those to be measured, controls last. others: that would run it, too. unrun: functions that no
    workload runs, on no architecture."""

    workloads: tuple[str, ...]
    rows: tuple[ChosenRow, ...]
    others: tuple[str, ...]
    unrun: tuple[Function, ...]


def named(places: Collection[Place], its: Cover) -> list[Function]:
    """Functions of a kernel that these are."""
    found: dict[Function, None] = {}
    for place in places:
        names = its.functions.get(place.file, {})
        found.update(dict.fromkeys((place.file, name) for name in sorted(place.words) if name in names))
    return list(found)


def passes(spots: Sequence[Spot], its: Cover) -> dict[str, dict[int, float]]:
    """{workload: {number of a spot: how often it is run, per 1,000 instructions}}, as lines of the base tell it."""
    found: dict[str, dict[int, float]] = {}
    for number, spot in enumerate(spots):
        known = its.lines.get(spot.file, {})
        sides = [next((known[line] for line in lines if line in known), None) for lines in (spot.before, spot.behind)]
        there = [side for side in sides if side is not None]
        for workload in set.intersection(*(set(side) for side in there)) if there else ():
            count = min(side[workload] for side in there)
            found.setdefault(workload, {})[number] = 1000 * count / max(its.workloads[workload].ns, 1)
    return found


def choose(
    wanted: Mapping[str, Sequence[Function]],
    covers: Mapping[str, Cover],
    spots: Sequence[Spot] = (),
    most: int = MOST,
) -> Choice:
    """wanted: {arch: functions that are changed there}; covers: {arch: what the library runs of the base}; spots: of
    the change, where the base's lines are those of the account.

    Those that run the changed lines come first, by how much of their time is about them; then those that run the
    functions, each being in one at least as long as there is room. All architectures measure the same ones.
    """
    lines: dict[str, dict[int, float]] = {}
    for its in covers.values():
        for workload, shares in passes(spots, its).items():
            mine = lines.setdefault(workload, {})
            mine.update({number: max(share, mine.get(number, 0)) for number, share in shares.items()})
    runs: dict[str, dict[Function, float]] = {}  # {workload: {function: entries in 1,000 instructions}}
    for arch, functions in wanted.items():
        for file, name in functions:
            counts = covers[arch].functions[file][name].runs
            for workload, count in counts.items():
                entries = runs.setdefault(workload, {})
                share = 1000 * count / max(covers[arch].workloads[workload].ns, 1)
                entries[file, name] = max(entries.get((file, name), 0), share)
    all_of_them, every_line = dict(runs), dict(lines)
    lines, runs = _worthwhile(lines), _worthwhile(runs)
    picked: list[str] = []
    left = {function for its in runs.values() for function in its}
    open_ = {number for its in lines.values() for number in its}
    names = sorted({*runs, *lines})

    def worth(name: str) -> tuple[float, ...]:
        mine, its = lines.get(name, {}), runs.get(name, {})
        return len(open_ & mine.keys()), len(left & its.keys()), sum(mine.values()), sum(its.values())

    while len(picked) < min(most, len(names)):
        best = max((name for name in names if name not in picked), key=worth)
        if not open_ and lines and not lines.get(best) and not left & runs.get(best, {}).keys():
            break  # who runs what is changed is measured; more of the same functions tell nothing of it
        picked.append(best)
        left -= all_of_them.get(best, {}).keys()
        open_ -= every_line.get(best, {}).keys()
    known = [name for its in covers.values() for name in its.workloads]
    controls = [name for name in AS_CONTROL if name in known and name not in all_of_them][:CONTROLS]
    unrun = {function for functions in wanted.values() for function in functions}
    unrun -= {function for its in runs.values() for function in its}
    return Choice(
        workloads=(*picked, *controls),
        rows=tuple(_rows(wanted, covers, picked, controls)),
        others=tuple(sorted(all_of_them.keys() - set(picked))),
        unrun=tuple(sorted(unrun)),
    )


def _worthwhile(shares: Mapping[str, Mapping[T, float]]) -> dict[str, dict[T, float]]:
    """Without what others are about ten times as much, of those that have anything left."""
    best: dict[T, float] = {}
    for its in shares.values():
        for key, share in its.items():
            best[key] = max(share, best.get(key, 0))
    kept = {
        name: {key: share for key, share in its.items() if share > best[key] / 10} for name, its in shares.items()
    }
    return {name: its for name, its in kept.items() if its}


def _rows(
    wanted: Mapping[str, Sequence[Function]],
    covers: Mapping[str, Cover],
    picked: Sequence[str],
    controls: Sequence[str],
) -> list[ChosenRow]:
    rows = []
    for arch in covers:
        for workload in picked:
            its = {
                name: covers[arch].functions[file][name].runs[workload]
                for file, name in wanted.get(arch, ())
                if workload in covers[arch].functions[file][name].runs
            }
            why = _why(its) if its else "runs it on another architecture"
            rows.append(ChosenRow(arch=arch, workload=workload, why=why, functions=sorted(its), control=False))
        rows += [
            ChosenRow(arch=arch, workload=name, why="does not run it: a control", functions=[], control=True)
            for name in controls
        ]
    return rows


def _why(counts: Mapping[str, float]) -> str:
    """runs move_ptes() 512.0 times per unit, and 2 other changed functions"""
    most = sorted(counts, key=lambda name: -counts[name])
    told = ", ".join(f"{name}() {_times(counts[name])}" for name in most[:_NAMED])
    more = len(most) - _NAMED
    return f"runs {told} per unit" + (f", and {more} more of what is changed" if more > 0 else "")


def _times(count: float) -> str:
    return "once" if count == 1 else f"{count:.1f} times" if count >= 0.1 else f"{count:.4f} times"
