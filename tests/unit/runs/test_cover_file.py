# SPDX-License-Identifier: GPL-2.0-or-later
"""What a library runs of a kernel, written and read."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import ConfigError
from orchestrator.profile.cover import Cover, Function, Workload
from orchestrator.runs import cover_file
from orchestrator.runs.cover_file import Of

OF = Of("s390x", "6.1.192", "standard", "abc")
ITS = Cover(
    {"write": Workload("page", 5123.2), "toggle": Workload("call", 40.0)},
    {
        "mm/a.c": {"one": Function(3, 9, {"write": 2.0}), "two": Function(12, 14, {}, boot=True)},
        "mm/b.c": {"three": Function(1, 2, {})},
    },
    {"mm/a.c": {3: {"write": 2.0, "toggle": 0.125}, 13: {}}, "mm/b.c": {1: {}}},
    {"mm/a.c": {13}},
)


def test_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "s390x.json.gz"
    path.write_bytes(cover_file.encode(OF, ITS))
    assert cover_file.load(path) == (OF, Cover(ITS.workloads, ITS.functions, ITS.lines, ITS.boot))
    assert cover_file.encode(*cover_file.load(path)) == path.read_bytes()


@pytest.mark.parametrize("content", [b"", b"{}", b"\x1f\x8b\x08", b"x" * 100])
def test_what_is_none_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s390x.json.gz"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="no account"):
        cover_file.load(path)
