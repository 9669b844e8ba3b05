# SPDX-License-Identifier: GPL-2.0-or-later
"""make, in the sandbox of a patch that nobody vouches for: what its Makefile may take of the disk. And what of its
compiler's work is kept."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.build.make import COMPILER, Make
from orchestrator.build.tree import SharedTree
from orchestrator.errors import BuildError
from orchestrator.model import Build, Kernel, Source

# As the kernel's, it goes on in the folder that O= names; a $(shell) is run when make reads it.
MAKEFILE = """\
O ?= .
X := $(shell head -c %s /dev/zero >$(O)/evil)
all:
\t@echo made >$(O)/out
"""


def made(tmp_path: Path, size: str) -> SharedTree:
    """What a patch's Makefile left behind that writes so much."""
    shared = SharedTree(tmp_path / "tree", private=True)
    for folder in (shared.source, shared.made, shared.build):
        folder.mkdir(parents=True)
    (shared.source / "Makefile").write_text(MAKEFILE % size)
    kernel = Kernel("patched", Source("s", "tarball", "none.tar"))
    build = Build(arches.known()["s390x"], kernel, ())
    make = Make(build, shared, 1, 100, tmp_path / "ccache", 1, tmp_path / "log", disk_gib=0.1)
    asyncio.run(make("all"))
    return shared


def test_a_makefile_that_writes_20_gib_is_stopped_at_the_bound(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(BuildError, match=r"takes \d+ MiB of the disk; it may take 102") as raised:
        made(tmp_path, "20G")
    assert raised.value.kind == "sandbox" and free - shutil.disk_usage(tmp_path).free < 1 << 30


def test_one_that_writes_less_is_left_alone(tmp_path: Path) -> None:
    shared = made(tmp_path, "50M")
    assert (shared.made / "out").read_text() == "made\n" and (shared.made / "evil").stat().st_size == 50 << 20


@pytest.mark.parametrize(
    ("lines", "told"), [((), "none none"), (("CONFIG_DEBUG_INFO_BTF=y  #: wished", "CONFIG_RUST=y"), "pahole rustc")]
)
def test_tools_that_nothing_needs_are_not_there(tmp_path: Path, lines: tuple[str, ...], told: str) -> None:
    """A .config tells of them, and that is all that would differ."""
    shared = SharedTree(tmp_path / "tree", private=True)
    for folder in (shared.source, shared.made, shared.build):
        folder.mkdir(parents=True)
    text = "PAHOLE = pahole\nRUSTC = rustc\nall:\n\t@echo $(PAHOLE) $(RUSTC) >$(O)/out\n"
    (shared.source / "Makefile").write_text(text)
    build = Build(arches.known()["s390x"], Kernel("patched", Source("s", "tarball", "none.tar")), lines)
    asyncio.run(Make(build, shared, 1, 100, tmp_path / "ccache", 1, tmp_path / "log", disk_gib=0.1)("all"))
    assert (shared.made / "out").read_text() == f"{told}\n"


@pytest.mark.parametrize("name", ["piggy.S", "config.c"])
def test_what_takes_in_other_files_is_compiled_each_time(tmp_path: Path, name: str) -> None:
    """A kernel's image has the kernel so: an old one would be booted in place of the new."""
    source, other = tmp_path / name, tmp_path / "other"
    source.write_text(f'.incbin "{other}"\n' if name.endswith(".S") else f'asm(".incbin \\"{other}\\"");\n')
    env = {"PATH": os.environ["PATH"], "CCACHE_DIR": str(tmp_path / "ccache"), "CCACHE_DEPEND": "1"}
    out = tmp_path / "out.o"
    options = ["-Wp,-MMD,out.d", "-c", "-o", str(out), str(source)]
    for text in ("of before", "of after."):
        other.write_text(text)
        subprocess.run(["sh", str(COMPILER), "gcc", *options], env=env, cwd=tmp_path, check=True)
        assert text.encode() in out.read_bytes()


def test_all_else_is_compiled_once(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int a;\n")
    env = {"PATH": os.environ["PATH"], "CCACHE_DIR": str(tmp_path / "ccache"), "CCACHE_DEPEND": "1"}
    for _ in range(2):
        command = ["sh", str(COMPILER), "gcc", "-Wp,-MMD,a.d", "-c", "-o", "a.o", "a.c"]
        subprocess.run(command, env=env, cwd=tmp_path, check=True)
    told = subprocess.run(["ccache", "--print-stats"], env=env, capture_output=True, text=True, check=True).stdout
    stats = dict(line.split("\t") for line in told.splitlines())
    assert stats["cache_miss"] == "1" and stats["direct_cache_hit"] == "1"
