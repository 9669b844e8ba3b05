# SPDX-License-Identifier: GPL-2.0-or-later
"""The shape of matrix.json. A contract: add to it, do not rename."""

from __future__ import annotations

from typing import (
    Any,
    NotRequired,  # pydantic checks a stranger's matrix.json by these
)

from typing_extensions import TypedDict

SCHEMA = 1


class MetricRow(TypedDict):
    """boots holds one list per boot, in it one number per counted pass; warmup the passes that are not counted."""

    unit: str
    boots: list[list[float]]
    warmup: list[list[float]]


class CellRow(TypedDict):
    """One cell. exact: its figures repeat (instruction clock, one CPU), so no test is needed."""

    id: str
    arch: str
    kernel: str
    workload: str
    status: str
    failure: dict[str, str] | None
    accel: str | None
    clock: str
    exact: bool
    qemu: str | None
    cpu: str | None
    linux: str
    kernel_key: str | None
    workload_sha256: str | None
    units: int | None
    unit: str
    metrics: dict[str, MetricRow]
    vmstat: dict[str, list[list[int]]]
    notes: list[str]
    memory_stat: NotRequired[dict[str, list[list[int]]]]  # as vmstat, of a workload in a cgroup of its own
    provenance: NotRequired[dict[str, Any] | None]  # model.Provenance: all that its figures rest on
    config: NotRequired[str]  # the name of what its kernel was configured by; of before there were configs: lean
    # {function of which calls are expected: its calls in a pass, by boot; None: this kernel has none of that name}
    calls: NotRequired[dict[str, list[float | None]]]
    stored: NotRequired[bool]  # an earlier run measured just this, and its figures were taken
    reason: NotRequired[str]  # of one that was left out on purpose: identical (see IdenticalRow)


class ComparisonRow(TypedDict):
    """Two cells that differ in the kernel alone. change is relative; None when base_value is 0, but for kernels that
    are the same.

    per_unit_* are for reading: value per unit of work in the metric's shown unit. spread_* is (max - min) / median
    over all counted passes; noise the change below which nothing is seen: the reach of exact figures, the A/A noise
    floor of those that vary. reason is model.Reason; why says it in words. detectable is the smallest change that
    this run could have seen (power 0.8 at the corrected level), None if none or not known. noise and detectable are
    in `unit`. p and p_corrected (Holm, over the matrix) are None for exact figures. reached: a changed line ran, or
    an instruction that differs between the kernels did.
    """

    arch: str
    workload: str
    metric: str
    base: str
    new: str
    base_value: float
    new_value: float
    change: float | None
    spread_base: float
    spread_new: float
    noise: float
    unit: str
    units: int
    shown_unit: str
    per_unit_base: float
    per_unit_new: float
    direction: str
    verdict: str
    reason: NotRequired[str]  # analyse.upgrade adds it to reports of before
    why: str
    detectable: float | None
    p: float | None
    p_corrected: float | None
    reached: NotRequired[bool | None]  # did anything that changed run in its workload? None: not known


class PairRow(TypedDict):
    """Of two kernels of an arch."""

    arch: str
    base: str
    new: str


class IdenticalRow(PairRow):
    """Two kernels of an arch that were compared. how: same, lines_only (they differ in numbers of source lines, which
    code carries; that counts as the same) or differs.

    Where they are the same, cells of the new one are skipped with reason identical, and its figures are the base's.
    """

    how: str


class NotBuiltRow(PairRow):
    """Changed lines that are code, and are in no kernel of an arch. side: removed (numbers of the base's source) or
    added (of the new one's).

    why: file (nothing that was compiled is made of it), condition (an #if leaves them out) or other_arch. option:
    what they would need, CONFIG_X or CONFIG_X=n, several with blanks between; None where that is not known.
    """

    file: str
    side: str
    lines: list[int]
    option: str | None
    why: str


class ChangedRow(PairRow):
    """How many of the changed lines are code, and how many of those are in what was built, as far as is known."""

    code: int
    built: int


class NeededRow(PairRow):
    """An option that changed lines of two kernels need on an arch, and that is off there; or one that the change
    adds itself (own).

    with_base, with_new: kernels that are compared to measure it, of which the new one has it, and the base too unless
    it is own; None where it could not be had. why: the reason then, as said behind "CONFIG_X: "; else "".
    """

    option: str
    own: bool
    with_base: str | None
    with_new: str | None
    why: str


class AuthorRow(TypedDict):
    """How the source of a check is that of the series' author, as far as its mails tell.

    files: how many that it touches have a known blob; other: those of them that are not byte for byte the author's.
    why: how the source was chosen, where there was a choice. prerequisites: what was applied first, by title;
    missing: what else the mails name. notes: what else a reader must know.
    """

    source: str
    files: int
    other: list[str]
    why: str
    prerequisites: list[str]
    missing: list[str]
    notes: list[str]


class ExpectationRow(TypedDict):
    """A claim of a workload's file, judged. new is the kernel it is of; base, for a change, the one it is against.

    kernel: both as base:new, for readers. kind: model.Bound; figures are in the shown unit. measured is None and the
    verdict missing where the kernel does not count the metric. why: what made the verdict, whatever was measured.
    """

    arch: str
    workload: str
    metric: str
    claim: str
    kernel: str
    base: NotRequired[str]  # "" where it is no change; analyse.upgrade adds both to reports of before
    new: NotRequired[str]
    kind: str
    expected: float
    measured: float | None
    tolerance: float
    verdict: str
    why: NotRequired[str]


class ClaimRow(TypedDict):
    """A claim and what the expectations that bear on it say.

    verdict: as_expected, not_as_expected, missing (a cell has no result, or nothing bears on it) or out_of_reach.
    """

    id: str
    text: str
    verdict: str
    held: int
    judged: int
    workloads: list[str]
    arches: list[str]
    beyond: str


class InputFile(TypedDict):
    """A file that a run was made of; text is None where it is none (a ready binary)."""

    sha256: str
    text: str | None


class RunRow(TypedDict):
    """Which run this is: its own name, when it was first started (seconds since 1970), and the verb that made it.

    nights: of which matrix file and preset it is a night; their cells may have the same ids.
    """

    id: str
    started: float
    kind: str
    nights: NotRequired[str]


class UnprofiledRow(TypedDict):
    """A cell that passed, without an account of its instructions, in a run that has them.

    possible: it could have one, so the run is not whole; else nobody can make one, and `why` says it.
    """

    id: str
    why: str
    log: str
    possible: bool


class ReachRow(PairRow):
    """A line that two kernels differ by, on one arch. side: added (line is the new kernel's) or removed (the base's).

    state: model.Reach. option: what a line that is not built would need, None if that is not known or no
    option would do. workloads: executions per unit of work, of those in which it ran.
    """

    file: str
    line: int
    side: str
    state: str
    option: str | None
    workloads: dict[str, float]


class ReachSummaryRow(PairRow):
    """How many changed lines of two kernels are in each state on an arch."""

    ran: int
    boot_only: int
    not_run: int
    not_built: int
    not_code: int


class ReachUnknownRow(PairRow):
    """A workload of which it is not known what of a change ran in it."""

    workload: str
    why: str


class CounterRow(PairRow):
    """A counter that nobody named: it repeats in both kernels, and differs between them. How far it went in a pass:
    *_value per unit of work, *_count the whole pass; a gauge's is what it gained. None: this kernel does not have it.

    source: vmstat (/proc/vmstat: the whole guest's) or memory.stat (of the cgroup that the workload has for itself).
    What a metric of the matrix tells is not told here again.
    """

    workload: str
    counter: str
    source: str
    base_value: float | None
    new_value: float | None
    base_count: int | None
    new_count: int | None
    units: int


class CountersLeftOutRow(PairRow):
    """Counters of a workload that are in no CounterRow. names: those that do not repeat in one of the kernels, or
    in both; too_few: those that differ, and were seen too seldom to know whether they repeat."""

    workload: str
    not_repeating: int
    names: list[str]
    too_few: list[str]


class StaticRow(PairRow):
    """What two kernels of an arch differ by before anything runs. kind: model.StaticKind, which says what function
    is: a function, a section, a struct ("struct page", of a moved member "struct page.lru"), or a place (file:line).

    Values are bytes; None where it is not there; of a warning both are. A function's clones are added up; (others)
    are those beyond the thousand that differ most.
    """

    kind: str
    function: str
    base_value: int | None
    new_value: int | None
    text: NotRequired[str]  # a warning's words; what else there is to say
    file: NotRequired[str]  # of a frame: where the function is


class StaticLeftOutRow(PairRow):
    """What of the static evidence is not there."""

    why: str


class SeriesRow(TypedDict):
    """Which series a check was of, as its mails say; "" and 0 where they do not.

    version: v2, v2.1; "" for the first. date: 2026-11-02. parts: how many were taken, of total.
    """

    title: str
    version: str
    author: str
    date: str
    message_id: str
    parts: int
    total: int


class TakenRow(TypedDict):
    """What a check took for its patch. notes: how it was understood; left_out: what was given and not taken, and why.

    fuzz: what was asked for with --fuzz; partial: --partial was; adapted: what was applied otherwise than the patches
    say because of these.
    """

    series: list[SeriesRow]
    notes: list[str]
    left_out: list[str]
    fuzz: int
    partial: bool
    adapted: list[str]


class Offered(TypedDict):
    """What a run could have been of, so that a report can say what it was not."""

    arches: list[str]
    workloads: list[str]


class ChosenRow(TypedDict):
    """Why a workload is measured on an architecture; functions: changed ones that it runs. control: it runs none."""

    arch: str
    workload: str
    why: str
    functions: list[str]
    control: bool


class NotChosenRow(TypedDict):
    """What the choice leaves out. others: workloads that run what is changed, too; unrun: changed functions that no
    workload runs, as file:name; account: of which kernel it is known what workloads run."""

    others: list[str]
    unrun: list[str]
    account: str


class FindingRow(TypedDict):
    """What is wrong, and who says so. lane: debug (a kernel that watches itself). kernels: who says it; what the
    compared base does not say is of the change.

    kind: a word: lock_imbalance, use_after_free, ...; where: file:line of the source, "" if that is not known; log:
    a file of the run folder. lines: which of its watching kernels; runs: workloads in which it was said, "" for the
    boot, "NAME, allocation 2 fails".
    """

    lane: str
    arch: str
    kind: str
    where: str
    message: str
    kernels: list[str]
    log: str
    function: NotRequired[str]
    lines: NotRequired[list[str]]
    runs: NotRequired[list[str]]
    text: NotRequired[str]  # the kernel's or compiler's own words, their beginning
    silent: NotRequired[list[str]]  # kernels that were looked at for it, and do not say it; without: all others


class WatchedRow(TypedDict):
    """A kernel that was looked at for findings. ran, failed: workloads by how they ended; failing: those that ran
    with allocations that fail, too; left_out: "NAME: why". Of a variant: objects that were compiled, those that
    compile with neither kernel, and changed sources that it builds nothing of. lost: workloads or tests that were to
    run, and whose guest was lost or did not come up."""

    lane: str
    arch: str
    kernel: str
    lines: str
    ran: list[str]
    failed: list[str]
    failing: list[str]
    left_out: list[str]
    notes: list[str]
    boots: int
    linux: str  # "" where it was not built
    counts: dict[str, dict[str, float]]  # {workload: {metric: per unit}}, of counters; for what is expected of them
    lost: NotRequired[list[str]]


class SuiteRow(TypedDict):
    """A comparison over all cells, by time: how many arch x workload are which. mean_log_ratio: of new to base."""

    base: str
    new: str
    better: int
    worse: int
    same: int
    unclear: int
    not_reached: int
    mean_log_ratio: float


class ComparedRow(TypedDict):
    """Two kernels that the run compares, whether or not anything came of it."""

    base: str
    new: str


class MatrixReport(TypedDict):
    """The whole of matrix.json.

    notes are by workload: what its file says that a reader must know. inputs: by path below the run's inputs/,
    enough to do the run again elsewhere.
    """

    schema: int
    host: dict[str, Any]
    kernels: dict[str, Any]
    measure: dict[str, Any]
    cells: list[CellRow]
    comparisons: list[ComparisonRow]
    expectations: list[ExpectationRow]
    claims: list[ClaimRow]
    notes: dict[str, str]
    inputs: dict[str, InputFile]
    run: NotRequired[RunRow]  # runs of before there was a history have none
    compare: NotRequired[list[ComparedRow]]  # where it is not recorded: of which there are comparisons
    unprofiled: NotRequired[list[UnprofiledRow]]  # none where every cell has its account, or no account was asked for
    reach: NotRequired[list[ReachRow]]  # where it was looked at what of a change ran
    reach_summary: NotRequired[list[ReachSummaryRow]]
    reach_unknown: NotRequired[list[ReachUnknownRow]]
    static: NotRequired[list[StaticRow]]  # where it was looked at, of kernels that are not the same
    static_left_out: NotRequired[list[StaticLeftOutRow]]
    identical: NotRequired[list[IdenticalRow]]  # these three are not in runs of before
    changed: NotRequired[list[ChangedRow]]
    not_built: NotRequired[list[NotBuiltRow]]
    counters: NotRequired[list[CounterRow]]  # these two are not in a matrix.json of before
    counters_left_out: NotRequired[list[CountersLeftOutRow]]
    taken: NotRequired[TakenRow]  # of a check
    needed: NotRequired[list[NeededRow]]  # of a check whose config followed its patch
    chosen: NotRequired[list[ChosenRow]]  # of a check that chose its workloads
    not_chosen: NotRequired[NotChosenRow]
    findings: NotRequired[list[FindingRow]]  # these two where it was looked for them
    watched: NotRequired[list[WatchedRow]]
    suite: NotRequired[list[SuiteRow]]  # where a comparison has more than one arch x workload
    author: NotRequired[AuthorRow]  # of a check, where its mails say what the author had
    offered: NotRequired[Offered]  # where it was not recorded, what it is as the run is read: runs.load
