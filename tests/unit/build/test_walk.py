# SPDX-License-Identifier: GPL-2.0-or-later
"""Where make need not look: a folder is left out only where the records show that nothing in it can be stale."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.build import walk
from orchestrator.build.make import DESCEND
from tests.unit.build.conftest import Tree

EVERYWHERE: list[str] = []


@pytest.fixture
def built(tree: Tree) -> Tree:
    """A complete build, of which kbuild went into five folders."""
    for folder in (".", "mm", "lib", "arch/x86", "arch/x86/boot"):
        tree.archive(f"{folder}/built-in.a")
    tree.write(tree.build / ".config", "CONFIG_MMU=y\n")
    tree.write(tree.build / "include/config/auto.conf", "CONFIG_MMU=y\n")
    for name in ("mm/memory.c", "mm/internal.h", "lib/ctype.c"):
        tree.write(tree.source / name, "")
    return tree


def left_out(built: Tree, *moved: str) -> list[str]:
    return walk.up_to_date(built.build, built.source, built.build, set(moved))


def test_only_the_folder_of_what_is_stale_is_looked_into(built: Tree) -> None:
    assert left_out(built, "mm/memory.c") == ["arch/x86", "arch/x86/boot", "lib"]
    assert left_out(built, "mm/internal.h") == ["arch/x86", "arch/x86/boot", "lib"]
    assert left_out(built, "mm/memory.c", "lib/ctype.c") == ["arch/x86", "arch/x86/boot"]


def test_nothing_moved_and_nothing_is_gone(built: Tree) -> None:
    assert left_out(built) == ["arch/x86", "arch/x86/boot", "lib", "mm"]
    (built.build / "lib/ctype.o").unlink()  # for a header that got its time back
    assert left_out(built) == ["arch/x86", "arch/x86/boot", "mm"]


def test_a_header_is_found_however_it_was_included(built: Tree) -> None:
    record = built.build / "mm/.memory.o.cmd"
    record.write_text(record.read_text().replace("/mm/internal.h", "/mm/damon/../internal.h"))
    assert left_out(built, "mm/internal.h") == ["arch/x86", "arch/x86/boot", "lib"]


@pytest.mark.parametrize(
    "moved", ["mm/Makefile", "mm/Kconfig", "mm/never_compiled.c", "scripts/mod/modpost.c", "arch/x86/kernel/nvhe/a.c"]
)
def test_more_than_objects_of_the_kernel_make_it_look_everywhere(built: Tree, moved: str) -> None:
    assert left_out(built, "mm/memory.c", moved) == EVERYWHERE


def test_what_headers_are_made_from_makes_it_look_everywhere(built: Tree) -> None:
    built.record("kernel/bounds.s", "kernel/bounds.c", "include/linux/mm_types.h")
    assert left_out(built, "include/linux/mm_types.h") == EVERYWHERE


def test_a_build_of_which_too_little_is_known(built: Tree) -> None:
    assert walk.up_to_date(built.build, built.source, built.build, None) == EVERYWHERE
    later = (built.build / "include/config/auto.conf").stat().st_mtime_ns + 10**9
    os.utime(built.build / ".config", ns=(later, later))
    assert left_out(built) == EVERYWHERE, "another .config was not taken in yet"


def test_make_does_not_go_down_there(tmp_path: Path) -> None:
    """As kbuild does: a folder is gone into by a make of its own, which is told where it is."""
    down = "mm lib .:\n\t$(MAKE) -f inner obj=$@ need-builtin=1\n\t$(MAKE) -f inner obj=$@\n"
    (tmp_path / "Makefile").write_text(f"all: mm lib .\n.PHONY: mm lib .\n{down}")
    (tmp_path / "inner").write_text("all:\n\t@echo $(obj) $(need-builtin)\n")
    environment = {"PATH": os.environ["PATH"], "KMATRIX_UP_TO_DATE": " mm lib/zstd "}
    command = ["make", "-s", f"MAKE=sh {DESCEND}"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.split("\n")[:-1] == ["mm", "lib 1", "lib", ". 1", "."]
