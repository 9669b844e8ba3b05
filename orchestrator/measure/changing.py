# SPDX-License-Identifier: GPL-2.0-or-later
"""Which functions of two built kernels have other instructions, wherever the linker has put them."""

from __future__ import annotations

import asyncio

from orchestrator.build import objdump
from orchestrator.build.kernel import Builder
from orchestrator.config.plan import builds
from orchestrator.errors import InfraError
from orchestrator.measure.against import VMLINUX
from orchestrator.model import Matrix
from orchestrator.profile import instructions
from orchestrator.profile.names import whole


async def functions(matrix: Matrix, arch: str, base: str, new: str, builder: Builder) -> set[str]:
    """Their names, without what the compiler adds (foo.isra.0 is foo). InfraError where a kernel is not there."""
    texts = []
    for name in (base, new):
        build = next(its for its in builds(matrix) if (its.arch.name, its.kernel.name) == (arch, name))
        kernel = await builder.find(build)
        if kernel is None or not (kernel.folder / VMLINUX).is_file():
            raise InfraError(f"{build.id} is not there", kind="choice")
        texts.append(await objdump.instructions(kernel.folder / VMLINUX, build.arch.cross_prefix))
    return {whole(name) for name in await asyncio.to_thread(instructions.functions, texts[0], texts[1])}
