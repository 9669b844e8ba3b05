# SPDX-License-Identifier: GPL-2.0-or-later
"""What every entry of every registry must be."""

import ast
import asyncio
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from orchestrator import arches, collectors, doctor, paths, report
from orchestrator.analyse.contract import MatrixReport
from orchestrator.build.kconfig import options
from orchestrator.config import matrix_file, workloads
from orchestrator.guest import cpu
from orchestrator.guest.command_line import Machine, qemu_argv
from orchestrator.model import COSTS, Arch, Clock
from orchestrator.runs.run import Run

ROOT = paths.ROOT
ARCHES = arches.known()
SOURCES = sorted((ROOT / "orchestrator").rglob("*.py"))


@pytest.mark.parametrize("arch", ARCHES.values(), ids=lambda a: a.name)
def test_an_arch_is_one_complete_record(arch: Arch) -> None:
    """Nothing but data: named values, and no decision."""
    tree = ast.parse((ROOT / f"orchestrator/arches/{arch.name}.py").read_text())
    assert {type(node) for node in tree.body} == {ast.Expr, ast.ImportFrom, ast.Assign}
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert {"Arch", "Costs", "Marks", "Memory", "Registers"} == {name for name in calls if not name.endswith(".join")}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.IfExp | ast.BoolOp | ast.Compare)]
    assert set(arch.cpu) == {"tcg", "kvm"}
    assert arch.cross_prefix.endswith("-") and arch.image.startswith(("vmlinux", f"arch/{arch.srcarch}/boot/"))
    assert len(options(arch.kconfig)) == len(arch.kconfig)
    argv = qemu_argv(Machine(arch, "tcg", Clock.ICOUNT, 1024, 1, Path("k"), Path("i")), 3, 4)
    assert argv[0] == arch.qemu and all(isinstance(word, str) and word for word in argv)
    own = [need for need in doctor.needs() if need.arch == arch.name]
    assert {arch.qemu, f"{arch.cross_prefix}gcc"} <= {need.program for need in own}
    default = arch in matrix_file.load(paths.MATRIX).arches
    assert {need.port for need in own} == {not default}, "only the default matrix's packages are asked for unasked"


@pytest.mark.parametrize("arch", ARCHES.values(), ids=lambda a: a.name)
def test_an_arch_can_be_profiled(arch: Arch) -> None:
    marks = arch.marks
    assert marks and marks.returns and marks.exception_returns and marks.interrupts and marks.calls and marks.enters
    for pattern in (*marks.returns, *marks.exception_returns, *marks.calls):
        value, _, mask = pattern.partition("/")
        assert 0 < len(bytes.fromhex(value)) <= 8 and len(bytes.fromhex(mask)) in (0, len(bytes.fromhex(value)))
        if mask:
            assert all(v & m == v for v, m in zip(bytes.fromhex(value), bytes.fromhex(mask), strict=True)), pattern


@pytest.mark.parametrize("arch", ARCHES.values(), ids=lambda a: a.name)
def test_an_archs_own_cpu_model_names_nothing_that_is_not_emulated(arch: Arch) -> None:
    """So that a QEMU that emulates more gives the guest the same. With this host's."""
    if not shutil.which(arch.qemu):
        pytest.skip(f"{arch.qemu} is not installed")
    assert asyncio.run(cpu.check([arch], "tcg")) == {arch.name: []}


@pytest.mark.parametrize("name", collectors.known())
def test_a_metric_has_unit_and_direction(name: str) -> None:
    collector = collectors.known()[name]
    title = collectors.cost_title(name) if name in COSTS else name
    assert collector.title == title and collector.unit in ("us", "1") and collector.direction


@pytest.mark.parametrize("folder", workloads.known(paths.GUEST_TOOLS).values(), ids=lambda p: p.name)
def test_a_workload_declares_itself(folder: Path) -> None:
    workload = workloads.load(folder)
    assert (folder / "main.c").exists() and workload.metrics and workload.title
    for claim in workload.expectations:
        assert claim.values or claim.change or claim.at_least or claim.at_most
        assert set(claim.change) <= set(ARCHES)


@pytest.mark.parametrize("need", doctor.needs(), ids=lambda n: n.name)
def test_a_host_need_says_what_why_and_how(need: doctor.Need) -> None:
    assert need.why and need.debian and need.fedora and need.name
    assert sum(map(bool, (need.program, need.file, need.module))) == 1


@pytest.mark.parametrize("name", report.known())
def test_a_report_format_renders_an_empty_matrix(name: str) -> None:
    empty = MatrixReport(
        schema=1, host={}, kernels={}, measure={}, cells=[], comparisons=[], expectations=[], claims=[], notes={}
    )
    assert report.known()[name](Run(empty)).endswith("\n")


def test_the_guest_recipe_names_files_that_are_there() -> None:
    recipe = tomllib.loads((paths.IMAGES / "guest.toml").read_text())
    for name in recipe["own"]:
        assert (paths.IMAGES / "initramfs" / name).exists()


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_carry_an_spdx_line(path: Path) -> None:
    assert path.read_text().startswith("# SPDX-License-Identifier: GPL-2.0-or-later\n")


def test_no_architecture_is_named_outside_arches() -> None:
    """A decision by name means that a field is missing."""
    names = re.compile(rf"\b({'|'.join(ARCHES)})\b")
    for path in SOURCES:
        if path.parent.name == "arches":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare | ast.Dict | ast.Match):
                assert not names.search(ast.unparse(node)), f"{path}:{node.lineno}"


def texts() -> list[Path]:
    """Files that are no Python but carry a licence line."""
    patterns = ("*.c", "*.h", "*.sh", "*.toml", "*.yaml", "init", "*.config", "Makefile")
    found = [path for pattern in patterns for path in ROOT.rglob(pattern)]
    return sorted(path for path in found if not {".venv", ".git", "runs"} & set(path.relative_to(ROOT).parts))


@pytest.mark.parametrize("path", texts(), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_carry_an_spdx_line(path: Path) -> None:
    assert "SPDX-License-Identifier: GPL-2.0" in "".join(path.read_text().splitlines(keepends=True)[:4])
