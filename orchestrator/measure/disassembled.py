# SPDX-License-Identifier: GPL-2.0-or-later
"""The instructions of two kernels that differ by files, as objdump prints them: of what can differ alone.

objdump prints 160 MB of a whole kernel; a change of one file can be in the functions of one object.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from orchestrator.build import compiled, objdump, readelf
from orchestrator.measure import addresses
from orchestrator.measure.against import VMLINUX
from orchestrator.model import Arch, KernelArtifact
from orchestrator.profile import line_table

_PRIVATE = (".c", ".h")
_WORDS = re.compile(r"Documentation/|MAINTAINERS$|.*\.(rst|txt|md)$")  # nothing is made of them
_STRETCHES = 8  # of code, at most: objdump reads all symbols for each


async def texts(base: KernelArtifact, new: KernelArtifact, arch: Arch, files: Collection[str] | None) -> list[str]:
    """Of both. files: of the source, that they differ by; None: not known."""
    objects = await asyncio.to_thread(_objects, base, new, files)
    return [await _text(kernel, arch, objects) for kernel in (base, new)]


def _objects(base: KernelArtifact, new: KernelArtifact, files: Collection[str] | None) -> set[str] | None:
    """Sources of the objects that can differ; None where that can be any. A header that everybody may include shapes
    what the build makes headers from, and so objects that do not include it."""
    configs = {kernel.info.get("config_sha256") for kernel in (base, new)}
    files = {file for file in files or () if not _WORDS.match(file)}
    private = all(PurePosixPath(file).suffix in _PRIVATE and "include/" not in file for file in files)
    if not files or not private or len(configs) > 1 or None in configs:
        return None
    found: set[str] = set()
    for kernel in (base, new):
        made = compiled.load(kernel.folder)
        if made is None or not all(made.made_of([file]) for file in files):
            return None
        found |= {made.objects[name][0] for name in made.made_of(files)}
    return found if all(source.endswith(".c") for source in found) else None


async def _text(kernel: KernelArtifact, arch: Arch, objects: Collection[str] | None) -> str:
    vmlinux = kernel.folder / VMLINUX
    if objects is None:
        return await objdump.instructions(vmlinux, arch.cross_prefix)
    stretches = await _stretches(kernel, vmlinux, arch, objects)
    return "\n\n".join([await objdump.instructions(vmlinux, arch.cross_prefix, one) for one in stretches])


async def _stretches(
    kernel: KernelArtifact, vmlinux: Path, arch: Arch, objects: Collection[str]
) -> list[tuple[int, int]]:
    table = await readelf.line_table(vmlinux, arch.cross_prefix)
    rows = await asyncio.to_thread(line_table.compiled_from, table, objects)
    known = await asyncio.to_thread(addresses.linked, kernel, arch)
    return joined(line_table.functions(rows, known), _STRETCHES)


def joined(stretches: Collection[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    """As few, in order: those nearest to each other become one, with what is between them. most: at least 1."""
    found = sorted(stretches)
    gaps = sorted(range(1, len(found)), key=lambda i: found[i - 1][1] - found[i][0])  # the widest first
    starts = sorted([0, *gaps[: most - 1]])
    return [(found[i][0], found[j - 1][1]) for i, j in zip(starts, [*starts[1:], len(found)], strict=True) if found]
