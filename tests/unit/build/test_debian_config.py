# SPDX-License-Identifier: GPL-2.0-or-later
"""What is taken of Debian's configs, where ours differ and why, and the fragments that come out."""

from dataclasses import replace

from orchestrator.arches import known
from orchestrator.build.debian_config import RULES as RULES_FILE
from orchestrator.build.debian_config import (
    Exempt,
    Rules,
    Version,
    differences,
    fragments,
    rules,
    shipped,
    wishes,
)
from orchestrator.build.kconfig import Definition
from orchestrator.config.fragments import Wish, wanted

OLD, MID, NEW = (
    Version("6.1", "bookworm", "<6.7", without=("riscv64",)),
    Version("6.12", "trixie", ">=6.7,<6.18"),
    Version("7.3", "trixie-backports", ">=6.18"),
)
RULES = Rules(
    scope=("mm/", "arch/"), beyond=("arch/*/kvm/",), builtin=("mm/",), also=("KVM",), versions=(OLD, MID, NEW),
    exceptions=(
        Exempt("random", ("SHUFFLE",), "n"), Exempt("told elsewhere", ("PACKED_*",), "-"),
        Exempt("no such board", ("BOARD",)), Exempt("of one arch", ("ODD",), "7", ("s390x",)),
    ),
)  # fmt: skip
DEFINITIONS = [
    Definition(name, file, (), prompt)
    for name, file, prompt in (
        ("A", "mm/Kconfig", True), ("B", "mm/Kconfig", True), ("HIDDEN", "mm/Kconfig", False),
        ("NET", "net/Kconfig", True),
        ("SHUFFLE", "mm/Kconfig", True), ("PACKED_XZ", "arch/Kconfig", True), ("BOARD", "arch/Kconfig", True),
        ("ODD", "mm/Kconfig", True), ("KVM", "arch/x86/kvm/Kconfig", True),
        ("KVM_DEEP", "arch/x86/kvm/Kconfig", True), ("UNKNOWN", "mm/Kconfig", True),
    )
]  # fmt: skip
DEBIAN = {
    f"CONFIG_{name}": value
    for name, value in (
        ("A", "y"), ("B", "m"), ("HIDDEN", "y"), ("NET", "y"), ("SHUFFLE", "y"), ("PACKED_XZ", "y"), ("BOARD", "y"),
        ("ODD", "3"), ("KVM", "m"), ("KVM_DEEP", "y"),
    )
}  # fmt: skip


def test_debians_value_is_taken_within_the_scope_with_exceptions() -> None:
    found = {wish.option.removeprefix("CONFIG_"): wish.value for wish in wishes(RULES, DEFINITIONS, DEBIAN, "x86_64")}
    assert found == {"A": "y", "B": "y", "SHUFFLE": "n", "BOARD": "y", "ODD": "3", "KVM": "m"}
    assert {w.option: w.value for w in wishes(RULES, DEFINITIONS, DEBIAN, "s390x")}["CONFIG_ODD"] == "7"
    assert not any(wish.essential for wish in wishes(RULES, DEFINITIONS, DEBIAN, "x86_64"))


def test_each_difference_has_its_reason_or_none() -> None:
    ours = {"CONFIG_B": "y", "CONFIG_ODD": "4", "CONFIG_UNKNOWN": "y", "CONFIG_KVM": "m"}
    rows = {
        row.option.removeprefix("CONFIG_"): row for row in differences(RULES, DEFINITIONS, DEBIAN, ours, "x86_64")
    }
    assert {name: row.why for name, row in rows.items()} == {
        "A": "", "HIDDEN": "set by others that are off or not built", "SHUFFLE": "random", "UNKNOWN": "",
        "BOARD": "no such board", "ODD": "", "PACKED_XZ": "told elsewhere",
    }  # fmt: skip
    assert (rows["ODD"].debian, rows["ODD"].ours) == ("3", "4")


def test_a_line_says_which_linux_it_is_for_unless_for_all_that_debian_has() -> None:
    a, b, c, off = Wish("CONFIG_A", "y"), Wish("CONFIG_B", "1"), Wish("CONFIG_B", "2"), Wish("CONFIG_C", "n")
    found = {"s390x": {OLD: [a, b], MID: [a, b, off], NEW: [a, c, off]}, "riscv64": {MID: [a, b], NEW: [a, b]}}
    texts = fragments(found, RULES.versions)
    common, s390x, riscv64 = (
        texts[name].split("#: wished\n")[1].splitlines() for name in ("common", "s390x", "riscv64")
    )
    assert common == ["CONFIG_A=y"] and riscv64 == ["CONFIG_B=1"]
    assert s390x == [
        "CONFIG_B=1  #: linux <6.18", "CONFIG_B=2  #: linux >=6.18", "# CONFIG_C is not set  #: linux >=6.7"
    ]  # fmt: skip
    values = {
        linux: {w.option: w.value for w in wanted(s390x, linux).wishes} for linux in ("6.1.9", "6.12.1", "7.3.4")
    }
    assert values == {
        "6.1.9": {"CONFIG_B": "1"}, "6.12.1": {"CONFIG_B": "1", "CONFIG_C": "n"},
        "7.3.4": {"CONFIG_B": "2", "CONFIG_C": "n"},
    }  # fmt: skip


def test_the_nearest_of_debians_kernels_is_one_that_it_has_for_the_arch() -> None:
    assert RULES.nearest("6.1.192", "s390x") is OLD and RULES.nearest("6.6", "s390x") is OLD
    assert RULES.nearest("6.7", "s390x") is MID and RULES.nearest("7.4", "s390x") is NEW
    assert RULES.nearest("6.1.192", "riscv64") is MID and RULES.of("riscv64") == (MID, NEW)


def test_the_shipped_rules_cover_every_version_once_and_give_reasons() -> None:
    its = rules()
    for linux in ("5.10.223", "6.1.192", "6.6.1", "6.7", "6.12.117", "6.18", "7.3.4", "8.0"):
        assert (
            sum(
                replace(its, versions=(version,)).versions[0] == its.nearest(linux, "s390x")
                for version in its.versions
            )
            == 1
        )
    assert all(one.why and one.options for one in its.exceptions)
    assert its.exception("RANDOMIZE_BASE", "s390x") and not its.exception("MEMCG", "s390x")


def test_what_the_mirror_lacks_stays_as_it_is_shipped() -> None:
    """All of it: then the files are what they were, byte for byte."""
    its, linux = rules(), {"6.1": "6.1.192", "6.12": "6.12.60", "7.3": "7.3.1"}
    found = {arch: {one: shipped(arch, linux[one.linux]) for one in its.of(arch)} for arch in known()}
    for name, text in fragments(found, its.versions).items():
        assert text == (RULES_FILE.parent / f"{name}.config").read_text(), name
