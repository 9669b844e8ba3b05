# SPDX-License-Identifier: GPL-2.0-or-later
"""What two kernels of an arch differ by before anything runs: from their images, and from the objects that their
change touches, compiled once more."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.analyse import static
from orchestrator.analyse.contract import PairRow, StaticLeftOutRow, StaticRow
from orchestrator.analyse.static import Evidence, StaticFacts
from orchestrator.build import compiled, kconfig, pahole, readelf
from orchestrator.build.once_more import OnceMore
from orchestrator.build.sourcediff import Sources
from orchestrator.config.steps import Pair
from orchestrator.errors import KmatrixError
from orchestrator.measure.against import CONFIG, VMLINUX, Comparing
from orchestrator.model import KernelArtifact
from orchestrator.profile import objects, sizes
from orchestrator.profile.built import Compiled
from orchestrator.profile.makefiles import needs
from orchestrator.profile.objects import Chosen, Told
from orchestrator.series import diff

NO_PAHOLE = f"layout of structs: pahole is not installed (package {pahole.PACKAGE})"
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Looking:
    """What all pairs of a run share."""

    comparing: Comparing
    once_more: OnceMore

    async def __call__(self, pair: Pair, base: KernelArtifact, new: KernelArtifact) -> StaticFacts | None:
        """None where there is no vmlinux to look into, or the sources have more between them than patches."""
        sources = await self.comparing.change(pair)
        if sources is None or not all((its.folder / VMLINUX).is_file() for its in (base, new)):
            return None
        names = of_pair(pair)
        changed = {hunk.file for hunk in diff.hunks(sources.text)}
        chosen = await asyncio.to_thread(_chosen, pair, base, new, sources, changed)
        said = list(chosen.left_out)
        told = await self._told(pair, (base, new), sources, chosen, said)
        prefix = pair.new.arch.cross_prefix
        texts = [await readelf.sizes(its.folder / VMLINUX, prefix) for its in (base, new)]
        rows = await asyncio.to_thread(_rows, names, texts, told, _words(sources.text))
        return StaticFacts(rows=rows, left_out=[StaticLeftOutRow(**names, why=why) for why in said])

    async def _told(
        self, pair: Pair, kernels: Sequence[KernelArtifact], sources: Sources, chosen: Chosen, said: list[str]
    ) -> tuple[Told, Told]:
        """Of both kernels' objects; nothing of either where one could not be compiled. What is not there is said."""
        if not chosen.objects:
            return Told(), Told()
        sides = ((pair.base, kernels[0], sources.base), (pair.new, kernels[1], sources.new))
        try:
            base, new = [
                await self.once_more(build, kernel, _there(chosen, sources, own)) for build, kernel, own in sides
            ]
        except KmatrixError as error:
            said.append(f"frames, warnings and layouts: {error.message}")
            return Told(), Told()
        for told, (build, _, own) in zip((base, new), sides, strict=True):
            if lost := sorted({*_there(chosen, sources, own)} - {*told.objects}):
                said.append(f"{build.kernel.name}: {', '.join(lost)} is not compiled by itself")
        if base.layouts is None or new.layouts is None:
            said.append(NO_PAHOLE)
        return base, new


def of_pair(pair: Pair) -> PairRow:
    """As contracts name it."""
    return PairRow(arch=pair.new.arch.name, base=pair.base.kernel.name, new=pair.new.kernel.name)


def _chosen(pair: Pair, base: KernelArtifact, new: KernelArtifact, sources: Sources, changed: set[str]) -> Chosen:
    """By what the new kernel was built from, and what the base was that the new one is not."""
    known = [found for its in (new, base) if (found := compiled.load(its.folder))]
    if known:
        together = {name: files for found in reversed(known) for name, files in found.objects.items()}
        return objects.choose(changed, Compiled(together))
    read, options = sources.reader(sources.new), _options(new)
    return objects.of_sources(changed, [file for file in changed if needs(file, read, options) == ()])


def _options(kernel: KernelArtifact) -> Mapping[str, str]:
    return kconfig.options((kernel.folder / CONFIG).read_text().splitlines())


def _there(chosen: Chosen, sources: Sources, own: Mapping[str, str | None]) -> list[str]:
    """Those whose source a kernel has."""
    read = sources.reader(own)
    return [name for name in chosen.objects if read(objects.source_of(name)) is not None]


def _words(text: str) -> set[str]:
    """Of the changed lines."""
    changed = (line.text for hunk in diff.hunks(text) for line in hunk.lines if line.sign != " ")
    return {word for line in changed for word in _WORD.findall(line)}


def _rows(names: PairRow, texts: Sequence[str], told: Sequence[Told], words: set[str]) -> list[StaticRow]:
    base, new = (
        Evidence(sizes.functions(text), sizes.sections(text), its) for text, its in zip(texts, told, strict=True)
    )
    return static.rows(names, base, new, words)
