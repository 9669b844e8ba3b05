# SPDX-License-Identifier: GPL-2.0-or-later
"""The instructions of two kernels: of the functions that can differ alone, where it is known which these are."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.build import compiled
from orchestrator.measure import disassembled
from orchestrator.model import KernelArtifact
from orchestrator.profile.built import Compiled

ARCH = replace(arches.known()["x86_64"], cross_prefix="")
MADE = Compiled(
    {
        "mm/one.o": ("mm/one.c", "mm/internal.h"),
        "mm/two.o": ("mm/two.c",),
        "lib/three.o": ("lib/three.S",),
        "fs/four.o": ("fs/four.c", "include/linux/mm.h", "fs/asm.h"),
        "arch/x86/entry.o": ("arch/x86/entry.S", "fs/asm.h"),
    }
)


def kernel(folder: Path, name: str, config: str = "same") -> KernelArtifact:
    """Two files of a program, each with a function that the other calls."""
    gcc = shutil.which("gcc")
    assert gcc, "the tests need gcc of the host"
    where = folder / name
    (where / "mm").mkdir(parents=True)
    (where / "mm/one.c").write_text(
        "int other(int);\n__attribute__((noinline)) int one(int x)\n{ return other(x) + 1; }\n"
    )
    (where / "mm/two.c").write_text(
        "int one(int);\nint other(int x)\n{ return x * 3; }\nint main(int c, char **v)\n{ return one(c); }\n"
    )
    argv = [gcc, "-O2", "-g1", "-no-pie", "-fno-pie", "./mm/one.c", "./mm/two.c", "-o", "vmlinux"]
    subprocess.run(argv, cwd=where, check=True, env={"PATH": "/usr/bin:/bin"})
    names = subprocess.run(["nm", "-n", "vmlinux"], cwd=where, check=True, capture_output=True, text=True).stdout
    (where / "System.map").write_text("".join(f"{row}\n" for row in names.splitlines() if len(row.split()) == 3))
    (where / "config").write_text("")
    compiled.save(where, MADE)
    return KernelArtifact(f"x86_64/{name}", name, where, where / "vmlinux", "6.1.192", {"config_sha256": config})


@pytest.fixture
def kernels(tmp_path: Path) -> list[KernelArtifact]:
    return [kernel(tmp_path, name) for name in ("unpatched", "patched")]


def texts(kernels: list[KernelArtifact], *files: str) -> list[str]:
    return asyncio.run(disassembled.texts(kernels[0], kernels[1], ARCH, set(files)))


@pytest.mark.parametrize("more", [(), ("Documentation/mm/one.rst",)])
def test_of_a_file_its_objects_functions(kernels: list[KernelArtifact], more: tuple[str, ...]) -> None:
    for text in texts(kernels, "mm/internal.h", *more):
        assert "<one>:" in text and "<other>:" not in text and "<main>:" not in text and "<_start>:" not in text


@pytest.mark.parametrize(
    "files",
    [
        ("mm/one.c", "mm/Makefile"),
        ("include/linux/mm.h",),  # what headers are made from may have it
        ("mm/never_compiled.c",),
        ("lib/three.S",),
        ("fs/asm.h",),  # one of its objects has no lines
        (),
    ],
)
def test_of_what_may_be_anywhere_all(kernels: list[KernelArtifact], files: tuple[str, ...]) -> None:
    for text in texts(kernels, *files):
        assert "<one>:" in text and "<other>:" in text and "<_start>:" in text


def test_of_kernels_of_two_configs_all(tmp_path: Path) -> None:
    both = [kernel(tmp_path, "unpatched"), kernel(tmp_path, "patched", "another")]
    assert all("<other>:" in text for text in texts(both, "mm/one.c"))


def test_stretches_are_joined_where_they_are_nearest() -> None:
    apart = {(0, 10), (20, 30), (100, 110), (112, 120), (500, 510)}
    assert disassembled.joined(apart, 9) == sorted(apart)
    assert disassembled.joined(apart, 3) == [(0, 30), (100, 120), (500, 510)]
    assert disassembled.joined(apart, 1) == [(0, 510)]
    assert disassembled.joined((), 3) == []
