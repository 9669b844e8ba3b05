# SPDX-License-Identifier: GPL-2.0-or-later
"""Emulators of a folder, and what is refused of old ones."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.config import matrix_file
from orchestrator.config.dump import portable
from orchestrator.config.emulators import from_folder, of_folder, version
from orchestrator.errors import Absent, ConfigError, InfraError
from orchestrator.guest import accel
from orchestrator.guest.command_line import firmware
from orchestrator.model import Clock, Measure
from orchestrator.paths import MATRIX

ARCH = arches.known()["s390x"]


def emulator(place: Path) -> Path:
    place.mkdir(parents=True)
    program = place / ARCH.qemu
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("place", ["", "bin", "usr/bin"])
def test_a_folder_has_it_where_packages_and_builds_put_it(tmp_path: Path, place: str) -> None:
    root = tmp_path / "qemu-10"
    program = emulator(root / place)
    share = program.parent.parent / "share"
    (share / "seabios").mkdir(parents=True)
    found = from_folder(ARCH, root)
    assert found and (found.qemu, found.firmware) == (str(program), (str(share / "seabios"),))
    assert firmware(found) == ["-L", str(share / "seabios")] and firmware(ARCH) == []


def test_what_cannot_be_started_is_none(tmp_path: Path) -> None:
    emulator(tmp_path / "bin").chmod(0o644)
    assert from_folder(ARCH, tmp_path) is None and from_folder(ARCH, tmp_path / "nowhere") is None


def matrix_of(folder: Path, qemu: str, *names: str) -> Path:
    text = MATRIX.read_text().replace("[x86_64, aarch64, s390x]", f"[{', '.join(names)}]\nqemu: {qemu}")
    (folder / "matrix.yaml").write_text(text.replace("images/patches", str(MATRIX.parent / "images/patches")))
    return folder / "matrix.yaml"


def test_a_matrix_file_names_it_from_where_it_is(tmp_path: Path) -> None:
    program = emulator(tmp_path / "new/usr/bin")
    matrix = matrix_file.load(matrix_of(tmp_path, "new", "s390x"))
    assert (matrix.qemu, matrix.arches[0].qemu) == (str(tmp_path / "new"), str(program))
    with pytest.raises(ConfigError, match=r"new has no qemu-system-aarch64, nor has its bin or usr/bin"):
        matrix_file.load(matrix_of(tmp_path, "new", "s390x", "aarch64"))


def test_copies_take_those_that_are_installed_and_a_run_goes_on_with_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator(tmp_path / "new/usr/bin")
    matrix_of(tmp_path, "new", "s390x")
    monkeypatch.chdir(tmp_path)
    matrix = matrix_file.load(Path("matrix.yaml"))
    assert Path(matrix.arches[0].qemu).is_absolute()
    copied = portable(matrix, tmp_path)
    assert (copied.qemu, copied.arches[0]) == ("", ARCH)
    assert of_folder(copied, matrix.qemu).arches == matrix.arches and of_folder(copied, "") is copied
    with pytest.raises(ConfigError, match="nowhere has not the emulators any more"):
        of_folder(copied, "/nowhere")


def test_what_does_not_start_has_no_version(tmp_path: Path) -> None:
    program = emulator(tmp_path / "bin")
    found = from_folder(ARCH, tmp_path)
    assert found
    with pytest.raises(InfraError, match="does not start: it says nothing"):
        asyncio.run(accel.qemu_version(found))
    program.write_text("#!/bin/sh\necho QEMU emulator version 10.0.2\n")
    assert re.fullmatch(r"10\.0\.2 \[[0-9a-f]{12}\]", asyncio.run(accel.qemu_version(found)))


def test_versions_are_numbers() -> None:
    assert version("7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)") == (7, 2)
    assert version("QEMU emulator version 10.0.2") == (10, 0) and version("?") == (0, 0)


def test_several_cpus_that_take_turns_need_a_fair_qemu() -> None:
    with pytest.raises(Absent, match=r"QEMU 7\.2\.22 gets stuck with several CPUs"):
        accel.refuse_several("7.2.22 (Debian)", Measure(cpus=2))
    accel.refuse_several("8.1.0", Measure(cpus=2))
    accel.refuse_several("7.2.22", Measure())
    accel.refuse_several("7.2.22", Measure(cpus=2, clock=Clock.WALL))
