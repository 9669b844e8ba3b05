# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a kernel runs that was linked for elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.measure import addresses
from orchestrator.model import KernelArtifact
from orchestrator.profile import symbols
from orchestrator.profile.relocation import Relocation

MAP = "0000000000000020 T startup\n0000000000100000 T _text\n0000000000100100 t fault\n0000000000100200 B _end\n"
CONFIG = "CONFIG_MMU=y\nCONFIG_KERNEL_IMAGE_BASE=0x3FFE0000000\n"
BASE = 0x3FFE0000000


def test_what_is_in_the_image_runs_above_where_it_was_linked() -> None:
    relocation = Relocation.of(MAP, CONFIG, "CONFIG_KERNEL_IMAGE_BASE")
    assert relocation.linked(BASE + 0x100104) == 0x100104 and relocation.running(0x100104) == BASE + 0x100104
    for elsewhere in (0x20, 0x100200, BASE + 0x100200, BASE + 0x20):
        assert relocation.linked(elsewhere) == relocation.running(elsewhere) == elsewhere


def test_its_symbols_go_with_it() -> None:
    relocation = Relocation.of(MAP, CONFIG, "CONFIG_KERNEL_IMAGE_BASE")
    there = relocation.symbols(symbols.of_kernel(MAP, {"lowcore": (0, 0x20)}))
    assert there.at(BASE + 0x100104)[0] == "fault" and there.at(0x100104)[0] == "" and there.at(4)[0] == "lowcore"


@pytest.mark.parametrize(("config", "option"), [(CONFIG, ""), ("CONFIG_MMU=y\n", "CONFIG_KERNEL_IMAGE_BASE")])
def test_otherwise_it_runs_as_it_was_linked(config: str, option: str) -> None:
    assert Relocation.of(MAP, config, option) == Relocation()


def test_it_is_read_of_what_was_built(tmp_path: Path) -> None:
    kernel = KernelArtifact("s390x/new", "key", tmp_path, tmp_path / "bzImage", "6.12")
    assert addresses.relocation(kernel, arches.known()["s390x"]) == Relocation()  # a ready image
    (tmp_path / "System.map").write_text(MAP)
    (tmp_path / "config").write_text(CONFIG)
    assert addresses.relocation(kernel, arches.known()["s390x"]).linked(BASE + 0x100104) == 0x100104
    assert addresses.relocation(kernel, arches.known()["x86_64"]) == Relocation()
