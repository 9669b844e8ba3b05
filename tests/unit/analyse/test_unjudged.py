# SPDX-License-Identifier: GPL-2.0-or-later
"""Expectations that nothing measured can answer: each is told, none is held by absence."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator import report as formats
from orchestrator.analyse.matrix import assemble
from orchestrator.cli import app
from orchestrator.config import workloads
from orchestrator.errors import ConfigError
from orchestrator.measure.profiled import absent
from orchestrator.model import CellResult, Comparison, Expectation
from orchestrator.profile import comparison, symbols
from orchestrator.report.parts.cases import cases
from orchestrator.report.parts.mailtext import unexpected_block
from orchestrator.runs.run import Run
from tests.unit import conftest as reports
from tests.unit.profile.conftest import read

HEAD = 'title = "t"\nunit = "page"\nmetrics = ["time"]\nmemory_mib = 64\n'
MATRIX = """\
arches: [aarch64]
workloads: [shmem-write]
sources: {s: {debian: linux-source-6.1}}
kernels: {base: {source: s}, mine: {source: s}}
compare: [{base: base, new: mine}]
"""
WHERE = "about kernels that are not in this matrix, or not compared in it"


def test_what_is_not_measured_cannot_be_expected(tmp_path: Path) -> None:
    expect = '[[expect]]\nmetric = "{}"\nvalues = {{a = 1.0}}\ntolerance = 0.1\n'
    path = tmp_path / "workload.toml"
    path.write_text(HEAD + expect.format("time") + expect.format("pgfault") + expect.format("tme"))
    with pytest.raises(ConfigError) as caught:
        workloads.load(tmp_path)
    unknown, unmeasured = caught.value.message.splitlines()
    assert unknown.startswith(f"{path}: unknown metric 'tme'")
    assert unmeasured == f"{path}: expect.1.metric: pgfault is expected, but metrics has only time"


def test_a_class_of_costs_is_one_that_there_is_and_is_measured_by_nobody(tmp_path: Path) -> None:
    costs = '[costs]\n{} = {{ patched = 2, arches = ["vax"] }}\n'
    path = tmp_path / "workload.toml"
    path.write_text(HEAD.replace('"time"', '"time", "atomics"') + costs.format("atomic"))
    with pytest.raises(ConfigError) as caught:
        workloads.load(tmp_path)
    metric, cost, arch = caught.value.message.splitlines()
    assert metric.startswith(f"{path}: unknown metric 'atomics'")
    assert cost.startswith(f"{path}: unknown class of costs 'atomic'") and "atomics" in cost
    assert arch.startswith(f"{path}: unknown arch 'vax'")
    path.write_text(HEAD + costs.format("atomics").replace("vax", "s390x"))
    [expected] = workloads.load(tmp_path).expectations
    assert (expected.metric, expected.values, expected.arches) == ("atomics", {"patched": 2}, ("s390x",))


def planned(path: Path, text: str) -> str:
    (path / "matrix.yaml").write_text(text)
    done = CliRunner().invoke(app, ["plan", "-c", str(path / "matrix.yaml")])
    assert done.exit_code == 0
    return done.output


def test_the_plan_names_kernels_that_are_not_there(tmp_path: Path) -> None:
    assert f"expectations are {WHERE}: unpatched, patched, review" in planned(tmp_path, MATRIX)
    renamed = MATRIX.replace("base: {", "unpatched: {").replace("mine: {", "patched: {")
    renamed = renamed.replace("{base: base, new: mine}", "{base: unpatched, new: patched}")
    output = planned(tmp_path, renamed)
    assert WHERE not in output and "figures for kernels that are not in this matrix, too: review" in output


def made(*claims: Expectation, pairs: tuple[Comparison, ...] = (Comparison("unpatched", "patched"),)) -> str:
    cells: list[CellResult] = [
        reports.cell("s390x", "unpatched", reports.BASE), reports.cell("s390x", "patched", reports.NEW)
    ]  # fmt: skip
    report = assemble(cells, pairs, {"shmem-write": claims}, {}, {}, {}, notes={"shmem-write": "its own"})
    note = report["notes"]["shmem-write"]
    for name, render in formats.known().items():
        if name in ("terminal", "markdown", "mail", "html"):
            assert note.split(":")[0] in " ".join(render(Run(report)).split()), name
    return note


def test_reports_count_expectations_of_other_kernels() -> None:
    typo = Expectation("time", "", {"ptached": 1.0}, {}, 0.1)
    fine = Expectation("time", "", {"ptached": 1.0, "patched": 1.0}, {}, 0.1)
    change = Expectation("time", "", {}, {"s390x": -0.1}, 0.1, base="unpatched", new="mine")
    assert made(fine) == "its own"
    assert made(fine, typo) == f"its own; 1 expectation is {WHERE}: ptached"
    assert made(change, typo) == f"its own; 2 expectations are {WHERE}: mine, ptached"


def test_reports_name_a_pair_that_is_not_compared() -> None:
    change = Expectation("time", "", {}, {"s390x": -0.1}, 0.1, base="patched", new="unpatched")
    assert made(change) == f"its own; 1 expectation is {WHERE}: patched to unpatched"


RAW = {
    "id": "s390x/patched/shmem-write", "arch": "s390x", "kernel": "patched", "workload": "shmem-write",
    "unit": "page", "units": 1, "total": 1, "clock_profiled": None, "clock_unprofiled": None,
    "seconds_profiled": 1.0, "seconds_unprofiled": 1.0, "passes_unprofiled": 1, "counters": 1, "interrupts": 0,
    "interrupt_count": 0, "unattributed": 0, "functions": {"fault": [1, 1]}, "absent": ["handle_mm_falt"],
}  # fmt: skip


def test_a_function_that_is_none_answers_nothing() -> None:
    """Not even that it is never called."""
    claims = [Expectation(f"calls.{name}", "", {"patched": 0.0}, {}, 0.01) for name in ("handle_mm_falt", "never")]
    profiled = [comparison.profile_cell(read(RAW))]
    cells = [reports.cell("s390x", "patched", reports.NEW)]
    report = assemble(cells, [], {"shmem-write": claims}, {}, {}, {}, profiled=profiled)
    wrong, right = report["expectations"]
    assert (wrong["verdict"], right["verdict"]) == ("not_as_expected", "as_expected") and "why" not in right
    why = "s390x/patched has no function handle_mm_falt: misspelt, inlined, or known by another name"
    assert wrong["why"] == report["notes"]["shmem-write"] == why
    assert why in " ".join(" ".join(unexpected_block(report)).split())
    assert [case.message for case in cases(report) if why in case.message]
    assert all("misspelt" in formats.known()[name](Run(report)) for name in ("html", "terminal"))


def test_an_account_of_before_has_no_such_names() -> None:
    old = {key: value for key, value in RAW.items() if key != "absent"}
    assert comparison.profile_cell(read(old))["absent"] == []


MAP = """\
0000000000001000 T fault
0000000000001100 t lock.isra.0
0000000000001200 D data
0000000000001300 T last
"""


def test_what_the_kernel_has_no_function_of_is_known_from_its_symbols(tmp_path: Path) -> None:
    calls = "".join(f'calls."{name}" = {{ a = 0 }}\n' for name in ("fault", "lock", "data", "falt", "user:main"))
    (tmp_path / "workload.toml").write_text(HEAD + calls)
    program = symbols.in_order([(0x10, 0x20, "user:main")])
    names = absent(workloads.load(tmp_path), symbols.of_kernel(MAP, {}), program)
    assert names == ["data", "falt"]
