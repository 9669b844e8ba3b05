# SPDX-License-Identifier: GPL-2.0-or-later
"""Objects compiled once more, of a tree that is like a kernel's; where kernels are built nothing moves."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.build import kernel, once_more, pahole
from orchestrator.build.kernel import Builder
from orchestrator.build.once_more import OnceMore
from orchestrator.build.sources import Tree
from orchestrator.errors import BuildError, InfraError
from orchestrator.model import Build, Kernel, KernelArtifact, Source
from orchestrator.profile.objects import Frame, Layout, Told, Warned
from orchestrator.store import Store

MAKEFILE = """\
%.o:
\tmkdir -p $(O)/$(dir $@)
\tcd $(O) && $(CC) $(KCFLAGS) $$(cat .config) -Wall -O2 -I$(CURDIR)/include -c -o $@ $(CURDIR)/$(@:.o=.c)
"""
HEADER = "struct s { int x; };\n#define FRAME 300\n"
SOURCE = """\
#include "s.h"
int f(struct s *s)
{
\tchar frame[FRAME];
\tasm volatile("" : : "r" (frame) : "memory");
\treturn s->x + CONFIG;
}
"""
PATCH = """\
--- a/include/s.h
+++ b/include/s.h
@@ -1,2 +1,2 @@
-struct s { int x; };
-#define FRAME 300
+struct s { long pad; int x; };
+#define FRAME 812
--- a/mm/a.c
+++ b/mm/a.c
@@ -1,7 +1,8 @@
 #include "s.h"
 int f(struct s *s)
 {
 \tchar frame[FRAME];
+\tint unused;
 \tasm volatile("" : : "r" (frame) : "memory");
 \treturn s->x + CONFIG;
 }
--- /dev/null
+++ b/mm/new.c
@@ -0,0 +1,1 @@
+int g(void) { return 1; }
"""
ARCH = arches.known()["x86_64"]


@dataclass
class Place:
    """A cache with a source, its shared tree, and a kernel of it."""

    root: Path
    compiled: list[str] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return Store(self.root / "cache")

    @property
    def shared(self) -> Path:
        return self.root / f"cache/trees/tree-{ARCH.name}"

    def make(self, *patches: Path, objects: tuple[str, ...] = ("mm/a.o",), key: str = "key") -> Told:
        build = Build(ARCH, Kernel("k", Source("s", "git", "/nowhere", "HEAD"), patches), ())
        artifact = KernelArtifact(build.id, key, self.root / "kernel", self.root / "Image", "6.1.192")
        return asyncio.run(OnceMore(Builder(self.store, 1, 60, 1))(build, artifact, objects))

    def seen(self) -> dict[str, tuple[int, int, str]]:
        """All of the shared tree and the source: time, number of names, content."""
        return {
            str(path.relative_to(self.root)): (path.lstat().st_mtime_ns, path.stat().st_ino, path.read_text())
            for folder in (self.shared, self.root / "pristine")
            for path in folder.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place(tmp_path.resolve())
    pristine = made.root / "pristine"
    for name, text in {"Makefile": MAKEFILE, "include/s.h": HEADER, "mm/a.c": SOURCE}.items():
        (pristine / name).parent.mkdir(parents=True, exist_ok=True)
        (pristine / name).write_text(text)
    for folder in (made.shared / "source", made.shared / "build", made.root / "kernel"):
        folder.mkdir(parents=True)
    (made.shared / "build/.config").write_text("-DCONFIG=another\n")
    (made.root / "kernel/config").write_text("-DCONFIG=1\n")
    (made.root / "new.patch").write_text(PATCH)

    async def prepared(*_: object) -> Tree:
        return Tree("git:1", "tree", pristine, "6.1.192")

    make = once_more.Make.__call__

    async def counted(self: once_more.Make, *targets: str, niceness: int = 0) -> None:
        made.compiled.extend(targets)
        await make(self, *targets, niceness=niceness)

    monkeypatch.setattr(kernel, "prepare", prepared)
    monkeypatch.setattr(once_more.Make, "__call__", counted)
    return made


def test_both_kernels_objects_tell_of_themselves(place: Place) -> None:
    base = place.make()
    assert base.objects == ("mm/a.o",) and base.warnings == ()
    (frame,) = base.frames
    assert (frame.file, frame.function, frame.how) == ("mm/a.c", "f", "static") and 150 <= frame.size <= 350
    new = place.make(place.root / "new.patch", objects=("mm/a.o", "mm/new.o"), key="new")
    assert new.objects == ("mm/a.o", "mm/new.o")
    assert new.warnings == (Warned("mm/a.c", 5, "unused variable 'unused' [-Wunused-variable]"),)
    larger, added = new.frames
    assert 500 <= larger.size - frame.size <= 520 and added.function == "g"


@pytest.mark.skipif(not shutil.which("pahole"), reason="no pahole")
def test_layouts_of_what_is_only_included_too(place: Place) -> None:
    one, other = place.make().layouts, place.make(place.root / "new.patch", key="new").layouts
    assert one is not None and one["struct s"] == (Layout(4, {"x": 0}),)
    assert other is not None and other["struct s"] == (Layout(16, {"pad": 0, "x": 64}),)


def test_without_pahole_the_rest_is_there(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pahole, "PROGRAM", "no-such-program")
    told = place.make()
    assert told.layouts is None and len(told.frames) == 1


def test_where_kernels_are_built_nothing_is_written(place: Place) -> None:
    """Neither the source, nor what make made of it, whatever a Makefile tries."""
    before = place.seen()
    place.make(place.root / "new.patch", objects=("mm/a.o", "mm/new.o"))
    assert place.seen() == before and not list((place.root / "cache/scratch").glob("[!.]*"))


def test_it_is_done_once(place: Place) -> None:
    first = place.make()
    assert place.compiled == ["-k", "mm/a.o"]
    assert place.make() == first and place.compiled == ["-k", "mm/a.o"]
    place.make(key="another kernel")
    assert len(place.compiled) == 4
    for file in (place.root / "cache/static").rglob("*.gz"):
        file.write_bytes(b"half of i")
    assert place.make() == first and len(place.compiled) == 6


def test_what_does_not_compile_by_itself_is_not_among_them(place: Place) -> None:
    assert place.make(objects=("mm/a.o", "mm/gone.o")).objects == ("mm/a.o",)
    with pytest.raises(BuildError):
        place.make(objects=("mm/gone.o",))


@pytest.mark.parametrize("what", ["killed", "gone"])
def test_a_tree_that_cannot_be_trusted_is_told(place: Place, what: str) -> None:
    if what == "killed":
        Path(f"{place.shared}.dirty").touch()
    else:
        (place.shared / "build/.config").unlink()
    with pytest.raises(InfraError, match="build tree is not there any more"):
        place.make()


def test_what_the_tree_was_built_of_besides_is_new_to_make(tmp_path: Path) -> None:
    """Files that another patch had changed are as they should be, and newer than what was made of them."""
    pristine, scratch = tmp_path / "pristine", tmp_path / "scratch"
    (pristine / "mm").mkdir(parents=True), scratch.mkdir()
    for name in ("mm/a.c", "mm/other.c"):
        (pristine / name).write_text(name)
        os.utime(pristine / name, (1, 1))
    shown = asyncio.run(once_more.view(pristine, (), {"mm/other.c", "mm/gone.c"}, Path("/seen"), scratch))
    assert list(shown.values()) == [Path("/seen"), Path("/seen/mm/other.c")]
    fresh = next(ours for ours, seen in shown.items() if seen.name == "other.c")
    assert fresh.read_text() == "mm/other.c" and fresh.stat().st_mtime > 1e9


def test_values_come_back_as_they_were() -> None:
    told = Told(("a.o",), (Frame("a.c", "f", 1, "static"),), (), None)
    assert replace(told, layouts={}) != told and Told.from_json(told.to_json()) == told
