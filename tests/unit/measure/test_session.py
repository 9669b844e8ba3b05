# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest to work in is sealed off as one that is measured: whose kernel it is, and who trusts it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.config import matrix_file
from orchestrator.errors import InfraError
from orchestrator.guest.command_line import Machine
from orchestrator.measure import session
from orchestrator.model import Build, Kernel, KernelArtifact
from orchestrator.paths import IMAGES, MATRIX
from orchestrator.store import Store


@pytest.mark.parametrize("unsandboxed", [False, True])
def test_a_strangers_kernel_is_not_vouched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unsandboxed: bool
) -> None:
    started: list[Machine] = []

    async def image(*_: object) -> Path:
        return tmp_path

    @asynccontextmanager
    async def guest(machine: Machine, *_: object, **__: object) -> AsyncIterator[None]:
        started.append(machine)
        raise InfraError("far enough")
        yield

    monkeypatch.setattr(session, "guest", guest)
    monkeypatch.setattr(session.initramfs, "image", image)
    monkeypatch.setattr(session.initramfs, "with_files", image)
    matrix = matrix_file.load(MATRIX)
    kernel = KernelArtifact("b", "k", tmp_path, tmp_path / "Image", "6.1", {}, True)

    async def play(patch: Path) -> None:
        build = Build(arches.known()["s390x"], Kernel("a", matrix.sources[0], (patch,)), ())
        async with session.session(build, kernel, matrix, Store(tmp_path / "cache"), tmp_path, unsandboxed):
            pass

    for patch in (IMAGES / "patches/own.patch", tmp_path / "strange.patch"):
        with pytest.raises(InfraError, match="far enough"):
            asyncio.run(play(patch))
    assert [(its.sealed, its.vouched) for its in started] == [(not unsandboxed, True), (not unsandboxed, False)]
