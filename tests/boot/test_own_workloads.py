# SPDX-License-Identifier: GPL-2.0-or-later
"""Workloads of the user's: folders, C files with and without markers, test cases, scripts, ready programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.boot.conftest import HERE, SMALL, Done, Kmatrix

OWN = HERE / "own"
TEXT = SMALL.replace("passes: 1", "passes: 2")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static program for aarch64 alone."""
    out = tmp_path_factory.mktemp("ready") / "ready"
    subprocess.run(
        ["aarch64-linux-gnu-gcc", "-O2", "-static", "-Wl,--build-id=none", "-o", out, OWN / "touch.c"], check=True
    )
    return out


@pytest.fixture(scope="module")
def run(ready: None, kmatrix_module: Kmatrix, program: Path) -> Done:
    files = [
        OWN / name for name in ("folder", "marked.c", "counted.c", "hello.sh", "breaks.c", "crashes.c", "skips.c")
    ]
    words = [*map(str, files), f"{OWN / 'touch.c'} 1000", str(program)]
    return kmatrix_module.run(TEXT, *(word for name in words for word in ("--workload", name)))


def passes(run: Done, workload: str) -> list[dict[str, Any]]:
    """Of the cell's one boot: units and values, warm-up left out."""
    cell = f"cells/aarch64/patched/{workload}"
    assert run.json(f"{cell}/result.json")["status"] == "passed", run.out
    boot = run.json(f"{cell}/boot-0/result.json")
    return [{"units": one["units"], **one["values"]} for one in boot["passes"][boot["warmup"] :]]


@pytest.mark.parametrize(("workload", "pages"), [("touch", 1000), ("ready", 1000), ("folder", 300)])
def test_a_program_without_markers_is_measured_as_a_whole(run: Done, workload: str, pages: int) -> None:
    """Its pages, and the few of its own code, stack and data: the same number in every pass."""
    first, second = passes(run, workload)
    assert pages <= first["minflt"] < pages + 60 and first["minflt"] == second["minflt"]
    assert first["units"] == 1
    assert abs(first["time"] - second["time"]) < 100, "more than the page allocator's freeing in bulk, once"  # us


def test_what_a_program_prints_is_kept_and_is_no_result(run: Done) -> None:
    text = (run.folder / "cells/aarch64/patched/touch/boot-0/work.err").read_text()
    assert text == '{"kmatrix":1} touched 1000 pages\n'


def test_a_c_file_with_markers_and_what_is_declared_beside_it(run: Done) -> None:
    for one in passes(run, "marked"):
        assert (one["units"], one["pgfault"], one["minflt"]) == (512, 512, 512) and "majflt" not in one


def test_a_test_case_of_will_it_scale_is_counted_by_iteration(run: Done) -> None:
    """One fault an iteration, exactly, though the test case never ends by itself."""
    first, second = passes(run, "counted")
    for one in (first, second):
        assert one["units"] == one["minflt"] == one["pgfault"] == 32768 and one["majflt"] == 0
    assert abs(first["time"] - second["time"]) < 250, "more than the page allocator's freeing in bulk"  # us
    assert run.cell("aarch64/patched/counted")["unit"] == "iteration"


def test_a_test_case_run_again_gives_the_same_digits(run: Done, kmatrix: Kmatrix) -> None:
    """What moves between two passes is the guest's own history, and it repeats."""
    again = kmatrix.run(TEXT, "--workload", str(OWN / "counted.c"))
    assert passes(again, "counted") == passes(run, "counted")


def test_a_script_is_measured_with_all_that_it_starts(run: Done) -> None:
    """Six processes beside the shell: far more faults than one has."""
    first, second = passes(run, "hello")
    assert first["minflt"] == second["minflt"] > 200


@pytest.mark.parametrize(
    ("workload", "says", "log"),
    [
        ("breaks", "breaks ended with exit status 7: page 3 is not what it was", "about to go wrong"),
        ("crashes", "crashes ended by signal 11", "so far so good"),
        ("skips", "skips ended with exit status 4: the test skipped itself: needs hugetlb pages", "TAP version 13"),
    ],
)
def test_a_program_that_fails_is_told_with_its_words(run: Done, workload: str, says: str, log: str) -> None:
    cell = run.cell(f"aarch64/patched/{workload}")
    assert cell["status"] == "workload_failed" and says in cell["failure"]["message"], cell["failure"]
    assert log in cell["failure"]["log"] and run.code == 3


def test_a_run_is_resumed_with_its_workloads_and_not_with_changed_ones(ready: None, kmatrix: Kmatrix) -> None:
    file = kmatrix.folder / "mine.c"
    shutil.copy(OWN / "touch.c", file)
    assert kmatrix.run(TEXT, "--workload", str(file)).code == 0
    again = kmatrix("run", "--resume", kmatrix.folder / "run")
    assert again.code == 0 and "aarch64/patched/mine" in again.out
    file.write_text(file.read_text().replace("1000", "1001"))
    changed = kmatrix("run", "--resume", kmatrix.folder / "run")
    assert changed.code == 2 and "mine.c" in changed.err


def test_a_missing_header_is_named(ready: None, kmatrix: Kmatrix) -> None:
    file = kmatrix.folder / "lacks.c"
    file.write_text('#include "nowhere.h"\nint main(void) { return 0; }\n')
    done = kmatrix.run(TEXT, "--workload", str(file))
    assert done.code == 3
    assert "it includes nowhere.h, which is not there" in done.cell("aarch64/patched/lacks")["failure"]["message"]


def test_a_ready_program_is_planned_for_its_arch_alone(kmatrix: Kmatrix, program: Path) -> None:
    config = kmatrix.matrix(TEXT.replace("[aarch64]", "[aarch64, s390x]"))
    done = kmatrix("plan", "--config", config, "--workload", program, "--workload", OWN / "hello.sh")
    assert "aarch64/patched/ready\n" in done.out and "s390x/patched/hello\n" in done.out
    assert "s390x/patched/ready" not in done.out and "other architectures are left out" in done.out


def test_what_is_no_workload_is_told_before_anything_is_built(kmatrix: Kmatrix) -> None:
    done = kmatrix("run", "--config", kmatrix.matrix(TEXT), "--out", kmatrix.folder / "run", "--workload", "/bin/ls")
    assert done.code == 2 and "dynamic program" in done.err and not done.folder.exists()
