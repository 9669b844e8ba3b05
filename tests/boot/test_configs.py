# SPDX-License-Identifier: GPL-2.0-or-later
"""Every shipped config configures (nothing is built), and each difference from Debian's config has a reason."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.build import debian_config, kconfig
from orchestrator.build.kernel import Builder
from orchestrator.config import fragments, matrix_file
from orchestrator.config.plan import builds
from orchestrator.model import Arch, Kernel, Matrix, Source
from orchestrator.store import Store

MATRIX = matrix_file.load(Path("matrix.yaml"))
SHIPPED = fragments.shipped()
PORTS = [arch for name, arch in arches.known().items() if arch not in MATRIX.arches]
RULES = debian_config.rules()


def matrix_of(arch: Arch, config: str, source: Source) -> Matrix:
    return replace(
        MATRIX, arches=(arch,), kernels=(Kernel("k", source),), config=fragments.named(config, None, [arch.name])
    )


def configured(arch: Arch, config: str, source: Source, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Its .config, and what is lost of the wished. An essential line that is lost is a BuildError."""
    builder = Builder(Store(), os.cpu_count() or 1, 3600, 5)
    build = builds(matrix_of(arch, config, source))[0]
    text, lost = asyncio.run(builder.config(build, folder / "build.log"))
    return kconfig.options(text.splitlines()), lost


def unexplained(arch: Arch, ours: dict[str, str], version: debian_config.Version, source: Source) -> list[str]:
    store = Store()
    builder = Builder(store, os.cpu_count() or 1, 3600, 5)
    tree = asyncio.run(builder.source(source))
    theirs = asyncio.run(debian_config.fetch(store, version, arch))
    definitions = list(kconfig.definitions(tree.folder, arch.srcarch))
    rows = debian_config.differences(RULES, definitions, theirs, ours, arch.name)
    assert len(rows) > 20, "random options alone are some"
    return [f"{row.option}: Debian {row.debian}, ours {row.ours}" for row in rows if not row.why]


@pytest.mark.parametrize("arch", MATRIX.arches, ids=lambda arch: arch.name)
def test_every_shipped_config_holds_on_the_default_linux(arch: Arch, tmp_path: Path) -> None:
    """Nothing that is wished is lost there, but for what another arch or Linux has."""
    source = MATRIX.kernels[0].source
    for name in SHIPPED:
        have, lost = configured(arch, name, source, tmp_path)
        assert have["CONFIG_VIRTIO_NET"] == have["CONFIG_EXT4_FS"] == "y"
        if name == "standard":
            assert not lost and have["CONFIG_MEMCG"] == have["CONFIG_SWAP"] == have["CONFIG_LRU_GEN"] == "y"
            assert unexplained(arch, have, RULES.nearest("6.1", arch.name), source) == []


def test_a_wished_option_that_is_not_there_is_a_note_and_an_essential_one_an_error(tmp_path: Path) -> None:
    """Of a user's own lines, too."""
    arch, source = MATRIX.arches[1], MATRIX.kernels[0].source
    builder = Builder(Store(), os.cpu_count() or 1, 3600, 5)
    wished = replace(matrix_of(arch, "lean", source), kconfig=("CONFIG_OF_NOBODY=y  #: wished",))
    build = builds(wished)[0]
    _, lost = asyncio.run(builder.config(build, tmp_path / "build.log"))
    assert lost["CONFIG_OF_NOBODY"] == "CONFIG_OF_NOBODY=y wanted, n found: no such option in this source"
    assert "CONFIG_OF_NOBODY" in asyncio.run(builder.foreseen(build)), "and plan can tell before it is built"


@pytest.mark.night
@pytest.mark.parametrize("arch", [*MATRIX.arches, *PORTS], ids=lambda arch: arch.name)
@pytest.mark.parametrize("version", RULES.versions, ids=lambda version: version.linux)
def test_every_shipped_config_holds_on_every_linux_and_arch(
    arch: Arch, version: debian_config.Version, tmp_path: Path
) -> None:
    source = Source(
        f"debian-{version.linux}", "debian", f"linux-source-{version.linux}", "", {"suite": version.suite}
    )
    for name in SHIPPED:
        have, lost = configured(arch, name, source, tmp_path)
        assert have["CONFIG_VIRTIO_NET"] == "y"
        if name == "standard" and version in RULES.of(arch.name):  # else its wishes are of a later Linux
            assert not set(lost) - {"CONFIG_PROC_SYSCTL", "CONFIG_KSM", "CONFIG_HUGETLBFS"}
            assert unexplained(arch, have, version, source) == []
