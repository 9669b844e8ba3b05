# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest image: Debian packages of the guest's arch, reduced to a few files, packed reproducibly."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from orchestrator import proc
from orchestrator.build import apt
from orchestrator.errors import InfraError
from orchestrator.model import Arch
from orchestrator.store import Store, digest, sha256

RECIPE = 1
_NEEDED = re.compile(r"\((?:NEEDED|INTERP)\).*\[(.+)\]|\[Requesting program interpreter: (.+)\]")
_LIBRARY_FOLDERS = ("lib", "lib64", "usr/lib", "usr/lib64")


async def image(store: Store, arch: Arch, images: Path, refresh: bool = False) -> Path:
    """The initramfs (uncompressed cpio) for an arch, from the store if its inputs are the same."""
    recipe = tomllib.loads((images / "guest.toml").read_text())
    debian, security = suite(arch, images)
    debs = await apt.fetch(
        store, debian, arch.debian_arch, recipe["packages"], dependencies=True, refresh=refresh, security=security
    )
    names = sorted(path.name for path in debs.glob("*.deb"))
    own = [sha256(images / "initramfs" / name) for name in recipe["own"]]
    key = digest("initramfs", RECIPE, names, recipe, own)
    folder = await store.arrived("initramfs", key)
    async with store.lock(f"initramfs-{key}"):
        if not folder.exists():
            with store.publish("initramfs", key) as temporary:
                await _make(temporary, debs, recipe, images / "initramfs")
    return folder / "initramfs.cpio"


def suite(arch: Arch, images: Path) -> tuple[str, bool]:
    """Debian's that user space for an arch is of, and whether with its security updates: an arch with a suite of its
    own has the release alone, as updates for it lag behind or are not there."""
    own = arch.guest_suite
    return own or tomllib.loads((images / "guest.toml").read_text())["suite"], not own


async def _make(folder: Path, debs: Path, recipe: dict[str, Any], own: Path) -> None:
    packages, root = folder / "packages", folder / "root"
    for deb in sorted(debs.glob("*.deb")):
        await _must(["dpkg-deb", "-x", str(deb), str(packages)])
    for name in ("proc", "sys", "dev", "tmp", "bin", "sbin", "etc/dropbear", "root"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for source, target in recipe["programs"].items():
        await _program(packages, root, source, target)
    for pattern, target in recipe["files"].items():
        for path in packages.glob(pattern):
            _install(path, root / target / path.name, 0o644)
    for name, place in recipe["own"].items():
        _install(own / name, root / place["to"], place["mode"])
    await pack(root, folder / "initramfs.cpio")
    shutil.rmtree(packages)
    shutil.rmtree(root)


async def _program(packages: Path, root: Path, source: str, target: str) -> None:
    """A program and, from the packages, the libraries that it needs."""
    program = next((path for path in (packages / source, packages / "usr" / source) if path.is_file()), None)
    if program is None:
        raise InfraError(f"no package of images/guest.toml has {source}", kind="guest_image")
    _install(program, root / target, 0o755)
    waiting, seen = [program], set[str]()
    while waiting:
        for name in await _needs(waiting.pop()):
            if name in seen:
                continue
            seen.add(name)
            path = _find_library(packages, name)
            # The interpreter is named by its whole path, a library by its name alone.
            _install(path, root / (name.lstrip("/") if "/" in name else f"lib/{name}"), 0o755)
            waiting.append(path)


async def _needs(path: Path) -> Iterable[str]:
    done = await proc.run(["readelf", "-dl", str(path)], env={**os.environ, "LC_ALL": "C"})
    return [found[1] or found[2] for found in _NEEDED.finditer(done.output)]


def _find_library(packages: Path, name: str) -> Path:
    base = Path(name).name
    for folder in _LIBRARY_FOLDERS:
        for path in (packages / folder / base, *packages.glob(f"{folder}/*/{base}")):
            if path.is_file():
                return path
    raise InfraError(f"no package of images/guest.toml has {name}", kind="guest_image")


def _install(source: Path, target: Path, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source.resolve(), target)
    target.chmod(mode)


async def pack(root: Path, out: Path) -> None:
    """root as a newc cpio: sorted, owner root, times zero, no inode numbers. The same files, the same bits."""
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    for name in names:
        os.utime(root / name, (0, 0), follow_symlinks=False)
    command = [
        "cpio",
        "--create",
        "--format=newc",
        "--reproducible",
        "--owner=+0:+0",
        "--quiet",
        "-F",
        str(out),
    ]
    done = await proc.run(command, cwd=root, input="\n".join(names).encode())
    if done.code:
        raise InfraError("cpio failed", kind="guest_image", log=done.output)


async def with_files(base: Path, files: Mapping[str, tuple[bytes, int]], out: Path) -> Path:
    """base plus files ({path: (content, mode)}): the kernel unpacks one archive after the other."""
    with tempfile.TemporaryDirectory(dir=out.parent) as name:
        root = Path(name) / "root"
        for place, (content, mode) in files.items():
            target = root / place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.parent.chmod(0o700)
            target.write_bytes(content)
            target.chmod(mode)
        extra = Path(name) / "extra.cpio"
        await pack(root, extra)
        out.write_bytes(base.read_bytes() + extra.read_bytes())
    return out


async def _must(argv: list[str]) -> None:
    done = await proc.run(argv)
    if done.code:
        raise InfraError(f"{argv[0]} failed", kind="guest_image", log=done.output[-2000:])
