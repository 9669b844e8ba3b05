# SPDX-License-Identifier: GPL-2.0-or-later
"""Which files a kernel was built from, by what kbuild leaves in its tree."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.build import compiled
from orchestrator.errors import BuildError
from tests.unit.build.conftest import MM_H, Tree


def test_objects_with_all_they_included_but_no_leftovers_of_other_configs(tree: Tree) -> None:
    found = tree.read()
    assert found is not None and found.objects == {
        "mm/memory.o": ("mm/memory.c", MM_H, "mm/internal.h"),
        "lib/ctype.o": ("lib/ctype.c",),
        "arch/x86/kernel/nvhe/a.nvhe.o": ("arch/x86/kernel/nvhe/a.c",),
        "arch/x86/boot/a20.o": ("arch/x86/boot/a20.c", MM_H),
        "scripts/mod/modpost.o": ("scripts/mod/modpost.c",),
    }
    assert "mm/swap.h" not in found.files and MM_H in found.files
    tree.archive("vmlinux.a", "mm/memory.o", "mm/swapfile.o")
    more = tree.read()
    assert more is not None and more.objects.keys() - found.objects.keys() == {"mm/swapfile.o"}


def test_a_kernel_that_is_linked_in_another_way_is_not_known(tree: Tree) -> None:
    (tree.build / ".vmlinux.o.cmd").unlink()
    assert tree.read() is None
    tree.linked()
    (tree.build / "vmlinux.a").write_bytes(b"!<arch>\n")
    assert tree.read() is None


def test_names_are_those_of_the_source_wherever_make_was(tree: Tree, tmp_path: Path) -> None:
    """A private build: make saw it elsewhere; relative names, and names that go up."""
    moved = tmp_path / "private"
    tree.build.rename(moved)
    text = (moved / "mm/.memory.o.cmd").read_text()
    name = "arch/x86/kvm/../../../mm/memory.o"
    (moved / "mm/.memory.o.cmd").write_text(
        text.replace("mm/memory.o", name).replace(f"{tree.source}/{MM_H}", f"{tree.source}/mm/../{MM_H}")
    )
    found = compiled.of_tree(moved, tree.source, tree.build, {})
    assert found is not None and found.objects["mm/memory.o"] == ("mm/memory.c", MM_H, "mm/internal.h")


def test_what_is_in_the_image_beside_vmlinux_is_told_by_what_is_loaded(tree: Tree) -> None:
    first, again = tree.read(), tree.read()
    assert first is not None and again is not None
    assert list(first.apart) == ["arch/x86/boot/a20.o"] and first.apart == again.apart
    tree.record("arch/x86/boot/a20.o", "arch/x86/boot/a20.c", first="other")
    changed = tree.read()
    assert changed is not None and changed.apart != first.apart
    tree.record("arch/x86/boot/compressed/piggy.o", MM_H)
    tree.record("arch/x86/boot/header.o", "arch/x86/boot/header.S")
    tree.write(tree.source / "arch/x86/boot/header.S", "source")
    more = tree.read()
    assert more is not None and set(more.apart) == {"arch/x86/boot/a20.o", "arch/x86/boot/header.o"}
    (tree.build / "arch/x86/boot/header.o").write_text("its sizes are those of the packed kernel")
    assert tree.read() == more


def test_it_is_kept_with_the_kernel_and_small(tree: Tree, tmp_path: Path) -> None:
    found = tree.read()
    assert found is not None
    folder = tmp_path / "kernel"
    folder.mkdir()
    assert compiled.load(folder) is None, "one of before it was kept"
    compiled.save(folder, None)
    assert not list(folder.iterdir()) and compiled.load(folder) is None
    compiled.save(folder, found)
    assert compiled.load(folder) == found
    content = (folder / compiled.FILE).read_bytes()
    compiled.save(folder, found)
    assert (folder / compiled.FILE).read_bytes() == content, "the same to the bit"
    (folder / compiled.FILE).write_bytes(content[:-9])
    with pytest.raises(BuildError, match="damaged"):
        compiled.load(folder)


def test_what_a_build_makes_of_a_record_cannot_lead_elsewhere_or_hang(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("deps_x := \\\n  a \\\n")
    for name in (".link.o.cmd", ".pipe.o.cmd"):
        (tree.build / "mm" / name).unlink(missing_ok=True)
    (tree.build / "mm/.link.o.cmd").symlink_to(tmp_path / "secret")
    os.mkfifo(tree.build / "mm/.pipe.o.cmd")
    found = tree.read()
    assert found is not None and set(found.objects) == {
        "mm/memory.o", "lib/ctype.o", "arch/x86/kernel/nvhe/a.nvhe.o", "arch/x86/boot/a20.o", "scripts/mod/modpost.o",
    }  # fmt: skip
