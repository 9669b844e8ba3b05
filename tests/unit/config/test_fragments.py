# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines of kconfig and what is said of them: essential or wished, for which Linux, upon what."""

from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.config.fragments import PATCHES, SHIPPED, Wanted, Wish, flat, named, shipped, wanted
from orchestrator.errors import ConfigError

ARCHES = ("x86_64", "aarch64", "s390x")


def test_sections_and_marks_say_what_is_essential_and_for_which_linux(tmp_path: Path) -> None:
    (tmp_path / "a.config").write_text(
        "CONFIG_A=y\n#: wished\n# a remark\nCONFIG_B=3\n# CONFIG_C is not set  #: linux >=6.12\n"
        'CONFIG_D=y #: essential\n#: essential\nCONFIG_E="x y"  #: wished; linux <6.12\n'
    )
    lines = flat(tmp_path / "a.config", "s390x")
    assert lines == (
        "CONFIG_A=y", "CONFIG_B=3  #: wished", "# CONFIG_C is not set  #: linux >=6.12; wished",
        "CONFIG_D=y  #: essential", 'CONFIG_E="x y"  #: wished; linux <6.12',
    )  # fmt: skip
    old, new = (wanted(lines, linux).wishes for linux in ("6.1.192", "6.12.3"))
    both = (Wish("CONFIG_A", "y"), Wish("CONFIG_B", "3", False))
    assert old == (*both, Wish("CONFIG_D", "y"), Wish("CONFIG_E", '"x y"', False))
    assert new == (*both, Wish("CONFIG_C", "n", False), Wish("CONFIG_D", "y"))


def test_the_last_line_of_an_option_wins_with_its_mark() -> None:
    made = wanted(["CONFIG_A=y  #: wished", "CONFIG_B=y", "# CONFIG_A is not set", "CONFIG_B=m  #: linux >=9"], "6.1")
    assert made.wishes == (Wish("CONFIG_B", "y"), Wish("CONFIG_A", "n"))
    assert [wish.line for wish in made.wishes] == ["CONFIG_B=y", "# CONFIG_A is not set"]


def test_lines_without_a_word_begin_as_before_there_were_words() -> None:
    assert wanted(["CONFIG_A=y"], "6.1") == Wanted("", "tinyconfig", (), (Wish("CONFIG_A", "y"),))


def test_includes_are_taken_by_arch_and_the_outer_word_wins(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/in.config").write_text("#: name inner\n#: start defconfig\n#: wished\nCONFIG_IN=y\n")
    (tmp_path / "sub/s390x.config").write_text("CONFIG_Z=y\n")
    (tmp_path / "top.config").write_text(
        "#: include sub/in.config\n#: name top\n#: defaults mm/ kernel/\n#: include sub/{arch}.config\nCONFIG_TOP=y\n"
    )
    its = wanted(flat(tmp_path / "top.config", "s390x"), "6.1")
    assert (its.name, its.start, its.defaults) == ("top", "defconfig", ("mm/", "kernel/"))
    assert [(wish.option, wish.essential) for wish in its.wishes] == [
        ("CONFIG_IN", False), ("CONFIG_Z", True), ("CONFIG_TOP", True)
    ]  # fmt: skip
    assert "CONFIG_Z=y" not in flat(tmp_path / "top.config", "aarch64"), "nothing is there for this arch"
    flattened = tmp_path / "again.config"
    flattened.write_text("\n".join(flat(tmp_path / "top.config", "s390x")) + "\n")
    assert flat(flattened, "s390x") == flat(tmp_path / "top.config", "s390x")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("CONFIG_A=y #: wischt\n", r"a.config:1: 'wischt' is not understood"),
        ("\nCONFIG_A=y #: linux =6\n", r"a.config:2: not a version clause: '=6'"),
        ("#: whished\n", r"a.config:1: '#: whished' is not understood"),
        ("#: include a.config\n", r"a.config includes itself"),
        ("#: include b.config\n", r"b.config: No such file"),
    ],
)
def test_what_is_not_understood_is_told_with_its_line(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "a.config").write_text(text)
    with pytest.raises(ConfigError, match=why):
        flat(tmp_path / "a.config", "s390x")


def test_a_config_of_somebody_else_is_whole_and_gets_what_the_testbed_needs(tmp_path: Path) -> None:
    (tmp_path / "config-6.1").write_text("CONFIG_A=y\nCONFIG_MODULE_SIG=y\nCONFIG_VIRTIO_NET=m\n")
    config = named("config-6.1", tmp_path / "config-6.1", ["s390x"])
    its = wanted(config.lines["s390x"], "6.1.192")
    table = {wish.option: wish for wish in its.wishes}
    assert its.start == "none" and config.name
    assert table["CONFIG_A"] == Wish("CONFIG_A", "y", False)
    assert table["CONFIG_MODULE_SIG"].value == "n" and table["CONFIG_VIRTIO_NET"] == Wish("CONFIG_VIRTIO_NET", "y")


def test_the_shipped_configs_are_well_made() -> None:
    assert {"standard", "lean", "debug", "defconfig", "boot"} <= {*shipped(), "boot"}
    for name in ("standard", "lean", "debug", "defconfig"):
        config = named(name, None, ARCHES)
        assert config.name == name
        for lines in config.lines.values():
            its = wanted(lines, "6.1.192")
            essential = {wish.option for wish in its.wishes if wish.essential}
            assert {"CONFIG_VIRTIO_NET", "CONFIG_DEVTMPFS_MOUNT", "CONFIG_EXT4_FS"} <= essential
    assert SHIPPED.is_dir()


@pytest.mark.parametrize("arch", sorted(arches.known()))
@pytest.mark.parametrize("name", shipped())
def test_no_shipped_config_needs_what_newer_linux_lost_and_the_standard_one_has_whole_slabs(
    name: str, arch: str
) -> None:
    """PROC_SYSCTL is gone since Linux 7; with SLUB_TINY, which tiny kernels have since 6.2, no list is refilled."""
    lines = named(name, None, [arch]).lines[arch]
    newest = {wish.option: wish for wish in wanted(lines, "7.3.4").wishes}
    assert "CONFIG_PROC_SYSCTL" not in newest or not newest["CONFIG_PROC_SYSCTL"].essential
    if name == "standard":
        assert {wish.option: wish.value for wish in wanted(lines, "6.12.118").wishes}["CONFIG_SLUB_TINY"] == "n"


def test_a_name_that_no_file_can_have_is_told_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.config").write_text("CONFIG_A=y\n#: include a\0b\n")
    with pytest.raises(ConfigError, match=r"mine\.config:2: no file can have such a name"):
        flat(tmp_path / "mine.config", "s390x")


def test_a_config_names_the_patches_that_it_needs_for_a_linux(tmp_path: Path) -> None:
    lines = flat(SHIPPED / "debug/locks.config", "aarch64")
    mine = "linear-map-end.patch"
    assert wanted(lines, "6.1.192").patches == (PATCHES / mine,)
    assert wanted(lines, "6.12.3").patches == () and wanted(lines, "5.10.1").patches == ()
    for linux, value in (("6.1.192", "y"), ("6.6.1", "n"), ("6.12.3", "y")):
        assert Wish("CONFIG_TEST_HMM", value, False) in wanted(lines, linux).wishes
    again = tmp_path / "again.config"
    again.write_text("\n".join(lines))
    assert wanted(flat(again, "aarch64"), "6.1.192") == wanted(lines, "6.1.192")
    for name in ("", "../matrix.yaml", "none.patch", "a\0b"):
        again.write_text(f"#: patch {name}\n")
        with pytest.raises(ConfigError, match=r"again\.config:1: .* is no file below"):
            flat(again, "aarch64")
