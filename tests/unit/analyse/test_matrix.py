# SPDX-License-Identifier: GPL-2.0-or-later
"""From cells to verdicts and exit codes."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from orchestrator.analyse.contract import MatrixReport
from orchestrator.analyse.expect import judge
from orchestrator.analyse.matrix import assemble, cell_row, exit_code
from orchestrator.analyse.statistics import centre, spread
from orchestrator.config import matrix_file, workloads
from orchestrator.errors import ConfigError
from orchestrator.linux import holds_for
from orchestrator.model import BootResult, CellResult, Comparison, Expectation, Failure, PassSample, Status
from orchestrator.report import json as as_json
from orchestrator.report import known as formats
from orchestrator.runs.folder import cell_from
from orchestrator.runs.run import Run

CLAIMS = {"shmem-write": matrix_file.load(Path(__file__).parents[3] / "matrix.yaml").workloads[0].expectations}
BASE = {"time": 469350.0, "pgfault": 204800.0, "minflt": 0.0, "majflt": 102400.0}
NEW = {"time": 398350.0, "pgfault": 102400.0, "minflt": 102400.0, "majflt": 0.0}


def boot(
    number: int, values: dict[str, float], steps: tuple[float, ...] = (0.0, 4.0), accel: str = "tcg"
) -> BootResult:
    warm = PassSample(102400, {**values, "time": values["time"] * 1.002}, {"pgfault": 7})
    counted = [
        PassSample(102400, {**values, "time": values["time"] + step}, {"pgfault": int(values["pgfault"])})
        for step in steps
    ]
    return BootResult(number, accel, "7.2", "max", ("qemu",), 1, (warm, *counted), "k", "w", {"boot": 2.0})


def cell(kernel: str, values: dict[str, float], linux: str = "6.1.192", accel: str = "tcg") -> CellResult:
    boots = (boot(0, values, accel=accel), boot(1, values, accel=accel))
    return CellResult(
        f"aarch64/{kernel}/shmem-write", "aarch64", kernel, "shmem-write", Status.PASSED, None, "icount", "page",
        linux, boots,
    )  # fmt: skip


def matrix(*cells: CellResult) -> MatrixReport:
    return assemble(cells, [Comparison("unpatched", "patched")], CLAIMS, {}, {}, {"boots": 2, "passes": 2})


def test_the_seed_is_as_expected() -> None:
    report = matrix(cell("unpatched", BASE), cell("patched", NEW))
    rows = {row["metric"]: row for row in report["comparisons"]}
    assert rows["time"]["verdict"] == "better"
    assert rows["time"]["change"] == pytest.approx(-0.1513, abs=1e-4)
    assert rows["time"]["per_unit_new"] == pytest.approx(3890.2, abs=0.1)
    assert rows["majflt"]["verdict"] == "better" and rows["pgfault"]["verdict"] == "better"
    assert rows["minflt"]["verdict"] == "unclear" and rows["minflt"]["change"] is None
    assert {e["verdict"] for e in report["expectations"]} == {"as_expected"}
    assert len(report["expectations"]) == 9
    assert exit_code(report) == 0


def test_the_contract_of_matrix_json() -> None:
    report = json.loads(as_json.RENDER(Run(matrix(cell("unpatched", BASE), cell("patched", NEW)))))
    assert report["schema"] == 1 and set(report) >= {"host", "kernels", "cells", "comparisons"}
    one = report["cells"][0]
    assert one["metrics"]["time"] == {
        "unit": "us", "boots": [[469350.0, 469354.0]] * 2, "warmup": [[469350.0 * 1.002]] * 2,
    }  # fmt: skip
    assert one["vmstat"] == {"pgfault": [[204800, 204800]] * 2}
    assert {k: one[k] for k in ("status", "failure", "accel", "clock", "units", "unit")} == {
        "status": "passed", "failure": None, "accel": "tcg", "clock": "icount", "units": 102400, "unit": "page",
    }  # fmt: skip


def test_what_is_not_as_expected_is_exit_1() -> None:
    report = matrix(cell("unpatched", BASE), cell("patched", BASE))
    assert exit_code(report) == 1
    assert {r["verdict"] for r in report["comparisons"]} == {"same"}


def test_failures_outrank_expectations_and_the_testbed_outranks_all() -> None:
    broken = CellResult(
        "s390x/patched/shmem-write", "s390x", "patched", "shmem-write", Status.KERNEL_BROKE,
        Failure("panic", "the kernel broke", "look", "Kernel panic"), "icount", "page",
    )  # fmt: skip
    report = matrix(cell("unpatched", BASE), cell("patched", BASE), broken)
    assert exit_code(report) == 3
    for render in formats().values():
        assert "the kernel broke" in render(Run(report))
    infra = CellResult(**{**broken.__dict__, "id": "x", "arch": "x", "status": Status.INFRA_FAILED})
    assert exit_code(matrix(broken, infra)) == 4


def test_cells_that_differ_in_more_than_the_kernel_are_not_compared() -> None:
    report = matrix(cell("unpatched", BASE), cell("patched", NEW, accel="kvm"))
    assert {row["verdict"] for row in report["comparisons"]} == {"unclear"}
    assert "accel" in report["comparisons"][0]["why"]


def test_an_expectation_belongs_to_a_base_kernel() -> None:
    newer = matrix(cell("unpatched", BASE, "6.12.1"), cell("patched", NEW, "6.12.1"))
    pgfault = [e for e in newer["expectations"] if e["metric"] == "pgfault"]
    assert [e["expected"] for e in pgfault] == [1.0, 1.0]


def test_limits_are_expectations_too_for_the_arches_they_name() -> None:
    def claim(**limits: dict[str, float]) -> Expectation:
        return Expectation("time", "", {}, {}, 0.0, **limits)  # type: ignore[arg-type]

    cells = (cell("unpatched", BASE), cell("patched", NEW))  # 4583.5 and 3890.2 ns a page
    claims = [
        claim(at_most={"patched": 3900.0, "unpatched": 4500.0}),
        claim(at_least={"patched": 3900.0, "unpatched": 4500.0}),
        replace(claim(at_least={"patched": 3900.0}), tolerance=10.0),
        replace(claim(at_least={"patched": 1e9}), arches=("s390x",)),
        replace(claim(at_most={"patched": 1e9}), arches=("s390x", "aarch64")),
    ]
    report = assemble(cells, [], {"shmem-write": claims}, {}, {}, {})
    assert [(e["kind"], e["kernel"], e["verdict"]) for e in report["expectations"]] == [
        ("at_most", "unpatched", "not_as_expected"), ("at_most", "patched", "as_expected"),
        ("at_least", "unpatched", "as_expected"), ("at_least", "patched", "not_as_expected"),
        ("at_least", "patched", "as_expected"), ("at_most", "patched", "as_expected"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("expect", "wrong"),
    [
        ("tolerance = 0.1", "expects nothing"),
        ("values = {a = 1.0}", "need a tolerance"),
        ("at_last = {a = 1.0}", "Extra inputs"),
        ('at_most = {a = 1.0}\narches = ["s390"]', "unknown arch 's390'"),
        ('at_most = {a = 1.0}\narches = ["s390x"]', ""),
    ],
)
def test_mistakes_in_an_expectation_are_told(tmp_path: Path, expect: str, wrong: str) -> None:
    head = 'title = "t"\nunit = "page"\nmetrics = ["time"]\nmemory_mib = 1\n[[expect]]\nmetric = "time"\n'
    (tmp_path / "workload.toml").write_text(head + expect)
    if not wrong:
        assert workloads.load(tmp_path).expectations[0].tolerance == 0
        return
    with pytest.raises(ConfigError, match=wrong):
        workloads.load(tmp_path)


def test_a_result_of_before_exact_is_exact_by_its_clock() -> None:
    old = json.loads(json.dumps(asdict(cell("unpatched", BASE))))
    del old["exact"]
    assert cell_row(cell_from(old), {})["exact"] is True
    assert cell_row(cell_from({**old, "clock": "wall"}), {})["exact"] is False
    assert cell_row(cell_from({**old, "exact": False}), {})["exact"] is False


@pytest.mark.parametrize(
    ("spec", "version", "holds"),
    [
        (">=6.0,<6.4", "6.1.192", True), (">=6.0,<6.4", "6.4", False), (">=6.0,<6.4", "6.3.13", True),
        ("<6.4", "6.4.0", False), ("==6.1", "6.1.192", True), (">6.1", "6.1.5", False), ("<=6.1", "6.1.9", True),
        ("", "5.0", True), (">=6.0", "6.0", True),
    ],
)  # fmt: skip
def test_version_specs(spec: str, version: str, holds: bool) -> None:
    assert holds_for(spec, version) is holds


def test_centre_and_spread() -> None:
    assert centre([[1, 2, 3], [10]]) == 6
    assert spread([[100.0, 101.0], [99.0, 100.0]]) == pytest.approx(0.02)
    assert spread([[0.0], [0.0]]) == 0


@pytest.mark.parametrize(("config", "judged"), [("lean", 0), ("standard", 1), ("", 1)])
def test_an_expectation_of_a_config_is_about_kernels_of_that_alone(config: str, judged: int) -> None:
    """Kernels of before there were configs are lean."""
    rows = [cell_row(cell("patched", NEW), {"config": "standard"})]
    claim = Expectation("pgfault", "", {"patched": 1.0}, {}, 0.1, config=config)
    assert len(judge([claim], rows, [])) == judged
    older = [cell_row(cell("patched", NEW), {})]
    assert len(judge([claim], older, [])) == (config != "standard")
