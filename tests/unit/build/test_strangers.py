# SPDX-License-Identifier: GPL-2.0-or-later
"""A stranger's patch, in a small source with Makefiles of its own: it reaches nobody else's kernel, files or time."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.build import patches, selftests, toolchain
from orchestrator.build.kernel import Builder
from orchestrator.build.make import LONGEST
from orchestrator.build.sources import Tree
from orchestrator.build.variants import said
from orchestrator.errors import BuildError, InfraError
from orchestrator.model import Build, Kernel, KernelArtifact, Selftests, Source
from orchestrator.profile.code import tokens
from orchestrator.series import diff, letters, mbox
from orchestrator.store import Store

MAKEFILE = """\
VERSION = 6
PATCHLEVEL = 1
SUBLEVEL = 0
tinyconfig headers:
\t@true
defconfig:
\tcp arch/x86/configs/x86_64_defconfig $(O)/.config
olddefconfig:
\t@true
bzImage:
\tmkdir -p $(O)/arch/x86/boot
\tcat $(O)/.config mm/a.c >$(O)/vmlinux; cp $(O)/vmlinux $(O)/System.map; cp $(O)/vmlinux $(O)/arch/x86/boot/bzImage
"""
FILES = {
    "Makefile": MAKEFILE,
    "Kconfig": 'config SMP\n\tbool "smp"\n',
    "mm/a.c": "one\ntwo\nthree\n",
    "virt/b.c": "b\n",
    "arch/x86/configs/x86_64_defconfig": "CONFIG_SMP=y\nCONFIG_SWAP=y\n",
    "tools/testing/selftests/mm/Makefile": "all:\n\tcp /bin/true $(OUTPUT)/honest\n",
}
SELFTESTS = Selftests(("mm",), ("libcap-dev",), 512, ())
ARCH = arches.known()["x86_64"]


@dataclass
class House:
    """The source, and a builder of it."""

    root: Path
    builder: Builder
    source: Source

    def patch(self, name: str, file: str, old: str, new: str, other: str = "") -> Path:
        """other: what --- calls the file."""
        rows = FILES.get(file, "").splitlines()
        body = "".join(f"-{old}\n+{new}\n" if row == old else f" {row}\n" for row in rows)
        head = f"--- a/{other or file}\n+++ b/{file}\n@@ -1,{len(rows)} +1,{len(rows)} @@\n"
        path = self.root / name
        path.write_text(head + body)
        return path

    def build(self, *its: Path, start: str = "tinyconfig") -> Build:
        return Build(ARCH, Kernel("patched", self.source, its), (f"#: start {start}",))

    def make(self, *its: Path, start: str = "tinyconfig") -> KernelArtifact:
        return asyncio.run(self.builder.make(self.build(*its, start=start), self.root / "build.log"))

    def tests(self, *its: Path) -> selftests.Programs:
        return asyncio.run(selftests.Making(self.builder, SELFTESTS)(self.build(*its)))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    if shutil.which("bwrap") is None:
        pytest.fail("bubblewrap is wanted: kmatrix doctor --tests")
    root = tmp_path.resolve()
    for name, text in FILES.items():
        path = root / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    store = Store(root / "cache")
    store.folder("sources", "key").mkdir(parents=True)
    source = Source("s", "tarball", "/nowhere")
    builder = Builder(store, 1, 60, 1)
    builder._trees["s"] = Tree("id", "key", root / "source", "6.1.0")
    monkeypatch.setattr(selftests.apt, "fetch", _nothing)
    return House(root, builder, source)


async def _nothing(*_: object, **__: object) -> Path:
    raise InfraError("no network")


@pytest.mark.parametrize("other", ["virt/../mm/a.c", "zz/../mm/a.c", "./mm//a.c"])
def test_other_names_of_a_file_are_that_file(house: House, other: str) -> None:
    evil = house.patch("evil.patch", "mm/a.c", "two", "evil", other)
    good = house.patch("good.patch", "mm/a.c", "two", "GOOD")
    for its, word in (((), "two"), ((evil,), "evil"), ((good,), "GOOD"), ((), "two")):
        assert house.make(*its).image.read_text().split() == ["one", word, "three"]


def test_a_folder_is_no_file(house: House) -> None:
    odd = house.root / "odd.patch"
    odd.write_text("--- a/mm\n+++ b/mm\n@@ -1 +1 @@\n-a\n+b\n")
    with pytest.raises(BuildError, match="mm is a folder"):
        asyncio.run(patches.apply(house.root / "source", house.root / "scratch", [odd]))


def test_a_patch_of_what_a_config_starts_from_gets_another_config(house: House) -> None:
    off = house.patch("off.patch", "arch/x86/configs/x86_64_defconfig", "CONFIG_SWAP=y", "# CONFIG_SWAP is not set")
    before, after = (house.make(*its, start="defconfig") for its in ((), (off,)))
    assert "CONFIG_SWAP=y" in (before.folder / "config").read_text()
    assert "CONFIG_SWAP=y" not in (after.folder / "config").read_text()


def test_a_pipe_in_place_of_a_config_ends_the_build(house: House) -> None:
    words = "\t@true; rm -f $(O)/.config; mkfifo $(O)/.config"
    text = FILES["Makefile"].replace("olddefconfig:\n\t@true\n", f"olddefconfig:\n{words}\n")
    pipe = house.root / "pipe.patch"
    rows = FILES["Makefile"].splitlines()
    body = "".join(f" {row}\n" for row in rows)
    at = rows.index("olddefconfig:") + 1
    body = "".join(f"-{row}\n+{words}\n" if i == at else f" {row}\n" for i, row in enumerate(rows))
    kconfig = '--- a/Kconfig\n+++ b/Kconfig\n@@ -1,2 +1,2 @@\n config SMP\n-\tbool "smp"\n+\tbool "SMP"\n'
    pipe.write_text(f"--- a/Makefile\n+++ b/Makefile\n@@ -1,{len(rows)} +1,{len(rows)} @@\n{body}{kconfig}")
    assert words in text
    began = time.monotonic()
    with pytest.raises(BuildError, match=r"made \.config no file"):
        house.make(pipe)
    assert time.monotonic() - began < 30


def test_a_makefile_that_links_its_tests_elsewhere_takes_nothing_from_there(house: House) -> None:
    home = house.root / "home"
    home.mkdir()
    shutil.copy("/bin/true", home / "mine")
    evil = house.patch(
        "evil.patch", "tools/testing/selftests/mm/Makefile", "\tcp /bin/true $(OUTPUT)/honest",
        f"\trm -rf $(OUTPUT); ln -s {home} $(OUTPUT)",
    )  # fmt: skip
    assert set(house.tests().files) == {"honest"}
    with pytest.raises(BuildError, match="a link"):
        house.tests(evil)
    assert (home / "mine").is_file()


def test_tests_that_lacked_a_library_are_made_again_when_it_can_be_had(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = house.tests()
    debs = house.root / "debs"
    debs.mkdir()

    async def there(*_: object, **__: object) -> Path:
        return debs

    assert house.tests().key == before.key
    monkeypatch.setattr(selftests.apt, "fetch", there)
    assert house.tests().key != before.key


def test_another_linker_makes_another_kernel(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def key() -> str:
        return asyncio.run(house.builder.key(house.build(), house.builder._trees["s"]))

    before = key()
    monkeypatch.setitem(toolchain._versions, f"{ARCH.cross_prefix}ld", "GNU ld 9.99")
    assert key() != before


def test_a_comment_goes_on_behind_an_escaped_end_of_line() -> None:
    text = "int a; // x \\\n/* y \\\nint b;\nint c; // */\n"
    assert tokens(text) == ["int a ;", "", "", "int c ;", ""]


@pytest.mark.parametrize(
    "read",
    [
        lambda n: diff.touched(f"--- a/x{' ' * n}y\n+++ b/x{' ' * n}y\n@@ -1 +1 @@\n-a\n+b\n"),
        lambda n: diff.touched(f"diff --git a/{'b/' * n} {'b/' * n}\n"),
        lambda n: selftests.missing("*** [" * n + "\n"),
        lambda n: said("inlined from " * n + "\n", "/source"),
        lambda n: mbox.split(b"From " + b"a" * 10 * n + b"\n\n"),
        lambda n: letters.letters(b"From: a <a@b>\nSubject: [PATCH] x\n\nx\n" + b"-" * 10 * n + b"x\n"),
    ],
)
def test_long_lines_take_no_long_time(read: Callable[[int], object]) -> None:
    began = time.process_time()
    read(40_000)
    assert time.process_time() - began < 2 and LONGEST < 10_000
