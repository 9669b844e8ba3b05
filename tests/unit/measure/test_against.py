# SPDX-License-Identifier: GPL-2.0-or-later
"""Two built kernels, before anything is measured: whole runs without a guest."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orchestrator.analyse.matrix import exit_code
from orchestrator.build import compiled
from orchestrator.build.sources import Tree
from orchestrator.errors import EXIT_UNREACHED, InfraError
from orchestrator.events import KernelsCompared, Note
from orchestrator.measure import against
from orchestrator.model import Build, KernelArtifact
from orchestrator.profile.built import Compiled
from orchestrator.profile.sameness import Found, How, Image, Place
from orchestrator.runs import load
from tests.unit.measure.conftest import House

compiled_load = compiled.load
TEXT = """\
arches: [aarch64]
workloads: [shmem-write]
sources: {s: {debian: linux-source-6.1}}
kernels: {unpatched: {source: s}, patched: {source: s, patches: [one.patch]}}
compare: [{base: unpatched, new: patched}]
measure: {boots: 2, passes: 1}
"""
FILES = {
    "Kbuild": "obj-y += mm/\n",
    "mm/Makefile": "obj-y += memory.o\nobj-$(CONFIG_SWAP) += swapfile.o\n",
    "mm/memory.c": "int a;\n",
    "mm/swapfile.c": "int a;\n",
}
PATCH = "--- a/{0}\n+++ b/{0}\n@@ -1 +1,2 @@\n int a;\n+{1}\n"
MEASURED = {"aarch64/unpatched/shmem-write#0", "aarch64/unpatched/shmem-write#1"}


@dataclass
class Built:
    """A builder that has both kernels, with all that is kept of them."""

    root: Path
    images: dict[str, str] = field(default_factory=dict)  # sha256 by kernel
    apart: dict[str, Mapping[str, str]] = field(default_factory=dict)
    refresh: bool = False
    unsandboxed: bool = False
    compiler: str = "gcc 12"

    def has(self, source: object) -> bool:
        return True

    async def source(self, source: object) -> Tree:
        for name, text in FILES.items():
            (self.root / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / "source" / name).write_text(text)
        return Tree("debian:linux-source-6.1=6.1.192-1", "t", self.root / "source", "6.1.192")

    async def find(self, build: Build) -> KernelArtifact:
        name = build.kernel.name
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        (folder / "config").write_text("\n".join(["CONFIG_MMU=y", *build.kernel.kconfig, ""]))
        for file in ("vmlinux", "System.map"):
            (folder / file).write_text("")
        compiled.save(folder, Compiled({"mm/memory.o": ("mm/memory.c",)}, self.apart.get(name, {})))
        info = {"source": "debian:linux-source-6.1=6.1.192-1", "image_sha256": self.images.get(name, name)}
        return KernelArtifact(build.id, name, folder, folder / "Image", "6.1.192", info, True)


@pytest.fixture
def lab(house: House) -> House:
    house.kernels = Built(house.root)  # type: ignore[assignment]
    (house.root / "one.patch").write_text(PATCH.format("mm/memory.c", "int b;"))
    return house


def found(monkeypatch: pytest.MonkeyPatch, how: How, *code: Place) -> None:
    def compare(base: Image, new: Image) -> Found:
        return Found(how, "little", code)

    monkeypatch.setattr(against.sameness, "compare", compare)


def compared(lab: House) -> list[KernelsCompared]:
    return [event for event in lab.events if isinstance(event, KernelsCompared)]


@pytest.mark.parametrize("how", [How.SAME, How.LINES_ONLY])
def test_a_kernel_that_is_the_same_is_not_measured(lab: House, monkeypatch: pytest.MonkeyPatch, how: How) -> None:
    found(monkeypatch, how)
    folder = lab.run("run", TEXT)
    assert set(lab.measured) == MEASURED
    report = load.matrix_of(folder)
    assert report["identical"] == [{"arch": "aarch64", "base": "unpatched", "new": "patched", "how": how.value}]
    base, new = report["cells"]
    assert (new["status"], new["reason"], new["failure"], new["metrics"]) == ("skipped", "identical", None, {})
    assert base["status"] == "passed" and "reason" not in base
    assert len(report["comparisons"]) == 4
    for row in report["comparisons"]:
        assert (row["verdict"], row["reason"], row["change"]) == ("same", "identical", 0.0)
        assert row["reached"] is None and row["per_unit_base"] == row["per_unit_new"]
    assert report["changed"] == [{"arch": "aarch64", "base": "unpatched", "new": "patched", "code": 1, "built": 1}]
    assert exit_code({**report, "expectations": []}) == 0, "they are of other kernels by these names"
    assert {row["measured"] for row in report["expectations"] if row["metric"] == "pgfault"} == {0.02}
    assert [(e.how, e.spared, e.left_out) for e in compared(lab)] == [(how.value, True, ())]
    lab.run("run", TEXT)
    assert lab.measured == [] and load.matrix_of(folder)["cells"] == report["cells"], "gone on with, it is no other"


def test_all_is_measured_where_that_is_asked_for(lab: House, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, How.SAME)
    folder = lab.run("run", TEXT, fresh=True)
    assert len(lab.measured) == 4 and not compared(lab)[0].spared
    report = load.matrix_of(folder)
    assert [cell["status"] for cell in report["cells"]] == ["passed", "passed"]
    assert {(row["verdict"], row["reason"]) for row in report["comparisons"]} == {("same", "identical")}


def test_another_kernel_is_measured(lab: House, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, How.DIFFERS)
    report = load.matrix_of(lab.run("run", TEXT))
    assert len(lab.measured) == 4 and report["identical"][0]["how"] == "differs"
    assert all(row["reason"] != "identical" for row in report["comparisons"])


def test_images_that_are_the_same_to_the_bit_need_no_look(lab: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(against.sameness, "compare", None)
    lab.kernels.images = {"unpatched": "i", "patched": "i"}  # type: ignore[attr-defined]
    assert load.matrix_of(lab.run("run", TEXT))["identical"][0]["how"] == "same"


def test_what_starts_a_kernel_counts(lab: House, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, How.SAME)
    lab.kernels.apart = {"patched": {"arch/x86/boot/a20.o": "other"}}  # type: ignore[attr-defined]
    assert load.matrix_of(lab.run("run", TEXT))["identical"][0]["how"] == "differs"


def test_what_shapes_an_image_counts(lab: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A linker script of what unpacks the kernel: vmlinux is the same, and so are all objects beside it."""
    found(monkeypatch, How.SAME)
    (lab.root / "source/arch/x86/boot").mkdir(parents=True)
    (lab.root / "source/arch/x86/boot/setup.ld").write_text("int a;\n")
    (lab.root / "one.patch").write_text(PATCH.format("arch/x86/boot/setup.ld", "more"))
    assert load.matrix_of(lab.run("run", TEXT))["identical"][0]["how"] == "differs"


@pytest.mark.parametrize(("line", "how"), [(101, "lines_only"), (100, "differs")])
def test_numbers_in_code_are_looked_up(lab: House, monkeypatch: pytest.MonkeyPatch, line: int, how: str) -> None:
    found(monkeypatch, How.LINES_ONLY, Place(0x1002, b"\xbe\x64\0\0\0", b"\xbe\x65\0\0\0", 1))
    asked: list[tuple[str, str]] = []

    async def places(vmlinux: Path, prefix: str, addresses: list[int]) -> str:
        asked.append((vmlinux.parent.name, prefix))
        return f"0x1002\nf\n./mm/memory.c:{100 if len(asked) == 1 else line}\n"

    monkeypatch.setattr(against.addr2line, "places", places)
    assert load.matrix_of(lab.run("run", TEXT))["identical"][0]["how"] == how
    assert asked == [("unpatched", "aarch64-linux-gnu-"), ("patched", "aarch64-linux-gnu-")]


def test_what_cannot_be_compared_is_measured(lab: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def compare(*_: Any) -> Found:
        raise InfraError("no such section")

    monkeypatch.setattr(against.sameness, "compare", compare)
    report = load.matrix_of(lab.run("run", TEXT))
    assert len(lab.measured) == 4 and "identical" not in report
    notes = [(event.subject, event.message) for event in lab.events if isinstance(event, Note)]
    assert notes == [("aarch64/patched", "not compared with unpatched: no such section")]


def test_what_is_not_built_is_named_with_the_option_that_it_needs(
    lab: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lab.root / "one.patch").write_text(PATCH.format("mm/swapfile.c", "this does not compile;"))
    lab.kernels.images = {"unpatched": "i", "patched": "i"}  # type: ignore[attr-defined]
    folder = lab.run("run", TEXT)
    assert [e.left_out for e in compared(lab)] == [(("mm/swapfile.c", "CONFIG_SWAP"),)]
    report = load.matrix_of(folder)
    report["expectations"] = []
    assert report["not_built"] == [
        {
            "arch": "aarch64", "base": "unpatched", "new": "patched", "file": "mm/swapfile.c", "side": "added",
            "lines": [2], "option": "CONFIG_SWAP", "why": "file",
        }
    ]  # fmt: skip
    assert report["changed"] == [{"arch": "aarch64", "base": "unpatched", "new": "patched", "code": 1, "built": 0}]
    assert exit_code(report) == EXIT_UNREACHED == 5
    known = [{**row, "reached": None} for row in report["comparisons"]]
    there = {**report, "comparisons": known, "changed": [{**report["changed"][0], "built": 1}]}
    assert exit_code(there) == 0  # type: ignore[arg-type]
    worse = [{**report["comparisons"][0], "verdict": "worse"}]
    told = {"id": "x", "started": 0.0, "kind": "check"}
    assert exit_code({**report, "comparisons": worse, "run": told}) == 1  # type: ignore[typeddict-item]


def test_kernels_of_two_sources_have_no_change(lab: House, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, How.DIFFERS)
    trees = iter("abcdefgh")

    async def source(_: object) -> Tree:
        return Tree("debian:linux-source-6.1=6.1.192-1", next(trees), lab.root, "6.1.192")

    monkeypatch.setattr(lab.kernels, "source", source)
    report = load.matrix_of(lab.run("run", TEXT))
    assert report["changed"] == [] and report["not_built"] == [] and len(report["identical"]) == 1


@pytest.mark.parametrize(
    ("old", "apart", "how"),
    [
        (("unpatched", "patched"), {}, "differs"),
        (("unpatched",), {}, "same"),
        (("unpatched",), {"a20.o": "digest"}, "same"),
        (("unpatched",), {"mm/memory.o": "digest"}, "differs"),  # it is made of a file that the patch changes
    ],
)
def test_of_a_kernel_of_before_it_is_known_what_the_patch_is_not_in(
    lab: House, monkeypatch: pytest.MonkeyPatch, old: tuple[str, ...], apart: dict[str, str], how: str
) -> None:
    """No list of its files was kept."""
    found(monkeypatch, How.SAME)
    lab.kernels.apart = {"patched": apart}  # type: ignore[attr-defined]
    monkeypatch.setattr(against.compiled, "load", lambda path: None if path.name in old else compiled_load(path))
    report = load.matrix_of(lab.run("run", TEXT))
    assert report["identical"][0]["how"] == how and report["changed"][0]["built"] == 1


def test_a_change_is_read_once_for_all_architectures(tmp_path: Path) -> None:
    """However many ask at the same time."""
    reads: list[object] = []

    class Counting(against.Comparing):
        async def _read(self, pair: Any) -> None:
            reads.append(pair)
            await asyncio.sleep(0)

    class Pair:
        def __init__(self, arch: str) -> None:
            self.id = f"{arch}/unpatched..patched"

    async def all_of_them() -> None:
        comparing = Counting(None, None)  # type: ignore[arg-type]
        await asyncio.gather(*(comparing.change(Pair(a)) for a in "abc"))  # type: ignore[arg-type]

    asyncio.run(all_of_them())
    assert len(reads) == 1


OWN = """\
--- /dev/null
+++ b/mm/Kconfig
@@ -0,0 +1,2 @@
+config NEW
+\tbool "new"
--- a/mm/memory.c
+++ b/mm/memory.c
@@ -1 +1,3 @@
-int a;
+#ifdef CONFIG_NEW
+int b;
+#endif
"""


@pytest.mark.parametrize(
    ("option", "changed"),
    [("CONFIG_NEW", [("patched", "new", 1, 1)]), ("CONFIG_OTHER", [("patched", "new", 0, 0)])],
)
def test_of_a_changes_own_option_what_the_change_adds_is_told(
    lab: House, monkeypatch: pytest.MonkeyPatch, option: str, changed: list[tuple[str, str, int, int]]
) -> None:
    """Both kernels have the change, from files of their own, and one has its option on: what was removed is in
    neither. Of any other option the kernels' sources are the same."""
    found(monkeypatch, How.DIFFERS)
    for name in ("one", "two"):
        (lab.root / f"{name}.patch").write_text(OWN)
    text = TEXT.replace("unpatched: {source: s}", "patched: {source: s, patches: [one.patch]}").replace(
        "patched: {source: s, patches: [one.patch]}}",
        f"new: {{source: s, patches: [two.patch], kconfig: [{option}=y]}}}}",
    )
    report = load.matrix_of(lab.run("run", text.replace("base: unpatched, new: patched", "base: patched, new: new")))
    rows = [(row["base"], row["new"], row["code"], row["built"]) for row in report["changed"]]
    assert rows == changed and report["not_built"] == []
