# SPDX-License-Identifier: GPL-2.0-or-later
"""The config follows the patch: which kernels are added for what its lines need. Nothing is built or configured."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from orchestrator.analyse.contract import MatrixReport, NotBuiltRow
from orchestrator.build import kconfig
from orchestrator.build.sources import Tree
from orchestrator.config import matrix_file
from orchestrator.config.dump import files
from orchestrator.config.plan import builds, plan
from orchestrator.errors import BuildError
from orchestrator.measure import follow, timings
from orchestrator.measure.follow import ONLY_ON, Followed, Following, Had, followed, suffix
from orchestrator.model import Build, Comparison, KernelArtifact, Matrix
from orchestrator.store import Store

TEXT = """\
arches: [x86_64, s390x]
workloads: [shmem-write]
sources: {s: {debian: linux-source-6.1}}
kernels:
  unpatched: {source: s}
  patched: {source: s, patches: [one.patch]}
compare: [{base: unpatched, new: patched}]
"""
PAIR = Comparison("unpatched", "patched")
FILES = {
    "Kconfig": 'source "arch/$(SRCARCH)/Kconfig"\nsource "mm/Kconfig"\n',
    "arch/x86/Kconfig": "config X86\n\tdef_bool y\n",
    "arch/s390/Kconfig": "config S390\n\tdef_bool y\n",
    "mm/Kconfig": """\
config SWAP
	bool "swap"
	depends on BLOCK
config BLOCK
	bool "block"
config FRONTSWAP
	bool "front"
	depends on SWAP
config PCI
	bool "pci"
	depends on X86
""",
    "Kbuild": "obj-y += mm/\n",
    "mm/Makefile": "obj-y += memory.o\nobj-$(CONFIG_SWAP) += swapfile.o\nobj-$(CONFIG_PCI) += pci.o\n",
    "mm/memory.c": "int a;\n",
    "mm/swapfile.c": "int a;\n#ifdef CONFIG_FRONTSWAP\nint b;\n#endif\n",
    "mm/pci.c": "int a;\n",
}
SWAP = "--- a/mm/swapfile.c\n+++ b/mm/swapfile.c\n@@ -1,2 +1,3 @@\n int a;\n+int c;\n #ifdef CONFIG_FRONTSWAP\n"
FRONT = SWAP.replace(
    "@@ -1,2 +1,3 @@\n int a;\n+int c;\n #ifdef CONFIG_FRONTSWAP", "@@ -3,2 +3,3 @@\n int b;\n+int c;\n #endif"
)
PCI = "--- a/mm/pci.c\n+++ b/mm/pci.c\n@@ -1 +1,2 @@\n int a;\n+int b;\n"
OWN = """\
--- a/mm/Kconfig
+++ b/mm/Kconfig
@@ -1,2 +1,5 @@
+config NEW
+\tbool "new"
+\tdepends on SWAP
 config SWAP
 \tbool "swap"
--- a/mm/memory.c
+++ b/mm/memory.c
@@ -1 +1,4 @@
 int a;
+#ifdef CONFIG_NEW
+int b;
+#endif
"""


@dataclass
class Configuring:
    """A builder whose make takes what it is told, but for what `refuses` says."""

    root: Path
    refuses: Callable[[Build, str], bool] = lambda build, option: False
    base: str = "CONFIG_MMU=y\n"
    breaks: str = ""
    asked: list[tuple[str, list[str]]] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return Store(self.root / "cache")

    async def source(self, source: object) -> Tree:
        for name, text in FILES.items():
            (self.root / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / "source" / name).write_text(text)
        return Tree("s", "t", self.root / "source", "6.1.192")

    async def find(self, build: Build) -> KernelArtifact | None:
        folder = self.root / build.id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config").write_text(self.base + f"CONFIG_{build.arch.srcarch.upper()}=y\n")
        return KernelArtifact(build.id, "k", folder, folder / "Image", "6.1.192", {}, True)

    async def config(self, build: Build, log: Path) -> tuple[str, dict[str, str]]:
        if self.breaks:
            raise BuildError(self.breaks, kind="kconfig")
        mine = [line.partition("  #:")[0] for line in _more(build.kconfig, _usual(build.id))]
        self.asked.append((build.id, mine))
        taken = [line for line in mine if not self.refuses(build, line.partition("=")[0])]
        return self.base + f"CONFIG_{build.arch.srcarch.upper()}=y\n" + "\n".join(taken) + "\n", {}


@cache
def _usual(build_id: str) -> tuple[str, ...]:
    """Lines that the config has anyway."""
    matrix = matrix_file.from_text(TEXT.replace("[one.patch]", "[]"), Path("/matrix.yaml"))
    return next(its for its in builds(matrix) if its.id == build_id).kconfig


def _more(lines: Sequence[str], usual: Sequence[str]) -> list[str]:
    return list((Counter(lines) - Counter(usual)).elements())


def row(arch: str, file: str, option: str, why: str = "file") -> NotBuiltRow:
    return NotBuiltRow(
        arch=arch, base="unpatched", new="patched", file=file, side="added", lines=[2], option=option, why=why
    )


def report(*rows: NotBuiltRow) -> MatrixReport:
    return MatrixReport(  # type: ignore[typeddict-item]
        schema=1, host={}, kernels={}, measure={}, cells=[], comparisons=[], expectations=[], claims=[], notes={},
        inputs={}, not_built=list(rows),
    )  # fmt: skip


def matrix(root: Path, patch: str) -> Matrix:
    (root / "one.patch").write_text(patch)
    return matrix_file.from_text(TEXT, root / "matrix.yaml")


def asked(root: Path, patch: str, *rows: NotBuiltRow, **how: object) -> tuple[Followed, Configuring]:
    builder = Configuring(root, **how)  # type: ignore[arg-type]
    made = Following(matrix(root, patch), report(*rows), PAIR, builder)  # type: ignore[arg-type]
    return asyncio.run(made()), builder


def names(found: Followed) -> list[str]:
    return [kernel.name for kernel in found.matrix.kernels[2:]]


def pairs(found: Followed) -> list[tuple[str, str]]:
    return [(pair.base, pair.new) for pair in found.matrix.comparisons[1:]]


def lines(found: Followed, build_id: str) -> list[str]:
    """Of its config, those that are not the usual ones."""
    its = next(build for build in builds(found.matrix) if build.id == build_id)
    return _more(its.kconfig, _usual(f"{build_id.partition('/')[0]}/unpatched"))


def both(*words: str) -> list[NotBuiltRow]:
    return [row(arch, *words) for arch in ("x86_64", "s390x")]


def test_what_changed_lines_need_is_on_in_both_kernels(tmp_path: Path) -> None:
    found, builder = asked(tmp_path, SWAP, *both("mm/swapfile.c", "CONFIG_SWAP"))
    assert names(found) == ["unpatched+CONFIG_SWAP", "patched+CONFIG_SWAP"]
    assert pairs(found) == [("unpatched+CONFIG_SWAP", "patched+CONFIG_SWAP")]
    assert builder.asked == [
        (f"{arch}/unpatched", ["CONFIG_BLOCK=y", "CONFIG_SWAP=y"]) for arch in ("x86_64", "s390x")
    ], "only configured, and not the patched one"
    for kernel in names(found):
        assert lines(found, f"s390x/{kernel}") == [
            "CONFIG_BLOCK=y  #: wished", "CONFIG_SWAP=y", "#: name standard+CONFIG_SWAP",
        ]  # fmt: skip
    assert [kernel.patches for kernel in found.matrix.kernels[2:]] == [(), (tmp_path / "one.patch",)]
    assert {(r["arch"], r["option"], r["with_base"], r["with_new"], r["why"], r["own"]) for r in found.needed} == {
        (arch, "CONFIG_SWAP", *names(found), "", False) for arch in ("x86_64", "s390x")
    }


def test_the_plan_has_these_kernels_where_they_can_be_had_alone(tmp_path: Path) -> None:
    found, _ = asked(tmp_path, PCI, *both("mm/pci.c", "CONFIG_PCI"))
    assert [(r["arch"], r["with_new"], r["why"]) for r in found.needed] == [
        ("x86_64", "patched+CONFIG_PCI", ""),
        ("s390x", None, "depends on X86, which is not there"),
    ]
    cells = [cell.id for cell in plan(found.matrix, found.select).cells]
    assert "x86_64/patched+CONFIG_PCI/shmem-write" in cells and len(cells) == 6
    assert not any(cell.startswith("s390x") and "PCI" in cell for cell in cells)
    assert {build.id for build in plan(found.matrix, found.more).builds} == {
        "x86_64/unpatched+CONFIG_PCI", "x86_64/patched+CONFIG_PCI",
    }  # fmt: skip


def test_what_make_does_not_take_is_named_with_the_reason(tmp_path: Path) -> None:
    found, _ = asked(
        tmp_path, SWAP, *both("mm/swapfile.c", "CONFIG_SWAP"),
        refuses=lambda build, option: build.arch.name == "s390x" and option == "CONFIG_SWAP",
    )  # fmt: skip
    lost = {r["arch"]: r["why"] for r in found.needed}
    assert lost == {"x86_64": "", "s390x": "was not taken: another option, or a choice, is against it"}
    found, _ = asked(
        tmp_path, SWAP, *both("mm/swapfile.c", "CONFIG_SWAP"), refuses=lambda build, option: option.endswith("SWAP")
    )
    assert not found.more and names(found) == []
    assert {r["why"] for r in found.needed} == {"was not taken: another option, or a choice, is against it"}
    found, _ = asked(tmp_path, SWAP, row("s390x", "mm/swapfile.c", "CONFIG_SWAP"), breaks="it lost CONFIG_SHMEM")
    assert [r["with_new"] for r in found.needed] == [None] and not found.more


def test_what_is_needed_within_a_file_shows_when_it_is_built(tmp_path: Path) -> None:
    found, builder = asked(tmp_path, FRONT, row("s390x", "mm/swapfile.c", "CONFIG_SWAP"))
    assert names(found) == ["unpatched+CONFIG_SWAP+CONFIG_FRONTSWAP", "patched+CONFIG_SWAP+CONFIG_FRONTSWAP"]
    assert len(builder.asked) == 2


def test_options_are_only_switched_on(tmp_path: Path) -> None:
    found, builder = asked(tmp_path, SWAP, row("s390x", "mm/swapfile.c", "CONFIG_NUMA=n", "condition"))
    assert [(r["option"], r["with_new"], r["why"]) for r in found.needed] == [("CONFIG_NUMA=n", None, ONLY_ON)]
    assert not builder.asked


def test_an_option_of_the_change_itself_is_on_in_a_third_kernel(tmp_path: Path) -> None:
    patch = OWN.replace("+\tdepends on SWAP\n", "").replace("+1,5", "+1,4")
    found, builder = asked(tmp_path, patch, row("s390x", "mm/memory.c", "CONFIG_NEW", "condition"))
    assert names(found)[0] == "patched+CONFIG_NEW" and pairs(found)[0] == ("patched", "patched+CONFIG_NEW")
    assert len(names(found)) == 1, "the same on both arches"
    assert ("s390x/patched", ["CONFIG_NEW=y"]) in builder.asked
    assert {(r["option"], r["own"], r["with_base"], r["with_new"]) for r in found.needed} == {
        ("CONFIG_NEW", True, "patched", "patched+CONFIG_NEW")
    }
    assert "s390x/unpatched/*" in found.more, "what patched is the same as is known then"


def test_what_it_depends_on_is_on_in_both_kernels_before(tmp_path: Path) -> None:
    found, _ = asked(tmp_path, OWN, *both("mm/memory.c", "CONFIG_NEW", "condition"))
    assert pairs(found) == [
        ("unpatched+CONFIG_BLOCK+CONFIG_SWAP", "patched+CONFIG_BLOCK+CONFIG_SWAP"),
        ("patched+CONFIG_BLOCK+CONFIG_SWAP", "patched+CONFIG_BLOCK+2more"),
    ]
    last = lines(found, "s390x/patched+CONFIG_BLOCK+2more")
    assert last == [
        "CONFIG_BLOCK=y", "CONFIG_SWAP=y", "CONFIG_NEW=y", "#: name standard+CONFIG_BLOCK+2more",
    ]  # fmt: skip


def test_a_change_that_is_built_needs_nothing(tmp_path: Path) -> None:
    patch = (
        SWAP.replace("mm/swapfile.c", "mm/memory.c")
        .replace("-1,2 +1,3", "-1 +1,2")
        .replace(" #ifdef CONFIG_FRONTSWAP\n", "")
    )
    found, builder = asked(tmp_path, patch, row("s390x", "arch/arm/a.c", "CONFIG_ARM", "other_arch"))
    assert found.needed == () and not found.more and not builder.asked


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], ""), (["CONFIG_A"], "+CONFIG_A"), (["CONFIG_A", "CONFIG_B"], "+CONFIG_A+CONFIG_B"),
        (["CONFIG_A", "CONFIG_B", "CONFIG_C"], "+CONFIG_A+2more"),
    ],
)  # fmt: skip
def test_names_are_short(options: Sequence[str], text: str) -> None:
    assert suffix(options) == text


def test_kernels_of_many_options_do_not_share_a_name(tmp_path: Path) -> None:
    its = matrix(tmp_path, SWAP)
    x86, s390 = its.arches
    made = [
        Had(arch, options, lines=tuple(f"{name}=y" for name in options))
        for arch, options in (
            (x86, ("CONFIG_A", "CONFIG_B", "CONFIG_C")),
            (s390, ("CONFIG_A", "CONFIG_B", "CONFIG_D")),
        )
    ]
    assert names(followed(its, PAIR, made)) == [
        f"{kernel}+CONFIG_A+2more{number}" for number in ("", "-2") for kernel in ("unpatched", "patched")
    ]


def test_the_copies_of_such_a_matrix_are_the_same_matrix(tmp_path: Path) -> None:
    """So that a run that has them is resumed and verified."""
    found, _ = asked(tmp_path, OWN, *both("mm/memory.c", "CONFIG_NEW", "condition"))
    for name, content in files(found.matrix).items():
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "copy" / name).write_bytes(content)
    again = matrix_file.load(tmp_path / "copy/matrix.yaml")
    kept = {build.id: build.kconfig for build in builds(found.matrix)}
    assert {build.id: build.kconfig for build in builds(again)} == kept
    assert {kernel.name for kernel in again.kernels} == {kernel.name for kernel in found.matrix.kernels}


def test_time_is_told_by_what_it_took_before(tmp_path: Path) -> None:
    found, builder = asked(tmp_path, SWAP, row("s390x", "mm/swapfile.c", "CONFIG_SWAP"))
    made, store = plan(found.matrix, found.more), builder.store

    async def nothing(_: object) -> None:
        return None

    builder.find = nothing  # type: ignore[method-assign, assignment]
    ask = (builder, made, [], 2)
    assert asyncio.run(follow.seconds(*ask)) is None  # type: ignore[arg-type]
    usual = {timings.of_usual_build(build): build for build in made.builds}
    assert len(usual) == len(made.builds) == 2
    seconds = {**{name: 100.0 if "unpatched" in name else 20.0 for name in usual}, "boot-s390x": 3.0}
    for name, value in seconds.items():
        store.remember("timings", name, value)
    assert asyncio.run(follow.seconds(*ask)) == 126.0  # type: ignore[arg-type]
    (own,) = (timings.of_build(build) for name, build in usual.items() if "unpatched" in name)
    store.remember("timings", own, 30.0)
    assert asyncio.run(follow.seconds(*ask)) == 56.0  # type: ignore[arg-type]


def test_options_of_a_config_are_read_as_ever() -> None:
    assert kconfig.options(["CONFIG_A=y  #: wished"]) == {"CONFIG_A": "y  #: wished"}
