# SPDX-License-Identifier: GPL-2.0-or-later
"""An interactive guest for `kmatrix shell`."""

from __future__ import annotations

import asyncio
import sys

from orchestrator.build import initramfs
from orchestrator.build.kernel import Builder
from orchestrator.guest import keys
from orchestrator.guest.command_line import Machine
from orchestrator.guest.qemu import guest
from orchestrator.model import Build, Clock, Matrix
from orchestrator.paths import IMAGES


async def interactive(build: Build, builder: Builder, matrix: Matrix, command: str) -> int:
    """Boot the build's kernel (wall clock, TCG), then a terminal in it, or one command. Its exit status."""
    with builder.store.scratch() as folder:
        kernel = await builder.find(build) or await builder.make(build, folder / "build.log")
        made = keys.make()
        base = await initramfs.image(builder.store, build.arch, IMAGES)
        initrd = await initramfs.with_files(base, made.guest_files, folder / "initramfs.cpio")
        measure = matrix.measure
        machine = Machine(build.arch, "tcg", Clock.WALL, measure.memory_mib, measure.cpus, kernel.image, initrd)
        async with guest(machine, matrix.limits, folder) as running:
            await running.ready()
            shell = await running.shell(made)
            try:
                if not command:
                    return await asyncio.to_thread(shell.terminal)
                output = await shell.run(command, matrix.limits.work)
                sys.stdout.write(output.stdout)
                sys.stderr.write(output.stderr)
                return output.code
            finally:
                shell.close()
