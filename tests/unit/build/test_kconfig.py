# SPDX-License-Identifier: GPL-2.0-or-later
"""Lost options are named, with what they depend on."""

from pathlib import Path

import pytest

from orchestrator.build.kconfig import defined, definitions, options, verify
from orchestrator.config.fragments import Wish, wanted
from orchestrator.errors import BuildError

KCONFIG = """\
menu "File systems"
if BLOCK
source "fs/Kconfig"
endif
endmenu
config BLOCK
	bool "Block"
	depends on MMU && \\
		   SANE
	help
	  config FAKE is text here, not an option.

config LATER
	bool
source "arch/$(SRCARCH)/Kconfig"
"""


def wishes(*lines: str) -> tuple[Wish, ...]:
    return wanted(lines, "6.1.192").wishes


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "fs").mkdir()
    (tmp_path / "arch/s390").mkdir(parents=True)
    (tmp_path / "Kconfig").write_text(KCONFIG)
    (tmp_path / "fs/Kconfig").write_text("config EXT4_FS\n\ttristate 'x'\n\tdepends on !ODD\n")
    (tmp_path / "arch/s390/Kconfig").write_text("config CCW\n\tdef_bool y\n")
    return tmp_path


def test_what_holds_is_fine(source: Path) -> None:
    lines = ["CONFIG_A=y", "# CONFIG_B is not set", "# comment", 'CONFIG_S="x"']
    assert verify(wishes(*lines), 'CONFIG_A=y\nCONFIG_S="x"\n', source, "s390") == {}


def test_a_lost_option_names_the_enclosing_condition_that_is_off(source: Path) -> None:
    with pytest.raises(BuildError) as caught:
        verify(
            wishes("CONFIG_EXT4_FS=y", "CONFIG_BLOCK=y"), "# CONFIG_BLOCK is not set\nCONFIG_MMU=y\n", source, "s390"
        )
    error = caught.value
    assert error.message == "the kernel's config lost CONFIG_EXT4_FS, CONFIG_BLOCK"
    ext4, block = error.log.splitlines()
    assert "depends on (BLOCK) && (!ODD)" in ext4 and "CONFIG_BLOCK" in ext4.split("not set:")[1]
    assert "depends on (MMU && SANE)" in block.replace("  ", " ") and block.endswith("not set: CONFIG_SANE")


def test_unknown_and_selected_options_say_so(source: Path) -> None:
    with pytest.raises(BuildError) as caught:
        verify(wishes("CONFIG_FAKE=y", "# CONFIG_CCW is not set"), "CONFIG_CCW=y\n", source, "s390")
    fake, ccw = caught.value.log.splitlines()
    assert "no such option in this source" in fake and "another option selects it" in ccw


def test_the_last_line_of_an_option_wins() -> None:
    assert options(["CONFIG_A=y", "# CONFIG_A is not set", "CONFIG_B=3"]) == {"CONFIG_A": "n", "CONFIG_B": "3"}


def test_what_was_only_wished_is_told_and_no_error(source: Path) -> None:
    lost = verify(wishes("CONFIG_FAKE=y  #: wished", "CONFIG_CCW=y"), "CONFIG_CCW=y\n", source, "s390")
    assert lost == {"CONFIG_FAKE": "CONFIG_FAKE=y wanted, n found: no such option in this source"}
    with pytest.raises(BuildError, match=r"lost CONFIG_CCW$"):
        verify(wishes("CONFIG_FAKE=y  #: wished", "CONFIG_CCW=y"), "", source, "s390")


def test_definitions_say_which_file_and_whether_a_user_can_set_it(source: Path) -> None:
    found = {one.option: (one.file, one.prompt) for one in definitions(source, "s390")}
    assert found == {
        "EXT4_FS": ("fs/Kconfig", True), "BLOCK": ("Kconfig", True), "LATER": ("Kconfig", False),
        "CCW": ("arch/s390/Kconfig", False),
    }  # fmt: skip


def test_what_a_comment_depends_on_is_nobody_elses() -> None:
    text = """\
menu "A"
depends on MMU
comment "too old"
	depends on OLD
config ONE
	def_bool y if NEW
	depends on B
	select TWO if THREE
	prompt "one if anybody" if EXPERT
choice
	prompt "which"
	depends on C
config TWO
	tristate "two"
	default m
endchoice
endmenu
config THREE
	int "three"
"""
    one, two, three = defined({"Kconfig": text}.get, "s390")
    assert one.conditions == ("MMU", "B") and two.conditions == ("MMU", "C") and three.conditions == ()
    assert (one.kind, one.prompt, one.shown) == ("bool", True, "EXPERT")
    assert one.defaults == (("y", "NEW"),) and one.selects == (("TWO", "THREE"),)
    assert (two.kind, two.prompt, two.shown, two.defaults) == ("tristate", True, "", (("m", ""),))
    assert three.kind == "int"
