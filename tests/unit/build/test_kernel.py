# SPDX-License-Identifier: GPL-2.0-or-later
"""What must hold before a kernel is built."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator.build import kernel
from orchestrator.build.kernel import Builder
from orchestrator.errors import ConfigError
from orchestrator.model import Source
from orchestrator.store import Store


@pytest.mark.parametrize("name", ["my cache", "a:b", "a$b", "it's", "a\tb"])
def test_a_cache_that_no_kernel_can_be_built_in_is_told_before_anything_is_fetched(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "prepare", lambda *_: pytest.fail("fetched"))
    builder = Builder(Store(tmp_path / name), 1, 1, 1)
    with pytest.raises(ConfigError, match=r"takes no .* in a path") as caught:
        asyncio.run(builder.source(Source("s", "debian", "linux-source-6.1")))
    assert "KMATRIX_CACHE" in caught.value.hint
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["a,b", "a+b=c@d~e", "schön"])
def test_other_names_are_no_matter(tmp_path: Path, name: str) -> None:
    kernel.fits(tmp_path / name)
