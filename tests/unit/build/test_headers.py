# SPDX-License-Identifier: GPL-2.0-or-later
"""Which header changes need no rebuild, and which objects do need one."""

from pathlib import Path

import pytest

from orchestrator.build.headers import PENDING, Previous, catch_up, changed_enumerators, keep

HEADER = """\
/* COMPLETED: done */
enum reason {
	OOM       = (__force fault_t)0x01,
	COMPLETED = (__force fault_t)0x02,
	MASK      = 0xf0,
};
#define ERROR (OOM | MASK)
"""
WITHOUT = HEADER.replace("/* COMPLETED: done */", "/* */").replace("	COMPLETED = (__force fault_t)0x02,", "")


def test_an_enumerator_with_a_value_may_come_and_go() -> None:
    assert changed_enumerators(HEADER, WITHOUT) == changed_enumerators(WITHOUT, HEADER) == {"COMPLETED"}
    assert changed_enumerators(HEADER, HEADER.replace("done", "all done")) == set()
    assert changed_enumerators(HEADER, HEADER.replace("0x02", "0x04")) == {"COMPLETED"}


@pytest.mark.parametrize(
    "new",
    [
        WITHOUT.replace("\n\n", "\n"),  # lines move
        HEADER.replace("MASK      = 0xf0", "MASK"),  # a value that follows the one before
        HEADER.replace("0x02,", "0x02, MORE,"),
        HEADER.replace("OOM | MASK", "MASK"),  # a macro
        HEADER.replace("0x02", "1 << 31"),
        HEADER.replace("enum reason", "enum other"),
        WITHOUT.replace("OOM | MASK", "COMPLETED"),
        HEADER.replace("0x02", "0x80000000"),
        HEADER.replace("0x02", "0x04").replace("};", "} __packed;"),
    ],
)
def test_anything_else_is_left_to_make(new: str) -> None:
    assert changed_enumerators(HEADER, new) is None


def test_a_name_that_the_header_itself_uses_is_left_to_make() -> None:
    used = HEADER.replace("OOM | MASK", "COMPLETED")
    assert changed_enumerators(used, used.replace("0x02", "0x04")) is None


def test_only_objects_that_could_name_it_are_rebuilt(tmp_path: Path) -> None:
    source, build = tmp_path / "source", tmp_path / "build"
    source.mkdir()
    build.mkdir()
    (build / ".config").write_text("CONFIG_DEBUG_INFO_NONE=y\n")
    (source / "types.h").write_text(WITHOUT)
    for name, text in (
        ("plain.c", "int x;"),
        ("names.c", "int y = COMPLETED;"),
        ("pastes.c", "#define P(a, b) a##b\nint z = P(COMP, LETED);"),
        ("other.c", "int COMPLETED;"),
    ):
        (source / name).write_text(text)
        deps = f"  {source}/types.h \\\n" if name != "other.c" else ""
        target = name.replace(".c", ".o")
        (build / target).touch()
        text = (
            f"source_{target} := {source}/{name}\n\ndeps_{target} := \\\n{deps}  $(wildcard include/config/X) \\\n\n"
        )
        (build / f".{target}.cmd").write_text(text)
    assert keep(source, build, {"types.h": Previous(HEADER.encode(), 123_000_000_000)}) == {"COMPLETED"}
    assert sorted(p.name for p in build.glob("*.o")) == ["other.o", "plain.o"]
    assert (source / "types.h").stat().st_mtime_ns == 123_000_000_000


def test_a_header_gets_its_old_time_back_if_that_is_right_for_every_build(tmp_path: Path) -> None:
    source, one, other = (tmp_path / name for name in ("source", "build", "build-0"))
    for folder in (source, one, other):
        folder.mkdir()
    (source / "names.c").write_text("int y = COMPLETED;")
    for build in (one, other):
        (build / ".config").write_text("CONFIG_DEBUG_INFO_NONE=y\n")
        (build / "names.o").touch()
        text = "source_names.o := ../source/names.c\n\ndeps_names.o := \\\n  ../source/types.h \\\n\n"
        (build / ".names.o.cmd").write_text(text)
    (source / "types.h").write_text(WITHOUT)
    before = {"types.h": Previous(HEADER.encode(), 123_000_000_000)}
    assert keep(source, one, before, [other]) == {"COMPLETED"}
    assert not (one / "names.o").exists() and (other / "names.o").exists()
    assert keep(source, one, {}, [other]) == set()
    catch_up(source, other)
    assert not (other / "names.o").exists() and not (other / PENDING).exists()
    (other / ".config").write_text("CONFIG_DEBUG_INFO=y\n")
    (source / "types.h").write_text(WITHOUT)
    assert keep(source, one, before, [other]) == set()
    assert (source / "types.h").stat().st_mtime_ns != 123_000_000_000


PACKED = HEADER.replace("enum reason {", "enum __packed {"), HEADER.replace("};", "} __packed;")


@pytest.mark.parametrize("header", PACKED)
def test_an_enum_whose_size_may_follow_its_values_is_left_to_make(header: str) -> None:
    assert changed_enumerators(header, header.replace("0x02", "0x400")) is None


def test_a_macro_of_another_kept_header_counts(tmp_path: Path) -> None:
    """types.h changes a value, masks.h only a comment, but masks.h makes a mask of the value."""
    source, build = tmp_path / "source", tmp_path / "build"
    source.mkdir()
    build.mkdir()
    (build / ".config").write_text("CONFIG_DEBUG_INFO_NONE=y\n")
    (source / "types.h").write_text(HEADER.replace("0x02", "0x04"))
    masks = "/* new words */\n#define MASKS (COMPLETED | 1)\n"
    (source / "masks.h").write_text(masks)
    (source / "user.c").write_text("int m = MASKS;")
    (build / "user.o").touch()
    deps = f"  {source}/types.h \\\n  {source}/masks.h \\\n\n"
    (build / ".user.o.cmd").write_text(f"source_user.o := {source}/user.c\n\ndeps_user.o := \\\n{deps}")
    old = masks.replace("new words", "words")
    keep(source, build, {"types.h": Previous(HEADER.encode(), 5), "masks.h": Previous(old.encode(), 5)})
    assert not (build / "user.o").exists()


def test_with_debug_information_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".config").write_text("CONFIG_DEBUG_INFO_DWARF5=y\n")
    (tmp_path / "types.h").write_text(WITHOUT)
    before = (tmp_path / "types.h").stat().st_mtime_ns
    assert keep(tmp_path, tmp_path, {"types.h": Previous(HEADER.encode(), 5)}) == set()
    assert (tmp_path / "types.h").stat().st_mtime_ns == before
