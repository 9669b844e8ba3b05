# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said of a change that is not in all kernels, or in none."""

from __future__ import annotations

import pytest

from orchestrator.report.parts.change import MOST, change_lines, not_built_lines, ranges
from tests.unit import conftest as reports


@pytest.mark.parametrize(
    ("lines", "text"),
    [([3], "3"), ([3, 4, 5], "3-5"), ([3, 5, 6, 9], "3,5-6,9"), ([], "")],
)
def test_lines_one_behind_the_other_are_one_range(lines: list[int], text: str) -> None:
    assert ranges(lines) == text


def test_a_long_list_is_cut_and_what_is_left_out_is_counted() -> None:
    report = reports.unbuilt()
    report["not_built"] = [
        reports.not_built(arch, f"mm/{n:02}.c", [1], "CONFIG_A")
        for n in range(MOST + 3)
        for arch in ("aarch64", "s390x")
    ]
    lines = not_built_lines(report)
    assert lines[0] == "mm/00.c is not built: needs CONFIG_A" and len(lines) == MOST + 1
    assert lines[-1] == "and 3 more parts of the change are not built"


def test_files_of_other_architectures_are_counted_by_where_they_are_missing() -> None:
    report = reports.one_arch()
    every = ("x86_64", "aarch64", "s390x")
    report["not_built"] = [
        *(reports.not_built(arch, f"arch/{other}/mm/fault.c", [1], None, "other_arch")
          for other in ("alpha", "arc", "csky") for arch in every),
        *(reports.not_built(arch, "arch/s390/mm/fault.c", [n], None, "other_arch")
          for n in (1, 2) for arch in ("x86_64", "aarch64")),
    ]  # fmt: skip
    assert not_built_lines(report) == [
        "3 files are of other architectures: not built",
        "arch/s390/mm/fault.c is of another architecture: not built on x86_64 and aarch64",
    ]


def test_removed_lines_are_those_of_the_kernel_before() -> None:
    report = reports.one_arch()
    row = reports.not_built("s390x", "mm/{0}.c", [7, 8], "CONFIG_NUMA=n", "condition")
    report["not_built"] = [{**row, "side": "removed"}]
    assert not_built_lines(report) == ["mm/{0}.c:7-8 (removed) is not built on s390x: needs CONFIG_NUMA=n"]


def test_of_one_architecture_the_name_is_said() -> None:
    report = reports.unbuilt()
    report["cells"] = [cell for cell in report["cells"] if cell["arch"] == "s390x"]
    report["changed"] = [{**report["changed"][1], "code": 1}]
    report["not_built"] = [row for row in report["not_built"] if row["arch"] == "s390x"][:1]
    report["identical"] = []
    assert change_lines(report) == [
        ("the changed line of code is not built on s390x: what was measured says nothing about it", "bad"),
        ("mm/swapfile.c is not built on s390x: needs CONFIG_SWAP", "plain"),
    ]
    assert change_lines(reports.good()) == []
