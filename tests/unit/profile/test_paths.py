# SPDX-License-Identifier: GPL-2.0-or-later
"""Call paths: what the plugin wrote, whether it is believed, the tree of two kernels, and its boxes on the page."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from orchestrator.errors import InfraError
from orchestrator.profile import path_changes, paths, symbols
from orchestrator.profile.cell_account import CellAccount
from orchestrator.profile.path_changes import PathRow
from orchestrator.report.parts import icicle
from tests.unit.profile.conftest import raw, read

KERNEL = symbols.in_order(
    [
        (0x1000, 0x1040, "vector"),
        (0x1040, 0x1080, "fault.isra.0"),
        (0x1080, 0x10C0, "__switch_to"),
        (0x10C0, 0x1100, "lock"),
    ]
)
USER = symbols.in_order([(0x400, 0x440, "user:main")])
DUMP = """\
kmatrix-paths 1 0
0 0 0
0 400 100
2 1000 20
3 1040 700
4 10c0 30
4 0 5
1 1080 7
"""


def test_the_plugin_is_told_where_the_kernel_is_entered_and_the_stack_changes() -> None:
    kernel = replace(KERNEL, local={0x1040: 0x1048})
    rows = paths.functions_file(kernel, USER, ["vec*"], ["__switch_to*"], ["loc*"]).splitlines()
    assert rows == [
        "400 440 4 400", "1000 1040 1 1000", "1040 1080 0 1048", "1080 10c0 2 1080", "10c0 1100 8 10c0"
    ]  # fmt: skip


def test_paths_are_read_and_their_sums_are_held_against_the_account() -> None:
    found = paths.parse_paths(DUMP, KERNEL, USER, ())
    assert found.nodes == (
        (-1, paths.OTHER_TASKS, 0), (-1, "user:main", 100), (1, "vector", 20), (2, "fault.isra.0", 700),
        (3, "lock", 30), (3, "", 5), (0, "__switch_to", 7),
    )  # fmt: skip
    functions = {
        "user:main": (100, 1),
        "vector": (20, 1),
        "fault.isra.0": (700, 1),
        "lock": (30, 1),
        "__switch_to": (7, 1),
    }
    assert paths.doubt(found, functions, 5) == ""
    assert "1 instructions off the account of 858" in paths.doubt(found, {**functions, "lock": (31, 1)}, 5)
    assert "30 instructions off" in paths.doubt(paths.parse_paths(DUMP, KERNEL, USER, ["lock"]), functions, 5)
    stray = paths.parse_paths(DUMP.replace("paths 1 0", "paths 1 3"), KERNEL, USER, ())
    assert "3 ways into or out of the kernel" in paths.doubt(stray, functions, 5)


@pytest.mark.parametrize("text", ["", "kmatrix-paths 2 0\n", "kmatrix-profile 1 1 4 20 0\n"])
def test_paths_that_are_not_whole_are_none(text: str) -> None:
    with pytest.raises(InfraError, match="not whole"):
        paths.parse_paths(text, KERNEL, USER, ())


def account(*nodes: tuple[int, str, int]) -> CellAccount:
    return replace(read(raw("patched", {}, units=10)), paths=nodes, paths_why="")


BASE = account(
    (-1, "main", 100), (0, "fault.isra.0", 50), (1, "lock", 40), (1, "walk", 200), (3, "walk", 10), (0, "", 5)
)
NEW = account(
    (-1, "main", 100), (0, "fault", 30), (1, "fault.part.0", 20), (2, "lock", 20), (1, "walk", 200), (4, "walk", 10)
)


def test_two_kernels_are_one_tree_whatever_their_compilers_made_of_the_names() -> None:
    told = [
        (
            row["depth"],
            row["name"],
            row["base_instructions"],
            row["new_instructions"],
            row["base_own"],
            row["new_own"],
        )
        for row in path_changes.path_rows(BASE, NEW)
    ]
    assert told == [
        (0, "main", 40.5, 38.0, 10.0, 10.0),
        (1, "fault", 30.0, 28.0, 5.0, 5.0),  # its part is itself
        (2, "walk", 21.0, 21.0, 20.0, 20.0),
        (3, "walk", 1.0, 1.0, 1.0, 1.0),  # and recursion is a call
        (2, "lock", 4.0, 2.0, 4.0, 2.0),
        (1, path_changes.UNKNOWN, 0.5, 0.0, 0.5, 0.0),
    ]
    assert sum(row["change"] for row in path_changes.path_rows(BASE, NEW) if row["depth"] == 0) == pytest.approx(-2.5)


def test_paths_that_are_not_known_are_told_so() -> None:
    assert path_changes.paths_unknown(BASE, NEW) == ""
    assert "older kmatrix" in path_changes.paths_unknown(BASE, read(raw("patched", {})))
    assert path_changes.paths_unknown(replace(BASE, paths=None, paths_why="they are off"), NEW) == "they are off"


def test_a_box_is_as_wide_as_what_is_in_it_and_coloured_by_its_share() -> None:
    (main,) = icicle.boxes(path_changes.path_rows(BASE, NEW))
    fault, unknown = main.inside
    assert main.width == pytest.approx(10 + fault.width + unknown.width)
    assert fault.width == pytest.approx(5 + 21 + 4) and fault.own == pytest.approx(5)
    walk, lock = fault.inside
    assert walk.colour == "" and lock.told == "lock: 4.00 -> 2.00 (-2.00)"
    assert re.fullmatch(r"background: rgba\(42, 157, 99, 0\.46\)", lock.colour)  # half of it is gone
    assert "0.80)" in unknown.colour and unknown.name == ""  # all of it; too narrow for a name


def test_what_is_too_narrow_to_be_seen_is_left_blank() -> None:
    wide: list[PathRow] = path_changes.path_rows(
        account((-1, "main", 1_000_000), (0, "tiny", 1000)), account((-1, "main", 1_000_000), (0, "seen", 9000))
    )
    (main,) = icicle.boxes(wide)
    assert [box.told.partition(":")[0] for box in main.inside] == ["seen"]
    assert main.own + main.inside[0].width == pytest.approx(main.width) and "217" in main.inside[0].colour
    assert icicle.boxes([]) == []
