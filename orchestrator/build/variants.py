# SPDX-License-Identifier: GPL-2.0-or-later
"""Objects of a kernel, compiled in another config or for another architecture, and what the compiler says of them.

What a variant needs before its first object (its .config, generated headers) is kept by source and variant. As in
once_more.py, kernels' own trees are not touched.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator import proc
from orchestrator.build import kconfig, toolchain
from orchestrator.build.kernel import Builder, new_config
from orchestrator.build.made import regular, regular_text
from orchestrator.build.make import Make, rows
from orchestrator.build.once_more import view
from orchestrator.build.sources import Tree
from orchestrator.build.tree import SharedTree, copied
from orchestrator.config import fragments
from orchestrator.errors import BuildError
from orchestrator.model import Build, Kernel, Variant
from orchestrator.profile import objects as its
from orchestrator.sandbox import bubblewrap
from orchestrator.store import digest, sha256

KIND = "variants"
RECIPE = 2  # part of every key: raise it when this file changes what comes out
NICENESS = 19
ERROR, WARNING = "error", "warning"
_OFFSET = re.compile(r"\+0x[0-9a-f]+")  # in a function: moves with every change
_SAID = re.compile(r"^(\S+?):(?:(\d+):(?:\d+:)?)? (?:fatal )?(?:internal compiler )?(error|Error|warning): (.+)$")
_SAID_FIRST = re.compile(r"^(Error|Warning): (\S+?\.[chS]):(\d+):? (.+)$")  # as newer scripts have it
_USES = re.compile(r"(?:In file included from |^ *from |inlined from .* at |^)(\S+\.c):(\d+)?(?=[:,]| In |$)")
_EXPANDED = re.compile(r"^(\S+\.c):(\d+):(?:\d+:)? note: in expansion of macro")


@dataclass(frozen=True)
class Said:
    """By a compiler. kind: error or warning; line: 0 where it names none. via: of what is in a header, mm/x.c:12 that
    uses it, "" if that is not told."""

    kind: str
    file: str
    line: int
    text: str
    via: str = ""


@dataclass(frozen=True)
class Compiled:
    """What was said of one kernel's objects; made: those that there are then; log: all that make printed."""

    said: tuple[Said, ...]
    made: tuple[str, ...]
    log: str

    def and_of(self, other: Compiled) -> Compiled:
        """Both, of which the other says things again."""
        return Compiled(
            (*self.said, *newly(self.said, other.said)), tuple(dict.fromkeys((*self.made, *other.made))),
            "\n".join(filter(None, (self.log, other.log))),
        )  # fmt: skip


NOTHING = Compiled((), (), "")


def newly(before: Sequence[Said], now: Sequence[Said]) -> Iterator[Said]:
    """What is said more often than before, whatever its line is."""

    def alike(one: Said) -> tuple[str, str, str]:
        return one.kind, one.file, re.sub(r"\d+", "#", one.text)

    known = Counter(map(alike, before))
    for one in now:
        key = alike(one)
        if known[key] > 0:
            known[key] -= 1
        else:
            yield one


@dataclass(frozen=True)
class Variants:
    """Compiles for a run's builder."""

    builder: Builder

    async def config(self, variant: Variant, kernel: Kernel, lines: Sequence[str] | None = None) -> dict[str, str]:
        """{CONFIG_X: value} of the variant, for the kernel's source; with its patches where there are more lines, be
        it none. BuildError where it cannot be configured."""
        tree = await self.builder.source(kernel.source)
        folder = await self._prepared(variant, kernel, tree)
        if lines is None:
            return kconfig.options((folder / "build/.config").read_text().splitlines())
        with self.builder.store.scratch() as scratch:
            make = await self._laid_out(variant, kernel, tree, folder, lines, scratch)
            return kconfig.options(regular_text(make.shared.made, ".config").read_text().splitlines())

    async def __call__(
        self, variant: Variant, kernel: Kernel, objects: Sequence[str], lines: Sequence[str] | None = None
    ) -> Compiled:
        """Of objects that the kernel's source has and the variant builds, with more lines in its config."""
        if not objects:
            return NOTHING
        store = self.builder.store
        tree = await self.builder.source(kernel.source)
        prepared = await self._prepared(variant, kernel, tree)
        key = digest(RECIPE, prepared.name, [sha256(path) for path in kernel.patches], sorted(objects), lines)
        known = store.recall(KIND, key)
        if isinstance(known, dict):
            return Compiled(tuple(Said(*row) for row in known["said"]), tuple(known["made"]), known["log"])
        with store.scratch() as scratch:
            make = await self._laid_out(variant, kernel, tree, prepared, lines, scratch)
            found = await self._compiled(variant, make, objects)
        rows = [[one.kind, one.file, one.line, one.text, one.via] for one in found.said]
        store.remember(KIND, key, {"said": rows, "made": found.made, "log": found.log})
        return found

    async def _laid_out(
        self, variant: Variant, kernel: Kernel, tree: Tree, prepared: Path, lines: Sequence[str] | None, scratch: Path
    ) -> Make:
        """What was prepared, with the kernel's patches and these lines."""
        shared = SharedTree(prepared, private=True, apart=scratch / "build")
        await copied(prepared / "build", shared.made, niceness=NICENESS)
        shown = await view(tree.folder, kernel.patches, (), shared.source, scratch)
        make = self._make(variant, kernel, shared, scratch / "make.log", shown)
        if lines is not None:
            config = regular_text(shared.made, ".config")
            config.write_text("".join([config.read_text(), *(f"{line}\n" for line in lines)]))
            await make(*variant.make, "olddefconfig", niceness=NICENESS)
        return make

    async def _compiled(self, variant: Variant, make: Make, objects: Sequence[str]) -> Compiled:
        failure = None
        try:
            await make("-k", *variant.make, *objects, niceness=NICENESS)
        except BuildError as error:
            if error.kind == "sandbox":
                raise
            failure = error
        text = make.log.read_text(errors="replace")
        found = said(text, str(make.shared.source))
        if failure and not any(one.kind == ERROR for one in found):
            found = (*found, Said(ERROR, "", 0, _last(text)))
        made = [name for name in objects if regular(make.shared.made, name).is_file()]
        return Compiled(found, tuple(made), text[-64_000:])

    def _make(self, variant: Variant, kernel: Kernel, shared: SharedTree, log: Path, shown: dict[Path, Path]) -> Make:
        builder = self.builder
        return Make(
            Build(variant.arch, kernel, variant.lines), shared, builder.jobs, builder.timeout,
            builder.store.root / "ccache", builder.ccache_gib, log, shown=shown, disk_gib=builder.disk_gib,
        )  # fmt: skip

    async def _prepared(self, variant: Variant, kernel: Kernel, tree: Tree) -> Path:
        """The folder in the store, with a build in which the pristine source's objects can be compiled."""
        store = self.builder.store
        compiler = await toolchain.compiler(variant.arch.cross_prefix)
        wanted = fragments.wanted(variant.lines, tree.linux)
        arch = (variant.arch.kernel_arch, variant.arch.cross_prefix)
        more = await _version(variant.program)
        key = digest(RECIPE, "prepared", tree.key, arch, wanted.text, variant.make, compiler, more)
        folder = store.folder(KIND, key)
        async with store.lock(f"variant-{key}"):
            if not folder.exists():
                await bubblewrap.check()
                with store.scratch() as scratch:
                    made = scratch / "build"
                    made.mkdir()
                    shared = SharedTree(folder, private=True, apart=made)
                    log = scratch / "make.log"
                    make = self._make(variant, kernel, shared, log, {tree.folder: shared.source})
                    await new_config(wanted, variant.arch.srcarch, tree.folder, shared, make, variant.make)
                    config = regular_text(made, ".config").read_text()
                    kconfig.verify(wanted.wishes, config, tree.folder, variant.arch.srcarch)
                    await make(*variant.make, "prepare", niceness=NICENESS)
                    with store.publish(KIND, key) as place:
                        shutil.move(made, place / "build")
        return folder


def _last(log: str) -> str:
    """What make says of a failure that is no compiler's."""
    said = [row for row in rows(log) if "***" in row] or ["make failed"]
    return re.sub(r"^make(?:\[\d+\])?: |\.\./source/", "", said[-1])


async def _version(program: str) -> str:
    """Of a compiler or checker beside the usual one; "" of none."""
    done = await proc.run([program, "--version"]) if program else None
    return done.output.splitlines()[0] if done and done.output else ""


def said(log: str, source: str) -> tuple[Said, ...]:
    """Of what make printed, each once, in order. source: the folder that names begin with."""
    found: list[Said] = []
    near = ""  # the last place of a source file that was named before
    for row in rows(log):
        if used := _USES.search(row):
            near = ":".join(filter(None, (_plain(used[1], source), used[2])))
        if known := _SAID.match(row):
            text = _OFFSET.sub("", known[4])
            found.append(Said(known[3].lower(), _plain(known[1], source), int(known[2] or 0), text, near))
        elif known := _SAID_FIRST.match(row):
            found.append(Said(known[1].lower(), _plain(known[2], source), int(known[3]), known[4], near))
        elif found and (expanded := _EXPANDED.match(row)):  # the innermost comes first
            found[-1] = replace(found[-1], via=f"{_plain(expanded[1], source)}:{expanded[2]}")
    return tuple(dict.fromkeys(replace(one, via=one.via if one.file.endswith(".h") else "") for one in found))


def _plain(file: str, source: str) -> str:
    return its.plain(file.removeprefix("../source/"), source)
