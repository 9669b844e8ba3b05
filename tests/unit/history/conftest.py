# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of many nights; a real PostgreSQL in a folder of its own, on a Unix socket alone."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.analyse.upgrade import upgraded

REFERENCE = Path(__file__).parents[2] / "reference/matrix-0.4.0.json"
CELL = "aarch64/patched/shmem-write"
DAY = 86400


def programs() -> Path:
    """Where Debian has the newest server's programs; elsewhere they are in PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found else Path(shutil.which("initdb") or "/usr/bin/initdb").resolve().parent


@contextmanager
def server() -> Iterator[str]:
    """The URL of a fresh database. It does not start as root: runs as the user postgres where we are."""
    folder = Path(tempfile.mkdtemp(prefix="kmatrix-pg."))  # a short path: a socket's may have 107 characters
    user: dict[str, str] = {"user": "postgres"} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, "postgres")

    def call(*argv: str | Path) -> None:
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=120, **user)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stdout + done.stderr

    log, data = folder / "log", folder / "data"
    call(programs() / "initdb", "-D", data, "-U", "kmatrix", "--auth=trust", "--no-sync")
    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    try:
        subprocess.run(
            [programs() / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start"],
            cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=120, **user,  # type: ignore[call-overload]
        )  # fmt: skip
        yield f"postgresql://kmatrix:secret@/postgres?host={folder}"
    finally:
        subprocess.run(
            [programs() / "pg_ctl", "-D", data, "-m", "immediate", "stop"], capture_output=True, cwd="/", **user
        )  # type: ignore[call-overload]
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with server() as url:
        yield url


def nights(count: int) -> list[Any]:
    """The recorded reference as nights: times 15 ppm apart, as those of independent boots are; a commit a night."""
    recorded = upgraded(json.loads(REFERENCE.read_text()))
    draw = random.Random(7)
    made = []
    for night in range(count):
        report = copy.deepcopy(recorded)
        report["run"] = {"id": f"night{night}", "started": 1_790_000_000.0 + night * DAY, "kind": "nightly"}
        for cell in report["cells"]:
            scale(cell, 1.0, lambda: draw.uniform(-15e-6, 15e-6))
        for build in report["kernels"].values():
            build["source"] = f"git:{night:040x}"
        made.append(report)
    return made


def scale(cell: Any, factor: float, noise: Any = lambda: 0.0) -> None:
    rows = cell["metrics"]["time"]
    rows["boots"] = [[value * (factor + noise()) for value in boot] for boot in rows["boots"]]


def cell(report: Any, name: str = CELL) -> Any:
    return next(row for row in report["cells"] if row["id"] == name)
