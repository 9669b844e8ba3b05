# SPDX-License-Identifier: GPL-2.0-or-later
"""What the plugin of memory wrote, by function; where turns of a loop end; what QEMU does not tell."""

from __future__ import annotations

import pytest

from orchestrator import arches
from orchestrator.errors import InfraError
from orchestrator.model import MEMORY
from orchestrator.profile import memory
from orchestrator.profile.costs import Decoder, decoder
from orchestrator.profile.relocation import Relocation
from orchestrator.profile.symbols import USER, in_order

TEXT = """\
kmatrix-memory 1 1 5 2 3 0
4:1 7:3 9:1
1000 10 0 80 4 2 3 1
1004 0 5 20 1 0 0 0
1000 1 1 16 0 0 0 0
2000 2 2 32 8 8 8 8
"""
KERNEL = in_order([(0x1000, 0x1100, "fault"), (0x3000, 0x3100, "other")])
PROGRAM = in_order([(0x400, 0x500, f"{USER}main")])
NOP = {"x86_64": "90", "aarch64": "1f2003d5", "s390x": "0700"}


def decode(arch: str) -> Decoder:
    found = decoder(arches.known()[arch])
    assert found
    return found


def test_an_address_has_what_all_its_translations_have() -> None:
    told = memory.parse(TEXT, Relocation())
    assert told.by_address[0x1000] == (11, 1, 96, 4, 2, 3, 1)
    assert dict(zip(MEMORY, (13, 8, 148, 13, 10, 11, 9), strict=True)) == told.sums
    assert (told.device, told.unplaced) == (2, 3)


def test_functions_together_are_the_whole() -> None:
    told = memory.parse(TEXT, Relocation())
    found = told.by_function((PROGRAM, KERNEL))
    assert list(found) == ["fault", ""] and found["fault"]["loads"] == 11 and found[""]["data_lines"] == 8
    assert {name: sum(row[name] for row in found.values()) for name in MEMORY} == told.sums


def test_the_median_is_of_turns() -> None:
    told = memory.parse(TEXT, Relocation())
    assert (told.turn_count, told.median) == (5, 7)
    assert memory.Accesses({}, {}).median == 0 and memory.Accesses({}, {}).sums == dict.fromkeys(MEMORY, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not there or not whole"),
        ("kmatrix-memory 2 1 5 0 0 0\n\n", "not there or not whole"),
        (TEXT[:-1], "not there or not whole"),
        (TEXT.replace("2 3 0\n", "2 3 7\n"), "no room for 7 translations"),
        (TEXT.replace("1 5 2 3 0", "1 5 x 3 0"), "not there or not whole"),
        (TEXT.replace("7:3", "7;3"), "a line '4:1 7;3 9:1'"),
        (TEXT.replace(" 8 8\n", "\n"), "a line '2000 2 2 32 8 8'"),
        (TEXT.replace("2000", "main"), "a line 'main 2"),
        (TEXT.replace("2000 2", "2000 -2"), "a line '2000 -2"),
        (TEXT.replace("2000 2", "2000 " + "9" * 400), "a line '2000 9"),
    ],
)
def test_what_is_not_whole_is_refused(text: str, message: str) -> None:
    with pytest.raises(InfraError, match=message):
        memory.parse(text, Relocation())


def test_a_turn_ends_in_the_workload_s_own_code_that_runs_at_most_once_a_unit() -> None:
    """An inner loop runs more often, and so does what a fault makes begin once more."""
    nops = ",".join([NOP["aarch64"]] * 3)
    pieces = [
        (0x400, 100, nops),  # 400, 404, 408
        (0x408, 100, NOP["aarch64"]),  # again, after its fault
        (0x420, 5000, NOP["aarch64"]),
        (0x440, 1, NOP["aarch64"]),
        (0x1000, 100, NOP["aarch64"]),  # the kernel's
    ]
    assert memory.turns(pieces, PROGRAM, 100) == [0x400, 0x404, 0x440]
    assert memory.turns(pieces, PROGRAM, 200) == [0x400, 0x404, 0x408, 0x440]


def test_a_loop_of_one_block_that_takes_faults_is_found(nop: str = NOP["aarch64"]) -> None:
    pieces = [(0x400, 190, f"{nop},{nop}"), (0x420, 5000, nop), (0x440, 1, nop)]
    assert memory.turns(pieces, PROGRAM, 100) == [0x400, 0x404, 0x440]
    assert memory.turns([*pieces, (0x480, 50, nop)], PROGRAM, 100) == [0x440, 0x480]


def test_the_plugin_gets_no_more_places_than_it_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that come up most often."""
    monkeypatch.setattr(memory, "MOST_TURNS", 2)
    pieces = [(0x400 + 4 * n, n, NOP["aarch64"]) for n in range(1, 5)]
    assert memory.turns(pieces, PROGRAM, 100) == [0x40C, 0x410]


def test_what_qemu_does_not_tell_is_counted() -> None:
    its, decoding = arches.known()["s390x"].memory, decode("s390x")
    assert its
    told = memory.Accesses({0x1006: (0,) * len(MEMORY)}, {})
    pieces = [
        (0x1000, 7, "d20710002000,d70710001000"),  # mvc, and an xc that was told
        (0x100C, 2, "d70710001000"),
        (0x1012, 9, "e31020000004"),  # lg: told, or of no interest
    ]
    silent = memory.silent(pieces, decoding, its.silent, told)
    assert silent == {"mvc": 7, "xc": 2}
    assert memory.unseen({name: n / 7 for name, n in silent.items()}, "page") == (
        "loads, stores and lines lack what QEMU does not tell: 1.00 mvc, 0.29 xc a page"
    )
    assert memory.silent(pieces, decoding, "", told) == {} and memory.unseen({"mvc": 0.001}, "page") == ""
    aarch64 = arches.known()["aarch64"].memory
    assert aarch64 and memory.silent([(0, 3, "20740bd5")], decode("aarch64"), aarch64.silent, told) == {"dc zva": 3}


@pytest.mark.parametrize("arch", arches.known())
def test_what_an_arch_hides_has_a_name_to_tell_it_by(arch: str) -> None:
    its = arches.known()[arch].memory
    assert its is not None
    assert bool(its.silent) >= any(option.startswith("hidden=") for option in its.hidden)
