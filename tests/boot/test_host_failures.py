# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's own troubles: missing tools, a full disk, a killed QEMU, a killed orchestrator, Ctrl-C, a wrong file."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.boot.conftest import ROOT, SMALL, Done, Kmatrix, alive, children, emulators, small_path, until


def test_a_missing_tool_is_named_and_the_other_arch_goes_on(ready: None, kmatrix: Kmatrix, tmp_path: Path) -> None:
    path = small_path(tmp_path / "bin", without="qemu-system-s390x")
    done = kmatrix.run(SMALL.replace("[aarch64]", "[aarch64, s390x]"), env={"PATH": path})
    assert done.code == 4, done.out + done.err
    assert done.cell("aarch64/patched/small")["status"] == "passed"
    cell = done.cell("s390x/patched/small")
    assert (cell["status"], cell["failure"]["kind"]) == ("infra_failed", "tool_missing")
    assert cell["failure"]["message"] == "qemu-system-s390x is not installed" and "doctor" in cell["failure"]["hint"]


def test_doctor_names_what_is_missing_and_how_to_get_it(kmatrix: Kmatrix, tmp_path: Path) -> None:
    assert kmatrix("doctor", "--tests").code == 0
    done = kmatrix("doctor", env={"PATH": small_path(tmp_path / "bin", without="qemu-system-s390x")})
    assert done.code == 4 and "boots s390x guests" in done.out
    assert "apt-get install --no-install-recommends qemu-system-s390x" in done.out


def test_a_killed_qemu_is_the_testbeds_failure(ready: None, kmatrix: Kmatrix) -> None:
    matrix = kmatrix.matrix(SMALL.replace("[small]", "[hangs]"))
    process = kmatrix.start("run", "--config", matrix, "--out", kmatrix.folder / "run")
    console = kmatrix.folder / "run/cells/aarch64/patched/hangs/boot-0/console.log"
    until(lambda: console.exists() and "kmatrix: ready" in console.read_text())
    os.kill(until(lambda: emulators(process.pid))[0], signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    done = Done(process.returncode, out, err, kmatrix.folder / "run", 0)
    assert done.code == 4
    cell = done.cell("aarch64/patched/hangs")
    assert (cell["status"], cell["failure"]["kind"]) == ("infra_failed", "qemu_died")
    assert cell["failure"]["message"] == "QEMU died (signal 9)"


def test_sigkill_of_the_orchestrator_leaves_no_qemu(ready: None, kmatrix: Kmatrix) -> None:
    matrix = kmatrix.matrix(SMALL.replace("[small]", "[hangs]"))
    process = kmatrix.start("run", "--config", matrix, "--out", kmatrix.folder / "run")
    until(lambda: emulators(process.pid))
    below = list(children(process.pid))
    process.kill()
    process.wait(10)
    until(lambda: not any(alive(pid) for pid in below), 10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_running_and_resumes(ready: None, kmatrix: Kmatrix, number: int) -> None:
    matrix = kmatrix.matrix(SMALL.replace("boots: 1", "boots: 5, snapshots: false"))
    run = kmatrix.folder / "run"
    process = kmatrix.start("run", "--config", matrix, "--out", run)
    first = run / "cells/aarch64/patched/small/boot-0/result.json"
    until(first.exists)
    until(lambda: emulators(process.pid))
    below = list(children(process.pid))
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and f"kmatrix run --resume {run}" in err
    assert not any(alive(pid) for pid in below)
    assert not list(run.rglob(".*.json.*")) and not (run / "cells/aarch64/patched/small/result.json").exists()
    stamp = first.stat().st_mtime_ns
    done = kmatrix("run", "--resume", run)
    assert done.code == 0, done.out + done.err
    assert first.stat().st_mtime_ns == stamp
    assert len(done.cell("aarch64/patched/small")["metrics"]["time"]["boots"]) == 5
    again = kmatrix("run", "--resume", run)
    assert again.code == 0 and "from the earlier start" in again.out and again.seconds < 20


def test_a_full_disk_is_told_and_the_exit_code_is_4(ready: None, kmatrix: Kmatrix) -> None:
    """The run folder is on a file system of 256 KiB, in a mount namespace of the command's own."""
    matrix = kmatrix.matrix(SMALL.replace("passes: 1", "passes: 40").replace("work: 60", "work: 250"))
    run = kmatrix.folder / "run"
    run.mkdir()
    script = f'mount -t tmpfs -o size=256k tmpfs {run} && exec "$@"'
    command = kmatrix.command("run", "--config", matrix, "--out", run / "here")
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    done = subprocess.run(
        ["unshare", *user, "--mount", "sh", "-c", script, "sh", *command],
        capture_output=True, text=True, timeout=300, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 4, done.stdout + done.stderr
    assert "infra failed (disk_full)" in done.stdout and "no space left on the disk" in done.stdout


def test_a_wrong_matrix_is_told_whole_before_anything_starts(kmatrix: Kmatrix) -> None:
    text = SMALL.replace("[aarch64]", "[arm64]").replace("boots: 1", "boost: 1").replace("[small]", "[smal]")
    done = kmatrix.run(text)
    assert done.code == 2 and not done.folder.exists()
    arch, workload, key = [row for row in done.err.splitlines() if "matrix.yaml:" in row]
    assert "matrix.yaml:1:" in arch and "known: aarch64, ppc64le, riscv64, s390x, x86_64" in arch
    assert "matrix.yaml:2:" in workload and "Did you mean small?" in workload
    assert "matrix.yaml:7: measure.boost: unknown key 'boost'; Did you mean boots?" in key
    assert "3 errors; nothing was started" in done.err


def test_a_select_that_matches_nothing_and_a_missing_run(kmatrix: Kmatrix) -> None:
    done = kmatrix("plan", "--select", "mips/*")
    assert done.code == 2 and "x86_64/patched/shmem-write" in done.err
    done = kmatrix("report", kmatrix.folder)
    assert done.code == 2 and "not a run folder" in done.err
