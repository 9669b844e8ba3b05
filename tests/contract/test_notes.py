# SPDX-License-Identifier: GPL-2.0-or-later
"""The line protocol of guest-tools/common/kmatrix.h, by a program that is compiled for this machine and run on it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.build.guest_tools import FLAGS
from orchestrator.errors import WorkloadFailed
from orchestrator.measure.passes import decode, told
from orchestrator.paths import GUEST_TOOLS

COMMON = GUEST_TOOLS / "common"
METRICS = ("minflt", "majflt", "time")
PROGRAM = """
#include "kmatrix.h"

int main(int argc, char **argv)
{
	km_start(argc, argv);
	while (km_pass()) {
		km_begin();
		for (long i = 0; i < km_option("notes", 0); i++)
			km_note("note %ld: \\"a\\\\b\\"\\tc", i);
		km_end(1);
	}
	return km_finish();
}
"""
HOST = os.uname().machine


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As every workload is compiled, for the host."""
    folder = tmp_path_factory.mktemp("notes")
    (folder / "main.c").write_text(PROGRAM)
    compiler = shutil.which(f"{HOST}-linux-gnu-gcc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no compiler for this machine")
    files = [folder / "main.c", *COMMON.glob("*.c")]
    subprocess.run([compiler, *FLAGS, f"-I{COMMON}", "-o", folder / "main", *files], check=True)
    return folder / "main"


def run(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [program, "--phase", "0", *words]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)


def test_a_note_is_told_once_and_the_program_goes_on(program: Path) -> None:
    done = run(program, "--passes", "3", "--notes", "2")
    assert done.returncode == 0, done.stderr
    samples = decode(done.stdout, METRICS, 3)
    ours = [note for note in told(done.stdout, METRICS, samples) if note.startswith("note ")]
    assert ours == ["note 0: 'a'b''c", "note 1: 'a'b''c"]


def test_without_notes_the_last_line_is_as_it_was(program: Path) -> None:
    done = run(program)
    if "stat_refresh" in done.stdout:  # only root may
        pytest.skip("this machine has something to note")
    assert done.stdout.splitlines()[-1] == '{"kmatrix":1,"done":1}'


def test_too_many_notes_are_an_error_and_not_lost(program: Path) -> None:
    done = run(program, "--notes", "99")
    assert done.returncode == 1 and "more than 16 notes" in done.stderr
    with pytest.raises(WorkloadFailed):
        decode(done.stdout, METRICS, 1)


def test_what_cannot_be_settled_is_a_note_and_the_pass_is_measured(program: Path) -> None:
    """Nobody may read /proc/pagetypeinfo or stat_refresh but root: to others this is a kernel that lacks them."""
    shutil.copy(program, "/tmp/kmatrix-notes-test")
    unprivileged = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
    try:
        done = subprocess.run(
            [*unprivileged, "/tmp/kmatrix-notes-test", "--passes", "1"],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    finally:
        Path("/tmp/kmatrix-notes-test").unlink()
    assert done.returncode == 0, done.stderr
    notes = told(done.stdout, METRICS, decode(done.stdout, METRICS, 1))
    assert any("stat_refresh" in note for note in notes)
    for kind in ("Reclaimable", "Movable", "Unmovable"):
        assert (
            f"the allocator's lists of {kind} pages could not be settled: /proc/pagetypeinfo cannot be read" in notes
        )
