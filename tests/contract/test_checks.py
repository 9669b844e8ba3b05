# SPDX-License-Identifier: GPL-2.0-or-later
"""The project's own standards, run as tests: types, lint, layers, shell."""

import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SCRIPTS = [
    ".ci/run", ".ci/packages", "images/initramfs/init",
    "orchestrator/build/compiler.sh", "orchestrator/build/descend.sh",
]  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        [str(BIN / "mypy")],
        [str(BIN / "ruff"), "check", "."],
        [str(BIN / "ruff"), "format", "--check", "orchestrator", "tests"],
        [str(BIN / "lint-imports")],
        ["shellcheck", *SCRIPTS],
    ],
    ids=lambda c: " ".join(Path(c[0]).name if i == 0 else w for i, w in enumerate(c[:2])),
)
def test_clean(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_of_tests_is_collected(pytestconfig: pytest.Config) -> None:
    """pytest goes by a folder of some names, and says nothing."""
    gone_by = pytestconfig.getini("norecursedirs")
    folders = {part for path in (ROOT / "tests").rglob("test_*.py") for part in path.relative_to(ROOT).parts[:-1]}
    assert [folder for folder in sorted(folders) if any(fnmatch(folder, name) for name in gone_by)] == []
    assert "build" in folders
