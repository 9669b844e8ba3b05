# SPDX-License-Identifier: GPL-2.0-or-later
"""Counters that nobody named: which of them are told, and which are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from orchestrator.analyse.contract import MatrixReport
from orchestrator.analyse.matrix import exit_code
from orchestrator.analyse.slice import about, sliced
from orchestrator.model import CellResult, PassSample
from tests.unit.conftest import BASE, NEW, cell, failed, matrix, spared

UNITS = 102400
Passes = Sequence[int]  # of one boot


def counted(
    arch: str,
    kernel: str,
    counts: Mapping[str, Sequence[Passes]],
    values: dict[str, float] = NEW,
    memory: Mapping[str, Sequence[Passes]] | None = None,
    clock: str = "icount",
) -> CellResult:
    """A cell with these counters: for each boot what it was in each pass."""
    boots = len(next(iter(counts.values())))
    made = cell(arch, kernel, values, clock, boots)

    def samples(number: int) -> tuple[PassSample, ...]:
        old = made.boots[number].passes[0]
        return tuple(
            replace(
                old,
                vmstat={**old.vmstat, **{name: its[number][i] for name, its in counts.items()}},
                memory_stat={name: its[number][i] for name, its in (memory or {}).items()},
            )
            for i in range(len(next(iter(counts.values()))[number]))
        )

    return replace(made, boots=tuple(replace(boot, passes=samples(boot.number)) for boot in made.boots))


def twice(count: int) -> list[list[int]]:
    """The same in two boots of one pass."""
    return [[count], [count]]


def report(base: CellResult, new: CellResult) -> MatrixReport:
    return matrix(base, new, expected=False)


def found(made: MatrixReport) -> dict[str, tuple[int | None, int | None]]:
    return {row["counter"]: (row["base_count"], row["new_count"]) for row in made["counters"]}


def of(
    base: Mapping[str, Sequence[Passes]], new: Mapping[str, Sequence[Passes]], clock: str = "icount"
) -> MatrixReport:
    return report(counted("s390x", "unpatched", base, clock=clock), counted("s390x", "patched", new, clock=clock))


def test_what_repeats_and_differs_is_a_row_with_the_raw_integers() -> None:
    made = of({"pgfree": twice(7), "pgalloc_dma": twice(0)}, {"pgfree": twice(7), "pgalloc_dma": twice(UNITS)})
    assert made["counters"] == [
        {
            "arch": "s390x", "base": "unpatched", "new": "patched", "workload": "shmem-write",
            "counter": "pgalloc_dma", "source": "vmstat", "base_value": 0.0, "new_value": 1.0, "base_count": 0,
            "new_count": UNITS, "units": UNITS,
        }
    ]  # fmt: skip
    assert made["counters_left_out"] == []


def test_one_more_in_all_pages_is_a_difference() -> None:
    row = of({"pgfree": twice(UNITS)}, {"pgfree": twice(UNITS + 1)})["counters"][0]
    assert row["new_value"] != row["base_value"] and (row["base_count"], row["new_count"]) == (UNITS, UNITS + 1)


def test_gauges_may_fall() -> None:
    assert found(of({"nr_free_pages": twice(-5)}, {"nr_free_pages": twice(-9)})) == {"nr_free_pages": (-5, -9)}


@pytest.mark.parametrize("moving", [[[1], [2]], [[1, 2], [1, 2]], [[1, 1], [1, 2]]])
def test_what_does_not_repeat_in_all_passes_of_all_boots_is_left_out_and_counted(moving: list[Passes]) -> None:
    """Not even if it moves by the same from pass to pass in each boot."""
    still = [[9] * len(boot) for boot in moving]
    for base, new in ((moving, still), (still, moving), (moving, moving)):
        made = of({"a": base, "b": still}, {"a": new, "b": still})
        assert made["counters"] == []
        [row] = made["counters_left_out"]
        assert (row["not_repeating"], row["names"], row["too_few"]) == (1, ["a"], [])


def test_warm_up_does_not_count() -> None:
    """As the first passes of a boot differ."""
    cells = [counted("s390x", kernel, {"a": [[3, n], [4, n]]}) for kernel, n in (("unpatched", 5), ("patched", 6))]
    late = [replace(c, boots=tuple(replace(boot, warmup=1) for boot in c.boots)) for c in cells]
    assert found(report(late[0], late[1])) == {"a": (5, 6)}


@pytest.mark.parametrize("passes", [1, 3])
def test_of_a_single_boot_nobody_knows_what_repeats(passes: int) -> None:
    made = of({"a": [[1] * passes], "b": [[1] * passes]}, {"a": [[2] * passes], "b": [[1] * passes]})
    assert made["counters"] == []
    [row] = made["counters_left_out"]
    assert (row["not_repeating"], row["names"], row["too_few"]) == (0, [], ["a"])


def test_limits_that_follow_from_what_is_free_count_nothing() -> None:
    """They are a page off now and then, in all passes of a boot."""
    for new in (twice(-3286), [[-3286], [-3287]]):
        made = of({"nr_dirty_threshold": twice(-3287)}, {"nr_dirty_threshold": new})
        assert made["counters"] == made["counters_left_out"] == []


def test_where_figures_vary_three_boots_of_each_are_needed() -> None:
    two, three = [[1, 1]] * 2, [[1, 1]] * 3
    made = of({"a": three}, {"a": [[2, 2]] * 2}, "wall")
    assert made["counters"] == [] and made["counters_left_out"][0]["too_few"] == ["a"]
    assert of({"a": two}, {"a": two}, "wall")["counters_left_out"] == []
    assert found(of({"a": three}, {"a": [[2, 2]] * 3}, "wall")) == {"a": (1, 2)}


def test_what_a_metric_tells_is_not_told_again() -> None:
    made = report(counted("s390x", "unpatched", {"a": twice(1)}, BASE), counted("s390x", "patched", {"a": twice(1)}))
    assert made["counters"] == [] and made["comparisons"][1]["metric"] == "pgfault"
    assert made["comparisons"][1]["base_value"] != made["comparisons"][1]["new_value"]


def test_major_faults_of_all_are_told_where_those_of_the_process_are_something_else() -> None:
    """majflt goes from 102400 to 0 here."""

    def pages(base: int, new: int) -> dict[str, tuple[int | None, int | None]]:
        cells = (("unpatched", BASE, base), ("patched", NEW, new))
        old, now = (counted("s390x", kernel, {"pgmajfault": twice(n)}, values) for kernel, values, n in cells)
        return found(report(old, now))

    assert pages(102400, 0) == pages(102403, 3) == {}
    assert pages(7, 9) == {"pgmajfault": (7, 9)}


def test_a_counter_that_one_kernel_does_not_have_is_told_where_it_counts() -> None:
    made = of({"a": twice(1)}, {"a": twice(1), "fresh": twice(5), "idle": twice(0)})
    assert found(made) == {"fresh": (None, 5)} and made["counters"][0]["base_value"] is None
    assert found(of({"a": twice(1), "gone": twice(5)}, {"a": twice(1)})) == {"gone": (5, None)}


def test_memory_of_the_workloads_own_cgroup_is_told_with_where_it_is_from() -> None:
    sides = [
        counted("s390x", kernel, {"pgfree": twice(1)}, memory={"anon": twice(n), "pgfault": twice(n)})
        for kernel, n in (("unpatched", 4096), ("patched", 8192))
    ]
    made = report(*sides)
    assert [(row["source"], row["counter"], row["new_count"]) for row in made["counters"]] == [
        ("memory.stat", "anon", 8192), ("memory.stat", "pgfault", 8192),
    ]  # fmt: skip
    assert report(sides[0], counted("s390x", "patched", {"pgfree": twice(1)}))["counters"] == []
    assert made["cells"][0]["memory_stat"] == {"anon": twice(4096), "pgfault": twice(4096)}
    assert "memory_stat" not in of({"a": twice(1)}, {"a": twice(1)})["cells"][0]


def test_nothing_is_told_of_kernels_that_are_the_same() -> None:
    base = counted("s390x", "unpatched", {"a": twice(1), "b": [[1], [2]]})
    for new in (spared("s390x", "patched"), counted("s390x", "patched", {"a": twice(2), "b": twice(1)})):
        made = matrix(base, new, expected=False, same={"s390x": "same"})
        assert made["counters"] == made["counters_left_out"] == []


def test_nothing_is_told_of_cells_that_failed_or_differ_in_more_than_the_kernel() -> None:
    base, new = (counted("s390x", kernel, {"a": twice(n)}) for kernel, n in (("unpatched", 1), ("patched", 2)))
    others = replace(new, boots=tuple(replace(boot, qemu="8.0") for boot in new.boots))
    for other in (failed("s390x", "patched"), others):
        made = report(base, other)
        assert made["counters"] == made["counters_left_out"] == []


def test_it_is_evidence_and_no_verdict() -> None:
    base, new = (counted("s390x", kernel, {"a": twice(n)}) for kernel, n in (("unpatched", 1), ("patched", 10**6)))
    made = report(base, new)
    assert made["counters"] and exit_code(made) == 0
    assert {row["verdict"] for row in made["comparisons"]} == {"same"}


def test_a_part_of_a_report_tells_of_itself_alone() -> None:
    cells = [
        counted(arch, kernel, {"a": twice(n), "b": [[1], [n]]})
        for arch in ("aarch64", "s390x") for kernel, n in (("unpatched", 2), ("patched", 3))
    ]  # fmt: skip
    whole = matrix(*cells, expected=False)
    part = sliced(whole, ["aarch64"])
    for key in ("counters", "counters_left_out"):
        assert [row["arch"] for row in whole[key]] == ["aarch64", "s390x"]  # type: ignore[literal-required]
        assert [row["arch"] for row in part[key]] == ["aarch64"]  # type: ignore[literal-required]
        assert sliced(whole, [], ["s390x/patched"])[key] == []  # type: ignore[literal-required]
        assert about(whole, ["patched"])[key] == whole[key]  # type: ignore[literal-required]
        assert about(whole, ["unpatched"])[key] == []  # type: ignore[literal-required]
    del whole["counters"], whole["counters_left_out"]  # somebody's of before
    assert "counters" not in sliced(whole, ["aarch64"]) and "counters" not in about(whole, ["patched"])
