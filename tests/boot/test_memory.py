# SPDX-License-Identifier: GPL-2.0-or-later
"""What is loaded and stored, and how many lines of memory that is: as a program of known numbers has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.model import MEMORY
from orchestrator.runs.load import load
from tests.boot.conftest import Done, Kmatrix

NIGHT = pytest.mark.night
ARCHES = ("s390x", *(pytest.param(name, marks=NIGHT) for name in ("x86_64", "aarch64")))
UNITS = 50
TEXT = """\
arches: [x86_64, aarch64, s390x]
workloads: [touching]
sources:
  debian-6.1: {debian: linux-source-6.1}
kernels:
  patched: {source: debian-6.1}
measure: {boots: 2, passes: 1, memory_mib: 256}
"""


@pytest.fixture(scope="module", params=ARCHES)
def touching(
    request: pytest.FixtureRequest, ready: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Done]:
    """Profiled, with a run of two boots before."""
    kmatrix = Kmatrix(tmp_path_factory.mktemp("touching"))
    config, out = kmatrix.matrix(TEXT), kmatrix.folder / "run"
    run = kmatrix("run", "--config", config, "--select", f"{request.param}/*", "--memory", "--out", out)
    assert run.code == 0, run.out + run.err
    done = kmatrix("profile", out, "--sort", "data_lines")
    assert done.code == 0, done.out + done.err
    return request.param, done


def test_functions_have_what_they_say(touching: tuple[str, Done]) -> None:
    """Of the second round on lines are in a cache that has room for them, and never in one that has not."""
    arch, done = touching
    account = json.loads((done.folder / "cells" / arch / "patched/touching/profile.json").read_text())
    few, many, one = (account["costs"][f"user:{name}"] for name in ("few", "many", "one"))
    returns = UNITS if arch == "x86_64" else 0  # it reads where to
    assert few["loads"] == few["bytes"] / 8 == UNITS * 4 * 400 + returns
    assert many["loads"] == UNITS * 2 * 600 + returns
    assert (one["loads"], one["stores"], one["bytes"]) == (returns, UNITS * 1000, 8 * (UNITS * 1000 + returns))
    assert (few["data_lines"], many["data_lines"], one["data_lines"]) == (UNITS * 400, UNITS * 600, UNITS)
    assert few["new_lines"] == few["lru_16384"] == 400 and many["new_lines"] == many["lru_16384"] == 600
    assert few["lru_512"] == UNITS * 400 and many["lru_512"] == UNITS * 2 * 600 + returns
    assert account["data_lines_median"] == pytest.approx(1001, abs=10)
    assert "20000.00 20000.00" not in done.out  # nothing is compared


def test_a_run_has_them_as_metrics(touching: tuple[str, Done]) -> None:
    arch, done = touching
    cell = done.cell(f"{arch}/patched/touching")
    assert set(MEMORY) <= cell["metrics"].keys() and cell["units"] == UNITS
    for name in MEMORY:
        one, two = (values for [values] in cell["metrics"][name]["boots"])
        assert one == pytest.approx(two, rel=1e-3, abs=50), name
    [[lines], _] = cell["metrics"]["data_lines"]["boots"]
    assert lines / UNITS == pytest.approx(1001, abs=10)
    assert load(done.folder).reproduce.endswith(" --memory")


def test_whoever_does_not_ask_is_not_told(touching: tuple[str, Done], kmatrix: Kmatrix) -> None:
    """The same cell, out of the store."""
    arch, _ = touching
    kmatrix.fresh = False
    run = kmatrix("run", "--config", kmatrix.matrix(TEXT), "--select", f"{arch}/*", "--out", kmatrix.folder / "run")
    assert "measured before" in run.out + run.err
    assert not set(MEMORY) & run.cell(f"{arch}/patched/touching")["metrics"].keys()


LAYOUT = """\
arches: [x86_64, aarch64, s390x]
workloads: [shmem-write-small]
sources:
  debian-6.1: {debian: linux-source-6.1}
kernels:
  aligned: {source: debian-6.1, patches: [patches/aligned-vma.patch]}
  moved: {source: debian-6.1, patches: [patches/aligned-vma.patch, patches/moved-field.patch]}
compare:
  - {base: aligned, new: moved}
measure: {boots: 2, passes: 1}
config: lean
"""


@NIGHT
@pytest.mark.parametrize("arch", ["x86_64", "aarch64", "s390x"])
def test_a_field_that_moves_into_a_line_of_its_own_is_one_line_more(ready: None, kmatrix: Kmatrix, arch: str) -> None:
    """And nothing else: not an instruction, not another line of data. x86_64's instructions are longer or shorter by
    where the field is, so its code is on other lines."""
    config, out = kmatrix.matrix(LAYOUT), kmatrix.folder / "run"
    run = kmatrix("run", "--config", config, "--select", f"{arch}/*", "--memory", "--out", out)
    rows = {row["metric"]: row for row in run.json()["comparisons"]}
    units = run.json()["cells"][0]["units"]
    change = {name: (row["new_value"] - row["base_value"]) / units for name, row in rows.items()}
    assert change.pop("time") == pytest.approx(0, abs=0.05 / 1000)  # an instruction is 1 ns, and this is in us
    assert change.pop("data_lines") == pytest.approx(1, abs=0.05), run.out
    if arch == "x86_64":
        assert abs(change.pop("code_lines")) < 10
    assert change == dict.fromkeys(change, pytest.approx(0, abs=0.05)), run.out
    assert rows["data_lines"]["verdict"] == "worse" and run.code == 0, run.out + run.err


WHOLE = """\
arches: [x86_64, aarch64, s390x]
workloads: [shmem-write-small]
qemu: {qemu}
sources:
  debian-6.1: {{debian: linux-source-6.1}}
kernels:
  patched: {{source: debian-6.1}}
measure: {{boots: 1, passes: 1}}
"""


@NIGHT
def test_what_qemu_does_as_a_whole_is_filled_in(ready: None, kmatrix: Kmatrix, newer: Path) -> None:
    """A fresh page is cleared: its 64 lines are new on each architecture, whatever it is cleared by."""
    run = kmatrix(
        "run", "--config", kmatrix.matrix(WHOLE.format(qemu=newer)), "--memory", "--out", kmatrix.folder / "run"
    )
    assert run.code == 0, run.out + run.err
    for cell in run.json()["cells"]:
        [[lines]] = cell["metrics"]["new_lines"]["boots"]
        assert 65 < lines / cell["units"] < 66, cell["id"]
        assert not cell["notes"], cell["notes"]
