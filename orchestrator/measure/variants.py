# SPDX-License-Identifier: GPL-2.0-or-later
"""What a change touches, compiled in other configs and for other architectures, before and after: what is new."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orchestrator.analyse.contract import FindingRow, WatchedRow
from orchestrator.analyse.findings import VARIANT, WatchedFacts
from orchestrator.build import compiled, kconfig, switching
from orchestrator.build.sourcediff import Sources
from orchestrator.build.variants import Compiled, Said, Variants
from orchestrator.config.steps import Pair
from orchestrator.errors import BuildError
from orchestrator.measure.against import Comparing
from orchestrator.model import Kernel, KernelArtifact, Variant
from orchestrator.profile import built
from orchestrator.profile.makefiles import needs
from orchestrator.profile.objects import source_of
from orchestrator.series import diff

MOST = 100  # objects of a variant for changed headers
NEAR = "mm/"  # where objects that include a changed header are compiled, too; others count


@dataclass(frozen=True)
class Touched:
    """Objects of what a change touches: of changed sources; those that include a changed header, near ones first."""

    own: tuple[str, ...]
    users: tuple[str, ...]


def touched(changed: Collection[str], standard: built.Compiled | None) -> Touched:
    """standard: what a kernel of the standard config was built from, None if that is not known."""
    own = tuple(sorted(str(PurePosixPath(file).with_suffix(".o")) for file in changed if file.endswith(".c")))
    headers = {file for file in changed if file.endswith(".h")}
    known = standard.objects if standard and headers else {}
    users = [name for name, files in known.items() if headers & set(files) and source_of(name) and name not in own]
    return Touched(own, tuple(sorted(users, key=lambda name: (not name.startswith(NEAR), name))))


@dataclass(frozen=True)
class Looking:
    """What all variants of a run share."""

    comparing: Comparing
    variants: Variants

    async def __call__(
        self, variant: Variant, pair: Pair, kernel: KernelArtifact | None, folder: Path
    ) -> WatchedFacts | None:
        """None where the sources have more between them than patches.

        folder: gets what make printed. kernel: one that tells which objects include which header."""
        if variant.program and shutil.which(variant.program) is None:
            return left_out(variant, pair, f"{variant.program} is not installed")
        sources = await self.comparing.change(pair)
        if sources is None:
            return None
        base, new = pair.base.kernel, pair.new.kernel
        try:
            options = await self.variants.config(variant, base)
        except BuildError as error:
            words = error.log.strip().splitlines()[-1:]
            return left_out(variant, pair, ": ".join(["it cannot be configured", error.message, *words]))
        options = _compiled(options)
        lines, with_own = await self._with_own(variant, new, sources, options)
        known = await asyncio.to_thread(compiled.load, kernel.folder) if kernel else None
        wanted = touched(sources.files, known)
        sides = ((sources.base, options), (sources.new, with_own))
        objects = [list(_built(wanted, variant, sources, own, its)) for own, its in sides]
        if not any(objects):
            return left_out(variant, pair, "nothing of the change is built there")
        one, other = [
            await self.variants(variant, its, names, more) if names else Compiled((), "")
            for its, names, more in zip((base, new), objects, ((), lines), strict=True)
        ]
        folder.mkdir(parents=True, exist_ok=True)
        for its, found in ((base, one), (new, other)):
            (folder / f"{its.name}.log").write_text(found.log)
        rows = [_row(variant, new, said, folder, sources.files) for said in newly(one.said, other.said)]
        rest = max(0, len(wanted.users) - MOST)
        notes = [f"{' and '.join(lines)} is of the change, and on"] if lines else []
        notes += [f"{rest} more objects include what is changed, and are not compiled"] if rest else []
        return WatchedFacts(findings=rows, watched=[_watched(variant, new, objects[1], notes)])

    async def _with_own(
        self, variant: Variant, new: Kernel, sources: Sources, options: Mapping[str, str]
    ) -> tuple[tuple[str, ...], Mapping[str, str]]:
        """Lines that switch on what the change adds to Kconfig files, and the config that is; () where it has no such
        option, or the variant does not let it be on."""
        wanted, own = await asyncio.to_thread(_own_options, sources, variant, options)
        if wanted:
            with suppress(BuildError):  # a Kconfig file that cannot be read is said of what is measured
                found = _compiled(await self.variants.config(variant, new, wanted))
                if any(found.get(name) == "y" for name in own):
                    return wanted, found
        return (), options


def _compiled(options: Mapping[str, str]) -> dict[str, str]:
    """A module is compiled all the same."""
    return {name: "y" if value == "m" else value for name, value in options.items()}


def _own_options(sources: Sources, variant: Variant, options: Mapping[str, str]) -> tuple[tuple[str, ...], list[str]]:
    """Lines by which all can be on that the change adds and a person would switch on; which those are."""
    lines = diff.added(sources.text)
    if not switching.added(lines):
        return (), []
    definitions = list(kconfig.defined(sources.reader(sources.new), variant.arch.srcarch))
    own = switching.own(lines, definitions, options)
    return switching.propose(definitions, options, own).lines, own


def _built(
    wanted: Touched,
    variant: Variant,
    sources: Sources,
    own: Mapping[str, str | None],
    options: Mapping[str, str],
) -> Iterator[str]:
    """Those that this source has, and the variant builds."""
    read = sources.reader(own)
    for name in (*wanted.own, *wanted.users[:MOST]):
        file = source_of(name)
        other_arch = file.startswith("arch/") and not file.startswith(f"arch/{variant.arch.srcarch}/")
        if read(file) is not None and not other_arch and needs(file, read, options) == ():
            yield name


def newly(base: Sequence[Said], new: Sequence[Said]) -> Iterator[Said]:
    """What is said more often than before, whatever its line is."""

    def alike(one: Said) -> tuple[str, str, str]:
        return one.kind, one.file, re.sub(r"\d+", "#", one.text)

    known = Counter(map(alike, base))
    for one in new:
        key = alike(one)
        if known[key] > 0:
            known[key] -= 1
        else:
            yield one


def _row(variant: Variant, kernel: Kernel, said: Said, folder: Path, changed: Collection[str]) -> FindingRow:
    """In a header that is not changed, it is about who uses it."""
    where = f"{said.file}:{said.line}" if said.line else said.file
    where = said.via if said.via and said.file not in changed else where
    log = "/".join((*folder.parts[-3:], f"{kernel.name}.log"))
    return FindingRow(
        lane=VARIANT, arch=variant.arch.name, kind=said.kind, where=where, message=said.text, kernels=[kernel.name],
        log=log, function="", lines=[variant.name], runs=[],
    )  # fmt: skip


def _watched(variant: Variant, kernel: Kernel, objects: Sequence[str], notes: list[str]) -> WatchedRow:
    return WatchedRow(
        lane=VARIANT, arch=variant.arch.name, kernel=kernel.name, lines=variant.name, ran=list(objects), failed=[],
        failing=[], left_out=[], notes=notes, boots=0, linux="", counts={},
    )  # fmt: skip


def left_out(variant: Variant, pair: Pair, why: str) -> WatchedFacts:
    """That it was not looked at, and why."""
    return WatchedFacts(findings=[], watched=[_watched(variant, pair.new.kernel, [], [why])])
