# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels: bit-for-bit reproducible, other kinds of source, a further architecture by one file."""

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

MIPS = '''\
# SPDX-License-Identifier: GPL-2.0-or-later
"""mips64el: a Malta board."""

from orchestrator.model import Arch

ARCH = Arch(
    name="mips64el",
    uname="mips64",
    qemu="qemu-system-mips64el",
    machine="malta",
    cpu={"tcg": "MIPS64R2-generic", "kvm": "host"},
    console="ttyS0",
    net="virtio-net-pci,romfile=",
    rng="virtio-rng-pci",
    disk="virtio-blk-pci",
    kernel_arch="mips",
    srcarch="mips",
    image_target="vmlinux",
    image="vmlinux",
    debian_arch="mips64el",
    cross_prefix="mips64el-linux-gnuabi64-",
    elf=(2, 1, 8),
    kconfig=("CONFIG_MIPS_MALTA=y", "CONFIG_CPU_LITTLE_ENDIAN=y", "CONFIG_CPU_MIPS64_R2=y", "CONFIG_MIPS_CPS=y",
             "CONFIG_SERIAL_8250=y", "CONFIG_SERIAL_8250_CONSOLE=y", "CONFIG_PCI=y", "CONFIG_VIRTIO_PCI=y"),
)
'''


def builder(store: Store) -> Builder:
    return Builder(store, os.cpu_count() or 1, 3600, 5)


def test_the_same_kernel_in_another_folder_has_the_same_bits(
    ready: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Built for itself, without ccache, in a folder with another name; done once a kernel, then remembered.

    Ours is built in the tree that another variant was built in, most of its objects kept. Of the config that compiles
    the least, which others need, too.
    """
    store = Store()
    text = Path("matrix.yaml").read_text().replace("\nkernels:", "\nconfig: lean\nkernels:", 1)
    matrix = matrix_file.from_text(text, Path("matrix.yaml").resolve())
    first, build = (plan(matrix, [f"aarch64/{name}"]).builds[0] for name in ("patched", "unpatched"))
    for its in (first, build):
        if asyncio.run(builder(store).find(its)) is None:
            asyncio.run(builder(store).make(its, tmp_path / f"{its.kernel.name}.log"))
    ours = asyncio.run(builder(store).find(build))
    assert ours is not None and ours.info["config"] == "lean"
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
def test_a_further_architecture_is_one_file(ready: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mips64el.py").write_text(MIPS)
    monkeypatch.setenv("KMATRIX_ARCHES", str(tmp_path))
    matrix = matrix_file.from_text(
        Path("matrix.yaml").read_text().replace("[x86_64, aarch64, s390x]", "[mips64el]"),
        Path("matrix.yaml").resolve(),
    )
    made = plan(matrix, ["mips64el/patched"])
    assert [cell.id for cell in made.cells] == ["mips64el/patched/shmem-write"]
    argv = qemu_argv(Machine(arches.known()["mips64el"], "tcg", Clock.ICOUNT, 512, 1, Path("k"), Path("i")), 3, 4)
    assert argv[0] == "qemu-system-mips64el" and "virtio-net-pci,netdev=net,romfile=" in argv
    store = Store()
    text = asyncio.run(builder(store).config(made.builds[0], tmp_path / "build.log"))
    for line in ("CONFIG_MIPS_MALTA=y", "CONFIG_64BIT=y", "CONFIG_SHMEM=y", "CONFIG_SERIAL_8250_CONSOLE=y"):
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
