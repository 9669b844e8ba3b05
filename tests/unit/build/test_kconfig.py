# SPDX-License-Identifier: GPL-2.0-or-later
"""Lost options are named, with what they depend on."""

from pathlib import Path

import pytest

from orchestrator.build.kconfig import options, verify
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


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "fs").mkdir()
    (tmp_path / "arch/s390").mkdir(parents=True)
    (tmp_path / "Kconfig").write_text(KCONFIG)
    (tmp_path / "fs/Kconfig").write_text("config EXT4_FS\n\ttristate 'x'\n\tdepends on !ODD\n")
    (tmp_path / "arch/s390/Kconfig").write_text("config CCW\n\tdef_bool y\n")
    return tmp_path


def test_what_holds_is_fine(source: Path) -> None:
    verify(
        ["CONFIG_A=y", "# CONFIG_B is not set", "# comment", 'CONFIG_S="x"'],
        'CONFIG_A=y\nCONFIG_S="x"\n',
        source,
        "s390",
    )


def test_a_lost_option_names_the_enclosing_condition_that_is_off(source: Path) -> None:
    with pytest.raises(BuildError) as caught:
        verify(["CONFIG_EXT4_FS=y", "CONFIG_BLOCK=y"], "# CONFIG_BLOCK is not set\nCONFIG_MMU=y\n", source, "s390")
    error = caught.value
    assert error.message == "the kernel's config lost CONFIG_EXT4_FS, CONFIG_BLOCK"
    ext4, block = error.log.splitlines()
    assert "depends on (BLOCK) && (!ODD)" in ext4 and "CONFIG_BLOCK" in ext4.split("not set:")[1]
    assert "depends on (MMU && SANE)" in block.replace("  ", " ") and block.endswith("not set: CONFIG_SANE")


def test_unknown_and_selected_options_say_so(source: Path) -> None:
    with pytest.raises(BuildError) as caught:
        verify(["CONFIG_FAKE=y", "# CONFIG_CCW is not set"], "CONFIG_CCW=y\n", source, "s390")
    fake, ccw = caught.value.log.splitlines()
    assert "no such option in this source" in fake and "another option selects it" in ccw


def test_the_last_line_of_an_option_wins() -> None:
    assert options(["CONFIG_A=y", "# CONFIG_A is not set", "CONFIG_B=3"]) == {"CONFIG_A": "n", "CONFIG_B": "3"}
