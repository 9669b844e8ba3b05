# SPDX-License-Identifier: GPL-2.0-or-later
"""What a patch changes before anything runs, of real kernels: sizes as nm tells them, frames, layouts, warnings."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator import arches
from orchestrator.profile.names import stem
from orchestrator.store import cache_root
from tests.boot.conftest import EVERYWHERE, HERE, Done, Kmatrix

NIGHT = pytest.mark.night
FUNCTION, STRUCT = "fixup_user_fault", "struct follow_page_context"


@pytest.fixture(params=["aarch64", pytest.param("x86_64", marks=NIGHT), pytest.param("s390x", marks=NIGHT)])
def checked(request: pytest.FixtureRequest, ready: None, kmatrix: Kmatrix) -> tuple[str, Done]:
    """A field more in a struct, 512 bytes more of stack, and a variable that nothing uses."""
    config, patch = kmatrix.matrix(EVERYWHERE), HERE / "patches/larger.patch"
    done = kmatrix("check", patch, "--arch", request.param, "--config", config, "--out", kmatrix.folder / "run")
    assert done.code == 1, done.out + done.err  # the compiler warns anew
    return request.param, done


def rows(done: Done, kind: str) -> dict[str, Any]:
    return {row["function"]: row for row in done.json()["static"] if row["kind"] == kind}


def sizes(arch: str, vmlinux: Path) -> dict[str, int]:
    """By nm, clones added up."""
    command = [f"{arches.known()[arch].cross_prefix}nm", "-S", str(vmlinux)]
    found: dict[str, int] = {}
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        if len(words := line.split()) == 4 and words[2] in "tTwW":
            found[stem(words[3])] = found.get(stem(words[3]), 0) + int(words[1], 16)
    return found


def test_what_differs_before_anything_runs(checked: tuple[str, Done], kmatrix: Kmatrix) -> None:
    arch, done = checked
    keys = [done.cell(f"{arch}/{kernel}/small")["kernel_key"] for kernel in ("unpatched", "patched")]
    base, new = (sizes(arch, cache_root() / f"kernels/{key}/vmlinux") for key in keys)
    grown = rows(done, "size")
    assert (grown[FUNCTION]["base_value"], grown[FUNCTION]["new_value"]) == (base[FUNCTION], new[FUNCTION])
    assert {name for name in base if name in new and base[name] != new[name]} == {
        name for name, row in grown.items() if None not in (row["base_value"], row["new_value"])
    }
    frame = rows(done, "stack")[FUNCTION]
    assert 512 <= frame["new_value"] - frame["base_value"] < 600
    if shutil.which("pahole"):
        layout = rows(done, "layout")[STRUCT]
        assert (layout["base_value"], layout["new_value"], layout["text"]) == (16, 24, "with pad_of_test")
        assert done.json()["static_left_out"] == []
    (warning,) = rows(done, "warning").values()
    assert warning["function"] == "mm/gup.c:1364" and "unused_of_test" in warning["text"]
    assert f"{arch}: stack frames: {FUNCTION} +" in done.out
    words = kmatrix("report", done.folder, "--format", "mail").out
    assert "Before anything runs, exact, in bytes:" in words and max(map(len, words.splitlines())) <= 75


def test_whoever_does_not_want_it_gets_none(ready: None, kmatrix: Kmatrix) -> None:
    config, patch = kmatrix.matrix(EVERYWHERE), HERE / "patches/larger.patch"
    out = ("--config", config, "--out", kmatrix.folder / "run")
    done = kmatrix("check", patch, "--arch", "aarch64", "--no-static", *out)
    assert "static" not in done.json() and "stack frames" not in done.out
