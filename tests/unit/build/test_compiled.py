# SPDX-License-Identifier: GPL-2.0-or-later
"""Which files a kernel was built from, by what kbuild leaves in its tree."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.build import compiled
from orchestrator.errors import BuildError
from orchestrator.profile.built import Compiled

MAKEFILES = {
    "Kbuild": "obj-y += mm/ lib/ fs/\n",
    "mm/Makefile": "obj-y += memory.o\nobj-$(CONFIG_SWAP) += swapfile.o\n",
    "lib/Makefile": "lib-y += ctype.o\n",
    "arch/x86/boot/Makefile": "setup-y += a20.o\n",
    "arch/x86/kernel/nvhe/Makefile": "hyp-y := a.o\n",
}
MM_H = "include/linux/mm.h"


class Tree:
    """A source and a build of it, as make leaves them."""

    def __init__(self, folder: Path) -> None:
        self.source, self.build = folder / "source", folder / "build"
        for name, text in MAKEFILES.items():
            self.write(self.source / name, text)

    def write(self, path: Path, content: str | bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def record(self, target: str, *files: str, first: str = "") -> None:
        """Of an object made of these files; options and generated headers are among what it depends on."""
        folder, _, name = target.rpartition("/")
        rows = ["    $(wildcard include/config/SWAP)", *(f"  {self.source / file}" for file in files[1:])]
        rows += ["  include/generated/autoconf.h", "  ./arch/x86/include/generated/asm/a.h"]
        deps = " \\\n".join(rows)
        text = f"cmd_{target} := gcc -c\n\nsource_{target} := {self.source / files[0]}\n\n"
        text += f"deps_{target} := \\\n{deps} \\\n"
        text += f"\n{target}: $(deps_{target})\n\n$(deps_{target}):\n"
        self.write(self.build / folder / f".{name}.cmd", text)
        self.write(self.build / target, first or f"object {target}")

    def archive(self, name: str, *members: str) -> None:
        """A thin one: a symbol table, the names, and a head for each."""
        names = "".join(f"{member}/\n" for member in members).encode()
        content = b"!<thin>\n" + head("/", 8) + bytes(8) + head("//", len(names)) + names
        self.write(self.build / name, content + head("/0", 1000))

    def linked(self, *libraries: str) -> None:
        rows = f"cmd_vmlinux.o := ld -r -o vmlinux.o --whole-archive vmlinux.a --start-group {' '.join(libraries)}\n"
        self.write(self.build / ".vmlinux.o.cmd", rows)

    def read(self, **options: str) -> Compiled | None:
        return compiled.of_tree(self.build, self.source, self.build, {f"CONFIG_{k}": v for k, v in options.items()})


def head(name: str, size: int) -> bytes:
    return f"{name:<16}{'0':<32}{size:<10}`\n".encode()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path)
    made.record("mm/memory.o", "mm/memory.c", MM_H, "mm/internal.h")
    made.record("mm/swapfile.o", "mm/swapfile.c", MM_H, "mm/swap.h")  # of another config
    made.record("lib/ctype.o", "lib/ctype.c")
    made.record("arch/x86/kernel/nvhe/a.nvhe.o", "arch/x86/kernel/nvhe/a.c")
    made.record("arch/x86/boot/a20.o", "arch/x86/boot/a20.c", MM_H)
    made.record("scripts/mod/modpost.o", "scripts/mod/modpost.c")
    made.archive("vmlinux.a", "mm/memory.o")
    made.archive("lib/lib.a", "ctype.o")
    made.linked("lib/lib.a")
    return made


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
