# SPDX-License-Identifier: GPL-2.0-or-later
"""What the plugin of blocks writes."""

from __future__ import annotations

import pytest

from orchestrator.errors import InfraError
from orchestrator.profile.blocks import parse_counted, parse_pieces, parse_seen
from orchestrator.profile.line_table import Executed
from orchestrator.profile.relocation import Relocation
from orchestrator.profile.symbols import executed

COUNTED = "kmatrix-blocks 1 2 900 0\nffff0010 ffff0020 8\nffff0018 ffff0020 2\n10 14 1\n"
BYTES = "kmatrix-blocks 2 2 900 0\nffff0010 ffff0018 8 3 1f2003d5,bf3a03d5\n10 14 4 4 1f2003d5\n"
SEEN = "kmatrix-seen 1 900 0\n10 14\nffff0010 ffff0020\n"


def test_counts_are_of_all_regions_together() -> None:
    found = parse_counted(COUNTED, Relocation())
    assert found.regions == 2
    assert [found.executed.most(start, start + 4) for start in (0xFFFF0010, 0xFFFF0018, 0xFFFF0020, 0x10)] == [
        8, 10, 0, 1,
    ]  # fmt: skip


def test_what_was_executed_has_its_bytes_and_none_of_interrupts() -> None:
    assert parse_pieces(BYTES, Relocation()) == ([(0xFFFF0010, 5, "1f2003d5,bf3a03d5")], 2)
    moved = Relocation(0x10, 0x30, 0xFFFF0000)
    assert parse_pieces(BYTES, moved)[0] == [(0x10, 5, "1f2003d5,bf3a03d5")]
    assert parse_counted(BYTES, Relocation()).executed.most(0xFFFF0010, 0xFFFF0014) == 8  # of lines all count
    for text in (COUNTED, BYTES.replace(",", ",,"), BYTES.replace(" 3 ", " ")):
        with pytest.raises(InfraError):
            parse_pieces(text, Relocation())


def test_what_was_seen_ran_once_at_least() -> None:
    found = parse_seen(SEEN, Relocation())
    assert found.most(0xFFFF001C, 0xFFFF0020) == 1 and found.most(0xFFFF0020, 0xFFFF0030) == 0


def test_what_runs_elsewhere_is_told_by_the_addresses_that_were_linked() -> None:
    relocation = Relocation(0x10, 0x30, 0xFFFF0000)
    assert parse_counted(COUNTED, relocation).executed.most(0x10, 0x14) == 9  # at 0xffff0010, and at 0x10 itself
    assert parse_seen("kmatrix-seen 1 900 0\nffff002c ffff0034\n", relocation).most(0x2C, 0x30) == 1


@pytest.mark.parametrize(
    "text", ["", SEEN, COUNTED[:-1], COUNTED.replace(" 0\n", " 4\n"), COUNTED + "10 x 1\n", COUNTED + "10 14\n"]
)
def test_what_is_not_whole_is_told(text: str) -> None:
    with pytest.raises(InfraError):
        parse_counted(text, Relocation())


def test_what_was_seen_must_be_whole_too() -> None:
    for text in ("", COUNTED, SEEN[:-3], SEEN.replace(" 0\n", " 1\n")):
        with pytest.raises(InfraError):
            parse_seen(text, Relocation())


def test_functions_that_ran_by_all_their_names() -> None:
    system_map = "100 T fault\n100 T alias\n120 t idle\n140 D data\n160 T last\n10 A absolute\n"
    ran = Executed.of([(0x110, 0x114, 1), (0x150, 0x154, 1)])
    assert executed(system_map, [ran.ran]) == {"fault", "alias"}
    assert executed(system_map, [Executed.of([(0x10, 0x100, 1)]).ran, Executed.of([(0x160, 0x164, 1)]).ran]) == {
        "last"
    }
