# SPDX-License-Identifier: GPL-2.0-or-later
"""Which functions of two built kernels have other instructions, wherever the linker has put them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from orchestrator.build.kernel import Builder
from orchestrator.config.plan import builds
from orchestrator.errors import InfraError
from orchestrator.measure import disassembled
from orchestrator.measure.against import VMLINUX
from orchestrator.model import Matrix
from orchestrator.profile import instructions
from orchestrator.profile.names import whole


async def functions(
    matrix: Matrix, arch: str, base: str, new: str, builder: Builder, files: Collection[str]
) -> set[str]:
    """Their names, without what the compiler adds (foo.isra.0 is foo). files: that the kernels differ by. InfraError
    where a kernel is not there."""
    kernels = []
    for name in (base, new):
        build = next(its for its in builds(matrix) if (its.arch.name, its.kernel.name) == (arch, name))
        kernel = await builder.find(build)
        if kernel is None or not (kernel.folder / VMLINUX).is_file():
            raise InfraError(f"{build.id} is not there", kind="choice")
        kernels.append(kernel)
    texts = await disassembled.texts(kernels[0], kernels[1], build.arch, files)
    return {whole(name) for name in await asyncio.to_thread(instructions.functions, texts[0], texts[1])}
