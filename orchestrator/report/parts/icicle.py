# SPDX-License-Identifier: GPL-2.0-or-later
"""Call paths as boxes below each other: as wide as either kernel's instructions, coloured by change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.profile.path_changes import PathRow
from orchestrator.report.parts.profile_rows import LEAST

NARROW = 0.002  # of the whole: what is narrower is left blank
LABELLED = 0.025  # of the whole: what is narrower has no room for its name
_COLOURS = {True: "217, 83, 79", False: "42, 157, 99"}  # more, fewer; those of the figures


@dataclass
class Box:
    """A function in its place. Widths are instructions; own is what stays without a box below."""

    name: str
    told: str
    width: float
    own: float
    colour: str  # CSS
    inside: list[Box] = field(default_factory=list)


def boxes(rows: Sequence[PathRow]) -> list[Box]:
    """The outermost calls, each with those inside of it."""
    top: list[Box] = []
    open_: list[Box] = []
    for row in rows:
        box = _box(row)
        del open_[row["depth"] :]
        (open_[-1].inside if open_ else top).append(box)
        open_.append(box)
    for box in top:
        _widen(box)
    whole = sum(box.width for box in top)
    return [_pruned(box, whole) for box in top if box.width >= NARROW * whole]


def _box(row: PathRow) -> Box:
    own = max(row["base_own"], row["new_own"])
    before, after = row["base_instructions"], row["new_instructions"]
    told = f"{row['name']}: {before:.2f} -> {after:.2f} ({row['change']:+.2f})"
    share = abs(row["change"]) / max(before, after)
    tint = f"rgba({_COLOURS[row['change'] > 0]}, {0.12 + 0.68 * share:.2f})" if abs(row["change"]) >= LEAST else ""
    return Box(row["name"], told, own, own, f"background: {tint}" if tint else "")


def _widen(box: Box) -> None:
    """What a call has below it has room below it, in whichever kernel that was."""
    for inner in box.inside:
        _widen(inner)
    box.width = box.own + sum(inner.width for inner in box.inside)


def _pruned(box: Box, whole: float) -> Box:
    kept = [_pruned(inner, whole) for inner in box.inside if inner.width >= NARROW * whole]
    name = box.name if box.width >= LABELLED * whole else ""
    return Box(name, box.told, box.width, box.width - sum(inner.width for inner in kept), box.colour, kept)
