# SPDX-License-Identifier: GPL-2.0-or-later
"""An interactive guest for `kmatrix shell`."""

from __future__ import annotations

import asyncio
import sys

from orchestrator.build.kernel import Builder
from orchestrator.measure.session import session
from orchestrator.model import Build, Matrix


async def interactive(build: Build, builder: Builder, matrix: Matrix, command: str) -> int:
    """Boot the build's kernel (wall clock, TCG), then a terminal in it, or one command. Its exit status."""
    with builder.store.scratch() as folder:
        kernel = await builder.find(build) or await builder.make(build, folder / "build.log")
        async with session(build, kernel, matrix, builder.store, folder) as (_, shell):
            if not command:
                return await asyncio.to_thread(shell.terminal)
            output = await shell.run(command, matrix.limits.work)
            sys.stdout.write(output.stdout)
            sys.stderr.write(output.stderr)
            return output.code
