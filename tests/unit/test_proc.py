# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes: what they are started with."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from orchestrator import proc

ASK = [sys.executable, "-c", "import ctypes; print(ctypes.CDLL(None).prctl(42, 0, 0, 0, 0))"]  # PR_GET_THP_DISABLE


@pytest.mark.parametrize("huge_pages", [True, False])
def test_who_is_to_have_no_huge_pages_has_none_and_nobody_else(huge_pages: bool) -> None:
    async def told() -> bytes:
        async with proc.spawn(ASK, stdout=subprocess.PIPE, huge_pages=huge_pages) as process:
            out, _ = await process.communicate()
        return out

    assert int(asyncio.run(told())) == (not huge_pages)
    assert asyncio.run(proc.run(ASK)).output.strip() == "0"
