# SPDX-License-Identifier: GPL-2.0-or-later
"""What two kernels differ by before anything runs: sizes, frames, layouts, warnings. Exact; no verdict. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from typing_extensions import TypedDict

from orchestrator.analyse.contract import MatrixReport, PairRow, StaticLeftOutRow, StaticRow
from orchestrator.model import StaticKind
from orchestrator.profile.objects import Frame, Layout, Told, Warned

MOST = 1000  # rows of a kind; what is beyond is one row
OTHERS = "(others)"
_MOST_NAMES = 6  # members that are named one by one


class StaticFacts(TypedDict):
    """What is known of one arch and pair of kernels."""

    rows: list[StaticRow]
    left_out: list[StaticLeftOutRow]


@dataclass(frozen=True)
class Evidence:
    """Of one kernel. functions, sections: bytes; told: of its objects, if any were compiled once more."""

    functions: Mapping[str, int]
    sections: Mapping[str, int]
    told: Told = field(default_factory=Told)


def rows(pair: PairRow, base: Evidence, new: Evidence, words: Collection[str] = ()) -> list[StaticRow]:
    """All that differs, the largest first of each kind. words: of the changed lines; a struct that one side alone has
    counts if it is among them, else it only came with another header."""
    return [
        *_most(pair, _sizes(pair, StaticKind.SIZE, base.functions, new.functions)),
        *_most(pair, _frames(pair, base.told, new.told)),
        *_sizes(pair, StaticKind.SECTION, base.sections, new.sections),
        *_most(pair, _layouts(pair, base.told.layouts or {}, new.told.layouts or {}, words)),
        *_warnings(pair, base.told.warnings, new.told.warnings),
    ]


def _row(pair: PairRow, kind: StaticKind, name: str, base: int | None, new: int | None, text: str = "") -> StaticRow:
    made = StaticRow(
        arch=pair["arch"], base=pair["base"], new=pair["new"], kind=kind.value, function=name, base_value=base,
        new_value=new,
    )  # fmt: skip
    if text:
        made["text"] = text
    return made


def change(row: StaticRow) -> int:
    """By how much; what is not there is nothing."""
    return (row["new_value"] or 0) - (row["base_value"] or 0)


def _order(row: StaticRow) -> tuple[int, str]:
    return -abs(change(row)), row["function"]


def _sizes(pair: PairRow, kind: StaticKind, base: Mapping[str, int], new: Mapping[str, int]) -> list[StaticRow]:
    found = (_row(pair, kind, name, base.get(name), new.get(name)) for name in {**base, **new})
    return sorted((row for row in found if row["base_value"] != row["new_value"]), key=_order)


def _most(pair: PairRow, found: list[StaticRow]) -> list[StaticRow]:
    """The sum of all rows stays what it is."""
    if len(found) <= MOST:
        return found
    shown, rest = found[: MOST - 1], found[MOST - 1 :]
    base, new = sum(row["base_value"] or 0 for row in rest), sum(row["new_value"] or 0 for row in rest)
    return [*shown, _row(pair, StaticKind(rest[0]["kind"]), OTHERS, base, new, f"{len(rest)} more")]


def _frames(pair: PairRow, base: Told, new: Told) -> list[StaticRow]:
    """By function; where files have functions of one name, each file's. One that was inlined has no frame."""
    one, other = ({(its.file, its.function): its for its in told.frames} for told in (base, new))
    names = Counter(function for _, function in {**one, **other})
    found = (_frame(pair, key, one.get(key), other.get(key), names[key[1]] > 1) for key in {**one, **other})
    return sorted((row for row in found if row["base_value"] != row["new_value"] or "text" in row), key=_order)


def _frame(pair: PairRow, key: tuple[str, str], base: Frame | None, new: Frame | None, several: bool) -> StaticRow:
    hows = [its.how if its else "static" for its in (base, new)]
    name = f"{key[1]} ({key[0]})" if several else key[1]
    text = "" if hows[0] == hows[1] else f"{hows[0]} to {hows[1]}"
    row = _row(pair, StaticKind.STACK, name, base.size if base else None, new.size if new else None, text)
    row["file"] = key[0]
    return row


def _layouts(
    pair: PairRow,
    base: Mapping[str, tuple[Layout, ...]],
    new: Mapping[str, tuple[Layout, ...]],
    words: Collection[str],
) -> list[StaticRow]:
    found = [
        row
        for name in {**base, **new}
        for one, other in zip_longest(base.get(name, ()), new.get(name, ()))
        if (one and other) or name.rpartition(" ")[2] in words
        for row in _layout(pair, name, one, other)
    ]
    return sorted(found, key=_order)


def _layout(pair: PairRow, name: str, base: Layout | None, new: Layout | None) -> Iterator[StaticRow]:
    """Its size, and which members came and went; of one that stays as large, each member that moved."""
    if base is None or new is None:
        yield _row(pair, StaticKind.LAYOUT, name, base.size if base else None, new.size if new else None)
        return
    text = _members(base, new)
    if base.size != new.size or text:
        yield _row(pair, StaticKind.LAYOUT, name, base.size, new.size, text)
    if base.size == new.size:
        for member, at in base.members.items():
            if (now := new.members.get(member, at)) != at:
                bits = f"bit {at % 8} to bit {now % 8}" if at % 8 or now % 8 else ""
                yield _row(pair, StaticKind.LAYOUT, f"{name}.{member}", at // 8, now // 8, bits)


def _members(base: Layout, new: Layout) -> str:
    """with a, b; without c"""
    came, gone = ([n for n in one.members if n not in other.members] for one, other in ((new, base), (base, new)))
    return "; ".join(f"{word} {_some(names)}" for word, names in (("with", came), ("without", gone)) if names)


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _warnings(pair: PairRow, base: Iterable[Warned], new: Iterable[Warned]) -> list[StaticRow]:
    """Those that the base does not have, whatever their lines are: as often as they are there more often."""
    known = Counter((its.file, its.text) for its in base)
    found, seen = list[StaticRow](), Counter[tuple[str, str]]()
    for its in new:
        seen[its.file, its.text] += 1
        if seen[its.file, its.text] > known[its.file, its.text]:
            place = f"{its.file}:{its.line}" if its.line else its.file
            found.append(_row(pair, StaticKind.WARNING, place, None, None, its.text))
    return found


def warnings(report: MatrixReport) -> list[StaticRow]:
    """What the compiler warns of, and did not before."""
    return [row for row in report.get("static", ()) if row["kind"] == StaticKind.WARNING]
