# SPDX-License-Identifier: GPL-2.0-or-later
"""Sizes of a kernel, from what binutils 2.40 says of real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.profile import sizes

EXCERPTS = Path(__file__).parent / "excerpts/objects"


def text(arch: str) -> str:
    return (EXCERPTS / f"{arch}.readelf").read_text()


@pytest.mark.parametrize(
    ("arch", "size"),
    [
        ("x86_64", {".text": 0xA01CF2, ".rodata": 0x233A86, ".data": 0x1EBBC0, ".bss": 0x35A000}),
        ("aarch64", {".text": 0x6D8848, ".rodata": 0x151826, ".data": 0x142FD8, ".bss": 0x66B70}),
        ("s390x", {".text": 0x6D7000, ".rodata": 0x12410A, ".data": 0xC6220, ".bss": 0x797D0}),
    ],
)
def test_sections_that_are_loaded(arch: str, size: dict[str, int]) -> None:
    found = sizes.sections(text(arch))
    assert size.items() <= found.items()
    assert not {".comment", ".debug_line"} & set(found) and ".init.text" in found


@pytest.mark.parametrize(
    ("arch", "fixup", "mincore"),
    [
        ("x86_64", 410, ("__x64_sys_mincore", 22)),
        ("aarch64", 388, ("__arm64_sys_mincore", 816)),
        ("s390x", 410, ("__s390_sys_mincore", 30)),
    ],
)
def test_functions_and_no_data(arch: str, fixup: int, mincore: tuple[str, int]) -> None:
    found = sizes.functions(text(arch))
    assert found["fixup_user_fault"] == fixup and found[mincore[0]] == mincore[1]
    assert not {"vmstat_text", "jiffies", "__ksymtab_vmalloc"} & set(found)


def test_what_the_compiler_made_of_a_function_is_one() -> None:
    assert sizes.functions(text("x86_64"))["set_pages_state"] == 375 + 12
    assert sizes.functions(text("aarch64"))["gic_cpu_init"] == 408 + 980
    found = sizes.functions(text("s390x"))
    assert (found["split_fs_names"], found["create_dev"], found["__mod_vtimer"]) == (106, 84, 258)


@pytest.mark.parametrize(("arch", "size"), [("x86_64", 51), ("aarch64", 392)])
def test_several_names_of_one_address_are_one_function(arch: str, size: int) -> None:
    found = sizes.functions(text(arch))
    assert found["memset"] == size and not {"__memset", "__pi_memset"} & set(found)


def test_large_sizes_and_what_some_machines_say_besides() -> None:
    rows = (
        "   12: c000000000010000 0x1a2b0 FUNC    GLOBAL DEFAULT [<localentry>: 8]     2 large\n"
        "   13: ffffffff81000010    16 FUNC    LOCAL  DEFAULT    1 __pfx_small\n"
        "   14: ffffffff81000020     5 FUNC    LOCAL  DEFAULT    1 small\n"
        "   15: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND elsewhere\n"
        "   16: ffff8000086a2310     8 FUNC    LOCAL  DEFAULT    2 e843419@0133_0000208d_20\n"
    )
    assert sizes.functions(rows) == {"large": 0x1A2B0, "small": 5}
