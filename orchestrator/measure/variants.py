# SPDX-License-Identifier: GPL-2.0-or-later
"""What a change touches, compiled in other configs and for other architectures, before and after: what is new."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orchestrator.analyse.contract import FindingRow, WatchedRow
from orchestrator.analyse.findings import VARIANT, WatchedFacts
from orchestrator.build import compiled, kconfig, switching
from orchestrator.build.sourcediff import Sources
from orchestrator.build.variants import Said, Variants, newly
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
    known = standard.objects if standard else {}
    parts = {file for file in changed if file.endswith(".c") and _is_part(file, known)}  # as mm/percpu-vm.c is
    sources = [file for file in changed if file.endswith(".c") and file not in parts]
    own = tuple(sorted(str(PurePosixPath(file).with_suffix(".o")) for file in sources))
    headers = {file for file in changed if file.endswith(".h")} | parts
    users = [name for name, files in known.items() if headers & set(files) and source_of(name) and name not in own]
    return Touched(own, tuple(sorted(users, key=lambda name: (not name.startswith(NEAR), name))))


def _is_part(file: str, objects: Mapping[str, Sequence[str]]) -> bool:
    """Is it a source that others include, and none of an object's own?"""
    own = str(PurePosixPath(file).with_suffix(".o"))
    return own not in objects and any(file in files for files in objects.values())


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
        own = await self._with_own(variant, new, sources, options)
        known = await asyncio.to_thread(compiled.load, kernel.folder) if kernel else None
        wanted = touched(sources.files, known)
        before, after = (
            list(_built(wanted, variant, sources, side, options)) for side in (sources.base, sources.new)
        )
        with_own = list(_built(wanted, variant, sources, sources.new, own.options)) if own.has else []
        if not (before or after or with_own):
            why = "; ".join(["nothing of the change is built there", *own.notes])
            return left_out(variant, pair, why, _not_built(wanted, sources, ()))
        one = await self.variants(variant, base, before)
        other = await self.variants(variant, new, after, own.as_it_is)
        if with_own:  # beside as it is: a stub may be wrong, too
            other = other.and_of(await self.variants(variant, new, with_own, own.lines))
        folder.mkdir(parents=True, exist_ok=True)
        for its, found in ((base, one), (new, other)):
            (folder / f"{its.name}.log").write_text(found.log)
        rows = [_row(variant, new, said, folder, sources.files) for said in newly(one.said, other.said)]
        rest = max(0, len(wanted.users) - MOST)
        notes = [f"{rest} more objects include what is changed, and are not compiled"] if rest else []
        lost = [name for name in before if name in after and name not in (*one.made, *other.made)]
        tried = [name for name in dict.fromkeys((*after, *with_own)) if name not in lost]
        without = _not_built(wanted, sources, (*tried, *lost))
        watched = _watched(variant, new, tried, [*own.notes, *notes], lost, without)
        return WatchedFacts(findings=rows, watched=[watched])

    async def _with_own(self, variant: Variant, new: Kernel, sources: Sources, options: Mapping[str, str]) -> _Own:
        """What there is of options that the change adds to Kconfig files, as far as the variant lets them be."""
        lines, why = await asyncio.to_thread(_own_options, sources, variant, options)
        if not why:
            return _Own((), options, False, [])
        try:
            found = _compiled(await self.variants.config(variant, new, lines))
        except BuildError as error:
            return _Own((), options, False, [f"{', '.join(why)}: {error.message}"])
        on = [name for name in why if found.get(name) == "y"]
        notes = [f"{', '.join(on)} of the change on"] if on else []
        off = {name: reason or "it was not taken" for name, reason in why.items() if name not in on}
        notes += [f"{name} is not on: {reason}" for name, reason in off.items()]
        return _Own(lines, found, bool(on), notes)


@dataclass(frozen=True)
class _Own:
    """What a change adds to Kconfig files. lines: that switch it on; options: the config then; has: is any on?
    notes: what became of each; [] where it adds none."""

    lines: tuple[str, ...]
    options: Mapping[str, str]
    has: bool
    notes: Sequence[str]

    @property
    def as_it_is(self) -> Sequence[str] | None:
        """Lines of a config in which they are what Kconfig makes of them."""
        return () if self.notes else None


def _compiled(options: Mapping[str, str]) -> dict[str, str]:
    """A module is compiled all the same."""
    return {name: "y" if value == "m" else value for name, value in options.items()}


def _own_options(
    sources: Sources, variant: Variant, options: Mapping[str, str]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Lines that switch on what the change adds and a person would; {option that it adds: why it cannot be on}. What
    it moves is none of its own, and what the variant is about stays off."""
    lines_added, srcarch = diff.added(sources.text), variant.arch.srcarch
    added = switching.added(lines_added)
    if added:
        added -= {f"CONFIG_{its.option}" for its in kconfig.defined(sources.reader(sources.base), srcarch)}
    if not added:
        return (), {}
    definitions = list(kconfig.defined(sources.reader(sources.new), srcarch))
    wanted = [name for name in switching.own(lines_added, definitions, options) if name in added]
    lines, why = list[str](), dict.fromkeys(sorted(added), "")
    for name in wanted:
        one = switching.propose(definitions, options, [name])
        taken = [line.partition("=")[0] for line in one.lines]
        off = [other for other in taken if f"# {other} is not set" in variant.lines]
        why[name] = one.why.get(name, "") or (f"it needs {', '.join(off)}" if off else "")
        lines += [] if why[name] else one.lines
    return tuple(dict.fromkeys(lines)), why


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


def _not_built(wanted: Touched, sources: Sources, tried: Collection[str]) -> list[str]:
    """Changed sources that the variant builds nothing of."""
    read = sources.reader(sources.new)
    files = [source_of(name) for name in wanted.own if name not in tried]
    return [f"{file}: not built there" for file in files if read(file) is not None]


def _row(variant: Variant, kernel: Kernel, said: Said, folder: Path, changed: Collection[str]) -> FindingRow:
    """In a header that is not changed, it is about who uses it."""
    where = f"{said.file}:{said.line}" if said.line else said.file
    where = said.via if said.via and said.file not in changed else where
    log = "/".join((*folder.parts[-3:], f"{kernel.name}.log"))
    return FindingRow(
        lane=VARIANT, arch=variant.arch.name, kind=said.kind, where=where, message=said.text, kernels=[kernel.name],
        log=log, function="", lines=[variant.name], runs=[],
    )  # fmt: skip


def _watched(
    variant: Variant,
    kernel: Kernel,
    objects: Sequence[str],
    notes: list[str],
    lost: Sequence[str] = (),
    without: Sequence[str] = (),
) -> WatchedRow:
    """objects: that were tried; lost: that compile with neither kernel; without: sources that are not built."""
    return WatchedRow(
        lane=VARIANT, arch=variant.arch.name, kernel=kernel.name, lines=variant.name, ran=list(objects),
        failed=list(lost), failing=[], left_out=list(without), notes=notes, boots=0, linux="", counts={},
    )  # fmt: skip


def left_out(variant: Variant, pair: Pair, why: str, without: Sequence[str] = ()) -> WatchedFacts:
    """That it was not looked at, and why. without: changed sources, where the reason is that it builds none."""
    return WatchedFacts(findings=[], watched=[_watched(variant, pair.new.kernel, [], [why], without=without)])
