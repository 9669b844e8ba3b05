# SPDX-License-Identifier: GPL-2.0-or-later
"""Which executor a run has: this machine alone; a cluster on it; or one that is joined by a file."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from orchestrator.config.steps import QEMU_OVERHEAD_MIB
from orchestrator.errors import ConfigError
from orchestrator.executors import Executor
from orchestrator.executors.local import Local

DASK = "dask"
LOCAL = "local"
HERE = 5.0  # seconds that a scheduler of this process may be away: it does not start again


def prepared(word: str) -> None:
    """What whoever opens a store from now on must know of it. ConfigError for a file that is none to join by."""
    if word in ("", LOCAL, DASK):
        return
    if not Path(word).is_file():
        raise ConfigError(f"--executor {word}: it is local, dask, or a file that kmatrix scheduler wrote")
    from orchestrator.executors.joining import Join
    from orchestrator.store.shared import VARIABLE

    if store := Join.load(Path(word)).store:
        os.environ[VARIABLE] = store


@asynccontextmanager
async def executor(
    word: str, workers: int, places: Mapping[str, int], guest_mib: int, root: Path, say: Callable[[str], None]
) -> AsyncIterator[Executor]:
    """For the block. places, root: see Local; workers: of a cluster on this machine; guest_mib: see Cluster."""
    if word in ("", LOCAL):
        yield Local(places, root)
        return
    from orchestrator.executors.cluster import Cluster
    from orchestrator.executors.joining import Join
    from orchestrator.executors.machines import of_this_machine

    if word != DASK:
        yield Cluster(Join.load(Path(word)), guest_mib)
        return
    async with of_this_machine(workers, guest_mib + QEMU_OVERHEAD_MIB, say) as join:
        yield Cluster(join, guest_mib, HERE)
