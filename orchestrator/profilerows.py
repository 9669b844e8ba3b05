# SPDX-License-Identifier: GPL-2.0-or-later
"""A profile as text: the rows of a table that fits 75 columns, and what is said of its balance. Pure."""

from __future__ import annotations

from orchestrator.analyse.profiles import DifferenceRow, ProfileCell, ProfileReport

WIDTH = 75
TOP = 20  # rows, where there is not room for all
NOTE = (
    "Executed instructions by function, of one more pass of each cell with a QEMU plugin that counts them; calls: "
    "executions of a function's first instruction. user: is the workload's own code. (interrupts) is all from an "
    "interrupt's entry to the return to what it interrupted."
)
_CALLS = 12  # columns: 2.00 -> 1.00


def heading(row: DifferenceRow) -> str:
    """aarch64 shmem-write, instructions a page: 4582.09 -> 3902.73 (-679.36)"""
    return (
        f"{row['arch']} {row['workload']}, instructions a {row['unit']}: "
        f"{row['base_total']:.2f} -> {row['new_total']:.2f} ({row['total']:+.2f})"
    )


def table(row: DifferenceRow, limit: int | None = None, least: float = 0.005) -> list[str]:
    """Lines of at most 75 columns, the largest change first: what changed by `least` at least, limit lines of it."""
    changed = [f for f in row["functions"] if abs(f["change"]) >= least]
    shown = changed[:limit]
    lines = [f"{'change':>9} {row['base'][:9]:>9} {row['new'][:9]:>9}  {'calls':<{_CALLS}} function"]
    for f in shown:
        called = f"{f['base_calls']:.2f} -> {f['new_calls']:.2f}"
        numbers = f"{f['change']:+9.2f} {f['base_instructions']:9.2f} {f['new_instructions']:9.2f}"
        lines.append(_with(f"{numbers}  {called:<{_CALLS}} ", f["name"]))
    rest = changed[len(shown) :]
    if rest:
        lines.append(f"{sum(f['change'] for f in rest):+9.2f} {'':19}  {'':{_CALLS}} {len(rest)} more functions")
    return lines


def _with(numbers: str, name: str) -> str:
    """Numbers are never cut, names are."""
    room = WIDTH - len(numbers)
    return numbers + (name if len(name) <= room else name[: room - 1] + "…")


def balance(row: DifferenceRow, report: ProfileReport) -> list[str]:
    """Which counts are which, and whether they agree."""
    pair = {cell["kernel"]: cell for cell in report["cells"] if _same(cell, row)}
    lines = [_cell(pair[name]) for name in (row["base"], row["new"])]
    if row["clock"] is not None:
        word = "agree" if row["balances"] else "do NOT agree"
        lines.append(f"difference: {row['total']:+.2f} by the account, {row['clock']:+.2f} unprofiled: they {word}")
    return lines


def _same(cell: ProfileCell, row: DifferenceRow) -> bool:
    return (cell["arch"], cell["workload"]) == (row["arch"], row["workload"])


def _cell(cell: ProfileCell) -> str:
    """unpatched: account 4582.09, its clock 4582.09, unprofiled 4582.09; 1.3x the time."""
    if cell["clock_profiled"] is None or cell["clock_unprofiled"] is None:
        return f"{cell['kernel']}: account {cell['total']:.2f}; the workload measures no time to hold it against"
    wrong = [] if cell["balances"] else ["the account does NOT balance"]
    wrong += [] if cell["agrees"] else ["the unprofiled pass was another"]
    cost = cell["seconds_profiled"] / cell["seconds_unprofiled"] if cell["seconds_unprofiled"] else 0
    return (
        f"{cell['kernel']}: account {cell['total']:.2f}, its clock {cell['clock_profiled']:.2f}, "
        f"unprofiled {cell['clock_unprofiled']:.2f}"
        + "".join(f"; {word}" for word in wrong)
        + (f"; {cost:.1f}x the CPU time" if cost else "")
    )


def text(report: ProfileReport, limit: int | None = None) -> str:
    """All comparisons, one under the other."""
    parts = ["\n".join([heading(row), *table(row, limit), *balance(row, report)]) for row in report["differences"]]
    return "\n\n".join([*parts, NOTE]) + "\n"
