# SPDX-License-Identifier: GPL-2.0-or-later
"""The same kernels, programs and CPUs under another major version of QEMU: that of the other Debian."""

from __future__ import annotations

import asyncio
import os
import platform
import re
import subprocess
from pathlib import Path

import pytest

from orchestrator.build import apt
from orchestrator.store import Store
from tests.boot.conftest import EVERYWHERE, Done, Kmatrix

LOOK = "cat /proc/cpuinfo; grep . /sys/devices/system/cpu/vulnerabilities/*"
BY_HOST = re.compile(r"bogomips|mhz", re.I)  # measured, not told by the CPU

QEMUS = {  # by suite: what has the emulators there
    "bookworm": ["qemu-system-x86", "qemu-system-arm", "qemu-system-misc"],
    "trixie": ["qemu-system-x86", "qemu-system-arm", "qemu-system-s390x"],
}
ONE = EVERYWHERE.replace("[small]", "[shmem-write]")
TWO = ONE.replace("boots: 1", "boots: 2")
START = """\
#!/bin/sh
exec {loader} --library-path {libraries} {program} -L {root}/usr/share/qemu -L {root}/usr/share/seabios "$@"
"""


def version(program: Path | str) -> str:
    """Its major version."""
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return text.split("version ")[1].split(".")[0]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH with the emulators of the suite that this host is not; they bring their own libraries."""
    suite = next(name for name in QEMUS if name != platform.freedesktop_os_release().get("VERSION_CODENAME"))
    folder = tmp_path_factory.mktemp("other")
    root, programs = folder / "root", folder / "bin"
    programs.mkdir()
    own = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
    for deb in asyncio.run(apt.fetch(Store(), suite, own, QEMUS[suite], dependencies=True)).glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", deb, root], check=True)
    loader = next(path for path in sorted(root.rglob("ld-linux*.so.*")))
    libraries = ":".join(sorted({str(path.parent) for path in root.rglob("*.so.*")}))
    for program in root.glob("usr/bin/qemu-system-*"):
        start = programs / program.name
        start.write_text(START.format(loader=loader, libraries=libraries, program=program, root=root))
        start.chmod(0o755)
    return programs


@pytest.fixture(scope="module", params=[ONE, pytest.param(TWO, marks=pytest.mark.night)], ids=["one boot", "two"])
def base(ready: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """With this host's own."""
    done = Kmatrix(tmp_path_factory.mktemp("base")).run(request.param)
    assert done.code == 0, done.out + done.err
    return done


def test_another_qemu_gives_the_same_figures(base: Done, kmatrix: Kmatrix, other: Path) -> None:
    """Counters equal, times within 50 ppm, costs within their floors; verify names the version and does not mind."""
    assert version(other / "qemu-system-aarch64") != version("qemu-system-aarch64")
    env = {"PATH": f"{other}:{os.environ['PATH']}"}
    done = kmatrix("verify", base.folder, "--out", kmatrix.folder / "run", env=env)
    assert done.code == 0, done.out + done.err
    values = done.json("verify.json")["values"]
    assert len(values) == 3 * 4 + 25 and {value["verdict"] for value in values} == {"same"}
    assert "(must not matter)" in done.out and done.out.count("QEMU") >= 3


@pytest.mark.night
@pytest.mark.parametrize("arch", ["x86_64", "aarch64", "s390x"])
def test_another_qemu_gives_the_kernel_the_same_cpu(ready: None, kmatrix: Kmatrix, other: Path, arch: str) -> None:
    """All features that the kernel finds, and what it does about the CPU's flaws."""
    seen = []
    for path in (os.environ["PATH"], f"{other}:{os.environ['PATH']}"):
        config = kmatrix.matrix(EVERYWHERE)
        done = kmatrix("shell", f"{arch}/patched", "--config", config, "--command", LOOK, env={"PATH": path})
        assert done.code == 0, done.out + done.err
        seen.append([row for row in done.out.splitlines() if not BY_HOST.search(row)])
    assert len(seen[0]) > 20 and seen[0] == seen[1]
