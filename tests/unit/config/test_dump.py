# SPDX-License-Identifier: GPL-2.0-or-later
"""load(dump(matrix)) == matrix, for any matrix: what is written for the record says all of it."""

from __future__ import annotations

import dataclasses
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator import arches
from orchestrator.config import dump, matrix_file, workloads
from orchestrator.config.overrides import changed, with_cpus
from orchestrator.config.plan import plan
from orchestrator.errors import ConfigError
from orchestrator.model import (
    Arch,
    Claim,
    Clock,
    Comparison,
    Config,
    Disk,
    Expectation,
    Kernel,
    Limits,
    Matrix,
    Measure,
    Nightly,
    Source,
    Workload,
)
from orchestrator.paths import ADAPTERS, COMMON, GUEST_TOOLS

WORDS = [
    "yes",
    "1e3",
    "012",
    "~",
    "null",
    "a: b",
    "# no",
    "q\"uo'te",
    "ü €",
    "😀",
    "\x7f",
    "a\nb",
    "{arch}",
    "- x",
    "plain",
]
ARCHES = list(arches.known().values())
LINES = ["CONFIG_A=y", "# CONFIG_B is not set", 'CONFIG_C="a b"', "# why CONFIG_D"]


def text(draw: random.Random) -> str:
    return " ".join(draw.choices(WORDS, k=draw.randint(1, 3)))


def lines(draw: random.Random) -> tuple[str, ...]:
    return tuple(draw.sample(LINES, draw.randint(0, len(LINES))))


def config(draw: random.Random, number: int, archs: tuple[Arch, ...]) -> Config:
    """Of two that have one name only one keeps it."""
    name = draw.choice(["standard", "mine"])
    head = (f"#: name {name}", f"#: start {draw.choice(['allnoconfig', 'none'])}")
    marks = ["", "  #: wished", "  #: linux >=6.1,<7.0", "  #: wished; linux <7.0"]
    rows = [f"CONFIG_N{number}={i}{draw.choice(marks)}" for i in range(draw.randint(0, 3))]
    return Config(name, {arch.name: (*head, f"CONFIG_{arch.name.upper()}=y", *rows) for arch in archs})


def source(draw: random.Random, name: str, folder: Path) -> Source:
    kind = draw.choice(["debian", "tarball", "git", "image"])
    if kind == "debian":
        pin, suite = draw.choice(["", "6.1.192-1"]), {"suite": draw.choice(["bookworm", "sid"])}
        return Source(name, kind, "linux-source-6.1", pin, suite)
    if kind == "image":
        symbols = {"system_map": str(folder / "{arch}/System.map")}
        return Source(name, kind, str(folder / "{arch}/Image"), options=symbols)
    pin = draw.choice(["HEAD", "1234567", "topic"] if kind == "git" else ["", "ab" * 32])
    return Source(name, kind, str(folder), pin)


def expectation(draw: random.Random) -> Expectation:
    return Expectation(
        metric=draw.choice(["pgfault", "time"]),
        linux=draw.choice(["", ">=6.0,<6.4"]),
        values={text(draw): draw.choice([0.0, 1.5, 1e22])},
        change={"aarch64": -0.15} if draw.random() < 0.5 else {},
        tolerance=draw.choice([0.0, 0.02]),
        base="unpatched",
        new=text(draw),
        claim=text(draw),
        clock=draw.choice(["", "wall"]),
        at_least={"patched": 3.0} if draw.random() < 0.5 else {},
        arches=draw.choice([(), ("s390x",)]),
    )


def workload(draw: random.Random, number: int, own: list[Path]) -> Workload:
    """One of ours or of a user's, with anything of its declaration changed."""
    name = f"w{number}"
    if draw.random() < 0.5:
        made = workloads.load(draw.choice(list(workloads.known(GUEST_TOOLS).values())))
    else:
        made = workloads.load_file(draw.choice(own))
    calls = Expectation("calls.f", "<6.4", {"patched": 2.0}, {}, 0.01, claim=text(draw), arches=("aarch64",))
    atomics = replace(calls, metric="atomics", config="lean")
    watched = replace(calls, metric="watched.reports", values={"patched": 0.0})
    since = replace(calls, linux=">=6.4", values={"patched": 1.0, "base": 2.0})
    return replace(
        made,
        name=name,
        title=text(draw),
        unit=text(draw),
        metrics=draw.choice([("time", "pgfault"), ("pgfault", "minflt", "time")]),
        args=tuple(text(draw) for _ in range(draw.randint(0, 2))),
        watched_args=tuple(text(draw) for _ in range(draw.randint(0, 1))),
        memory_mib=draw.randint(64, 900),
        expectations=(
            *(expectation(draw) for _ in range(draw.randint(0, 2))),
            *draw.choice([(), (calls,), (calls, since, atomics, watched)]),
        ),
        cpus=draw.randint(1, 4),
        clock=draw.choice(["", "wall", "icount"]),
        disk=draw.choice([None, Disk(64, 1 << 20, 0)]),
        boots=draw.choice([None, 1, 9]),
        warmup=draw.choice([None, 0, 3]),
        waits=draw.random() < 0.5,
        debug=number > 0 and draw.random() < 0.5,  # the first is in cells
        claims=tuple(text(draw) for _ in range(draw.randint(0, 2))),
    )


def cpus(draw: random.Random) -> dict[str, dict[str, str]]:
    """Of any arches and accelerators."""
    return {arch.name: {name: text(draw) for name in ("tcg", "kvm") if draw.random() < 0.3} for arch in ARCHES}


def any_matrix(seed: int, folder: Path) -> Matrix:
    draw = random.Random(seed)
    archs = tuple(draw.sample(ARCHES, draw.randint(1, 3)))
    sources = [source(draw, f"s{number}", folder) for number in range(draw.randint(1, 3))]
    patches = [folder / name for name in ("one.patch", "two.patch", "0001-three.patch")]
    own = [folder / "own/w.c", folder / "own/script.sh", folder / "selftests/deep/t.c"]
    kernels = []
    for number in range(draw.randint(1, 4)):
        its = draw.choice(sources)
        ready = its.kind == "image"
        mine = () if ready else tuple(draw.choices(patches, k=draw.randint(0, 3)))
        its_own = None if ready or draw.random() < 0.5 else config(draw, number, archs)
        kernels.append(Kernel(f"k{draw.randint(0, 9)}.{number}", its, mine, () if ready else lines(draw), its_own))
    pairs = [Comparison(draw.choice(kernels).name, draw.choice(kernels).name) for _ in range(draw.randint(0, 2))]
    clock = draw.choice(list(Clock))
    return Matrix(
        arches=tuple(with_cpus(arch, cpus(draw)) for arch in archs),
        kernels=tuple(kernels),
        workloads=tuple(workload(draw, number, own) for number in range(draw.randint(1, 3))),
        comparisons=tuple(pairs),
        measure=Measure(
            boots=draw.randint(1, 9), passes=draw.randint(1, 9), warmup=draw.randint(0, 3), clock=clock,
            accel=draw.choice(["auto", "tcg"]), memory_mib=draw.randint(128, 4096), cpus=draw.randint(1, 4),
            retries=draw.randint(0, 2), snapshots=draw.random() < 0.5,
        ),
        limits=Limits(*(draw.choice([0.5, 7.0, 3600.25]) for _ in range(5))),
        config=config(draw, 99, archs),
        kconfig=lines(draw),
        cache_gib=draw.choice([0.5, 20.0, 7.0]),
        ccache_gib=draw.randint(1, 50),
        claims=tuple(
            Claim(f"C{i}", text(draw), *(draw.choice([(), (x,)]) for x in ("C0", "s390x")), draw.choice(["", "b"]))
            for i in range(draw.choice([0, 2, 11]))
        ),
        sources=tuple(sources),
        nightly=Nightly(draw.choice([(), (sources[0].name,)]), 0.1 + draw.random() * 1e4, 7, 1.5),
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Patches, and programs of a user's."""
    made = tmp_path.resolve() / "theirs"
    for name, content in {
        "one.patch": "one\n", "two.patch": "two\n", "0001-three.patch": "three\n",
        "own/w.c": '#include "lib/w.h"\nint main(void) { }', "own/lib/w.h": "\n", "own/lib/w.c": "int x;\n",
        "own/script.sh": "#!/bin/sh\ntrue\n", "selftests/deep/t.c": '#include "../h.h"\nint main(void) { }',
        "selftests/h.h": "\n",
    }.items():  # fmt: skip
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(content)
    return made


def written(matrix: Matrix, base: Path) -> Path:
    for name, content in dump.files(matrix).items():
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(content)
    return base / dump.MATRIX


@pytest.mark.parametrize("seed", range(40))
def test_any_matrix_comes_back_from_its_copies(seed: int, folder: Path, tmp_path: Path) -> None:
    matrix = any_matrix(seed, folder)
    base = tmp_path.resolve() / "copies"
    loaded = matrix_file.load(written(matrix, base))
    assert loaded == dump.portable(matrix, base)
    assert dump.dump(loaded, base) == (base / dump.MATRIX).read_text()
    assert dump.files(loaded) == dump.files(matrix), "a copy of the copies is the same"


@pytest.mark.parametrize("seed", range(10))
def test_copies_differ_in_nothing_but_their_place(seed: int, folder: Path, tmp_path: Path) -> None:
    matrix = any_matrix(seed, folder)
    copied = dump.portable(matrix, tmp_path)
    assert replace(copied, kernels=(), workloads=()) == replace(matrix, kernels=(), workloads=())
    for here, there in zip(matrix.kernels, copied.kernels, strict=True):
        assert replace(there, patches=here.patches) == here and len(there.patches) == len(here.patches)
    for mine, its in zip(matrix.workloads, copied.workloads, strict=True):
        assert replace(its, folder=mine.folder, own=mine.own, toolbox=mine.toolbox) == mine


def test_the_drawn_matrices_leave_no_field_at_its_default(folder: Path) -> None:
    """Whoever adds a field to a Matrix, and forgets to write it, learns it here."""
    drawn = [any_matrix(seed, folder) for seed in range(40)]

    def varies(values: list[Any], kind: type[Any], known: tuple[str, ...] = ()) -> None:
        for field in dataclasses.fields(kind):
            seen = {repr(getattr(value, field.name)) for value in values}
            assert field.name in known or len(seen) > 1, f"{kind.__name__}.{field.name}"

    varies(drawn, Matrix, ("qemu", "debug", "variants", "selftests"))  # of this machine; of how it is asked
    varies([m.measure for m in drawn], Measure)
    varies([m.limits for m in drawn], Limits)
    varies([k for m in drawn for k in m.kernels], Kernel)
    varies([s for m in drawn for s in m.sources], Source)
    varies([c for m in drawn for c in m.claims], Claim)
    varies([m.nightly for m in drawn], Nightly, ("runs", "days"))
    varies([w for m in drawn for w in m.workloads], Workload, ("toolbox", "note"))


def test_a_plan_needs_no_more_than_what_it_uses(folder: Path) -> None:
    matrix = any_matrix(3, folder)
    wanted = plan(matrix, [f"*/{matrix.kernels[0].name}/*"])
    small = dump.used(matrix, wanted)
    assert [kernel.name for kernel in small.kernels] == [matrix.kernels[0].name]
    assert [cell.id for cell in plan(small).cells] == [cell.id for cell in wanted.cells]
    assert {source.name for source in small.sources} == {matrix.kernels[0].source.name}


def test_what_options_change() -> None:
    matrix = matrix_file.load(GUEST_TOOLS.parent / "matrix.yaml")
    matrix = replace(matrix, workloads=(replace(matrix.workloads[0], boots=7),))
    assert changed(matrix, {}) is matrix
    assert changed(matrix, {"clock": "wall"}).measure.clock is Clock.WALL
    once = changed(matrix, {"boots": 1, "passes": 3})
    assert (once.measure.passes, once.measure.of(once.workloads[0]).boots) == (3, 1)
    only_kvm = replace(matrix, measure=replace(matrix.measure, accel="kvm", clock=Clock.WALL))
    with pytest.raises(ConfigError, match="needs TCG"):
        changed(only_kvm, {"clock": "icount"})


def test_copies_of_before_with_the_word_judge_still_load(tmp_path: Path) -> None:
    matrix = matrix_file.load(GUEST_TOOLS.parent / "matrix.yaml")
    path = written(matrix, tmp_path)
    assert matrix_file.load(path).workloads[0].expectations
    path.write_text(path.read_text() + "judge: []\n")
    assert not matrix_file.load(path).workloads[0].expectations


def test_a_program_behind_a_link_comes_back_with_its_headers(tmp_path: Path) -> None:
    """A linked folder, and a header that is a link itself: copies are where the compiler looks for them."""
    for name, content in {
        "data/src/x.c": '#include "x.h"\n#include "../up.h"\n#include "y.h"\nint main(void) { }',
        "data/src/x.h": "\n", "data/up.h": "\n", "other/y.h": "\n",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "home").mkdir()
    (tmp_path / "home/src").symlink_to(tmp_path / "data/src")
    (tmp_path / "data/src/y.h").symlink_to(tmp_path / "other/y.h")
    made = workloads.load_file(tmp_path / "home/src/x.c")
    assert set(dump.workload_files(made)) == {"src/x.c", "src/x.h", "up.h", "src/y.h", dump.DECLARATION}
    matrix = replace(matrix_file.load(GUEST_TOOLS.parent / "matrix.yaml"), workloads=(made,))
    base = tmp_path.resolve() / "copies"
    assert matrix_file.load(written(matrix, base)) == dump.portable(matrix, base)


def test_a_selftests_own_status_of_what_did_not_run_comes_back(folder: Path, tmp_path: Path) -> None:
    (folder / "own/kselftest.h").write_text("\n")
    (folder / "own/t.c").write_text('#include "kselftest.h"\nint main(void) { }')
    shipped = matrix_file.load(GUEST_TOOLS.parent / "matrix.yaml")
    for text, skip in (("skip = 77\n", 77), ("skip = 4\n", 4), ("", 4)):
        (folder / "own/t.toml").write_text(text)
        matrix = replace(shipped, workloads=(workloads.load_file(folder / "own/t.c"),))
        base = tmp_path.resolve() / f"copies-{skip}"
        loaded = matrix_file.load(written(matrix, base))
        assert loaded == dump.portable(matrix, base) and loaded.workloads[0].own
        assert loaded.workloads[0].own.skip == skip


def test_workloads_of_two_toolboxes_are_refused_where_these_differ(tmp_path: Path) -> None:
    shipped = matrix_file.load(GUEST_TOOLS.parent / "matrix.yaml")
    for name, mine in ((COMMON, COMMON), (ADAPTERS, ADAPTERS), ("gup", "gup2")):
        shutil.copytree(GUEST_TOOLS / name, tmp_path / "tools" / mine)
    matrix = replace(shipped, workloads=(*shipped.workloads, workloads.load(tmp_path / "tools/gup2")))
    assert dump.files(matrix)
    (tmp_path / "tools" / COMMON / "kmatrix.h").write_text("/* older */\n")
    with pytest.raises(ConfigError, match=r"common/kmatrix\.h differs from that of other workloads"):
        dump.files(matrix)


@pytest.mark.parametrize("name", [COMMON, ADAPTERS])
def test_no_workload_is_called_as_a_folder_of_the_toolbox(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.c").write_text("int main(void) { }")
    with pytest.raises(ConfigError, match=f"no workload can be called {name}"):
        workloads.load_file(tmp_path / f"{name}.c")
