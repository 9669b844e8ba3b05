# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels: variants of one source and arch share a build tree, applied in turn, so that a second costs seconds."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator import proc
from orchestrator.build import headers, kconfig, patches, toolchain
from orchestrator.build.sources import Tree, linux_version, prepare
from orchestrator.errors import BuildError, DiskFull, InfraError, TimedOut
from orchestrator.model import Arch, Build, KernelArtifact, Source
from orchestrator.store import Store, digest, sha256, write_atomically

RECIPE = 1  # part of every key: raise it when this file changes what comes out
_ERROR = re.compile(r"^(\S+?:\d+(?::\d+)?: (?:fatal )?error: .*|.*: undefined reference to .*|ld: .*)$", re.M)


@dataclass(frozen=True)
class Builder:
    """Builds kernels into the store. jobs: make -j; timeout in seconds; refresh: look for newer packages."""

    store: Store
    jobs: int
    timeout: float
    ccache_gib: int
    refresh: bool = False
    _trees: dict[str, Tree] = field(default_factory=dict)

    async def find(self, build: Build) -> KernelArtifact | None:
        """The built kernel if the store has it; None: it has to be made."""
        if build.kernel.source.kind == "image":
            return self._ready_image(build)
        tree = await self.source(build.kernel.source)
        key = await self.key(build, tree)
        folder = self.store.folder("kernels", key)
        return self._artifact(build, key, folder, True) if folder.exists() else None

    async def make(self, build: Build, log: Path, niceness: int = 0) -> KernelArtifact:
        """Build it; log gets all that make prints. Raises BuildError and its kin."""
        tree = await self.source(build.kernel.source)
        key = await self.key(build, tree)
        folder = self.store.folder("kernels", key)
        async with self._shared_tree(build, tree) as shared:
            if not folder.exists():  # another process may have been faster
                env = await self._configured(build, tree, shared, log)
                await self._run_make(build, shared, [build.arch.image_target], env, log, niceness)
                await self._keep(build, tree, shared, key, log)
        return self._artifact(build, key, folder, False)

    async def config(self, build: Build, log: Path) -> str:
        """The verified .config, without building."""
        tree = await self.source(build.kernel.source)
        async with self._shared_tree(build, tree) as shared:
            await self._configured(build, tree, shared, log)
            return (shared.build / ".config").read_text()

    def has(self, source: Source) -> bool:
        """Was this source asked for already, or is there nothing to ask for?"""
        return source.kind == "image" or source.name in self._trees

    async def source(self, source: Source) -> Tree:
        """The source's tree, fetched and unpacked if need be; asked for once a run."""
        if source.name not in self._trees:
            self._trees[source.name] = await prepare(self.store, source, self.refresh)
        return self._trees[source.name]

    async def key(self, build: Build, tree: Tree) -> str:
        """Names all that goes into the image: source, patches, config, compiler, recipe."""
        arch = build.arch
        contents = [sha256(path) for path in build.kernel.patches]
        compiler = await toolchain.compiler(arch.cross_prefix)
        return digest(RECIPE, tree.identity, contents, build.kconfig, compiler, arch.kernel_arch, arch.image_target)

    def _artifact(self, build: Build, key: str, folder: Path, cached: bool) -> KernelArtifact:
        info = self.store.recall("kernels", f"{key}/info")
        if not isinstance(info, dict):
            raise BuildError(f"{folder} is damaged", hint="kmatrix clean kernels")
        image = folder / Path(build.arch.image).name
        return KernelArtifact(build.id, key, folder, image, str(info["linux"]), info, cached)

    def _ready_image(self, build: Build) -> KernelArtifact:
        """A kernel that the user built: its path may contain {arch}."""
        source = build.kernel.source
        image = Path(source.location.format(arch=build.arch.name))
        symbols = Path(source.system_map.format(arch=build.arch.name))
        for path in (image, symbols):
            if not path.is_file():
                raise BuildError(f"no such file: {path}", kind="source", hint="{arch} in the path is replaced")
        digest_ = sha256(image)
        # In the clear in an uncompressed image, and in the header of a compressed one for x86.
        found = re.search(rb"(?:Linux version )?(\d+\.\d+(?:\.\d+)?)[^\0\n ]* \([^\0\n]*@", image.read_bytes())
        linux = found[1].decode() if found else ""
        info = {
            "source": f"image:{image}",
            "linux": linux,
            "image_sha256": digest_,
            "system_map": str(symbols),
        }
        return KernelArtifact(build.id, digest("image", digest_), image.parent, image, linux, info, True)

    @asynccontextmanager
    async def _shared_tree(self, build: Build, tree: Tree) -> AsyncIterator[SharedTree]:
        """The build tree of a source and arch, for us alone; marked dirty until left in good order."""
        async with self.store.lock(f"tree-{tree.key}-{build.arch.name}"):
            shared = SharedTree(self.store.folder("trees", f"{tree.key}-{build.arch.name}"))
            await shared.prepare(tree, self.store)
            shared.dirty.touch()
            try:
                yield shared
            except OSError as error:
                raise _no_room(error) from error
            except BuildError:
                shared.dirty.unlink()  # make itself said no: what is there is consistent
                raise
            shared.dirty.unlink()

    async def _configured(self, build: Build, tree: Tree, shared: SharedTree, log: Path) -> dict[str, str]:
        """Patches applied, .config as wanted; returns make's environment."""
        written = await patches.switch(tree.folder, shared.source, build.kernel.patches)
        headers.keep(shared.source, shared.build, written)
        env = self._environment()
        await self._configure(build, shared, env, log, any("Kconfig" in name for name in written))
        return env

    def _environment(self) -> dict[str, str]:
        """Fixed, so that the same inputs give the same bits."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.store.root),
            "LC_ALL": "C",
            "TZ": "UTC",
            "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
            "KBUILD_BUILD_USER": "kmatrix",
            "KBUILD_BUILD_HOST": "kmatrix",
            "KBUILD_BUILD_VERSION": "1",
            "SOURCE_DATE_EPOCH": "0",
            "CCACHE_DIR": str(self.store.root / "ccache"),
            "CCACHE_MAXSIZE": f"{self.ccache_gib}G",
            "CCACHE_DEPEND": "1",  # a miss costs no run of the preprocessor
            "CCACHE_INODECACHE": "1",
            **{name: os.environ[name] for name in ("CCACHE_DISABLE",) if name in os.environ},
        }

    async def _configure(
        self, build: Build, shared: SharedTree, env: dict[str, str], log: Path, changed: bool
    ) -> None:
        """tinyconfig plus the wanted lines, then verified; skipped when the tree has just that."""
        stamp = shared.build / ".kmatrix-wanted"
        config = shared.build / ".config"
        wanted = "\n".join(build.kconfig) + "\n"
        if changed or not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            await self._run_make(build, shared, ["tinyconfig"], env, log)
            with config.open("a") as file:
                file.write(wanted)
            await self._run_make(build, shared, ["olddefconfig"], env, log)
        kconfig.verify(build.kconfig, config.read_text(), shared.source, build.arch.srcarch)
        write_atomically(stamp, wanted)

    async def _run_make(
        self, build: Build, shared: SharedTree, targets: list[str], env: dict[str, str], log: Path, niceness: int = 0
    ) -> None:
        argv = make_command(build.arch, shared, self.jobs, targets)
        try:
            done = await proc.run(argv, env=env, log=log, timeout=self.timeout, niceness=niceness)
        except TimeoutError as error:
            raise TimedOut(f"make {targets[0]} took over {self.timeout:.0f} s", hint="limits.build") from error
        if done.code < 0:  # what it was writing cannot be trusted, and the patch is not to blame
            raise InfraError(f"make was killed by signal {-done.code}", kind="make_killed", hint="try again")
        if done.code:
            raise _make_failed(build, log)

    async def _keep(self, build: Build, tree: Tree, shared: SharedTree, key: str, log: Path) -> None:
        """Copy what others use into the store."""
        image = Path(build.arch.image)
        with self.store.publish("kernels", key) as folder:
            for name in (image, Path("vmlinux"), Path("System.map")):
                shutil.copy2(shared.build / name, folder / name.name)
            shutil.copy2(shared.build / ".config", folder / "config")
            shutil.copy2(log, folder / "build.log")
            info = {
                "source": tree.identity,
                "linux": linux_version(shared.source),
                "patches": {path.name: sha256(path) for path in build.kernel.patches},
                "compiler": await toolchain.compiler(build.arch.cross_prefix),
                "image_sha256": sha256(folder / image.name),
                "vmlinux_sha256": sha256(folder / "vmlinux"),
                "config_sha256": sha256(folder / "config"),
            }
            (folder / "info.json").write_text(json.dumps(info, indent=1))


@dataclass(frozen=True)
class SharedTree:
    """One source and arch: source/ (hard links of the pristine tree) and build/."""

    folder: Path

    @property
    def source(self) -> Path:
        """Where patches are applied."""
        return self.folder / "source"

    @property
    def build(self) -> Path:
        """make's O=."""
        return self.folder / "build"

    @property
    def dirty(self) -> Path:
        """There while a make runs; there at the start: it was killed, its objects are not trusted."""
        return self.folder.with_name(f"{self.folder.name}.dirty")

    async def prepare(self, tree: Tree, store: Store) -> None:
        """Make the folders; throw away a build that was killed (ccache makes up for it)."""
        if self.dirty.exists():
            await asyncio.to_thread(store.discard, self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.source.exists():
            copy = self.folder / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            done = await proc.run(["cp", "-al", str(tree.folder), str(copy)])
            if done.code:
                raise _no_room(OSError(done.output))
            copy.rename(self.source)
        self.build.mkdir(exist_ok=True)


def make_command(arch: Arch, shared: SharedTree, jobs: int, targets: list[str]) -> list[str]:
    """The make call for an arch. Pure."""
    return [
        "make",
        f"-j{jobs}",
        "-C", str(shared.source),
        f"O={shared.build}",
        f"ARCH={arch.kernel_arch}",
        f"CROSS_COMPILE={arch.cross_prefix}",
        f"CC=ccache {arch.cross_prefix}gcc",
        f"KCFLAGS=-ffile-prefix-map={shared.source}=. -ffile-prefix-map={shared.build}=.",
        *targets,
    ]  # fmt: skip


def _make_failed(build: Build, log: Path) -> Exception:
    """The compiler's first error, with what was printed around it."""
    text = log.read_text(errors="replace")
    text = text[text.rfind("\n$ ") + 1 :]
    if "No space left on device" in text:
        return DiskFull("the disk is full: the kernel could not be built", hint="make room (kmatrix clean)")
    if "Killed signal terminated program" in text or "virtual memory exhausted" in text:
        return InfraError(
            "a compiler was killed, perhaps for want of memory", kind="make_killed", hint="use --jobs 1"
        )
    found = _ERROR.search(text)
    if found is None:
        tail = "\n".join(text.splitlines()[-15:])
        return BuildError(f"{build.id} does not build", hint=f"the whole log: {log}", log=tail)
    around = text[found.start() :].splitlines()[:8]
    message = re.sub(r"^\S*/source/|^\.\./source/", "", found[1])
    return BuildError(f"{build.id} does not compile: {message}", hint=f"the whole log: {log}", log="\n".join(around))


def _no_room(error: OSError) -> Exception:
    if error.errno == 28 or "No space left" in str(error):
        return DiskFull("the disk of the cache is full", hint="make room (kmatrix clean)")
    return error
