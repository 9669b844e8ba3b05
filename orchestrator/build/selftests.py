# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own tests of a source with its patches, compiled as static programs by their own Makefile.

In a sandbox, and kept by what they are made of: a patch that touches no test, and no header that tests are compiled
with, shares the programs of its base.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator import proc
from orchestrator.build import apt, initramfs, toolchain
from orchestrator.build.kernel import Builder
from orchestrator.build.made import LARGEST, regular, regular_folder
from orchestrator.build.make import Make, rows
from orchestrator.build.once_more import view
from orchestrator.build.sources import Tree
from orchestrator.build.tree import SharedTree, copied
from orchestrator.errors import BuildError, DiskFull, KmatrixError
from orchestrator.model import Arch, Build, Selftests
from orchestrator.paths import IMAGES
from orchestrator.sandbox import bubblewrap
from orchestrator.store import Store, digest, sha256

KIND = "selftests"
RECIPE = 3  # part of every key: raise it when this file changes what comes out
NICENESS = 19
PLACE = "tools/testing/selftests"
MISSING = "missing.json"  # what could not be made, beside the others
_FAILED = re.compile(r"\*\*\* \[(?:[^\]\[]*[/ ])?([\w.+-]+)\] Error")
_ERROR = re.compile(r"(?:error|ld): (.+)$")


@dataclass(frozen=True)
class Programs:
    """What came out. places: {program: where its source is}; files: by program; missing: {program: why it could not
    be made}; key: names all that they are made of."""

    key: str
    places: Mapping[str, str]
    files: Mapping[str, Path]
    missing: Mapping[str, str]

    def and_of(self, other: Programs) -> Programs:
        """Both."""
        return Programs(
            digest(self.key, other.key), {**self.places, **other.places}, {**self.files, **other.files},
            {**self.missing, **other.missing},
        )  # fmt: skip


NONE = Programs("", {}, {}, {})


def of_user(folder: Path, arch: Arch) -> Programs:
    """Ready static programs, of LTP or others: FOLDER/ARCH/PROGRAM. BuildError where there is none for the arch."""
    place = folder / arch.name
    files = {f"{folder.name}/{path.name}": path for path in sorted(place.glob("*")) if _is_program(path)}
    if not files:
        raise BuildError(
            f"{place} has no program", kind="selftests", hint="static programs of that arch belong there"
        )
    key = digest(KIND, {name: sha256(path) for name, path in files.items()})
    return Programs(key, dict.fromkeys(files, folder.name), files, {})


@dataclass(frozen=True)
class Making:
    """Compiles for a run's builder."""

    builder: Builder
    selftests: Selftests

    async def __call__(self, build: Build) -> Programs:
        """All that are wanted of a kernel's source, and the user's own. BuildError where there are none."""
        found = await self._of_source(build) if self.selftests.wanted else NONE
        for folder in self.selftests.own:
            found = found.and_of(of_user(folder, build.arch))
        return found

    async def _of_source(self, build: Build) -> Programs:
        """BuildError where there are none, or none that compiles; a program that does not is missing."""
        store = self.builder.store
        tree = await self.builder.source(build.kernel.source)
        own = next(
            (name for name in self.selftests.folders if (tree.folder / PLACE / name / "Makefile").exists()), ""
        )
        if not own:
            raise BuildError(f"this source has no {PLACE}/{self.selftests.folders[0]}", kind="selftests")
        with store.scratch() as scratch:
            shared = SharedTree(store.folder(KIND, tree.key), private=True, apart=scratch / "build")
            shown = await view(tree.folder, build.kernel.patches, (), shared.source, scratch)
            libraries = await _fetched(store, build.arch, self.selftests.libraries)
            key = await self._key(build, tree, scratch / "patched", libraries)
            folder = await store.arrived(KIND, key)
            async with store.lock(f"selftests-{key}"):
                if not folder.exists():
                    await self._make(build, shared, tree.folder, shown, own, key, scratch, libraries)
        files = {path.name: path for path in sorted(folder.iterdir()) if path.name != MISSING}
        places = {name: f"{PLACE}/{own}/{name}" for name in files}
        return Programs(key, places, files, json.loads((folder / MISSING).read_text()))

    async def _key(self, build: Build, tree: Tree, patched: Path, libraries: Collection[str]) -> str:
        touched = sorted(path for path in patched.rglob("*") if path.is_file())
        names = {str(path.relative_to(patched)): path for path in touched}
        files = {name: sha256(path) for name, path in names.items() if concerns(name)}
        tools = await toolchain.tools(build.arch.cross_prefix)
        return digest(RECIPE, tree.key, build.arch.name, tools, sorted(libraries), files)

    async def _make(
        self,
        build: Build,
        shared: SharedTree,
        pristine: Path,
        shown: dict[Path, Path],
        own: str,
        key: str,
        scratch: Path,
        debs: Mapping[str, Path],
    ) -> None:
        builder, arch = self.builder, build.arch
        await bubblewrap.check()
        shared.made.mkdir()
        libraries, seen = scratch / "libraries", shared.folder / "libraries"
        await _unpacked(debs, libraries)
        found = [seen / path.relative_to(libraries) for path in sorted(libraries.glob("usr/lib/*/"))]
        copy, place = scratch / "own", shared.source / PLACE / own
        await _as_shown(pristine / PLACE / own, shown, place, copy)  # newer Makefiles write there what libraries have
        log = scratch / "make.log"
        make = Make(
            build, shared, builder.jobs, builder.timeout, builder.store.root / "ccache", builder.ccache_gib, log,
            shown={**shown, libraries: seen}, written={copy: place}, disk_gib=builder.disk_gib,
        )  # fmt: skip
        await make("headers", niceness=NICENESS)
        flags = ["-static", "-O2", "-w", f"-isystem {seen}/usr/include", *(f"-L{its}" for its in found)]
        output = shared.build / KIND
        (shared.made / KIND).mkdir()
        words = (
            "-C", f"{PLACE}/{own}", "-k", f"OUTPUT={output}", f"KHDR_INCLUDES=-isystem {shared.build}/usr/include",
            f"uname_M={arch.uname}", f"EXTRA_CFLAGS={' '.join(flags)}", "all",
        )  # fmt: skip
        try:
            await make(*words, niceness=NICENESS)
        except BuildError as error:
            if error.kind == "sandbox":
                raise
        place = regular_folder(shared.made, KIND)  # a stranger's Makefile could have made it a link
        made = [path for path in place.iterdir() if _is_program(path)]
        text = log.read_text(errors="replace")
        if not made:
            raise BuildError("no selftest compiles", kind="selftests", log=text[-4000:])
        with builder.store.publish(KIND, key) as kept:
            for path in made:
                shutil.copy2(regular(place, path.name), kept / path.name)
            (kept / MISSING).write_text(json.dumps(missing(text)))


def concerns(file: str) -> bool:
    """Can tests be others when this file of the source is? Private headers of a folder are included by some."""
    known = file.startswith(("tools/", "scripts/", "usr/")) or "/uapi/" in file or Path(file).name == "Makefile"
    known |= file.endswith(".tbl")  # numbers of system calls
    return known or (file.endswith(".h") and not file.startswith(("include/", "arch/")))


def missing(log: str) -> dict[str, str]:
    """{program: why it could not be made}, of what make printed."""
    found: dict[str, str] = {}
    said = ""
    for row in rows(log):
        if failed := _FAILED.search(row):
            found.setdefault(failed[1], said or "it does not compile")
            said = ""
        elif (error := _ERROR.search(row)) and not said:
            said = error[1]
    return {name: why for name, why in found.items() if name != "all"}


def _is_program(path: Path) -> bool:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF" and path.suffix != ".o"


async def _as_shown(pristine: Path, shown: Mapping[Path, Path], place: Path, copy: Path) -> None:
    """A copy of a folder of the source, which is seen at `place`, with what is shown over it."""
    await copied(pristine, copy)
    for ours, seen in shown.items():
        if seen.is_relative_to(place) and ours.is_dir():
            shutil.copytree(ours, copy / seen.relative_to(place), dirs_exist_ok=True)
        elif seen.is_relative_to(place):
            shutil.copy(ours, copy / seen.relative_to(place))


async def _fetched(store: Store, arch: Arch, packages: Iterable[str]) -> dict[str, Path]:
    """{package: folder with it}, of headers and static libraries of the guest's suite. Without those that could not
    be had now some tests are missing, which is told."""
    suite, security = initramfs.suite(arch, IMAGES)
    found = {}
    for package in packages:
        try:
            found[package] = await apt.fetch(
                store, suite, arch.debian_arch, [package], dependencies=False, security=security
            )
        except DiskFull:
            raise
        except KmatrixError:
            continue
    return found


async def _unpacked(packages: Mapping[str, Path], folder: Path) -> None:
    folder.mkdir()
    for debs in packages.values():
        for deb in debs.glob("*.deb"):
            done = await proc.run(["dpkg-deb", "-x", str(deb), str(folder)])
            if done.code:
                raise BuildError(f"{deb.name} cannot be unpacked", kind="selftests", log=done.output)
