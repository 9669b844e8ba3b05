# SPDX-License-Identifier: GPL-2.0-or-later
"""Some objects of a kernel, compiled once more, so that they tell all there is to tell of them: profile.objects.

In a copy of the shared build tree, with the pristine source and the kernel's patches as the sandbox shows them: where
kernels are built nothing is written, so nothing of it is compiled again later. Kept in the store, by content.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.build import pahole, patches, times
from orchestrator.build.kernel import Builder
from orchestrator.build.made import regular, regular_text
from orchestrator.build.make import WHOLE, Make
from orchestrator.build.sources import Tree
from orchestrator.build.tree import SharedTree, copied
from orchestrator.errors import BuildError, InfraError
from orchestrator.model import Build, KernelArtifact
from orchestrator.profile import objects as its
from orchestrator.profile.objects import Layout, Told
from orchestrator.sandbox import bubblewrap
from orchestrator.store import digest

RECIPE = 1  # part of every key: raise it when this file, or what reads it, changes what comes out
KIND, FILE = "static", "told.json.gz"
NICENESS = 19


@dataclass(frozen=True)
class OnceMore:
    """Compiles for a run's builder."""

    builder: Builder

    async def __call__(self, build: Build, kernel: KernelArtifact, objects: Sequence[str]) -> Told:
        """What became of these. Those that do not compile by themselves are not among its objects. KmatrixError where
        nothing can be compiled here."""
        store = self.builder.store
        key = digest(RECIPE, kernel.key, sorted(objects), await pahole.version())
        async with store.lock(f"static-{key}"):
            folder = await store.arrived(KIND, key)
            with suppress(OSError, EOFError, ValueError, KeyError, TypeError):  # not there, or not whole
                return Told.from_json(json.loads(gzip.decompress((folder / FILE).read_bytes())))
            with store.scratch() as scratch:
                told = await self._told(build, kernel, objects, scratch)
            with store.publish(KIND, key) as made:
                text = json.dumps(told.to_json(), separators=(",", ":"))
                (made / FILE).write_bytes(gzip.compress(text.encode(), compresslevel=6, mtime=0))
        return told

    async def _told(self, build: Build, kernel: KernelArtifact, objects: Sequence[str], scratch: Path) -> Told:
        await bubblewrap.check()
        tree = await self.builder.source(build.kernel.source)
        shared, before = await self._copied(build, tree, scratch)
        _configure(shared.made, kernel)
        for name in objects:  # what is there afterwards was made of this source
            (shared.made / name).unlink(missing_ok=True)
        shown = await view(tree.folder, build.kernel.patches, before, shared.source, scratch)
        log = scratch / "make.log"
        make = Make(
            build, shared, self.builder.jobs, self.builder.timeout, self.builder.store.root / "ccache",
            self.builder.ccache_gib, log, told=WHOLE, shown=shown, disk_gib=self.builder.disk_gib,
        )  # fmt: skip
        failure = None
        try:
            await make("-k", *objects, niceness=NICENESS)
        except BuildError as error:
            if error.kind == "sandbox":
                raise
            failure = error
        made = [name for name in objects if regular(shared.made, name).is_file()]
        if failure and not made:
            raise failure
        text = log.read_text(errors="replace")
        source = str(shared.source)
        frames = [file.read_text(errors="replace") for name in made if (file := _usage(shared.made, name)).is_file()]
        found = Told(tuple(made), its.frames(frames, source), its.warnings(text, source), None)
        if not await pahole.version():
            return found
        return replace(found, layouts=await _layouts(shared.made, made, scratch))

    async def _copied(self, build: Build, tree: Tree, scratch: Path) -> tuple[SharedTree, set[str]]:
        """The shared tree with a build of our own, as it is when nobody works in it; and which files of its source
        are not the pristine ones now, or were not when the build was made."""
        store, name = self.builder.store, f"{tree.key}-{build.arch.name}"
        shared = SharedTree(store.folder("trees", name), private=True, apart=scratch / "build")
        async with store.lock(f"tree-{name}"):
            if shared.dirty.exists() or not (shared.build / ".config").is_file():
                hint = "the next kernel that is built makes it anew"
                raise InfraError(f"{build.arch.name}'s build tree is not there any more", kind="static", hint=hint)
            await copied(shared.build, shared.made, niceness=NICENESS)
            return shared, patches.switched(shared.source) | times.files(shared.build)


def _configure(made: Path, kernel: KernelArtifact) -> None:
    """As the kernel was; a file that is so already keeps its time."""
    wanted, config = (kernel.folder / "config").read_bytes(), regular_text(made, ".config")
    if config.read_bytes() != wanted:
        config.write_bytes(wanted)


async def view(
    pristine: Path, applied: Sequence[Path], before: Collection[str], seen: Path, scratch: Path
) -> dict[Path, Path]:
    """{ours: where it is to be seen} of the pristine source with patches. What differs from the source that the tree
    was built with is new, so that make notices."""
    patched = scratch / "patched"
    patched.mkdir()
    now = await patches.apply(pristine, patched, applied)
    shown = {pristine: seen}
    for folder in sorted({_ancestor(pristine, file) for file in now if not (pristine / file).exists()}):
        copy = scratch / "folders" / str(len(shown))
        copy.parent.mkdir(exist_ok=True)
        await copied(pristine / folder, copy, links=True, niceness=NICENESS)
        for file in now:
            if Path(file).is_relative_to(folder) and not (pristine / file).exists():
                _copy(patched / file, copy / Path(file).relative_to(folder))
        shown[copy] = seen / folder
    for file in sorted({*before, *now}):
        if (pristine / file).exists():
            copy = scratch / "files" / file
            _copy((patched if file in now else pristine) / file, copy)
            shown[copy] = seen / file
    return shown


def _ancestor(pristine: Path, file: str) -> Path:
    """The folder that a new file makes new, below the source."""
    return next(folder for folder in Path(file).parents if (pristine / folder).is_dir())


def _copy(source: Path, target: Path) -> None:
    """As new; empty where the patches took it away."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.exists():
        shutil.copy(source, target)
    else:
        target.touch()


def _usage(made: Path, name: str) -> Path:
    return regular(made, Path(name).with_suffix(".su"))


async def _layouts(made: Path, objects: Sequence[str], scratch: Path) -> dict[str, tuple[Layout, ...]]:
    """Of all of them; a name stands for several structs where files have their own of it."""
    found: dict[str, tuple[Layout, ...]] = {}
    for number, name in enumerate(objects):
        text = await pahole.layouts(regular(made, name), scratch / f"pahole-{number}.log")
        for struct, layout in its.layouts(text).items():
            known = found.get(struct, ())
            if layout not in known:
                found[struct] = (*known, layout)
    return found
