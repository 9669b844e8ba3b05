# SPDX-License-Identifier: GPL-2.0-or-later
"""A wheel, installed, outside of any checkout: the same answers, keys and bits as from here. All offline."""

from __future__ import annotations

import hashlib
import os
import shutil
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from orchestrator import __version__

ROOT = Path(__file__).parents[2]
TOOL = """
import asyncio, pathlib, sys
from orchestrator import arches, paths
from orchestrator.build import guest_tools, plugin
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan
from orchestrator.runs import record
from orchestrator.store import Store, digest, sha256

store, matrix = Store(), matrix_file.load(paths.MATRIX, "seed")
for workload in matrix.workloads:
    made = asyncio.run(guest_tools.tool(store, arches.known()[sys.argv[1]], workload))
    print(workload.name, made.runner.parent.name, made.sha256)
print("plugin", asyncio.run(plugin.plugin(store, "QEMU emulator version 7.2.0")).parent.name)
print("builds", digest([build.kconfig for build in plan(matrix).builds]))
print("inputs", sorted(record.input_hashes(matrix).values()))
"""


def run(words: list[str | Path], cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Without what the environment says of Python and of us."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "KMATRIX", "XDG"))}
    return subprocess.run(
        [str(word) for word in words], cwd=cwd, env={**clean, **env}, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel; what it depends on is this one's."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    source.mkdir()
    for name in ("orchestrator", "images", "guest-tools"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "matrix.yaml"):
        shutil.copy(ROOT / name, source)
    built = run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], source, PATH=os.environ["PATH"]
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    shutil.rmtree(source)
    run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], folder)
    (packages,) = (folder / "venv/lib").glob("python3*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    theirs = [path for path in site.getsitepackages() if Path(path).is_dir()]
    (packages / "theirs.pth").write_text("\n".join(theirs))
    read_only(packages / "orchestrator")
    return folder / "venv/bin/python"


def read_only(folder: Path) -> None:
    """Nothing may write into the installed package."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def files(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_it_answers_from_an_empty_folder(installed: Path, empty: Path, tmp_path: Path, old_run: Path) -> None:
    package = installed.parents[1]
    (place,) = package.glob("lib/python3*/site-packages/orchestrator")
    before = files(place)

    def kmatrix(*words: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = run([installed, "-m", "orchestrator", *words], empty, HOME=str(tmp_path / "home"))
        assert done.returncode == code, done.stdout + done.stderr
        assert str(ROOT) not in done.stdout + done.stderr
        return done

    assert kmatrix("--version").stdout == f"kmatrix {__version__}\n"
    kmatrix("doctor", "--tests", code=run([installed, "-m", "orchestrator", "doctor", "--tests"], empty).returncode)
    here = run([sys.executable, "-m", "orchestrator", "plan", "--preset", "seed"], ROOT)
    done = kmatrix("plan", "--preset", "seed")
    assert done.stdout == here.stdout and f"the default one of kmatrix {__version__}" in done.stderr
    assert "shmem-write" in kmatrix("report", old_run).stdout
    for format in ("html", "mail"):
        assert "shmem-write" in kmatrix("report", old_run, "--format", format).stdout
    assert not list(empty.iterdir())
    kmatrix("init")
    assert (empty / "matrix.yaml").read_bytes() == (ROOT / "matrix.yaml").read_bytes()
    done = kmatrix("plan", "--preset", "seed")
    assert done.stdout == here.stdout and done.stderr == "matrix: matrix.yaml\n"
    kmatrix("check", code=2)
    assert files(place) == before


@pytest.mark.parametrize("arch", ["s390x"])
def test_it_builds_the_same_bits_under_the_same_keys(installed: Path, empty: Path, tmp_path: Path, arch: str) -> None:
    """Workloads, plugin, the kernels' configs, and what a run is held against when it is resumed."""
    there = run([installed, "-c", TOOL, arch], empty, KMATRIX_CACHE=str(tmp_path / "there"))
    here = run([sys.executable, "-c", TOOL, arch], ROOT, KMATRIX_CACHE=str(tmp_path / "here"))
    assert here.returncode == 0, here.stderr
    assert there.returncode == 0, there.stderr
    assert here.stdout == there.stdout and here.stdout.count("\n") == 10


def test_packages_are_told_before_anything_is_installed() -> None:
    """As .ci/packages does, with a Python that has nothing."""
    done = run([sys.executable, "-I", "-S", "orchestrator/doctor.py", "--test"], ROOT)
    assert (done.returncode, done.stderr) == (0, "")
