# SPDX-License-Identifier: GPL-2.0-or-later
"""What a host is asked for: the default matrix's things always, a port's where a matrix names it."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator import doctor
from orchestrator.build import newer_qemu
from orchestrator.cli import app
from orchestrator.cli import doctor as verb
from orchestrator.errors import EXIT_INFRA, ConfigError
from orchestrator.model import Arch
from orchestrator.paths import MATRIX
from orchestrator.sandbox import bubblewrap

PORTS = ["riscv64", "ppc64le"]


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host that has no program at all, and a folder to be in."""
    monkeypatch.setattr(doctor.Need, "present", property(lambda need: not need.arch))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_port_is_asked_for_only_where_it_is_named() -> None:
    def named(*arches: str) -> set[str]:
        return {need.arch for need in doctor.wanted(arches=arches)} - {""}

    default = {"x86_64", "aarch64", "s390x"}
    assert named() == named("s390x") == default
    assert named("riscv64") == default | {"riscv64"}
    assert {need.arch for need in doctor.wanted(tests=True)} - {""} == default | set(PORTS)


def test_what_a_port_lacks_is_told_and_is_no_fault(bare: Path) -> None:
    lacking = doctor.ports()
    assert sorted(lacking) == sorted(PORTS) and doctor.ports(tests=True) == {}
    assert {need.program for need in lacking["ppc64le"]} > {"qemu-system-ppc64", "powerpc64le-linux-gnu-gcc"}
    assert doctor.ports(arches=["ppc64le"]).keys() == {"riscv64"}


def test_doctor_looks_at_the_architectures_of_the_matrix_file(bare: Path) -> None:
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == EXIT_INFRA
    assert "boots s390x guests" in done.output
    assert "boots riscv64 guests" not in done.output
    assert "possible: riscv64; it needs qemu-system-riscv64, gcc-riscv64-linux-gnu, libc6" in done.output
    (bare / "matrix.yaml").write_text(MATRIX.read_text().replace("[x86_64, aarch64, s390x]", "[riscv64]"))
    done = CliRunner().invoke(app, ["doctor"])
    assert "boots riscv64 guests" in done.output and "possible: ppc64le" in done.output
    assert "possible: riscv64" not in done.output


def test_a_matrix_file_that_does_not_load_stops_no_doctor(bare: Path) -> None:
    (bare / "matrix.yaml").write_text("arches: [vax]\n")
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == EXIT_INFRA and "kernels: Field required" in done.output
    assert "boots s390x guests" in done.output


def test_what_it_can_do_without_is_told_and_is_no_fault(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = {need.program for need in doctor.needs() if need.optional}
    assert "pahole" in named and not named & {need.program for need in doctor.wanted()}
    assert named <= {need.program for need in doctor.wanted(tests=True)} and doctor.optional(tests=True) == []
    monkeypatch.setattr(doctor.Need, "present", property(lambda need: not need.optional))
    monkeypatch.setattr(verb.accel, "qemu_version", version("10.0.2"))
    done = CliRunner().invoke(app, ["doctor"])
    assert "QEMU is" not in done.output
    assert done.exit_code == 0 and "things are there" in done.output
    assert "Not needed, but good to have: pahole (pahole), tells how a patch changes the layout" in done.output


def version(text: str) -> Callable[[Arch], Awaitable[str]]:
    async def told(arch: Arch) -> str:
        return text

    return told


def test_an_old_qemu_is_told_with_where_there_is_a_newer_one(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def offered(*words: object) -> str:
        return "1:10.0.2+ds-2~bpo12+1"

    monkeypatch.setattr(doctor.Need, "present", property(lambda need: True))
    monkeypatch.setattr(newer_qemu.apt, "offered", offered)
    monkeypatch.setattr(newer_qemu, "backports", lambda: "bookworm-backports")
    monkeypatch.setattr(verb.accel, "qemu_version", version("8.2.1 (Debian)"))
    done = CliRunner().invoke(app, ["doctor"])
    assert "QEMU is 8.2.1: accounts of memory lack some accesses. bookworm-backports has 10.0.2: " in done.output
    monkeypatch.setattr(verb.accel, "qemu_version", version("7.2.22"))
    assert "several CPUs are left out; accounts" in CliRunner().invoke(app, ["doctor"]).output


def test_a_newer_one_goes_into_a_folder_that_is_empty(bare: Path) -> None:
    (bare / "qemu").mkdir()
    (bare / "qemu/mine").touch()
    done = CliRunner().invoke(app, ["doctor", "--newer-qemu", "qemu"])
    assert isinstance(done.exception, ConfigError) and (bare / "qemu/mine").exists()


def test_a_matrix_file_may_name_it_before_it_is_there(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = []

    async def unpack(store: object, arches: list[Arch], folder: Path) -> None:
        unpacked.append(([arch.name for arch in arches], folder))

    monkeypatch.setattr(newer_qemu, "unpack", unpack)
    text = MATRIX.read_text().replace("[x86_64, aarch64, s390x]", "[s390x]\nqemu: new")
    (bare / "matrix.yaml").write_text(text.replace("images/patches", str(MATRIX.parent / "images/patches")))
    done = CliRunner().invoke(app, ["doctor", "--newer-qemu", "new"])
    assert done.exit_code == 0 and f"qemu: {bare.resolve() / 'new'}" in done.output
    assert unpacked == [(["s390x"], Path("new"))]
    (bare / "matrix.yaml").write_text("arches: [vax]\n")
    assert isinstance(CliRunner().invoke(app, ["doctor", "--newer-qemu", "new"]).exception, ConfigError)


def test_what_a_matrix_file_has_of_its_own_is_not_missing(bare: Path) -> None:
    program = bare / "new/qemu-system-s390x"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho QEMU emulator version 10.0.2\n")
    program.chmod(0o755)
    text = MATRIX.read_text().replace("[x86_64, aarch64, s390x]", "[s390x]\nqemu: new")
    (bare / "matrix.yaml").write_text(text.replace("images/patches", str(MATRIX.parent / "images/patches")))
    done = CliRunner().invoke(app, ["doctor"])
    assert "boots s390x guests" not in done.output and "boots x86_64 guests" in done.output


def test_a_bubblewrap_that_cannot_work_is_told_and_is_no_fault(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped matrix needs none; a patch does, or somebody's word."""
    monkeypatch.setattr(shutil, "which", lambda name, **_: f"/usr/bin/{name}")
    for why, told in (("bwrap: no permission", True), ("", False)):
        monkeypatch.setattr(bubblewrap, "_usable", {"why": why})
        done = CliRunner().invoke(app, ["doctor"])
        assert done.exit_code == 4  # for the compilers, which this host does not have either
        assert ("bubblewrap cannot hold anything here: bwrap: no permission." in done.stdout) is told
        assert ("only with --unsandboxed" in " ".join(done.stdout.split())) is told
