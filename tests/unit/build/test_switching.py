# SPDX-License-Identifier: GPL-2.0-or-later
"""Which options must be on so that one can be. The Kconfig files are Linux 6.1's, cut."""

from __future__ import annotations

import pytest

from orchestrator.build import kconfig, switching
from orchestrator.build.kconfig import NO_SUCH, Definition
from orchestrator.build.switching import Kconfig, parse, propose

FILES = {
    "Kconfig": """\
source "arch/$(SRCARCH)/Kconfig"
source "mm/Kconfig"
source "mm/damon/Kconfig"
source "drivers/pci/Kconfig"
source "lib/Kconfig.debug"
""",
    "mm/Kconfig": """\
menu "Memory Management options"

config ARCH_NO_SWAP
	bool

config ZPOOL
	bool

menuconfig SWAP
	bool "Support for paging of anonymous memory (swap)"
	depends on MMU && BLOCK && !ARCH_NO_SWAP
	default y
	help
	  This option allows you to choose whether you want to have support
	  for so called swap devices.  If unsure say Y.

config ZSWAP
	bool "Compressed cache for swap pages"
	depends on SWAP
	select FRONTSWAP
	select CRYPTO
	select ZPOOL

choice
	prompt "Default compressor"
	depends on ZSWAP
	default ZSWAP_COMPRESSOR_DEFAULT_LZO

config ZSWAP_COMPRESSOR_DEFAULT_LZO
	bool "LZO"
	select CRYPTO_LZO

config ZSWAP_COMPRESSOR_DEFAULT_842
	bool "842"
endchoice

config FRONTSWAP
	bool

comment "GCC is too old to support something"
	depends on !CC_IS_NEW

config ZONE_DEVICE
	bool "Device memory (pmem, HMM, etc...) hotplug support"
	depends on MEMORY_HOTPLUG
	depends on ARCH_HAS_PTE_DEVMAP
	select XARRAY_MULTI

config MEMORY_HOTPLUG
	bool "Memory hotplug"
	depends on 64BIT

config ARCH_HAS_PTE_DEVMAP
	bool

config PERCPU_STATS
	bool "Collect percpu memory statistics"
	help
	  This feature collects and exposes statistics via debugfs.
endmenu
""",
    "mm/damon/Kconfig": """\
config DAMON
	bool "DAMON: Data Access Monitoring Framework"

config DAMON_KUNIT_TEST
	bool "Test for damon" if !KUNIT_ALL_TESTS
	depends on DAMON && KUNIT=y
	default KUNIT_ALL_TESTS

config DAMON_PADDR
	bool "Data access monitoring operations for the physical address space"
	depends on DAMON && MMU
	select PAGE_IDLE_FLAG

config DAMON_RECLAIM
	bool "Build DAMON-based reclaim (DAMON_RECLAIM)"
	depends on DAMON_PADDR
""",
    "drivers/pci/Kconfig": """\
menuconfig PCI
	bool "PCI support"
	depends on HAVE_PCI
if PCI
config PCI_MSI
	bool "Message Signaled Interrupts (MSI and MSI-X)"
	select GENERIC_MSI_IRQ
config PCI_MSI_IRQ_DOMAIN
	def_bool y
	depends on PCI_MSI
endif
""",
    "lib/Kconfig.debug": """\
config TEST_VMALLOC
	tristate "Test module for stress/performance analysis of vmalloc allocator"
	default n
	depends on MMU
	depends on m
config KUNIT
	tristate "KUnit"
config ODD
	bool "Odd" if $(cc-option,-fodd) && (A_STRING = "yes" || NR_CPUS > 2)
config DRM_I915
	tristate "Intel"
	depends on X86 && (PCI || !MMU)
config NOT_HERE
	bool "No"
	depends on !S390
""",
    "arch/s390/Kconfig": "config HAVE_PCI\n\tbool\nconfig S390\n\tdef_bool y\n\tselect ARCH_HAS_LATELY if !S390\n",
    "arch/x86/Kconfig": "config X86\n\tdef_bool y\n\tselect HAVE_PCI\n\tselect ARCH_HAS_PTE_DEVMAP if 64BIT\n",
}  # fmt: skip
ON = dict.fromkeys(("CONFIG_MMU", "CONFIG_BLOCK", "CONFIG_64BIT", "CONFIG_S390"), "y") | {"CONFIG_NR_CPUS": "64"}


def definitions(srcarch: str = "s390") -> list[Definition]:
    return list(kconfig.defined(FILES.get, srcarch))


def lines(*options: str, have: dict[str, str] = ON, srcarch: str = "s390") -> list[str]:
    found = propose(definitions(srcarch), have, [f"CONFIG_{option}" for option in options])
    assert not found.why, found.why
    return [line.removeprefix("CONFIG_").removesuffix("=y") for line in found.lines]


def why(option: str, have: dict[str, str] = ON, srcarch: str = "s390") -> str:
    found = propose(definitions(srcarch), have, [f"CONFIG_{option}"])
    assert not found.lines
    return found.why[f"CONFIG_{option}"]


def test_what_an_option_depends_on_comes_before_it() -> None:
    assert lines("SWAP") == ["SWAP"]
    assert lines("ZSWAP") == ["SWAP", "ZSWAP"]
    assert lines("DAMON_RECLAIM") == ["DAMON", "DAMON_PADDR", "DAMON_RECLAIM"]
    assert lines("ZSWAP", "DAMON", "ZSWAP") == ["SWAP", "ZSWAP", "DAMON"]
    assert lines("ZSWAP", have={**ON, "CONFIG_SWAP": "y"}) == ["ZSWAP"]


def test_what_is_on_needs_nothing_and_a_module_is_not_on() -> None:
    assert lines("SWAP", have={**ON, "CONFIG_SWAP": "y"}) == []
    assert lines("DRM_I915", have={**ON, "CONFIG_X86": "y", "CONFIG_PCI": "m", "CONFIG_HAVE_PCI": "y"}) == [
        "PCI", "DRM_I915",
    ]  # fmt: skip
    assert lines("DAMON_KUNIT_TEST", have={**ON, "CONFIG_KUNIT": "m"}) == ["DAMON", "KUNIT", "DAMON_KUNIT_TEST"]


def test_what_nobody_can_set_is_had_by_what_selects_it() -> None:
    assert lines("FRONTSWAP") == ["SWAP", "ZSWAP"]
    assert lines("ZSWAP_COMPRESSOR_DEFAULT_842") == ["SWAP", "ZSWAP", "ZSWAP_COMPRESSOR_DEFAULT_842"]


def test_what_an_arch_selects_is_there_on_that_alone() -> None:
    x86 = {**ON, "CONFIG_X86": "y", "CONFIG_HAVE_PCI": "y"}
    assert lines("PCI_MSI", have=x86, srcarch="x86") == ["PCI", "PCI_MSI"]
    assert lines("PCI_MSI_IRQ_DOMAIN", have=x86, srcarch="x86") == ["PCI", "PCI_MSI"]
    assert lines("ZONE_DEVICE", have=x86, srcarch="x86") == ["MEMORY_HOTPLUG", "ZONE_DEVICE"]
    nobody = "which is not for a person to set, and nothing selects it"
    assert why("PCI_MSI") == f"depends on PCI, which depends on HAVE_PCI, {nobody}"
    assert why("ZONE_DEVICE") == f"depends on ARCH_HAS_PTE_DEVMAP, {nobody}"


def test_why_not_names_the_condition() -> None:
    assert why("DRM_I915") == "depends on X86, which is not there"
    assert why("TEST_VMALLOC") == "depends on m"
    assert why("NOT_HERE") == "depends on !S390"
    assert why("SWAP", {**ON, "CONFIG_ARCH_NO_SWAP": "y"}) == "depends on !ARCH_NO_SWAP"
    assert why("NO_SUCH_THING") == NO_SUCH


def test_what_only_a_compiler_knows_is_left_to_make() -> None:
    assert lines("ODD") == ["ODD"]
    assert why("ODD", {**ON, "CONFIG_NR_CPUS": "2"}) == 'depends on A_STRING = "yes"'
    assert lines("ODD", have={**ON, "CONFIG_NR_CPUS": "2", "CONFIG_A_STRING": '"yes"'}) == ["ODD"]


def test_of_what_was_not_taken_the_condition_that_does_not_hold_is_told() -> None:
    known = Kconfig(definitions(), ON)
    assert known.off("ZSWAP") == "depends on SWAP"
    assert known.off("DAMON_RECLAIM") == "depends on DAMON_PADDR"
    assert known.off("SWAP") == "was not taken: another option, or a choice, is against it"
    assert known.off("NO_SUCH_THING") == NO_SUCH


def test_a_circle_ends() -> None:
    circle = {
        "Kconfig": "config A\n\tbool 'a'\n\tdepends on B\nconfig B\n\tbool 'b'\n\tdepends on A\n"
        "config C\n\tbool 'c'\n\tdepends on B || D\nconfig D\n\tbool 'd'\n"
    }
    found = list(kconfig.defined(circle.get, "s390"))
    assert "depends on itself" in propose(found, {}, ["CONFIG_A"]).why["CONFIG_A"]
    assert propose(found, {}, ["CONFIG_C"]).lines == ("CONFIG_D=y", "CONFIG_C=y")


@pytest.mark.parametrize(
    "text",
    ["A && B", "A || (B && !C)", "(A || B) && C", "!(A && B)", 'A = "b" && C', "A != n", "$(success,x -y) && A"],
)
def test_an_expression_is_told_as_it_is_written(text: str) -> None:
    assert str(parse(text)) == text


def test_what_is_no_condition_holds() -> None:
    assert Kconfig([], {}).true(parse("A ? B : C")) and Kconfig([], {}).true(parse(""))


ADDED = [
    ("mm/Kconfig", "config NEW"),
    ("mm/Kconfig", '\tbool "New"'),
    ("mm/a.c", "config SWAP"),
    ("x/Kconfig", "# config A"),
]


def test_options_that_a_change_adds() -> None:
    files = {**FILES, "mm/Kconfig": FILES["mm/Kconfig"] + 'config NEW\n\tbool "New"\nconfig QUIET\n\tbool\n'}
    both = [*ADDED, ("mm/Kconfig", "config QUIET")]
    found = list(kconfig.defined(files.get, "s390"))
    assert switching.added(both) == {"CONFIG_NEW", "CONFIG_QUIET"}
    assert switching.own(both, found, ON) == ["CONFIG_NEW"]
    assert switching.own(both, found, {**ON, "CONFIG_NEW": "y"}) == []
