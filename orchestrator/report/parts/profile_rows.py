# SPDX-License-Identifier: GPL-2.0-or-later
"""A profile as text: the rows of tables that fit 75 columns, and what is said of their balance. Pure, ASCII."""

from __future__ import annotations

import textwrap

from orchestrator.collectors import cost_title
from orchestrator.errors import printable
from orchestrator.model import CODE_LINES, MEDIAN, REPEATED
from orchestrator.profile.comparison import DifferenceRow, ProfileCell, ProfileReport
from orchestrator.profile.line_changes import CostRow, SourceLine
from orchestrator.registry import counted
from orchestrator.report.parts.costs import MEMORY_NOTE

WIDTH = 75
TOP = 20  # rows, where there is not room for all
TOP_LINES = 12
LEAST = 0.005  # instructions a unit of work: less is not a change that two digits show
NOTE = (
    "Executed instructions by function, of one more pass of each cell with a QEMU plugin that counts them; calls: "
    "executions of a function's first instruction. user: is the workload's own code, user:runner: what starts it. "
    "(interrupts) is all from an interrupt's entry to the return to what it interrupted. A line has what the "
    "compiler made of it, and what was inlined there. Costs: instructions that hardware pays more for, told by the "
    "bytes that were executed, interrupts left out; compare them within one architecture. Lines of code: of 64 bytes "
    "from each function's start, that run at least every second time."
)
FIRST_NOTE = "A function has those lines that no other had touched before it."
_CHEAP = (CODE_LINES, REPEATED, MEDIAN, "loads", "stores", "bytes")  # beside which an instruction is not
_CALLS = 12  # columns: 2.00 -> 1.00
_NAME = 12  # the longest name of a kernel that is not cut


def heading(row: DifferenceRow) -> str:
    """aarch64 shmem-write, instructions a page: 4582.09 -> 3902.73 (-679.36)"""
    return (
        f"{row['arch']} {row['workload']}, instructions a {row['unit']}: "
        f"{row['base_total']:.2f} -> {row['new_total']:.2f} ({row['total']:+.2f})"
    )


def by_cost(row: DifferenceRow, cost: str, limit: int | None = None) -> list[str]:
    """Functions by how their executions of a class changed, then by how many they have."""
    found = [(f, f["costs"][cost]) for f in row["functions"] if cost in f.get("costs", {})]
    found = [one for one in found if max(one[1]["base"], one[1]["new"]) >= LEAST]
    if not found:
        return [f"no function has any {cost_title(cost)}"]
    found.sort(key=lambda one: (-abs(one[1]["change"]), -one[1]["new"], one[0]["name"]))
    base, new = _heads(row)
    lines = [f"{'change':>9} {base} {new}  {cost_title(cost)} by function"]
    for function, its in found[:limit]:
        before, after = f"{its['base']:.2f}", f"{its['new']:.2f}"
        lines.append(cut(f"{_signed(its['change'])} {before:>{len(base)}} {after:>{len(new)}}  {function['name']}"))
    rest = len(found) - len(lines) + 1
    return [*lines, *([f"{'':{len(base) + len(new) + 11}}  {rest} more functions"] if rest else [])]


def function_table(row: DifferenceRow, limit: int | None = None, least: float = LEAST) -> list[str]:
    """Lines of at most 75 columns, the largest change first: what changed by `least` at least, limit lines of it."""
    changed = [f for f in row["functions"] if abs(f["change"]) >= least]
    if not changed:
        return ["no function changed"]
    shown = changed[:limit]
    base, new = _heads(row)
    lines = [f"{'change':>9} {base} {new}  {'calls':<{_CALLS}} function"]
    for f in shown:
        called = f"{f['base_calls']:.2f} -> {f['new_calls']:.2f}"
        before, after = f"{f['base_instructions']:.2f}", f"{f['new_instructions']:.2f}"
        numbers = f"{f['change']:+9.2f} {before:>{len(base)}} {after:>{len(new)}}"
        lines.append(cut(f"{numbers}  {called:<{_CALLS}} {f['name']}"))
    rest = changed[len(shown) :]
    if rest:
        gap = " " * (len(base) + len(new) + 1)
        lines.append(f"{sum(f['change'] for f in rest):+9.2f} {gap}  {'':{_CALLS}} {len(rest)} more functions")
    return lines


def costs(row: DifferenceRow, moved: bool = False) -> dict[str, CostRow]:
    """Classes of which there are any; moved: whose number changed."""
    return {
        name: cost
        for name, cost in row.get("costs", {}).items()
        if abs(cost["change"]) >= LEAST or (not moved and max(cost["base"], cost["new"]) >= LEAST)
    }


def cost_table(row: DifferenceRow, moved: bool = False) -> list[str]:
    """A line for each class of what hardware pays more for than an instruction, with the functions whose share
    changed most; moved: of classes alone that changed."""
    if why := row.get("costs_why"):
        return _wrapped(f"costs are not known: {why}")
    shown = costs(row, moved)
    if not shown:
        return ["no class of costly instructions changed"] if moved and "costs" in row else []
    base, new = _heads(row)
    lines = [f"{'change':>9} {base} {new}  costs a {row['unit']}"]
    for name, cost in shown.items():
        before, after = f"{cost['base']:.2f}", f"{cost['new']:.2f}"
        numbers = f"{_signed(cost['change'])} {before:>{len(base)}} {after:>{len(new)}}  "
        lines.append(numbers + _cost(row, name, WIDTH - len(numbers)))
    return [*lines, *_wrapped(growing(row))]


def _signed(change: float) -> str:
    return f"{change:+9.2f}" if abs(change) >= LEAST else f"{'0':>9}"


def _cost(row: DifferenceRow, name: str, width: int) -> str:
    """atomics: up_read -1.00, down_read -1.00, 1 more; as many functions as there is room for."""
    changes = [(f["name"], f["costs"][name]["change"]) for f in row["functions"] if name in f.get("costs", {})]
    changes = sorted((one for one in changes if abs(one[1]) >= LEAST), key=lambda one: (-abs(one[1]), one[0]))
    told = [f"{function} {change:+.2f}" for function, change in changes]
    word = cost_title(name)
    for shown in range(len(told), 0, -1):
        more = [f"{len(told) - shown} more"] if shown < len(told) else []
        if len(text := f"{word}: {', '.join([*told[:shown], *more])}") <= width:
            return text
    return f"{word}: in {counted(len(told), 'function')}" if told else word


def growing(row: DifferenceRow) -> str:
    """What hardware pays for grows although instructions fall; "" where it is not so."""
    grown = {
        cost_title(name): cost["change"]
        for name, cost in row.get("costs", {}).items()
        if cost["change"] >= LEAST and name not in _CHEAP
    }
    if row["total"] >= 0 or not grown:
        return ""
    told = ", ".join(f"{name} {change:+.2f}" for name, change in grown.items())
    return f"Fewer instructions, but more of what costs more than an instruction: {told} a {row['unit']}."


def _heads(row: DifferenceRow) -> tuple[str, str]:
    """The kernels' names as heads of columns."""
    names = (name if len(name) <= _NAME else f"{name[: _NAME - 2]}.." for name in (row["base"], row["new"]))
    base, new = (f"{name:>9}" for name in names)
    return base, new


def cut(text: str) -> str:
    """What comes last on a line is cut, never its numbers."""
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 2]}.."


def line_table(row: DifferenceRow, limit: int | None = None) -> list[str]:
    """The change's own lines that were executed, and those around whose count is another; limit: the largest."""
    if row["lines_why"]:
        return _wrapped(f"lines of the change are not known: {row['lines_why']}")
    if not row["hunks"]:
        return []
    executed = [
        (hunk["file"], line) for hunk in row["hunks"] for line in hunk["lines"] if abs(line["change"]) >= LEAST
    ]
    if not executed:
        return ["no line that was added or removed was executed"]
    least = sorted((abs(line["change"]) for _, line in executed), reverse=True)[:limit][-1]
    shown = [entry for entry in executed if abs(entry[1]["change"]) >= least][:limit]
    base, new = _heads(row)
    out = [f"{base} {new}   line of the change"]
    for number, (file, line) in enumerate(shown):
        out += (
            [cut(f"{'':{len(base)}} {'':{len(new)}}   {file}")] if not number or file != shown[number - 1][0] else []
        )
        out.append(_line(line, len(base), len(new)))
    rest = len(executed) - len(shown)
    return [*out, *([f"{'':{len(base)}} {'':{len(new)}}   {rest} more lines"] if rest else [])]


def _line(line: SourceLine, base: int, new: int) -> str:
    sides = ((line["base_instructions"], base), (line["new_instructions"], new))
    before, after = (f"{'' if n is None else f'{n:.2f}':>{width}}" for n, width in sides)
    text = printable(" ".join(line["text"].split()))  # a patch writes no escape sequences to a terminal
    return cut(f"{before} {after} {line['sign']} {line['new_line'] or line['base_line']:>5} {text}")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def balance(row: DifferenceRow, report: ProfileReport) -> list[str]:
    """Which counts are which, and whether they agree."""
    pair = {cell["kernel"]: cell for cell in report["cells"] if _same(cell, row)}
    told = [_cell(pair[name]) for name in (row["base"], row["new"])]
    if row["clock"] is not None:
        word = "agree" if row["balances"] else "do NOT agree"
        told.append(f"difference: {row['total']:+.2f} by the account, {row['clock']:+.2f} unprofiled: they {word}")
    return told


def _same(cell: ProfileCell, row: DifferenceRow) -> bool:
    return (cell["arch"], cell["workload"]) == (row["arch"], row["workload"])


def _cell(cell: ProfileCell) -> str:
    """unpatched: account 4582.09, its clock 4582.09, unprofiled 4582.09; 1.3x the time."""
    if cell["clock_profiled"] is None or cell["clock_unprofiled"] is None:
        return f"{cell['kernel']}: account {cell['total']:.2f}; the workload measures no time to hold it against"
    wrong = [] if cell["balances"] else ["the account does NOT balance"]
    wrong += [] if cell["agrees"] else ["the unprofiled pass was another"]
    cost = cell["seconds_profiled"] / cell["seconds_unprofiled"] if cell["seconds_unprofiled"] else 0
    wrong += [f"what it loads and stores is not known: {cell['memory_why']}"] if "memory_why" in cell else []
    wrong += cell.get("unseen", [])
    return (
        f"{cell['kernel']}: account {cell['total']:.2f}, its clock {cell['clock_profiled']:.2f}, "
        f"unprofiled {cell['clock_unprofiled']:.2f}"
        + "".join(f"; {word}" for word in wrong)
        + (f"; {cost:.1f}x the CPU time" if cost else "")
    )


def profile_text(report: ProfileReport, limit: int | None = None, cost: str = "") -> str:
    """All comparisons, one under the other. cost: functions by this class instead of by instructions."""
    parts = [
        "\n".join(
            [
                heading(row),
                *(by_cost(row, cost, limit) if cost else function_table(row, limit)),
                *cost_table(row),
                *line_table(row, limit and TOP_LINES),
                *balance(row, report),
            ]
        )
        for row in report["differences"]
    ]
    return "\n\n".join([*parts, note(report)]) + "\n"


def note(report: ProfileReport) -> str:
    """What its numbers are."""
    memory = any(MEDIAN in cell.get("costs", {}) for cell in report["cells"])
    return " ".join([NOTE, *([MEMORY_NOTE, FIRST_NOTE] if memory else [])])
