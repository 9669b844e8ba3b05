# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes: what they are started with."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator import proc

ASK = [sys.executable, "-c", "import ctypes; print(ctypes.CDLL(None).prctl(42, 0, 0, 0, 0))"]  # PR_GET_THP_DISABLE


@pytest.mark.parametrize("huge_pages", [True, False])
def test_who_is_to_have_no_huge_pages_has_none_and_nobody_else(huge_pages: bool) -> None:
    async def told() -> bytes:
        async with proc.spawn(ASK, stdout=subprocess.PIPE, huge_pages=huge_pages) as process:
            out, _ = await process.communicate()
        return out

    assert int(asyncio.run(told())) == (not huge_pages)
    assert asyncio.run(proc.run(ASK)).output.strip() == "0"


FORKS = """
import os, sys, time
from orchestrator import proc
number = proc.forked(2, lambda text: print(text, flush=True))
if number is None:
    print("all ended", flush=True)
    sys.exit()
print(f"is {number} {os.getpid()}\\n", end="", flush=True)
if number == 0 and len(sys.argv) > 1:
    sys.exit(int(sys.argv[1]))
time.sleep(60)
"""


def ended(pid: int) -> bool:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_one_that_is_killed_is_forked_again_and_all_end_with_whoever_keeps_them(number: int) -> None:
    with subprocess.Popen([sys.executable, "-c", FORKS], stdout=subprocess.PIPE, text=True) as keeper:
        assert keeper.stdout
        first = {words[1]: int(words[2]) for words in (keeper.stdout.readline().split() for _ in range(2))}
        assert {*first} == {"0", "1"}
        subprocess.run(["kill", "-KILL", str(first["1"])], check=True)
        assert keeper.stdout.readline() == "a worker ended (-9), and another one is started\n"
        again = keeper.stdout.readline().split()
        assert again[:2] == ["is", "1"] and int(again[2]) not in first.values()
        keeper.send_signal(number)
        assert keeper.wait(10)
        assert ended(first["0"]) and ended(int(again[2]))


def test_one_that_ends_by_itself_is_not_forked_again() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FORKS, "4"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as keeper:
        assert keeper.stdout and keeper.stderr
        first = {words[1]: int(words[2]) for words in (keeper.stdout.readline().split() for _ in range(2))}
        assert keeper.stdout.readline() == "a worker ended (4), and is not started again\n"
        subprocess.run(["kill", "-TERM", str(first["1"])], check=True)
        assert keeper.stdout.readline() == "a worker ended (-15), and another one is started\n"
        assert keeper.stdout.readline().startswith("is 1 ")
        keeper.send_signal(signal.SIGTERM)
        out, _ = keeper.communicate(timeout=10)
        assert not out and ended(first["1"]), out
