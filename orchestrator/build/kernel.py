# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels: variants of one source and arch share a build tree, applied in turn, so that a second costs seconds."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import takewhile
from pathlib import Path

from orchestrator.build import compiled, headers, kconfig, patches, times, toolchain, walk
from orchestrator.build.made import regular, regular_text
from orchestrator.build.make import Make
from orchestrator.build.sources import Tree, linux_version, prepare
from orchestrator.build.tree import CONFIGURED, RECONFIGURE, WANTED, SharedTree, no_room
from orchestrator.config import fragments
from orchestrator.config.sources import Ready, buildable, kind_of
from orchestrator.errors import BuildError, ConfigError
from orchestrator.model import Build, KernelArtifact, Matrix, Source
from orchestrator.paths import IMAGES
from orchestrator.sandbox import bubblewrap
from orchestrator.store import Store, digest, remove, sha256, write_atomically

_UNFIT = re.compile(r"[\s:'\"`$\\#%*?;&|<>()\[\]{}]")
_PAHOLE = re.compile(rb"^(CONFIG_PAHOLE_VERSION=)\d+$", re.M)
RECIPE = 4  # part of every key: raise it when this file changes what comes out


@dataclass(frozen=True)
class Builder:
    """Builds kernels into the store. jobs: make -j; timeout in seconds; refresh: look for newer packages."""

    store: Store
    jobs: int
    timeout: float
    ccache_gib: int
    refresh: bool = False
    unsandboxed: bool = False  # whoever says so trusts every patch
    disk_gib: float = 8  # of a build that nobody vouches for
    _trees: dict[str, Tree] = field(default_factory=dict)

    @classmethod
    def of(cls, matrix: Matrix, jobs: int, refresh: bool = False, unsandboxed: bool = False) -> Builder:
        """As a matrix file has it, into the user's store."""
        limits = matrix.limits
        return cls(Store(), jobs, limits.build, matrix.ccache_gib, refresh, unsandboxed, limits.disk_gib)

    async def find(self, build: Build) -> KernelArtifact | None:
        """The built kernel if the store has it; None: it has to be made."""
        if isinstance(kind := kind_of(build.kernel.source), Ready):
            return self._ready_image(build, *kind.image(build.kernel.source, build.arch.name))
        tree = await self.source(build.kernel.source)
        key = await self.key(build, tree)
        folder = await self.store.arrived("kernels", key)
        return self._artifact(build, key, folder, True) if folder.exists() else None

    async def make(self, build: Build, log: Path, niceness: int = 0) -> KernelArtifact:
        """Build it; log gets all that make prints. Raises BuildError and its kin."""
        tree = await self.source(build.kernel.source)
        build = _with_its_own(build, tree)
        key = await self.key(build, tree)
        folder = await self.store.arrived("kernels", key)
        if not trusted(build.kernel.patches):
            with self.store.scratch() as scratch:  # what does not apply is told at once, whoever has the tree
                await patches.apply(tree.folder, scratch, build.kernel.patches)
        async with self._shared_tree(build, tree) as shared:
            if not folder.exists():  # another process may have been faster
                await self._common(build, tree, shared, log, niceness)
                make, lost = await self._configured(build, tree, shared, log)
                await self._make(make, build, tree, shared, niceness)
                await self._keep(build, tree, shared, key, log, lost)
        return self._artifact(build, key, folder, False)

    async def config(self, build: Build, log: Path) -> tuple[str, dict[str, str]]:
        """The verified .config, without building, and what it lacks of the wished: {CONFIG_X: why}."""
        tree = await self.source(build.kernel.source)
        build = _with_its_own(build, tree)
        async with self._shared_tree(build, tree, CONFIGURED) as shared:
            _, lost = await self._configured(build, tree, shared, log)
            return regular_text(shared.made, ".config").read_text(), lost

    def has(self, source: Source) -> bool:
        """Was this source asked for already, or is there nothing to ask for?"""
        return not buildable(source) or source.name in self._trees

    async def source(self, source: Source) -> Tree:
        """The source's tree, fetched and unpacked if need be; asked for once while it is there."""
        known = self._trees.get(source.name)
        if known is None or not self.store.folder("sources", known.key).exists():
            fits(self.store.root)
            tree = self._trees[source.name] = await prepare(self.store, source, self.refresh)
            self.store.remember("hashes", _seen(source), [tree.identity, tree.key, str(tree.folder), tree.linux])
        return self._trees[source.name]

    def unpacked(self, source: Source) -> Tree | None:
        """The source as it was when it was last asked for, if it is still there. Nothing is fetched."""
        known = self.store.recall("hashes", _seen(source))
        if not isinstance(known, list) or not Path(known[2]).exists():
            return None
        return Tree(known[0], known[1], Path(known[2]), known[3])

    async def foreseen(self, build: Build) -> dict[str, str]:
        """{CONFIG_X: why}: what of the wished the kernel lacks, as far as that is known without fetching or building
        anything: all of it once it was built, options that its source has not once that was unpacked."""
        if (tree := self.unpacked(build.kernel.source)) is None:
            return {}
        info = self.store.recall("kernels", f"{await self.key(build, tree)}/info")
        if isinstance(info, dict):
            return dict(info.get("wished", {}))
        defined = {f"CONFIG_{its.option}" for its in kconfig.definitions(tree.folder, build.arch.srcarch)}
        wishes = fragments.wanted(build.kconfig, tree.linux).wishes
        gone = [w.option for w in wishes if not w.essential and w.value != "n" and w.option not in defined]
        return dict.fromkeys(gone, kconfig.NO_SUCH)

    async def key(self, build: Build, tree: Tree) -> str:
        """Names all that goes into the image: source, patches, config, compiler, recipe."""
        arch = build.arch
        contents = [sha256(path) for path in _with_its_own(build, tree).kernel.patches]
        tools = await toolchain.tools(arch.cross_prefix)
        lines = _lines(build, tree)
        return digest(RECIPE, tree.identity, contents, lines, tools, arch.kernel_arch, arch.image_target)

    def _artifact(self, build: Build, key: str, folder: Path, cached: bool) -> KernelArtifact:
        info = self.store.recall("kernels", f"{key}/info")
        if not isinstance(info, dict):
            raise BuildError(f"{folder} is damaged", hint="kmatrix clean kernels")
        image = folder / Path(build.arch.image).name
        return KernelArtifact(build.id, key, folder, image, str(info["linux"]), info, cached)

    def _ready_image(self, build: Build, image: Path, symbols: Path) -> KernelArtifact:
        """A kernel that the user built."""
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
    async def _shared_tree(self, build: Build, tree: Tree, name: str = "build") -> AsyncIterator[SharedTree]:
        """The build tree of a source and arch, for us alone; marked dirty until left in good order."""
        async with self.store.lock(f"tree-{tree.key}-{build.arch.name}"):
            private = not (self.unsandboxed or trusted(build.kernel.patches))
            if private:
                await bubblewrap.check()
            shared = SharedTree(self.store.folder("trees", f"{tree.key}-{build.arch.name}"), private, name=name)
            await shared.prepare(tree, self.store)
            shared.dirty.touch()
            try:
                yield shared
            except OSError as error:
                raise no_room(error) from error
            except BuildError:
                shared.dirty.unlink(missing_ok=True)  # make itself said no: what is there is consistent
                raise
            finally:
                if private:
                    with suppress(OSError):  # the next one wants it gone
                        await asyncio.to_thread(remove, shared.made)
            shared.dirty.unlink(missing_ok=True)
            self.store.resized(shared.folder)

    async def _common(self, build: Build, tree: Tree, shared: SharedTree, log: Path, niceness: int) -> None:
        """The current build has the wanted config. Before a kernel in private, whose objects are thrown away, those
        that it shares with others are built where they are found again."""
        common = replace(shared, private=False)
        there = await common.turn_to(_lines(build, tree))
        if headers.catch_up(shared.source, shared.build):
            times.begin(shared.build)
        if (there and times.known(shared.build)) or not shared.private:
            return
        kernel = replace(build.kernel, patches=tuple(takewhile(lambda patch: trusted([patch]), build.kernel.patches)))
        with suppress(BuildError):  # of the source itself: the kernel that was asked for will tell
            make, _ = await self._configured(replace(build, kernel=kernel), tree, common, log)
            await self._make(make, build, tree, common, niceness)

    async def _make(self, make: Make, build: Build, tree: Tree, shared: SharedTree, niceness: int) -> None:
        """The image; what the shared build is made of then is known, or is not."""
        touched, command = patches.switched(shared.source), await make.identity()
        moved = times.moved(tree.folder, shared.source, shared.made, touched, command)
        known = await asyncio.to_thread(walk.up_to_date, shared.made, shared.source, shared.build, moved)
        if not shared.private:
            times.begin(shared.build, touched)
        await make(build.arch.image_target, niceness=niceness, up_to_date=known)
        if not shared.private:
            times.made(shared.source, shared.build, touched, command)

    async def _configured(
        self, build: Build, tree: Tree, shared: SharedTree, log: Path
    ) -> tuple[Make, dict[str, str]]:
        """Patches applied, .config as wanted; the make to go on with, and what is lost of the wished."""
        written = await patches.switch(tree.folder, shared.source, build.kernel.patches)
        current, *others = shared.builds() or [shared.build]
        times.restore(tree.folder, shared.source, [current, *others], written)
        if headers.keep(shared.source, current, written, others) and shared.private:
            times.begin(current)
        if any(map(_configures, written)):
            for its in (*shared.builds(), shared.folder / CONFIGURED):
                if its.exists():
                    (its / RECONFIGURE).touch()
        if shared.private:
            await shared.separate()
        cache = self.store.root / "ccache"
        make = Make(build, shared, self.jobs, self.timeout, cache, self.ccache_gib, log, disk_gib=self.disk_gib)
        return make, await self._configure(build, tree, shared, make)

    async def _configure(self, build: Build, tree: Tree, shared: SharedTree, make: Make) -> dict[str, str]:
        """.config as wanted, verified, and what is lost of the wished; made only if the build has another."""
        stamp, changed = (regular_text(shared.made, name) for name in (WANTED, RECONFIGURE))
        lines, wanted = _lines(build, tree), fragments.wanted(build.kconfig, linux_version(shared.source))
        if changed.exists() or not stamp.exists() or stamp.read_text() != lines:
            stamp.unlink(missing_ok=True)
            await new_config(wanted, build.arch.srcarch, shared.source, shared, make)
            changed.unlink(missing_ok=True)
        config = regular_text(shared.made, ".config").read_text()
        lost = kconfig.verify(wanted.wishes, config, shared.source, build.arch.srcarch)
        write_atomically(stamp, lines)
        return lost

    async def _keep(
        self, build: Build, tree: Tree, shared: SharedTree, key: str, log: Path, lost: Mapping[str, str]
    ) -> None:
        """Copy what others use into the store."""
        image = Path(build.arch.image)
        with self.store.publish("kernels", key) as folder:
            for name in (image, Path("vmlinux"), Path("System.map")):
                shutil.copy2(regular(shared.made, name), folder / name.name)
            shutil.copy2(regular_text(shared.made, ".config"), folder / "config")
            shutil.copy2(log, folder / "build.log")
            info = {
                "source": tree.identity,
                "linux": linux_version(shared.source),
                "patches": {path.name: sha256(path) for path in build.kernel.patches},
                "compiler": await toolchain.compiler(build.arch.cross_prefix),
                "image_sha256": sha256(folder / image.name),
                "vmlinux_sha256": sha256(folder / "vmlinux"),
                "config": fragments.wanted(build.kconfig, "").name,
                "config_sha256": _config_sha256(folder / "config"),
                "wished": dict(lost),
                **({"sandbox": bubblewrap.WORDS} if shared.private else {}),
            }
            options = kconfig.options((folder / "config").read_text().splitlines())
            place = (shared.made, shared.source, shared.build)
            compiled.save(folder, await asyncio.to_thread(compiled.of_tree, *place, options))
            (folder / "info.json").write_text(json.dumps(info, indent=1))


def _configures(file: str) -> bool:
    """Is a .config made of it: of Kconfig files, what make starts from, and what Kconfig asks?"""
    return "Kconfig" in file or "/configs/" in file or file.startswith("scripts/")


def _lines(build: Build, tree: Tree) -> str:
    """What its .config is made of: no line that is of other versions of Linux."""
    return fragments.wanted(build.kconfig, tree.linux).text


def _with_its_own(build: Build, tree: Tree) -> Build:
    """With the patches that its config needs for this Linux, under all others, once."""
    its, series = fragments.wanted(build.kconfig, tree.linux).patches, build.kernel.patches
    more = tuple(path for path in its if path not in series)
    return replace(build, kernel=replace(build.kernel, patches=(*more, *series))) if more else build


def _config_sha256(config: Path) -> str:
    """Of a .config, but for one line: whether the host has pahole, which nothing is made of without BTF."""
    return hashlib.sha256(_PAHOLE.sub(rb"\g<1>0", config.read_bytes())).hexdigest()


def _seen(source: Source) -> str:
    """Under which the store remembers what a source was when it was last asked for."""
    return digest("seen", asdict(source))


async def new_config(
    wanted: fragments.Wanted,
    srcarch: str,
    source: Path,
    shared: SharedTree,
    make: Make,
    words: Sequence[str] = (),
) -> None:
    """A new .config, where make makes things. Of options that no line names, those that files in `defaults` define
    are as Kconfig has them. source: where it can be read; words: more for make."""
    config, mine = regular_text(shared.made, ".config"), regular_text(shared.made, ".kmatrix-all")
    lines = "".join(f"{wish.line}\n" for wish in wanted.wishes)
    if not wanted.defaults:
        config.write_text("")
        if wanted.start != fragments.NONE:
            await make(*words, wanted.start)
        config.write_text(regular_text(shared.made, ".config").read_text() + lines)
    else:
        mine.write_text(lines)
        await make(*words, f"KCONFIG_ALLCONFIG={shared.build / mine.name}", wanted.start)
        named = {wish.option for wish in wanted.wishes}
        own = {
            f"CONFIG_{its.option}"
            for its in kconfig.definitions(source, srcarch)
            if its.file.startswith(wanted.defaults)
        }
        off = {f"# {option} is not set" for option in own - named}
        text = regular_text(shared.made, ".config").read_text()
        kept = [line for line in text.splitlines(keepends=True) if line.strip() not in off]
        config.write_text("".join(kept))
    await make(*words, "olddefconfig")


def fits(cache: Path) -> None:
    """ConfigError, before anything is fetched, for a folder that the kernel's own Makefile refuses to build in."""
    if found := _UNFIT.search(str(cache)):
        raise ConfigError(
            f"kernels cannot be built below {cache}: their Makefile takes no {found[0]!r} in a path",
            hint="set KMATRIX_CACHE to a folder without spaces, colons and quotes in its name",
        )


def trusted(patches: Sequence[Path]) -> bool:
    """The project's own are; anybody else's patch is a program that nobody vouches for."""
    return all(path.is_relative_to(IMAGES) for path in patches)
