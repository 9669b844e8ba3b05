# SPDX-License-Identifier: GPL-2.0-or-later
"""Two cells' accounts by call path, set side by side: one tree, functions matched by their stem. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from typing_extensions import TypedDict

from orchestrator.profile.cell_account import CellAccount
from orchestrator.profile.names import is_part, stem

UNKNOWN = "(unattributed)"
LEAST = 0.005  # instructions a unit of work that a row has at least on one side


class PathRow(TypedDict):
    """A function, called by the nearest row above of a smaller depth. Own leaves out what its callees did."""

    depth: int
    name: str
    base_instructions: float
    new_instructions: float
    change: float
    base_own: float
    new_own: float


@dataclass
class _Node:
    own: list[float] = field(default_factory=lambda: [0.0, 0.0])  # base, new
    children: dict[str, _Node] = field(default_factory=dict)

    def whole(self, side: int) -> float:
        return self.own[side] + sum(child.whole(side) for child in self.children.values())


def path_rows(base: CellAccount, new: CellAccount) -> list[PathRow]:
    """Accounts of cells (whole regions), per unit of work; callers before callees, the largest first."""
    root = _Node()
    for side, account in enumerate((base, new)):
        _add(root, account, side)
    return list(_told(root, 0))


def _add(root: _Node, account: CellAccount, side: int) -> None:
    places: list[tuple[str, _Node]] = []  # parents come before their children
    for parent, full, own in account.paths or ():
        name = stem(full) or UNKNOWN
        caller, above = places[parent] if parent >= 0 else ("", root)
        # A part that its function goes on in is that function; another compiler may not have split it off.
        node = above if is_part(full) and caller == name else above.children.setdefault(name, _Node())
        node.own[side] += own / account.units
        places.append((name, node))


def _told(node: _Node, depth: int) -> Iterator[PathRow]:
    sizes = {name: (child.whole(0), child.whole(1)) for name, child in node.children.items()}
    for name in sorted(sizes, key=lambda name: (-max(sizes[name]), name)):
        before, after = sizes[name]
        if max(before, after) < LEAST:
            continue
        child = node.children[name]
        yield PathRow(
            depth=depth,
            name=name,
            base_instructions=before,
            new_instructions=after,
            change=after - before,
            base_own=child.own[0],
            new_own=child.own[1],
        )
        yield from _told(child, depth + 1)


def paths_unknown(*accounts: CellAccount) -> str:
    """Why call paths are not known; "" if they are."""
    return next((account.paths_why for account in accounts if account.paths_why), "")
