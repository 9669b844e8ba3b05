# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own tests: how each is started, and what it needs: images/selftests.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator.errors import ConfigError
from orchestrator.model import Selftest, Selftests
from orchestrator.paths import IMAGES
from orchestrator.store import text_of

FILE = IMAGES / "selftests.toml"


class _Test(BaseModel):
    model_config = ConfigDict(extra="forbid")
    program: str
    args: list[str] = []
    hugetlb_mib: int = 0
    seconds: float = Selftest.seconds
    left_out: str = ""
    needs: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    folders: list[str]
    libraries: list[str]
    memory_mib: int
    test: list[_Test]


def chosen(every: bool, globs: Iterable[str], folders: Iterable[Path]) -> tuple[str, ...]:
    """Which are run: globs of programs, and folders of the user's as absolute paths; () none. ConfigError for a
    folder that is not there."""
    mine = [folder.absolute() for folder in folders]
    if lost := [str(folder) for folder in mine if not folder.is_dir()]:
        raise ConfigError(f"no folder of tests: {', '.join(lost)}", hint="FOLDER/ARCH has the programs for an arch")
    return (*(tuple(globs) or (("*",) if every else ())), *map(str, mine))


def load(wanted: Sequence[str]) -> Selftests:
    """The table, for those that are wanted, as chosen() has it. ConfigError for a file that says what is not
    understood."""
    globs = [word for word in wanted if not Path(word).is_absolute()]
    own = [Path(word) for word in wanted if Path(word).is_absolute()]
    try:
        its = _File.model_validate(tomllib.loads(text_of(FILE)))
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{FILE}: {error}") from error
    tests = [Selftest(t.program, tuple(t.args), t.hugetlb_mib, t.seconds, t.left_out, t.needs) for t in its.test]
    return Selftests(tuple(its.folders), tuple(its.libraries), its.memory_mib, tuple(tests), tuple(globs), tuple(own))
