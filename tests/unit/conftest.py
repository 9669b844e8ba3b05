# SPDX-License-Identifier: GPL-2.0-or-later
"""Matrices to report: the seed's as it should be, one that is worse, one that is broken; and a run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from orchestrator.analyse.contract import ChangedRow, IdenticalRow, MatrixReport, NotBuiltRow, Offered
from orchestrator.analyse.matrix import assemble
from orchestrator.analyse.reach import ReachFacts
from orchestrator.cli import app
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan
from orchestrator.errors import ConfigError
from orchestrator.model import BootResult, CellResult, Comparison, Failure, Matrix, PassSample, Status
from orchestrator.runs import load, record
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.record import Request

CHECK = import_module("orchestrator.cli.check")
SEED = {"shmem-write": matrix_file.load(Path(__file__).parents[2] / "matrix.yaml").workloads[0].expectations}
BASE = {"time": 469350.0, "pgfault": 204800.0, "minflt": 0.0, "majflt": 102400.0}
NEW = {"time": 398350.0, "pgfault": 102400.0, "minflt": 102400.0, "majflt": 0.0}
HOST = {"kmatrix": "0.1.0", "qemu": {"aarch64": "7.2.22"}, "compiler": {"aarch64": "gcc 12.2.0"}}
EVIL = "</pre><script>alert(1)</script> &amp; ]]> Ünï \x1b[31m\x00 # Subtest: x"
OFFERED = Offered(
    arches=["aarch64", "s390x", "x86_64"],
    workloads=["contention", "futex-fault", "gup", "ksm", "shmem-write", "throttle", "throttle-retried"],
)
LOG = "\n".join(
    [
        *(f"[    0.0{i:02}] early line {i}" for i in range(20)),
        "[    1.000000] Kernel panic - not syncing: " + "a long reason " * 12 + "end",
        "[    1.000001] Call Trace:",
        EVIL,
        *(f"[    1.1{i:02}]  frame_{i}+0x10/0x20" for i in range(20)),
    ]
)
TEXT = """\
arches: [aarch64, s390x]
workloads: [shmem-write]
sources: {s: {debian: linux-source-6.1}}
kernels:
  unpatched: {source: s}
  patched: {source: s, patches: [one.patch]}
compare: [{base: unpatched, new: patched}]
"""
DIFF = """\
diff --git a/mm/memory.c b/mm/memory.c
index 1111111..2222222 100644
--- a/mm/memory.c
+++ b/mm/memory.c
@@ -10,3 +10,4 @@ static int x(void)
 \tint a;
-\tint b;
+\tint  b = 1;
+--- a dash
 \n"""


def boot(number: int, values: dict[str, float], step: float, accel: str) -> BootResult:
    sample = PassSample(102400, {**values, "time": values["time"] + step}, {"pgfault": int(values["pgfault"])})
    return BootResult(number, accel, "7.2.22", "max", ("qemu",), 0, (sample,), "key", "w" * 64, {})


def cell(arch: str, kernel: str, values: dict[str, float], clock: str = "icount", boots: int = 2) -> CellResult:
    made = tuple(boot(i, values, 4.0 * i, "tcg") for i in range(boots))
    return CellResult(
        f"{arch}/{kernel}/shmem-write", arch, kernel, "shmem-write", Status.PASSED, None, clock, "page", "6.1.192",
        made, clock == "icount",
    )  # fmt: skip


def failed(arch: str, kernel: str, status: Status = Status.KERNEL_BROKE, kind: str = "panic") -> CellResult:
    why = Failure(kind, f"the kernel broke: {EVIL}", "look at the console", LOG)
    return replace(cell(arch, kernel, NEW, boots=0), status=status, failure=why)


def spared(arch: str, kernel: str) -> CellResult:
    """Of a kernel that is the same as another."""
    return replace(cell(arch, kernel, NEW, boots=0), status=Status.SKIPPED, reason="identical")


def matrix(
    *cells: CellResult,
    expected: bool = True,
    same: Mapping[str, str] | None = None,
    built: Mapping[str, int] | None = None,
    reach: ReachFacts | None = None,
) -> MatrixReport:
    """same: how the patched kernel is, by arch; built: how many of four changed lines are in it; reach: what ran."""
    patches = {"0001-one.patch": "ab" * 32, "0002-two.patch": "cd" * 32}
    kernels = {
        f"{c.arch}/{c.kernel}": {
            "linux": "6.1.192", "source": "debian:linux-source-6.1=6.1.192-2", "compiler": "gcc 12.2.0",
            "patches": patches if c.kernel == "patched" else {}, "image_sha256": "e" * 64,
        }
        for c in cells if c.status is not Status.BUILD_FAILED
    }  # fmt: skip
    how = {"boots": 2, "passes": 1, "clock": "icount"}
    identical = [IdenticalRow(arch=a, base="unpatched", new="patched", how=how) for a, how in (same or {}).items()]
    changed = [ChangedRow(arch=a, base="unpatched", new="patched", code=4, built=n) for a, n in (built or {}).items()]
    made = assemble(
        cells, [Comparison("unpatched", "patched")], SEED if expected else {}, HOST, kernels, how,
        identical=identical, changed=changed, reach=reach,
    )  # fmt: skip
    known = {"identical": identical, "changed": changed} if same else {}
    return {**made, **known, "offered": OFFERED}  # type: ignore[typeddict-item]


def good() -> MatrixReport:
    """As the seed says, on two architectures."""
    return matrix(*(cell(arch, *k) for arch in ("aarch64", "s390x") for k in (("unpatched", BASE), ("patched", NEW))))


def worse() -> MatrixReport:
    """The other way round, nothing was expected."""
    return matrix(cell("s390x", "unpatched", NEW), cell("s390x", "patched", BASE), expected=False)


def broken() -> MatrixReport:
    """Patched breaks on one architecture, the other one is fine."""
    sound = [cell("aarch64", "unpatched", BASE), cell("aarch64", "patched", NEW)]
    return matrix(*sound, cell("s390x", "unpatched", BASE), failed("s390x", "patched"))


def testbed() -> MatrixReport:
    """A cell that the testbed lost, one that was not built, and one not run."""
    return matrix(
        failed("x86_64", "unpatched", Status.INFRA_FAILED, "qemu"),
        failed("x86_64", "patched", Status.BUILD_FAILED, "patch"),
        failed("s390x", "patched", Status.SKIPPED, "not_run"),
    )


def doubtful() -> MatrixReport:
    """A wall clock and too few boots."""
    return matrix(cell("s390x", "unpatched", BASE, "wall"), cell("s390x", "patched", NEW, "wall"), expected=False)


def costly() -> MatrixReport:
    """Fewer instructions, more atomics, no exceptions more or fewer; on one of two architectures nobody looked."""
    known = {"unpatched": {"atomics": 409600.0, "barriers": 0.0, "exceptions": 102400.0, "code_lines": 80 * 102400.0}}
    known["patched"] = {**known["unpatched"], "atomics": 512000.0, "code_lines": 79 * 102400.0}
    cells = [cell(arch, *k) for arch in ("aarch64", "s390x") for k in (("unpatched", BASE), ("patched", NEW))]
    return matrix(*(with_costs(one, known[one.kernel]) if one.arch == "s390x" else one for one in cells))


def with_costs(one: CellResult, costs: Mapping[str, float]) -> CellResult:
    """The same of what it executed, alike in all its boots."""
    return replace(one, boots=tuple(replace(boot, costs=costs) for boot in one.boots))


def not_built(arch: str, file: str, lines: list[int], option: str | None, why: str = "file") -> NotBuiltRow:
    return NotBuiltRow(
        arch=arch, base="unpatched", new="patched", file=file, side="added", lines=lines, option=option, why=why
    )


def one_arch() -> MatrixReport:
    """A patch of s390x alone: the other kernels are the same, one but for line numbers."""
    same = {"x86_64": "same", "aarch64": "lines_only", "s390x": "differs"}
    cells = [
        cell("s390x", "patched", {**BASE, "time": BASE["time"] + 40}) if (arch, kernel) == ("s390x", "patched")
        else cell(arch, kernel, BASE) if kernel == "unpatched" else spared(arch, kernel)
        for arch in same for kernel in ("unpatched", "patched")
    ]  # fmt: skip
    made = matrix(*cells, expected=False, same=same, built={"x86_64": 0, "aarch64": 0, "s390x": 4})
    other = [not_built(arch, "arch/s390/mm/fault.c", [365], None, "other_arch") for arch in ("x86_64", "aarch64")]
    numa = [not_built(arch, "mm/memory.c", [10, 11, 12, 20], "CONFIG_NUMA", "condition") for arch in same]
    return {**made, "not_built": [*other, *numa]}


def unbuilt() -> MatrixReport:
    """Nothing of the patch is in any kernel."""
    same = {"aarch64": "same", "s390x": "same"}
    cells = [
        cell(arch, kernel, BASE) if kernel == "unpatched" else spared(arch, kernel)
        for arch in same for kernel in ("unpatched", "patched")
    ]  # fmt: skip
    made = matrix(*cells, expected=False, same=same, built=dict.fromkeys(same, 0))
    rows = [
        ("mm/swapfile.c", "CONFIG_SWAP"),
        ("mm/damon/vaddr.c", "CONFIG_DAMON CONFIG_DAMON_VADDR"),
        ("mm/a.h", None),
    ]
    lines = [not_built(arch, file, [1], option) for arch in same for file, option in rows]
    return {**made, "not_built": lines}


ALL = {
    "one_arch": one_arch,
    "unbuilt": unbuilt,
    "good": good,
    "worse": worse,
    "broken": broken,
    "testbed": testbed,
    "doubtful": doubtful,
    "costly": costly,
}


def run_folder(path: Path, *cells: CellResult) -> RunFolder:
    """A finished run with these cells."""
    path.mkdir(parents=True)
    (path.parent / "one.patch").write_text(DIFF)
    matrix = matrix_file.from_text(TEXT, path.parent / "matrix.yaml")
    folder = RunFolder(path)
    request = Request(path.parent / "matrix.yaml", TEXT, (), {"boots": 2})
    record.save_request(folder, request, matrix, plan(matrix))
    for cell in cells:
        folder.save_cell(cell)
    folder.write_json("matrix.json", load.matrix_of(folder))
    return folder


def four(s390x: CellResult | None = None) -> list[CellResult]:
    kernels = (("unpatched", BASE), ("patched", NEW))
    made = [cell(arch, *kernel) for arch in ("aarch64", "s390x") for kernel in kernels]
    return [*made[:3], s390x or made[3]]


def call(*words: str | Path, stdin: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
    if isinstance(done.exception, ConfigError):
        raise done.exception
    return done.exit_code, done.stdout


@pytest.fixture
def unmeasured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check ends, well, when what it would measure is written down. Nothing of the user's cache is touched."""

    def stop(folder: RunFolder, matrix: Matrix, request: Request, *_: object) -> None:
        record.save_request(folder, request, matrix, plan(matrix, request.select))
        raise typer.Exit(0)

    monkeypatch.setenv("KMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(CHECK, "check_host", lambda: None)
    monkeypatch.setattr(CHECK, "measured", stop)
