# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a change is in the kernels that were measured, in lines that all formats share. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from orchestrator.analyse.contract import MatrixReport, NotBuiltRow
from orchestrator.analyse.identical import DIFFERS, LINES_ONLY, spared
from orchestrator.analyse.matrix import unreached
from orchestrator.report.parts.needed import needed_lines
from orchestrator.report.parts.words import listed

MOST = 12  # lines about what is not built; the rest is counted
_OTHER_ARCH, _CONDITION = "other_arch", "condition"  # NotBuiltRow.why


def change_lines(report: MatrixReport) -> list[tuple[str, str]]:
    """(line, tone): that nothing of it is there, which a headline says too, and the rest."""
    nothing = [(text, "bad")] if (text := unbuilt(report)) else []
    return [*nothing, *((line, "plain") for line in there_lines(report))]


def there_lines(report: MatrixReport) -> list[str]:
    """Kernels that are the same, what of the change is not built, and what came of what that needs."""
    return [*same_lines(report), *not_built_lines(report), *needed_lines(report)]


def unbuilt(report: MatrixReport) -> str:
    """none of the 3 changed lines of code is built on s390x: what was measured says nothing about it; "" where any
    is built."""
    if not unreached(report):
        return ""
    rows = report["changed"]
    most = max(row["code"] for row in rows)
    what = f"none of the {most} changed lines of code is" if most > 1 else "the changed line of code is not"
    return f"{what} built on {listed(row['arch'] for row in rows)}: what was measured says nothing about it"


def same_lines(report: MatrixReport) -> list[str]:
    """x86_64 and aarch64: patched is the same kernel as unpatched, so it was not measured."""
    left_out = {(cell["arch"], cell["kernel"]) for cell in report["cells"] if spared(cell)}
    groups: dict[tuple[str, str, str, bool], list[str]] = {}
    for row in report.get("identical", ()):
        if row["how"] != DIFFERS:
            key = (row["base"], row["new"], row["how"], (row["arch"], row["new"]) in left_out)
            groups.setdefault(key, []).append(row["arch"])
    return [
        f"{listed(arches)}: {new} "
        + (f"differs from {base} in line numbers only" if how == LINES_ONLY else f"is the same kernel as {base}")
        + (", so it was not measured" if out else "")
        for (base, new, how, out), arches in groups.items()
    ]


def not_built_lines(report: MatrixReport) -> list[str]:
    """mm/swapfile.c is not built on s390x: needs CONFIG_SWAP; lines of a file with their numbers. Files of other
    architectures are counted."""
    rows = report.get("not_built", ())
    arches = {cell["arch"] for cell in report["cells"]}
    places = _arches((row for row in rows if row["why"] != _OTHER_ARCH), _what)
    lines = [what.format(where=_where(its, arches)) for what, its in places.items()]
    more = len(lines) - MOST
    return [
        *lines[:MOST],
        *([f"and {more} more parts of the change are not built"] if more > 0 else []),
        *_of_other_arches([row for row in rows if row["why"] == _OTHER_ARCH], arches),
    ]


def _of_other_arches(rows: Iterable[NotBuiltRow], arches: set[str]) -> list[str]:
    """One line for all files that are left out on the same architectures."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for file, its in _arches(rows, lambda row: row["file"]).items():
        groups.setdefault(tuple(its), []).append(file)
    return [
        (
            f"{files[0]} is of another architecture"
            if len(files) == 1
            else f"{len(files)} files are of other architectures"
        )
        + f": not built{_where(its, arches)}"
        for its, files in groups.items()
    ]


def _arches(rows: Iterable[NotBuiltRow], of: Callable[[NotBuiltRow], str]) -> dict[str, dict[str, None]]:
    """{what the rows are about: where, in order}"""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        found.setdefault(of(row), {})[row["arch"]] = None
    return found


def _where(its: Iterable[str], arches: set[str]) -> str:
    """Nothing needs to be said where it is so on all of several."""
    its = list(its)
    return "" if len(arches) > 1 and arches.issubset(its) else f" on {listed(its)}"


def _what(row: NotBuiltRow) -> str:
    """With {where} in it."""
    file = row["file"].replace("{", "{{").replace("}", "}}")
    if row["why"] == _CONDITION:
        side = " (removed)" if row["side"] == "removed" else ""
        file = f"{file}:{ranges(row['lines'])}{side}"
    options = (row["option"] or "").split()
    needs = f": needs {listed(options)}" if options else ""
    return f"{file} is not built{{where}}{needs}"


def ranges(lines: Sequence[int]) -> str:
    """912-925,930 of numbers in order."""
    found = []
    for _, run in groupby(enumerate(lines), lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        found.append(f"{numbers[0]}-{numbers[-1]}" if len(numbers) > 1 else str(numbers[0]))
    return ",".join(found)
