# SPDX-License-Identifier: GPL-2.0-or-later
"""The shipped matrix: what the README promises of it."""

from __future__ import annotations

import json

import pytest

from orchestrator.analyse.verify import SAME
from orchestrator.analyse.verify import verify as held_against
from orchestrator.runs.load import load
from tests.boot.conftest import REFERENCE, SMALL, Done, Kmatrix, alike

ARCHES = ("x86_64", "aarch64", "s390x")
CHANGE = {"x86_64": -0.1415, "aarch64": -0.1243, "s390x": -0.1344}


def per_page(seed: Done, arch: str, kernel: str, metric: str) -> list[float]:
    cell = seed.cell(f"{arch}/{kernel}/shmem-write")
    return [value / cell["units"] for boot in cell["metrics"][metric]["boots"] for value in boot]


def test_six_cells_pass_and_all_is_as_expected(seed: Done) -> None:
    report = seed.json()
    assert [cell["status"] for cell in report["cells"]] == ["passed"] * 6
    assert {row["verdict"] for row in report["expectations"]} == {"as_expected"}
    assert len(report["expectations"]) == 54
    assert "6 cells: 6 passed; 54 of 54 expectations hold" in seed.out


@pytest.mark.parametrize("arch", ARCHES)
def test_the_seeds_counts(seed: Done, arch: str) -> None:
    for metric, unpatched, patched, tolerance in (
        ("pgfault", 2, 1, 0.002),
        ("majflt", 1, 0, 0.001),
        ("minflt", 0, 1, 0.001),
    ):
        assert per_page(seed, arch, "unpatched", metric) == pytest.approx([unpatched] * 2, abs=tolerance)
        assert per_page(seed, arch, "patched", metric) == pytest.approx([patched] * 2, abs=tolerance)


def test_all_that_a_kernel_counts_repeats_and_only_faults_differ(seed: Done) -> None:
    """Which pgfault tells."""
    report = seed.json()
    assert report["counters"] == report["counters_left_out"] == []
    assert all(len(cell["vmstat"]) > 100 for cell in report["cells"])


@pytest.mark.parametrize("arch", ARCHES)
def test_the_seeds_time(seed: Done, arch: str) -> None:
    row = next(r for r in seed.json()["comparisons"] if (r["arch"], r["metric"]) == (arch, "time"))
    assert row["change"] == pytest.approx(CHANGE[arch], abs=0.001)
    assert row["verdict"] == "better"


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("kernel", ["unpatched", "patched"])
def test_boots_repeat_within_20_ppm(seed: Done, arch: str, kernel: str) -> None:
    times = per_page(seed, arch, kernel, "time")
    middle = sorted(times)[len(times) // 2]
    assert len(times) == 2 and (max(times) - min(times)) / middle <= 20e-6, times


@pytest.mark.parametrize("arch", ARCHES)
def test_the_run_folder_holds_the_evidence(seed: Done, arch: str) -> None:
    for name in ("plan.json", "host.json", "matrix.yaml", "matrix.md"):
        assert (seed.folder / name).stat().st_size
    for kernel in ("unpatched", "patched"):
        build = seed.folder / "builds" / arch / kernel
        assert (build / "build.log").stat().st_size and "CONFIG_SHMEM=y" in (build / "config").read_text()
        cell = seed.folder / "cells" / arch / kernel / "shmem-write"
        assert json.loads((cell / "result.json").read_text())["status"] == "passed"
        for number in (0, 1):
            boot = cell / f"boot-{number}"
            assert "kmatrix: ready" in (boot / "console.log").read_text()
            assert f"qemu-system-{arch}" in (boot / "qemu.txt").read_text()
            assert len((boot / "work.out").read_text().splitlines()) == 3
            assert "-incoming fd:" in (boot / "counted" / "qemu.txt").read_text()


@pytest.mark.parametrize("arch", ARCHES)
def test_what_was_built_is_recorded(seed: Done, arch: str) -> None:
    kernels = seed.json()["kernels"]
    patched, unpatched = kernels[f"{arch}/patched"], kernels[f"{arch}/unpatched"]
    assert patched["source"].startswith("debian:linux-source-6.1=6.1.") and patched["linux"].startswith("6.1.")
    assert list(unpatched["patches"]) == ["0001-take-out-VM_FAULT_COMPLETED.patch"] and not patched["patches"]
    assert patched["image_sha256"] != unpatched["image_sha256"]
    assert patched["config_sha256"] == unpatched["config_sha256"]


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("kernel", ["unpatched", "patched"])
def test_images_are_bit_for_bit_those_of_another_machine(seed: Done, arch: str, kernel: str) -> None:
    """The machine that the shipped reference run is of. Of another compiler or Linux, nothing is compared."""
    theirs, ours = (
        report["kernels"][f"{arch}/{kernel}"] for report in (json.loads(REFERENCE.read_text()), seed.json())
    )
    for name in ("compiler", "source"):
        if ours[name] != theirs[name]:
            pytest.skip(f"this machine's {name} is {ours[name]}, the reference's {theirs[name]}: record it again")
    for name in ("patches", "config_sha256", "image_sha256"):
        assert ours[name] == theirs[name], name


def test_the_shipped_matrix_gives_the_references_figures(seed: Done) -> None:
    answer = held_against(load(REFERENCE).report, load(seed.folder).report)
    assert len(answer.values) == 74
    if alike(answer.as_json()["differences"]):
        # What programs are compiled with has grown since it was recorded: that must move no figure.
        grown = ("workload file common/", "workload file adapters/", "the program shmem-write", "kmatrix:")
        others = [row.text for row in answer.differences if row.matters and not row.text.startswith(grown)]
        assert not others and {value.verdict for value in answer.values} == {SAME}, (others, answer.values)
    else:
        assert all(value.causes for value in answer.values if value.verdict != SAME)


def test_nothing_changed_builds_nothing(seed: Done, kmatrix: Kmatrix) -> None:
    done = kmatrix(
        "run", "-s", "aarch64/patched", "--boots", "1", "--passes", "1", "--out", kmatrix.folder / "run", "--json"
    )
    events = [json.loads(row) for row in done.out.splitlines()]
    assert done.code == 0, done.out + done.err
    assert [e["cached"] for e in events if e["kind"] == "kernel"] == [True]
    assert not [e for e in events if e.get("stage") == "build"]


def test_a_run_is_reported_again_without_any_tool(seed: Done, kmatrix: Kmatrix) -> None:
    nothing = {"PATH": "/nonexistent"}
    for name, word in (("terminal", "as expected"), ("markdown", "| verdict |"), ("json", '"schema": 1')):
        done = kmatrix("report", seed.folder, "--format", name, env=nothing)
        assert done.code == 0 and word in done.out
    done = kmatrix("report", seed.folder, "--format", "pdf")
    assert done.code == 2 and "unknown format 'pdf'; known: " in done.err and "json, junit" in done.err


def test_a_wall_clock_cell(ready: None, kmatrix: Kmatrix) -> None:
    done = kmatrix.run(SMALL.replace("[aarch64]", "[x86_64]"), "--clock", "wall")
    cell = done.cell("x86_64/patched/small")
    assert cell["status"] == "passed" and cell["clock"] == "wall" and cell["accel"] in ("tcg", "kvm")
    assert "-icount" not in (done.folder / "cells/x86_64/patched/small/boot-0/qemu.txt").read_text()
    if cell["accel"] == "tcg":
        assert "indicative" in done.out and any("KVM is not used" in note for note in cell["notes"])


@pytest.mark.parametrize("arch", ARCHES)
def test_a_shell(ready: None, kmatrix: Kmatrix, arch: str) -> None:
    done = kmatrix(
        "shell", f"{arch}/patched", "--command", "uname -m; ip route; cat /proc/sys/kernel/randomize_va_space"
    )
    assert done.code == 0, done.out + done.err
    assert done.out.split()[0] == arch and done.out.split()[-1] == "0"
    assert "default" not in done.out
