# SPDX-License-Identifier: GPL-2.0-or-later
"""Words for several workloads."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import suites, workloads
from orchestrator.errors import ConfigError
from orchestrator.paths import GUEST_TOOLS

TABLE = workloads.known(GUEST_TOOLS)


def test_all_is_the_library() -> None:
    found = suites.expand(["all"], TABLE)
    assert set(found) == set(workloads.library(GUEST_TOOLS)) and "shmem-write" not in found


@pytest.mark.parametrize("area", sorted({its.parent.name for its in workloads.library(GUEST_TOOLS).values()}))
def test_an_area(area: str) -> None:
    found = suites.expand([area], TABLE)
    assert found and {workloads.load(TABLE[name]).area for name in found} == {area}


def test_globs_and_words_together_name_each_once() -> None:
    found = suites.expand(["anon-*", "faults"], TABLE)
    assert found[0].startswith("anon-") and len(found) == len(set(found))
    assert suites.expand(["shmem-wr*e"], TABLE) == ["shmem-write"]


def test_a_folder_of_programs(tmp_path: Path) -> None:
    (tmp_path / "one.c").write_text("int main(void) { return 0; }\n")
    (tmp_path / "two.c").write_text("void testcase(unsigned long long *iterations, unsigned long nr) { }\n")
    (tmp_path / "help.c").write_text("int help(void) { return 0; }\n")
    assert suites.expand([str(tmp_path)], TABLE) == [str(tmp_path / "one.c"), str(tmp_path / "two.c")]


def test_all_words_that_are_nothing_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        suites.expand(["nothing", "faults", str(tmp_path)], TABLE)
    assert "--suite nothing" in error.value.message and f"--suite {tmp_path}" in error.value.message
    assert "faults" in error.value.hint
