# SPDX-License-Identifier: GPL-2.0-or-later
"""Workers that come and go: the digits of one machine, whoever dies meanwhile."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.store import cache_root
from tests.boot.conftest import EVERYWHERE, HERE, LAB, ROOT, SMALL, Done, Kmatrix, alive, children, emulators, until

TWO = SMALL.replace("[small]", "[faults, small]").replace("boots: 1", "boots: 2")
JOB = ROOT / "orchestrator/executors/jobs/slurm.sh"
CLUSTER = ("--executor", "dask", "--workers", "2", "--no-reach")


def counted(done: Done) -> Any:
    """What repeats to the digit: all that is counted but time, whose boots are some ppm apart."""
    return {
        cell["id"]: {name: its["boots"] for name, its in cell["metrics"].items() if name != "time"}
        for cell in done.json()["cells"]
    }


def times(done: Done) -> dict[str, list[float]]:
    return {cell["id"]: cell["metrics"]["time"]["boots"] for cell in done.json()["cells"]}


def same(done: Done, local: Done, ppm: float = 50) -> None:
    """ppm: by which times may be apart: of the same snapshots hardly, of fresh boots of small workloads more."""
    assert done.code == 0, done.out + done.err
    assert counted(done) == counted(local)
    for cell, mine in times(done).items():
        for one, other in zip(mine, times(local)[cell], strict=True):
            assert one == pytest.approx(other, rel=ppm * 1e-6)


def workers(pid: int) -> list[int]:
    """Those that work, not the process that keeps them."""

    def its(pid: int) -> list[int]:
        table = children(pid).items()
        return [child for child, command in table if " worker " in command and "setpriv" not in command]

    return [child for child in its(pid) if not its(child)]


def test_two_workers_and_one_is_killed(ready: None, kmatrix: Kmatrix) -> None:
    local = kmatrix.run(TWO, "--no-reach")
    local.folder = local.folder.rename(local.folder.with_name("local"))
    words = ["--config", kmatrix.matrix(TWO), "--out", kmatrix.folder / "run", "--json", *CLUSTER]
    process = kmatrix.start("run", *words)
    busy = until(lambda: [w for w in workers(process.pid) if emulators(w)])
    guests = emulators(busy[0])
    os.kill(busy[0], signal.SIGKILL)
    until(lambda: not any(map(alive, guests)), 10)
    out, err = process.communicate(timeout=300)
    done = Done(process.returncode, out, err, kmatrix.folder / "run", 0)
    same(done, local)
    assert not any(map(alive, guests))
    events = [json.loads(row) for row in out.splitlines()]
    assert "another one is started" in out
    assert len([row for row in events if row["kind"] == "cell"]) == 2


def test_interrupted_it_leaves_nothing_and_resumes(ready: None, kmatrix: Kmatrix) -> None:
    process = kmatrix.start("run", "--config", kmatrix.matrix(TWO), "--out", kmatrix.folder / "run", *CLUSTER)
    until(lambda: emulators(process.pid))
    everything = children(process.pid)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "run --resume" in err
    until(lambda: not any(map(alive, everything)), 10)
    done = kmatrix("run", "--resume", kmatrix.folder / "run", *CLUSTER)
    assert done.code == 0, done.out + done.err


def test_sigkill_of_whoever_asked_leaves_no_guest(ready: None, kmatrix: Kmatrix) -> None:
    process = kmatrix.start("run", "--config", kmatrix.matrix(TWO), "--out", kmatrix.folder / "run", *CLUSTER)
    until(lambda: emulators(process.pid))
    everything = children(process.pid)
    process.kill()
    until(lambda: not any(map(alive, everything)), 20)
    process.wait()


@pytest.mark.night
def test_other_verbs_have_it_done_too(ready: None, kmatrix: Kmatrix) -> None:
    """verify repeats, bisect hunts, the plugin has its kernel built: by workers."""
    local = kmatrix.run(TWO)
    words = ["--executor", "dask"]
    done = kmatrix("verify", local.folder, "--out", kmatrix.folder / "verify", *words)
    assert done.code == 0 and "the same" in done.out, done.out + done.err
    patches = [HERE / "patches" / name for name in ("larger.patch", "nop-5.patch")]
    given = ["--base", "debian-6.1", "--config", kmatrix.matrix(LAB), "--cell", "aarch64/shmem-light"]
    done = kmatrix("bisect", *patches, *given, "--out", kmatrix.folder / "bisect", *words)
    assert done.code == 1, done.out + done.err
    (culprit,) = json.loads((kmatrix.folder / "bisect/bisect.json").read_text())["culprits"]
    assert "5 instructions more" in str(culprit["changes"]) and culprit["after"] - culprit["before"] == pytest.approx(
        5, abs=1
    )
    test = (
        'import pytest\n@pytest.mark.kmatrix("*/nops")\ndef test_it(guest):\n    assert guest.run("true").code == 0\n'
    )
    text = SMALL.replace("measure:", "  nops: {source: debian-6.1, patches: [patches/nop-20.patch]}\nmeasure:")
    done = kmatrix.pytest(text, test, "--kmatrix-executor", "dask")
    assert done.code == 0 and "1 passed" in done.out, done.out


@pytest.mark.night
def test_a_job_of_slurm_joins_and_works(ready: None, kmatrix: Kmatrix) -> None:
    """The script, with what SLURM sets; it has no shell when it is told to end."""
    local = kmatrix.run(TWO, "--no-reach")
    local.folder = local.folder.rename(local.folder.with_name("local"))
    join = kmatrix.folder / "join.json"
    scheduler = kmatrix.start("scheduler", join)
    until(join.exists, 60)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {
        **os.environ,
        "PATH": path,
        "SLURM_JOB_ID": "7",
        "SLURM_CPUS_PER_TASK": "1",
        "KMATRIX_CACHE": str(cache_root()),
    }
    job = subprocess.Popen(["bash", JOB, join], env=env, stdout=subprocess.PIPE, text=True)
    try:
        done = kmatrix.run(TWO, "--no-reach", "--executor", str(join))
        same(done, local)
        job.terminate()
        assert job.wait(30) == 0
    finally:
        for process in (job, scheduler):
            process.terminate()
            process.wait(60)


@pytest.mark.night
def test_thirty_kills_at_random(ready: None, kmatrix: Kmatrix) -> None:
    """In several runs: one of so many boots would have more snapshots than are kept."""
    text = EVERYWHERE.replace("[small]", "[faults, small]").replace("boots: 1", "boots: 6")
    local = kmatrix.run(text, "--no-reach")
    local.folder = local.folder.rename(local.folder.with_name("local"))
    chance, killed, runs, seen = random.Random(1), 0, 0, set[int]()
    while killed < 30:
        runs += 1
        folder, before = kmatrix.folder / f"run-{runs}", killed
        process = kmatrix.start("run", "--config", kmatrix.matrix(text), "--out", folder, *CLUSTER)
        while process.poll() is None and killed < 30:
            time.sleep(chance.uniform(2, 6))
            there = workers(process.pid)
            seen |= {*emulators(process.pid)}
            if there:
                os.kill(chance.choice(there), signal.SIGKILL)
                killed += 1
        out, err = process.communicate(timeout=1200)
        same(Done(process.returncode, out, err, folder, 0), local)
        assert killed > before
    assert not any(map(alive, seen))
