# SPDX-License-Identifier: GPL-2.0-or-later
"""A real PostgreSQL in a folder of its own, on a Unix socket alone; it does not start as root."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def programs() -> Path:
    """Where Debian has the newest server's programs; elsewhere they are in PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found else Path(shutil.which("initdb") or "/usr/bin/initdb").resolve().parent


@contextmanager
def server() -> Iterator[str]:
    """The URL of a fresh database. Runs as the user postgres where we are root."""
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
