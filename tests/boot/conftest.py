# SPDX-License-Identifier: GPL-2.0-or-later
"""Real runs of the real command: real kernels, QEMU and SSH. Kernels come from the user's cache, as for anybody."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
REFERENCE = ROOT / "tests/reference/matrix.json"
SEED = ROOT / "images/patches/seed-unpatched"
COLD = 2400  # seconds that a run may take when it has to build every kernel first
MEASURING = ("run", "check", "profile", "nightly")  # verbs that take what was measured before
LIGHT_MIB = 64  # of the copy of shmem-write: whatever is counted a page is the same as of the shipped 400
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background: what we start would ignore it, too
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Done:
    """A finished command."""

    code: int
    out: str
    err: str
    folder: Path
    seconds: float

    def json(self, name: str = "matrix.json") -> Any:
        """A file of the run folder."""
        return json.loads((self.folder / name).read_text())

    def cell(self, cell_id: str) -> Any:
        """A cell of matrix.json."""
        return next(cell for cell in self.json()["cells"] if cell["id"] == cell_id)


@dataclass
class Kmatrix:
    """Runs the command; the run folder is always FOLDER/run."""

    folder: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)
    fresh: bool = True  # nothing is taken from the store of results

    def command(self, *arguments: str | Path) -> list[str]:
        """The place for an option that every command of these tests is to have."""
        words = [*map(str, arguments)]
        if self.fresh and words[0] in MEASURING and not {"--print", "--fresh"} & set(words):
            words.insert(1, "--fresh")
        return [sys.executable, "-m", "orchestrator", *words]

    def start(self, *arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """In the background; ended with the test."""
        process = subprocess.Popen(
            self.command(*arguments), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "KMATRIX_HISTORY": str(self.folder / "history.sqlite"), **(env or {})},
        )  # fmt: skip
        self.started.append(process)
        return process

    def __call__(self, *arguments: str | Path, env: dict[str, str] | None = None, timeout: float = COLD) -> Done:
        begin = time.monotonic()
        process = self.start(*arguments, env=env)
        out, err = process.communicate(timeout=timeout)
        return Done(process.returncode, out, err, self.folder / "run", time.monotonic() - begin)

    def pytest(self, matrix: str, tests: str, *arguments: str, env: dict[str, str] | None = None) -> Done:
        """pytest, as its users start it, on a test file beside this matrix.yaml."""
        begin = time.monotonic()
        process = self.start_pytest(matrix, tests, *arguments, env=env)
        out, err = process.communicate(timeout=COLD)
        return Done(process.returncode, out, err, self.folder, time.monotonic() - begin)

    def start_pytest(
        self, matrix: str, tests: str, *arguments: str, env: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """In the background; ended with the test."""
        self.matrix(matrix)
        (self.folder / "test_it.py").write_text(tests)
        options = ["-p", "no:cacheprovider", "--basetemp", "tmp", *arguments]
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, "test_it.py"],
            cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})},
        )  # fmt: skip
        self.started.append(process)
        return process

    def matrix(self, text: str) -> Path:
        """A matrix.yaml beside the tests' own guest tools and patches."""
        path = self.folder / "matrix.yaml"
        path.write_text(text)
        if not (self.folder / "patches").exists():
            (self.folder / "patches").symlink_to(HERE / "patches")
            (self.folder / "seed.patch").symlink_to(next(SEED.glob("*.patch")))
            for tool in (HERE / "guest-tools").iterdir():
                shutil.copytree(tool, self.folder / "guest-tools" / tool.name)
            light = self.folder / "guest-tools/shmem-light"
            shutil.copytree(ROOT / "guest-tools/shmem-write", light)
            config = light / "workload.toml"
            config.write_text(config.read_text().replace('"400"', f'"{LIGHT_MIB}"').replace("1024", "256"))
        return path

    def run(self, text: str, *arguments: str, env: dict[str, str] | None = None) -> Done:
        """kmatrix run on a matrix of the test's own."""
        return self("run", "--config", self.matrix(text), "--out", self.folder / "run", *arguments, env=env)


@pytest.fixture
def kmatrix(tmp_path: Path) -> Iterator[Kmatrix]:
    yield from _kmatrix(tmp_path)


@pytest.fixture(scope="module")
def kmatrix_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kmatrix]:
    yield from _kmatrix(tmp_path_factory.mktemp("run"))


def _kmatrix(folder: Path) -> Iterator[Kmatrix]:
    made = Kmatrix(folder)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Kernels, guest images and programs are in the cache: a test waits for no build but those that it is about.

    The first of pytest's workers that asks makes them; the others wait for it.
    """
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with (shared / "ready.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (shared / "ready").exists():
            return
        kmatrix = Kmatrix(tmp_path_factory.mktemp("ready"))
        for done in (kmatrix("build", "--config", kmatrix.matrix(LAB)), kmatrix.run(EVERYWHERE)):
            assert done.code == 0, done.out + done.err
        (shared / "ready").touch()


@pytest.fixture(scope="session")
def seed(ready: None, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The shipped matrix, run once."""
    folder = tmp_path_factory.mktemp("seed")
    done = Kmatrix(folder)("run", "--out", folder / "run")
    assert done.code == 0, done.out + done.err
    return done


def pytest_itemcollected(item: pytest.Item) -> None:
    """What is in this folder boots guests."""
    item.add_marker("guest")


def alike(differences: Any) -> bool:
    """Whether this host's newest source package and compiler are those of the reference: not ours to choose."""
    return not any(row["text"].startswith(("source of", "compiler of")) for row in differences)


def small_path(folder: Path, without: str) -> str:
    """A PATH that has everything but one program."""
    folder.mkdir()
    for place in reversed(os.environ["PATH"].split(":")):
        for program in Path(place).glob("*"):
            link = folder / program.name
            link.unlink(missing_ok=True)
            if program.name != without:
                link.symlink_to(program)
    return str(folder)


def children(pid: int) -> dict[int, str]:
    """{pid: command line} of all processes below pid."""
    table: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        table[int(entry.name)] = (int(fields[1]), command)
    found: dict[int, str] = {}
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        for child, (its_parent, command) in table.items():
            if its_parent == parent:
                found[child] = command
                waiting.append(child)
    return found


def alive(pid: int) -> bool:
    """Is it there, and no zombie?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(what: Callable[[], Any], seconds: float = 120) -> Any:
    """The first true answer of what(), asked again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := what():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


def emulators(pid: int) -> list[int]:
    """QEMUs (not their wrappers) below pid."""
    return [
        child
        for child, command in children(pid).items()
        if command.startswith("/") and "qemu-system-" in command.split()[0]
    ]


SMALL = """\
arches: [aarch64]
workloads: [small]
sources:
  debian-6.1: {debian: linux-source-6.1}
kernels:
  patched: {source: debian-6.1}
measure: {boots: 1, passes: 1, retries: 0}
limits: {ready: 40, work: 60}
"""
EVERYWHERE = SMALL.replace("[aarch64]", "[x86_64, aarch64, s390x]")
# Three kernels on three architectures that many tests share: lab.patch adds 7 instructions to a page's first shared
# write, 20 to the copy of a page and 1 to the first fault of a private one.
LAB = """\
arches: [x86_64, aarch64, s390x]
workloads: [shmem-light]
sources:
  debian-6.1: {debian: linux-source-6.1}
kernels:
  unpatched: {source: debian-6.1, patches: [seed.patch]}
  patched: {source: debian-6.1}
  lab: {source: debian-6.1, patches: [patches/lab.patch]}
compare:
  - {base: unpatched, new: patched}
  - {base: patched, new: lab}
measure: {boots: 1, passes: 1, memory_mib: 256}
"""


def of_patch(patch: str, arches: str, workloads: str = "small", more: str = "") -> str:
    """A matrix of the unpatched kernel and one with a patch of these tests: one boot, one pass."""
    return f"""\
arches: [{arches}]
workloads: [{workloads}]
sources:
  debian-6.1: {{debian: linux-source-6.1}}
kernels:
  unpatched: {{source: debian-6.1}}
  patched: {{source: debian-6.1, patches: [patches/{patch}.patch]}}
compare:
  - {{base: unpatched, new: patched}}
measure: {{boots: 1, passes: 1, retries: 0}}
{more}"""


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of this release's backports, in a folder."""
    folder = tmp_path_factory.mktemp("newer")
    done = Kmatrix(folder)("doctor", "--newer-qemu", folder / "qemu")
    assert done.code == 0, done.out + done.err
    return folder / "qemu"
