# SPDX-License-Identifier: GPL-2.0-or-later
"""Two kernels of an arch, as soon as both are built: are they the same, and what of their change is built?"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from orchestrator.analyse.contract import ChangedRow, IdenticalRow, NotBuiltRow
from orchestrator.build import addr2line, compiled, kconfig, sourcediff, switching
from orchestrator.build.kernel import Builder
from orchestrator.build.sourcediff import Sources
from orchestrator.config.sources import buildable
from orchestrator.config.steps import Pair
from orchestrator.model import Build, KernelArtifact
from orchestrator.profile import built as parts
from orchestrator.profile import sameness
from orchestrator.profile.built import ADDED, REMOVED, LinePart, Part
from orchestrator.profile.lines import parse_places
from orchestrator.profile.sameness import How, Image
from orchestrator.runs.against import Against
from orchestrator.series import diff
from orchestrator.store import Store, sha256

CONFIG, VMLINUX, SYSTEM_MAP = "config", "vmlinux", "System.map"  # of a kernel in the store


@dataclass
class Comparing:
    """What all comparisons of a run share: each change is read once."""

    builder: Builder
    store: Store
    _sources: dict[str, asyncio.Task[Sources | None]] = field(default_factory=dict)

    async def __call__(self, pair: Pair, base: KernelArtifact, new: KernelArtifact) -> Against:
        """KmatrixError where a file of a kernel cannot be read, or its source not had."""
        names = (pair.new.arch.name, pair.base.kernel.name, pair.new.kernel.name)
        sources = await self.change(pair)
        code: list[LinePart] | None = None
        if sources is not None and all((its.folder / CONFIG).is_file() for its in (base, new)):
            lines = await line_parts(pair, base, new, sources)
            code = [line for line in lines if line.part is not Part.NOT_CODE]
        how = await _sameness(pair.new.arch.cross_prefix, base, new, sources.files if sources else None, code)
        if code is None:
            return Against(identical=_identical(*names, how), changed=None, not_built=[])
        return Against(
            identical=_identical(*names, how),
            changed=_changed(*names, code),
            not_built=list(_not_built(*names, code)),
        )

    async def change(self, pair: Pair) -> Sources | None:
        """None where the kernels' sources have more between them than patches, or are ready images."""
        name = pair.id.partition("/")[2]
        if name not in self._sources:
            self._sources[name] = asyncio.create_task(self._read(pair))
        return await asyncio.shield(self._sources[name])

    async def _read(self, pair: Pair) -> Sources | None:
        base, new = pair.base.kernel, pair.new.kernel
        if not (buildable(base.source) and buildable(new.source)):
            return None
        before, after = await self.builder.source(base.source), await self.builder.source(new.source)
        if before.key != after.key:
            return None
        with self.store.scratch() as scratch:
            if [*map(sha256, base.patches)] == [*map(sha256, new.patches)] and (more := _switched_on(pair)):
                own = await sourcediff.sources(before.folder, (), new.patches, scratch / "own")
                if more & switching.added(diff.added(own.text)):
                    return replace(own, added_only=True)
            return await sourcediff.sources(before.folder, base.patches, new.patches, scratch / "change")


def _switched_on(pair: Pair) -> set[str]:
    """CONFIG_X that the new kernel's lines switch on, and the base's do not."""
    base, new = (kconfig.options(its.kconfig) for its in (pair.base, pair.new))
    return {name for name, value in new.items() if value.startswith("y") and not base.get(name, "n").startswith("y")}


async def line_parts(pair: Pair, base: KernelArtifact, new: KernelArtifact, sources: Sources) -> tuple[LinePart, ...]:
    """Which of the changed lines are built, as far as that can be seen without line tables."""
    kernels = (_kernel(pair.base, base, sources, sources.base), _kernel(pair.new, new, sources, sources.new))
    found = await asyncio.to_thread(parts.line_parts, sources.text, *kernels)
    return tuple(line for line in found if line.side == parts.ADDED) if sources.added_only else found


def _kernel(build: Build, its: KernelArtifact, sources: Sources, own: Mapping[str, str | None]) -> parts.Kernel:
    options = kconfig.options((its.folder / CONFIG).read_text().splitlines())
    return parts.Kernel(compiled.load(its.folder), options, sources.reader(own), build.arch.srcarch)


async def _sameness(
    cross_prefix: str,
    base: KernelArtifact,
    new: KernelArtifact,
    changed: Collection[str] | None,
    code: Collection[LinePart] | None,
) -> How:
    """By what is in the images; what cannot be looked into differs unless it is the same to the bit. code: changed
    lines; where nobody knows them, no number in an instruction is taken for the line of a source."""
    if base.info.get("image_sha256") == new.info.get("image_sha256"):
        return How.SAME
    if not all((its.folder / name).is_file() for its in (base, new) for name in (VMLINUX, SYSTEM_MAP)):
        return How.DIFFERS
    images = [Image(its.folder / VMLINUX, (its.folder / SYSTEM_MAP).read_text()) for its in (base, new)]
    found = await asyncio.to_thread(sameness.compare, *images)
    if found.code and code is None:
        return How.DIFFERS
    if found.code:
        addresses = [place.address for place in found.code]
        told = [parse_places(await addr2line.places(i.vmlinux, cross_prefix, addresses)) for i in images]
        own = [{(line.file, line.line) for line in code or () if line.side == side} for side in (REMOVED, ADDED)]
        if not sameness.explained(found.code, told[0], told[1], found.order, (own[0], own[1])):
            return How.DIFFERS
    if found.how is How.DIFFERS:
        return How.DIFFERS
    return found.how if _same_apart(base, new, changed) else How.DIFFERS


def _same_apart(base: KernelArtifact, new: KernelArtifact, changed: Collection[str] | None) -> bool:
    """Is all the same that is in the images beside vmlinux? Of a kernel of before that was kept, it is if nothing of
    the change is in it. changed: files that differ; None: not known."""
    one, other = compiled.load(base.folder), compiled.load(new.folder)
    if any(its is not None and its.shaped_by(changed or ()) for its in (one, other)):
        return False
    if one is not None and other is not None:
        return one.apart == other.apart
    known = one or other
    return known is not None and changed is not None and known.apart.keys().isdisjoint(known.made_of(changed))


def _identical(arch: str, base: str, new: str, how: How) -> IdenticalRow:
    return IdenticalRow(arch=arch, base=base, new=new, how=how.value)


def _changed(arch: str, base: str, new: str, code: Sequence[LinePart]) -> ChangedRow:
    there = sum(line.part is Part.BUILT for line in code)
    return ChangedRow(arch=arch, base=base, new=new, code=len(code), built=there)


def _not_built(arch: str, base: str, new: str, code: Sequence[LinePart]) -> Iterator[NotBuiltRow]:
    """Lines that are left out for the same reason together."""

    def kind(line: LinePart) -> tuple[str, str, str, str]:
        return line.file, line.side, " ".join(line.options), str(line.why)

    left_out = [line for line in code if line.part is Part.NOT_BUILT]
    for (file, side, option, why), its in groupby(sorted(left_out, key=lambda x: (*kind(x), x.line)), kind):
        lines = [line.line for line in its]
        yield NotBuiltRow(
            arch=arch, base=base, new=new, file=file, side=side, lines=lines, option=option or None, why=why
        )
