# SPDX-License-Identifier: GPL-2.0-or-later
"""make, in the sandbox of a patch that nobody vouches for: what its Makefile may take of the disk."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.build.make import Make
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
