# SPDX-License-Identifier: GPL-2.0-or-later
"""The account of instructions, from what the plugin writes to what a reader sees."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path
from typing import cast

import pytest

from orchestrator.analyse.contract import CellRow
from orchestrator.analyse.expect import judge
from orchestrator.arches import known as arches
from orchestrator.build import guest_tools
from orchestrator.build.plugin import BLOCKS, FLAGS, PROFILE, SOURCES, interface
from orchestrator.config import workloads
from orchestrator.errors import ConfigError, InfraError
from orchestrator.model import Comparison
from orchestrator.profile import symbols
from orchestrator.profile.account import by_function, parse_counts
from orchestrator.profile.comparison import (
    INTERRUPTS,
    UNATTRIBUTED,
    ProfileReport,
    calls_of,
    compare_accounts,
    profile_cell,
)
from orchestrator.profile.names import is_part, stem
from orchestrator.report.parts import profile_rows
from orchestrator.store import Store
from tests.unit.profile.conftest import BASE, NEW, raw, read

MAP = """\
0000000000000100 A absolute
0000000000001000 T _text
0000000000001000 t __pi_first
0000000000001000 T first
0000000000001040 t second.isra.0
0000000000001080 T vector
00000000000010a0 T stub
00000000000010b0 D data
0000000000002000 T last
"""
USER = symbols.in_order([(0x400, 0x440, "user:main"), (0x440, 0x480, "user:km_end")])
DUMP = """\
kmatrix-profile 2 1 4 20 0
400 10 0 1f2003d5
404 10 0 1f2003d5
1000 7 2 1f2003d5
1004 7 2 1f2003d5
1000 3 0 1f2003d5
1044 5 0 1f2003d5
1080 4 4 1f2003d5
10a0 4 0 1f2003d5
10b4 1 0 1f2003d5
9000 2 1 1f2003d5
"""


def test_a_kernel_symbol_lasts_until_the_next_and_has_its_plainest_name() -> None:
    kernel = symbols.of_kernel(MAP, {"low": (0x0, 0x80)})
    assert kernel.at(0x1000) == ("first", True) and kernel.at(0x103F) == ("first", False)
    assert kernel.at(0x1040) == ("second.isra.0", True)
    assert kernel.at(0x10B4) == ("", False)  # data
    assert kernel.at(0xFFF) == ("", False) and kernel.at(0x100) == ("", False)
    assert kernel.at(0x20) == ("low", False)
    assert symbols.addresses(MAP, ["fir*", "data"]) == {"first": 0x1000}
    assert kernel.find("stub") == (0x10A0, 0x10B0)
    kernel = symbols.of_kernel(MAP, {}, {0x1000: 0x1008})
    assert [kernel.at(address) for address in (0x1000, 0x1008)] == [("first", False), ("first", True)]


def test_each_instruction_goes_to_one_row() -> None:
    made = by_function(parse_counts(DUMP), symbols.of_kernel(MAP, {}), USER, {0x1080}, {"stub"})
    # first: 10 entries of which 2 in interrupts, and 7 of its second instruction, also 2 of them
    assert made.functions == {"user:main": (20, 10), "first": (13, 8), "second.isra.0": (5, 0)}
    assert made.interrupts == 2 + 2 + 4 + 4 + 1 and made.interrupt_count == 4
    assert made.unattributed == 1 + 1
    assert made.total == parse_counts(DUMP).total == 10 + 10 + 7 + 7 + 3 + 5 + 4 + 4 + 1 + 2


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "not whole"),
        ("kmatrix-profile 1 1 4 20 0\n", "not whole"),
        ("kmatrix-profile 2 1 4 20 3\n", "3 translations"),
        ("kmatrix-profile 2 1 4 20 0\n1000 7\n", "1000 7"),
    ],
)
def test_an_account_that_is_not_whole_is_no_account(text: str, what: str) -> None:
    with pytest.raises(InfraError, match=what):
        parse_counts(text)


@pytest.mark.parametrize(
    ("name", "plain", "part"),
    [
        ("foo", "foo", False),
        ("foo.isra.0", "foo", False),
        ("foo.constprop.0.isra.0", "foo", False),
        ("foo.part.0", "foo", True),
        ("foo.constprop.1.cold", "foo", True),
        ("foo.partial", "foo.partial", False),
        ("user:bar.cold", "user:bar", True),
    ],
)
def test_names_have_a_stem(name: str, plain: str, part: bool) -> None:
    assert (stem(name), is_part(name)) == (plain, part)


TOUCH = Path(__file__).parents[2] / "boot/own/touch.c"


def runner_of(tmp_path: Path, arch: str = "x86_64") -> guest_tools.Tool:
    """For a C program without markers: it, and what starts it."""
    return asyncio.run(guest_tools.tool(Store(tmp_path / "store"), arches()[arch], workloads.load_file(TOUCH)))


def test_a_copy_under_another_name_is_a_program_of_its_own(tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copy(TOUCH, tmp_path / f"{name}.c")
        made = guest_tools.tool(
            Store(tmp_path / "store"), arches()["x86_64"], workloads.load_file(tmp_path / f"{name}.c")
        )
        assert all(path.is_file() for path in asyncio.run(made).files)


def compiled(out: Path, *options: str) -> Path:
    subprocess.run(["x86_64-linux-gnu-gcc", "-O2", *options, TOUCH, "-o", out], check=True)
    return out


@pytest.mark.parametrize("arch", sorted(arches()))
def test_a_program_and_what_starts_it_are_told_apart(tmp_path: Path, arch: str) -> None:
    tool = runner_of(tmp_path, arch)
    found = symbols.of_programs(*tool.files)
    assert found.find("user:main") and found.find("user:runner:main") and found.find("user:runner:km_end")
    alone = symbols.of_programs(tool.program)
    assert all(found.at(first) == alone.at(first) for first in alone.starts)
    with pytest.raises(KeyError):
        found.find("user:km_end")


@pytest.mark.parametrize("arch", sorted(arches()))
def test_calls_are_counted_where_all_of_them_arrive(tmp_path: Path, arch: str) -> None:
    """On ppc64le a caller from near skips the two instructions that load the table of contents."""
    found = symbols.of_programs(*runner_of(tmp_path, arch).files)
    skipped = {start: found.called(start) - start for start in found.starts if found.called(start) != start}
    if arch != "ppc64le":
        assert not skipped and not symbols.local_entries(runner_of(tmp_path, arch).runner)
        return
    first, _ = found.find("user:runner:km_end")
    assert set(skipped.values()) == {8} and found.called(first) == first + 8
    assert found.at(first) == ("user:runner:km_end", False) and found.at(first + 8) == ("user:runner:km_end", True)
    assert symbols.local_entries(runner_of(tmp_path, arch).runner)[first] == first + 8


def test_a_program_with_markers_is_all_user_code(tmp_path: Path) -> None:
    assert symbols.of_programs(runner_of(tmp_path).runner).find("user:km_begin")


@pytest.mark.parametrize("options", [("-static", "-no-pie", "-s"), ("-static-pie", "-fPIE")])
def test_what_has_no_symbols_of_known_addresses_has_no_names(tmp_path: Path, options: tuple[str, ...]) -> None:
    found = symbols.of_programs(runner_of(tmp_path).runner, compiled(tmp_path / "out", *options))
    assert found.names and all(name.startswith("user:runner:") for name in found.names)


def test_a_script_has_no_names(tmp_path: Path) -> None:
    found = symbols.of_programs(runner_of(tmp_path).runner, TOUCH.with_name("hello.sh"))
    assert all(name.startswith("user:runner:") for name in found.names)


def test_a_program_at_the_addresses_of_what_starts_it_is_refused(tmp_path: Path) -> None:
    """Stripped, too: it would end the region where it happens to execute the address of km_end()."""
    there = compiled(tmp_path / "there", "-static", "-no-pie", "-s", *guest_tools.APART)
    with pytest.raises(InfraError, match="there is at the addresses of what starts it, 0x600"):
        symbols.of_programs(runner_of(tmp_path).runner, there)


PAIR = [Comparison("a", "b")]


def compared(drift: float = 0.0) -> ProfileReport:
    return compare_accounts([read(raw("a", BASE, -drift)), read(raw("b", NEW, drift))], PAIR)


def test_a_difference_is_the_sum_of_its_rows() -> None:
    (row,) = compared()["differences"]
    table = {f["name"]: f for f in row["functions"]}
    assert row["total"] == pytest.approx(-27.0) and row["balances"]
    assert sum(f["change"] for f in row["functions"]) == pytest.approx(row["total"])
    assert [f["name"] for f in row["functions"]][:3] == ["fault", "lock", "gone"]
    assert table["lock"]["base_calls"] == 2 and table["lock"]["new_calls"] == 1
    assert table["gone"]["change"] == -7 and table["gone"]["new_calls"] == 0
    assert table["same"]["change"] == 0 and table["same"]["new_calls"] == 1  # not 1.003: entering a part is no call
    assert table[INTERRUPTS]["base_instructions"] == 0.4 and table[UNATTRIBUTED]["base_instructions"] == 0.1


def test_an_account_off_its_clock_does_not_balance() -> None:
    assert all(c["balances"] and c["agrees"] for c in compared()["cells"])
    wrong = compared(drift=5000.0)  # 5 instructions a unit, of 4000
    assert not any(c["balances"] or c["agrees"] for c in wrong["cells"])
    assert wrong["differences"][0]["balances"] is False
    assert "do NOT agree" in profile_rows.profile_text(wrong) and "does NOT balance" in profile_rows.profile_text(
        wrong
    )


def test_a_workload_without_a_time_has_nothing_to_balance_with() -> None:
    lacking = {**raw("a", BASE), "clock_profiled": None, "clock_unprofiled": None}
    report = compare_accounts([read(lacking), read(raw("b", NEW))], PAIR)
    assert report["cells"][0]["balances"] is None and report["differences"][0]["balances"] is None
    assert "measures no time" in profile_rows.profile_text(report)


def test_a_table_fits_a_mail_and_says_what_it_leaves_out() -> None:
    long = {**BASE, "a_function_with_a_name_that_is_far_too_long_for_a_mail": (9_000_000, 123_456)}
    (row,) = compare_accounts([read(raw("a", long)), read(raw("b", NEW))], PAIR)["differences"]
    lines = profile_rows.function_table(row, 2)
    assert all(len(line) <= 75 for line in lines) and len(lines) == 4
    assert lines[1].split()[-1].startswith("a_function_with_a") and lines[1].endswith("..")
    assert lines[2].endswith("fault")
    assert lines[3].split() == ["-17.00", "2", "more", "functions"]


EXPECTED = """\
title = "t"
unit = "page"
metrics = ["time"]
memory_mib = 64
calls.lock = { a = 2, b = 1, linux = ">=6.1", claim = "C9" }
calls.gone = { b = 1, arches = ["s390x"], tolerance = 0.5 }
calls.elsewhere = { a = 3, arches = ["aarch64"] }
"""


def test_calls_can_be_expected(tmp_path: Path) -> None:
    (tmp_path / "workload.toml").write_text(EXPECTED)
    claims = workloads.load(tmp_path).expectations
    profiled = compared()["cells"]
    assert calls_of(profiled[0], "lock") == 2 and calls_of(profiled[0], "unheard_of") == 0
    cells = [
        cast(CellRow, {
            "id": row["id"], "arch": "s390x", "kernel": row["kernel"], "workload": "w", "status": "passed",
            "linux": "6.1.9", "accel": "tcg", "clock": "icount", "metrics": {},
        })
        for row in profiled
    ]  # fmt: skip
    assert judge(claims, cells, []) == []  # no profile, no judgement
    rows = judge(claims, cells, [], profiled)
    assert [(r["metric"], r["kernel"], r["measured"], r["verdict"]) for r in rows] == [
        ("calls.lock", "a", 2.0, "as_expected"),
        ("calls.lock", "b", 1.0, "as_expected"),
        ("calls.gone", "b", 0.0, "not_as_expected"),
    ]
    assert rows[0]["claim"] == "C9"


@pytest.mark.parametrize(
    "line", ["calls.lock = { }", "calls.lock = { a = 'x' }", "calls.lock = { a = 1, arches = ['vax'] }"]
)
def test_an_expectation_of_calls_that_makes_no_sense_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "workload.toml").write_text(EXPECTED.split("calls.lock")[0] + line + "\n")
    with pytest.raises(ConfigError):
        workloads.load(tmp_path)


@pytest.mark.parametrize(
    ("version", "api"),
    [("7.2.22 (Debian 1:7.2)", 1), ("8.2.0", 1), ("QEMU emulator version 9.0.1", 2), ("10.0.13", 2)],
)
def test_the_plugin_is_made_for_the_qemu_that_loads_it(version: str, api: int) -> None:
    assert interface(version) == api


def test_an_old_or_unknown_qemu_is_told() -> None:
    for version in ("5.2.0", "?"):
        with pytest.raises(InfraError, match="no profile with this QEMU"):
            interface(version)


@pytest.mark.parametrize("name", [PROFILE, BLOCKS])
@pytest.mark.parametrize("api", [1, 2])
def test_the_plugins_compile_without_headers_of_qemu(tmp_path: Path, api: int, name: str) -> None:
    gcc = shutil.which("gcc")
    assert gcc, "the tests need gcc of the host"
    out = tmp_path / "plugin.so"
    argv = [gcc, *FLAGS, f"-DPLUGIN_API={api}", str(SOURCES / f"{name}.c"), "-o", str(out), "-ldl"]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0 and out.stat().st_size, done.stderr


def test_units_are_divided_by_once() -> None:
    row = profile_cell(read(raw("a", BASE)))
    assert row["functions"][0] == {"name": "fault", "instructions": 4000.0, "calls": 2.0}
    assert row["seconds_unprofiled"] == 2.0  # a pass
