# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels: bit-for-bit reproducible, other kinds of source, a fourth architecture by one file."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.build.kernel import Builder
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan
from orchestrator.guest.command_line import Machine, qemu_argv
from orchestrator.model import Clock
from orchestrator.store import Store
from tests.boot.conftest import SMALL, Kmatrix

RISCV = '''\
# SPDX-License-Identifier: GPL-2.0-or-later
"""riscv64: QEMU's virt board."""

from orchestrator.model import Arch

ARCH = Arch(
    name="riscv64",
    uname="riscv64",
    qemu="qemu-system-riscv64",
    machine="virt",
    cpu={"tcg": "rv64", "kvm": "host"},
    console="ttyS0",
    net="virtio-net-device",
    rng="virtio-rng-device",
    disk="virtio-blk-pci",
    kernel_arch="riscv",
    srcarch="riscv",
    image_target="Image",
    image="arch/riscv/boot/Image",
    debian_arch="riscv64",
    cross_prefix="riscv64-linux-gnu-",
    elf=(2, 1, 243),
    kconfig=("CONFIG_SERIAL_8250=y", "CONFIG_SERIAL_8250_CONSOLE=y", "CONFIG_SERIAL_OF_PLATFORM=y",
             "CONFIG_VIRTIO_MMIO=y", "CONFIG_MMU=y"),
)
'''


def builder(store: Store) -> Builder:
    return Builder(store, os.cpu_count() or 1, 3600, 5)


def test_the_same_kernel_in_another_folder_has_the_same_bits(
    ready: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Built for itself, without ccache, in a folder with another name; done once a kernel, then remembered.

    Ours was built in the tree that another variant had been built in, most of its objects kept.
    """
    store = Store()
    build = plan(matrix_file.load(Path("matrix.yaml")), ["aarch64/unpatched"]).builds[0]
    ours = asyncio.run(builder(store).find(build))
    assert ours is not None
    known = store.recall("rebuilt", ours.key)
    if known is None:
        monkeypatch.setenv("CCACHE_DISABLE", "1")
        with store.scratch() as folder:
            for kind in ("debs", "sources"):
                (folder / kind).symlink_to(store.root / kind)
            again = asyncio.run(builder(Store(folder)).make(build, tmp_path / "build.log"))
        known = {name: again.info[name] for name in ("image_sha256", "vmlinux_sha256")}
        store.remember("rebuilt", ours.key, known)
    assert known == {name: ours.info[name] for name in ("image_sha256", "vmlinux_sha256")}


@pytest.mark.night
def test_a_fourth_architecture_is_one_file(ready: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "riscv64.py").write_text(RISCV)
    monkeypatch.setenv("KMATRIX_ARCHES", str(tmp_path))
    matrix = matrix_file.from_text(
        Path("matrix.yaml").read_text().replace("[x86_64, aarch64, s390x]", "[riscv64]"),
        Path("matrix.yaml").resolve(),
    )
    made = plan(matrix, ["riscv64/patched"])
    assert [cell.id for cell in made.cells] == ["riscv64/patched/shmem-write"]
    argv = qemu_argv(Machine(arches.known()["riscv64"], "tcg", Clock.ICOUNT, 512, 1, Path("k"), Path("i")), 3, 4)
    assert argv[0] == "qemu-system-riscv64" and "virtio-net-device,netdev=net" in argv
    store = Store()
    text = asyncio.run(builder(store).config(made.builds[0], tmp_path / "build.log"))
    for line in ("CONFIG_RISCV=y", "CONFIG_64BIT=y", "CONFIG_SHMEM=y", "CONFIG_SERIAL_8250_CONSOLE=y"):
        assert line in text.splitlines()


def test_a_ready_image_is_measured_like_any_other(ready: None, kmatrix: Kmatrix) -> None:
    build = plan(matrix_file.load(Path("matrix.yaml")), ["aarch64/patched"]).builds[0]
    ours = asyncio.run(builder(Store()).find(build))
    assert ours is not None
    shutil.copy(ours.image, kmatrix.folder / "Image-aarch64")
    shutil.copy(ours.folder / "System.map", kmatrix.folder / "System.map-aarch64")
    ready = "ready: {image: 'Image-{arch}', system_map: 'System.map-{arch}'}"
    done = kmatrix.run(SMALL.replace("debian-6.1: {debian: linux-source-6.1}", ready).replace("debian-6.1", "ready"))
    assert done.code == 0, done.out + done.err
    assert done.json()["kernels"]["aarch64/patched"]["image_sha256"] == ours.info["image_sha256"]
    assert done.cell("aarch64/patched/small")["linux"] == ours.linux


def test_a_ready_image_that_is_not_there_is_told(kmatrix: Kmatrix) -> None:
    ready = "ready: {image: 'Image-{arch}', system_map: 'System.map-{arch}'}"
    done = kmatrix.run(SMALL.replace("debian-6.1: {debian: linux-source-6.1}", ready).replace("debian-6.1", "ready"))
    assert done.code == 3 and "Image-aarch64" in done.cell("aarch64/patched/small")["failure"]["message"]
