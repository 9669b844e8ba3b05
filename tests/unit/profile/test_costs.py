# SPDX-License-Identifier: GPL-2.0-or-later
"""Which class an instruction is of, by its bytes, and what a region has of each."""

from __future__ import annotations

import pytest

from orchestrator import arches
from orchestrator.model import COST_CLASSES, REPEATED
from orchestrator.profile import symbols
from orchestrator.profile.costs import Decoder, decoder, told


def decode(arch: str) -> Decoder:
    found = decoder(arches.known()[arch])
    assert found
    return found


@pytest.mark.parametrize("arch", arches.known())
def test_classes_of_an_arch_are_classes(arch: str) -> None:
    costs = arches.known()[arch].costs
    assert costs and set(costs.classes) <= {*COST_CLASSES, REPEATED} and "exceptions" not in costs.classes
    assert costs.shared in ("", *costs.exceptions)


@pytest.mark.parametrize(
    ("arch", "code", "kind"),
    [
        ("x86_64", "f0480fc108", "atomics"),  # lock xadd %rcx,(%rax)
        ("x86_64", "3e480fc108", "atomics"),  # the same where the kernel has one CPU
        ("x86_64", "480fc108", ""),
        ("x86_64", "8702", "atomics"),  # xchg %eax,(%rdx) locks by itself
        ("x86_64", "4887c2", ""),
        ("x86_64", "f0834424fc00", "barriers"),  # lock addl $0x0,-0x4(%rsp)
        ("x86_64", "f041812424" + "00100000", "atomics"),  # lock andl $0x1000,(%r12)
        ("x86_64", "0faef0", "barriers"),
        ("x86_64", "0f22d8", "tlb_flushes"),
        ("x86_64", "0f22e0", "serialising"),  # mov %rax,%cr4
        ("x86_64", "48cf", "serialising"),
        ("x86_64", "0f01f8", "mode_switches"),
        ("x86_64", "0f05", "system_calls"),
        ("x86_64", "f348ab", "repeated"),
        ("x86_64", "3effe0", ""),  # notrack jmp
        ("x86_64", "0f01e8", "serialising"),  # serialize, which capstone does not know
        ("aarch64", "000020f8", "atomics"),  # ldadd
        ("aarch64", "bf3a03d5", "barriers"),  # dmb ishst
        ("aarch64", "00fcdf88", "barriers"),  # ldar
        ("aarch64", "df3f03d5", "serialising"),  # isb
        ("aarch64", "20421bd5", "mode_switches"),  # msr daif
        ("aarch64", "002018d5", "tlb_flushes"),  # msr ttbr0_el1
        ("aarch64", "20740bd5", ""),  # dc zva clears a line: it is what a store is
        ("aarch64", "010000d4", "system_calls"),
        ("s390x", "eb11100000f8", "atomics"),  # laa
        ("s390x", "eb01f000006a", "interlocked"),  # asi
        ("s390x", "07e0", "barriers"),
        ("s390x", "07f0", "barriers"),
        ("s390x", "0700", ""),
        ("s390x", "07fe", ""),
        ("s390x", "b2b21000", "serialising"),
        ("s390x", "0a05", "system_calls"),
        ("riscv64", "2fb50508", "atomics"),  # amoswap.d
        ("riscv64", "2fb50510", ""),  # lr.d: its sc.d counts
        ("riscv64", "2fb50518", "atomics"),  # sc.d
        ("riscv64", "0f003003", "barriers"),
        ("riscv64", "0f000001", ""),  # pause
        ("riscv64", "73000012", "tlb_flushes"),
        ("riscv64", "73900718", "tlb_flushes"),  # csrw satp
        ("riscv64", "73b00110", "mode_switches"),
        ("riscv64", "73002010", "serialising"),
        ("ppc64le", "ad19007c", "atomics"),  # stdcx.
        ("ppc64le", "ac04207c", "barriers"),
        ("ppc64le", "2c01004c", "serialising"),
        ("ppc64le", "a400004c", "serialising"),  # rfscv, which capstone does not know
        ("ppc64le", "01000044", "system_calls"),  # scv 0
        ("ppc64le", "24fa007c", "tlb_flushes"),
    ],
)
def test_a_class_is_told_by_the_bytes(arch: str, code: str, kind: str) -> None:
    found = decode(arch).classes(code)
    assert found == ((kind,) if kind else ()), list(decode(arch).texts(bytes.fromhex(code)))


def test_what_the_disassembler_does_not_know_is_counted_and_what_follows_it_is_told() -> None:
    pieces = [(0x1100, 10, "0faef0,d6,0faef0")]
    assert told(decode("x86_64"), pieces, [SYMBOLS], (), units=10).functions["mine"] == {
        "barriers": 20,
        "undecoded": 10,
    }


def test_what_is_not_whole_at_the_end_of_a_page_is_nothing() -> None:
    """An instruction that crosses it, as far as the translator had read it."""
    pieces = [(0x1FFA, 10, "0faef0,f0480f"), (0x2FF8, 10, "0faef0,a9"), (0x400, 3, "0f05")]
    found = told(decode("x86_64"), pieces, [SYMBOLS], (), units=10)
    assert found.functions == {"": {"barriers": 20, "system_calls": 3}}  # which arrive elsewhere than exceptions here


SYMBOLS = symbols.in_order(
    [(0x1010, 0x1100, "el0t_64_sync"), (0x1100, 0x1200, "mine"), (0x1200, 0x1210, "el1h_64_sync")]
)
NOP, DMB, SVC = "1f2003d5", "bf3a03d5", "010000d4"


def test_a_region_by_function_and_what_system_calls_have_of_exceptions() -> None:
    pieces = [(0x400, 3, SVC), (0x1010, 8, f"{NOP},{NOP}"), (0x1100, 10, f"{DMB},{NOP},{DMB}"), (0x1200, 1, NOP)]
    found = told(decode("aarch64"), pieces, [SYMBOLS], {0x1010, 0x1200}, units=10)
    assert found.functions == {
        "": {"system_calls": 3},
        "el0t_64_sync": {"exceptions": 5},  # 8 arrived, of which 3 were calls
        "mine": {"barriers": 20},
        "el1h_64_sync": {"exceptions": 1},
    }
    assert found.classes == {"system_calls": 3, "exceptions": 6, "barriers": 20}


def test_lines_of_code_are_counted_from_each_functions_start_if_they_run_again_and_again() -> None:
    """So none moves because a function before it grew, and what runs once in ten units is none."""
    pieces = [
        (0x1100, 10, ",".join([NOP] * 16)),
        (0x1140, 3, NOP),
        (0x1144, 2, NOP),
        (0x1180, 1, NOP),
        (0x1018, 5, NOP),
    ]
    assert told(decode("aarch64"), pieces, [SYMBOLS], (), units=10).code_lines == 2  # the first, and 0x1018's
    assert told(decode("aarch64"), pieces, [SYMBOLS], (), units=2).code_lines == 4
    moved = [(address + 0x24, count, code) for address, count, code in pieces]
    rows = [
        (start + 0x24, end + 0x24, name)
        for start, end, name in zip(SYMBOLS.starts, SYMBOLS.ends, SYMBOLS.names, strict=True)
    ]
    assert told(decode("aarch64"), moved, [symbols.in_order(rows)], (), units=10).code_lines == 2
    overlapping = [(0x1100, 3, ",".join([NOP] * 4)), (0x1104, 3, NOP)]  # two translations of one place: added up
    assert told(decode("aarch64"), overlapping, [SYMBOLS], (), units=12).code_lines == 1
