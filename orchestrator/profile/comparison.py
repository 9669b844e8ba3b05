# SPDX-License-Identifier: GPL-2.0-or-later
"""Accounts of cells to profile.json: per unit of work, compared by function, held against the clock. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NotRequired

from typing_extensions import TypedDict

from orchestrator.model import CODE_LINES, COST_CLASSES, MEDIAN, MEMORY, REPEATED, UNDECODED, Comparison
from orchestrator.profile import line_changes, path_changes
from orchestrator.profile.cell_account import CellAccount
from orchestrator.profile.line_changes import CostRow, SourceFunction, SourceHunk, cost_rows
from orchestrator.profile.names import is_part, stem
from orchestrator.profile.path_changes import PathRow

SCHEMA = 1
INTERRUPTS, UNATTRIBUTED = "(interrupts)", "(unattributed)"  # rows of differences that are no functions
ACCOUNT_REACH = 1e-5  # of the clock: what the account of a pass may differ by from the same pass's clock
ACCOUNT_EDGE = 300  # and instructions: between the clock's readings and the region's ends
PASS_REACH = 5e-5  # of the clock: what two passes of one state may differ by; as a time's floor in the matrix
BALANCE = 0.001  # of the clock's difference, beside these


class FunctionRow(TypedDict):
    """Executed instructions and calls a unit of work, interrupts left out. user:NAME is the workload's own code."""

    name: str
    instructions: float
    calls: float


class ProfileCell(TypedDict):
    """One cell's profiled pass. All but seconds and counters are per unit of work.

    total is the sum of functions, interrupts and unattributed. clock_profiled is what the instruction clock says of
    the same pass, clock_unprofiled of the counted pass without a plugin (None: the workload measures no time).
    balances: total is clock_profiled; agrees: so is clock_unprofiled. seconds_* are QEMU's CPU time for a pass, 0
    when it is not known. absent: functions of which calls are expected, but which are none in this kernel.
    """

    id: str
    arch: str
    kernel: str
    workload: str
    unit: str
    units: int
    functions: list[FunctionRow]
    unattributed: float
    interrupts: float
    interrupt_count: float
    total: float
    clock_profiled: float | None
    clock_unprofiled: float | None
    balances: bool | None
    agrees: bool | None
    seconds_profiled: float
    seconds_unprofiled: float
    counters: int
    absent: list[str]
    costs: NotRequired[dict[str, float]]  # {class: per unit}, and code_lines; not there where they are not known
    memory_why: NotRequired[str]  # why it is not known what is loaded and stored, where that was asked
    unseen: NotRequired[list[str]]  # what a reader must know of that


class DifferenceFunction(TypedDict):
    """A function by its stem (foo for foo.isra.0 and foo.part.0), or (interrupts) or (unattributed). costs: classes
    that it has any of in either kernel; by model.COST_CLASSES, "repeated", "undecoded" and, if that was asked, by
    model.MEMORY. A line is touched by whoever does so first in a turn."""

    name: str
    base_instructions: float
    new_instructions: float
    change: float
    base_calls: float
    new_calls: float
    costs: NotRequired[dict[str, CostRow]]


class DifferenceRow(TypedDict):
    """Two cells that differ in the kernel. total is the change and the sum of the functions' changes.

    clock is the change of the unprofiled passes by the instruction clock; balances: total is that, to 0.1 %. hunks:
    what the kernels' sources differ by; lines_why: why that or its counts are not known. source_functions tell the
    same instructions by the function that they were written in, and are empty where no lines are known. paths: the
    same by call path, interrupts left out; paths_why: why that is not known. costs: what hardware pays more for than
    an instruction; costs_why: why that is not known.
    """

    arch: str
    workload: str
    unit: str
    base: str
    new: str
    total: float
    base_total: float
    new_total: float
    clock: float | None
    balances: bool | None
    functions: list[DifferenceFunction]
    hunks: list[SourceHunk]
    lines_why: str
    source_functions: list[SourceFunction]
    paths: list[PathRow]
    paths_why: str
    costs: NotRequired[dict[str, CostRow]]  # of all functions together, and code_lines
    costs_why: NotRequired[str]


class ProfileReport(TypedDict):
    """The whole of profile.json."""

    schema: int
    cells: list[ProfileCell]
    differences: list[DifferenceRow]


def compare_accounts(
    accounts: Iterable[CellAccount],
    comparisons: Sequence[Comparison],
    diffs: Mapping[Comparison, str] | None = None,
) -> ProfileReport:
    """From the cells' own accounts (whole regions). diffs: what the sources of two kernels differ by."""
    table = {(row.arch, row.workload, row.kernel): row for row in accounts}
    groups = dict.fromkeys(key[:2] for key in table)
    rows = [
        difference(table[(*group, pair.base)], table[(*group, pair.new)], (diffs or {}).get(pair))
        for group in groups
        for pair in comparisons
        if (*group, pair.base) in table and (*group, pair.new) in table
    ]
    return ProfileReport(schema=SCHEMA, cells=[profile_cell(row) for row in table.values()], differences=rows)


def profile_cell(account: CellAccount) -> ProfileCell:
    """An account as profile.json has it."""
    units = account.units
    profiled, unprofiled = account.clock_profiled, account.clock_unprofiled
    functions = [
        FunctionRow(name=name, instructions=n / units, calls=calls / units)
        for name, (n, calls) in account.functions.items()
    ]
    row = ProfileCell(
        id=account.id,
        arch=account.arch,
        kernel=account.kernel,
        workload=account.workload,
        unit=account.unit,
        units=units,
        functions=sorted(functions, key=lambda row: (-row["instructions"], row["name"])),
        unattributed=account.unattributed / units,
        interrupts=account.interrupts / units,
        interrupt_count=account.interrupt_count / units,
        total=account.total / units,
        clock_profiled=None if profiled is None else profiled / units,
        clock_unprofiled=None if unprofiled is None else unprofiled / units,
        balances=None if profiled is None else _near(account.total, profiled, ACCOUNT_REACH),
        agrees=None if unprofiled is None else _near(account.total, unprofiled, PASS_REACH),
        seconds_profiled=account.seconds_profiled,
        seconds_unprofiled=account.seconds_unprofiled / account.passes_unprofiled,
        counters=account.counters,
        absent=list(account.absent),
    )
    if account.costs is not None:
        row["costs"] = costs_of(account)
    if account.memory_why:
        row["memory_why"] = account.memory_why
    if account.unseen:
        row["unseen"] = list(account.unseen)
    return row


def costs_of(account: CellAccount) -> dict[str, float]:
    """{class: per unit of work}, of all functions; lines of code are as they are. {} where they are not known."""
    if account.costs is None:
        return {}
    totals: Counter[str] = Counter()
    for row in account.costs.values():
        totals.update(row)
    names = [name for name in (*COST_CLASSES, REPEATED, UNDECODED, *MEMORY) if name in totals]
    found = {**{name: totals[name] / account.units for name in names}, CODE_LINES: float(account.code_lines)}
    median = account.data_lines_median
    return found if median is None else {**found, MEDIAN: float(median)}


def _near(total: float, clock: float, reach: float) -> bool:
    return abs(total - clock) <= reach * clock + ACCOUNT_EDGE


def difference(one: CellAccount, other: CellAccount, diff: str | None) -> DifferenceRow:
    """Of two cells' accounts; functions in order of their change's size."""
    base, new = profile_cell(one), profile_cell(other)
    before, after = _by_stem(base), _by_stem(new)
    functions = [_change(name, before.get(name, (0, 0)), after.get(name, (0, 0))) for name in {**before, **after}]
    expensive = [_costs_by_stem(account) for account in (one, other)]
    for function in functions:
        if both := cost_rows(*(table.get(function["name"], {}) for table in expensive)):
            function["costs"] = both
    clock = None
    if base["clock_unprofiled"] is not None and new["clock_unprofiled"] is not None:
        clock = new["clock_unprofiled"] - base["clock_unprofiled"]
    total = new["total"] - base["total"]
    lined = all(account.lines for account in (one, other))
    why, pathless = line_changes.lines_unknown((one, other), diff), path_changes.paths_unknown(one, other)
    row = DifferenceRow(
        arch=base["arch"],
        workload=base["workload"],
        unit=base["unit"],
        base=base["kernel"],
        new=new["kernel"],
        total=total,
        base_total=base["total"],
        new_total=new["total"],
        clock=clock,
        balances=None if clock is None else abs(total - clock) <= _allowed(base, clock),
        functions=sorted(functions, key=lambda row: (-abs(row["change"]), row["name"])),
        hunks=[] if why else line_changes.source_hunks(one, other, diff or ""),
        lines_why=why,
        source_functions=line_changes.source_functions(one, other) if lined else [],
        paths=[] if pathless else path_changes.path_rows(one, other),
        paths_why=pathless,
    )
    costless = next((account.costs_why for account in (one, other) if account.costs is None), "")
    if not costless:
        row["costs"] = cost_rows(costs_of(one), costs_of(other))
    row["costs_why"] = costless
    return row


def _costs_by_stem(account: CellAccount) -> dict[str, dict[str, float]]:
    """{stem: {class: per unit of work}}; of what no symbol covers under (unattributed)."""
    table: dict[str, Counter[str]] = {}
    for name, row in (account.costs or {}).items():
        table.setdefault(stem(name) if name else UNATTRIBUTED, Counter()).update(row)
    return {name: {kind: n / account.units for kind, n in row.items()} for name, row in table.items()}


def _allowed(base: ProfileCell, clock: float) -> float:
    """0.1 % of the difference; of one that is next to nothing, what two passes differ by anyway."""
    return max(BALANCE * abs(clock), PASS_REACH * base["total"]) + 2 * ACCOUNT_EDGE / base["units"]


def _by_stem(row: ProfileCell) -> dict[str, tuple[float, float]]:
    """{stem: (instructions, calls)}; entering a part is a call only where nothing but parts is left."""
    table: dict[str, tuple[float, float]] = {}
    whole = {stem(f["name"]) for f in row["functions"] if not is_part(f["name"])}
    for function in row["functions"]:
        name = stem(function["name"])
        calls = 0.0 if is_part(function["name"]) and name in whole else function["calls"]
        before = table.get(name, (0.0, 0.0))
        table[name] = before[0] + function["instructions"], before[1] + calls
    table[INTERRUPTS] = row["interrupts"], row["interrupt_count"]
    table[UNATTRIBUTED] = row["unattributed"], 0.0
    return table


def _change(name: str, base: tuple[float, float], new: tuple[float, float]) -> DifferenceFunction:
    return DifferenceFunction(
        name=name,
        base_instructions=base[0],
        new_instructions=new[0],
        change=new[0] - base[0],
        base_calls=base[1],
        new_calls=new[1],
    )


def calls_of(row: ProfileCell, function: str) -> float:
    """How often a unit of work calls a function, whatever the compiler made of its name; 0 if never."""
    return _by_stem(row).get(stem(function), (0.0, 0.0))[1]
