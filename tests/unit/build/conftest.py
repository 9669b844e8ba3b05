# SPDX-License-Identifier: GPL-2.0-or-later
"""A build as kbuild leaves it, small."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.build import compiled
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
