# SPDX-License-Identifier: GPL-2.0-or-later
"""What a user's file is taken for, and what is told of those that are nothing."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.config import dump, elf, matrix_file, programs, workloads
from orchestrator.config.plan import plan
from orchestrator.errors import ConfigError
from orchestrator.model import ProgramKind
from orchestrator.runs import record
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.record import Request

OWN = Path(__file__).parents[2] / "boot" / "own"
TEXT = """\
arches: [aarch64, s390x]
workloads: [shmem-write]
sources: {s: {debian: linux-source-6.1}}
kernels: {base: {source: s}}
claims: {C1: {text: "said"}, C7: {text: "said"}}
"""


def program(machine: tuple[int, int, int], interpreter: bytes = b"", kind: int = 2) -> bytes:
    """A file with an ELF header and one segment; nothing in it could run."""
    width, data, number = machine
    order, wide = {1: "<", 2: ">"}[data], width == 2
    size, row = (64, 56) if wide else (52, 32)
    ident = b"\x7fELF" + bytes([width, data, 1]) + bytes(9)
    header = struct.pack(
        order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"), kind, number, 1, 0, size, 0, 0, size, row, 1, 0, 0, 0
    )
    at, length = size + row, len(interpreter)
    first = 3 if interpreter else 1
    if wide:
        segment = struct.pack(order + "IIQQQQQQ", first, 4, at, 0, 0, length, length, 1)
    else:
        segment = struct.pack(order + "IIIIIIII", first, at, 0, 0, length, length, 4, 1)
    return ident + header + segment + interpreter


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("int main(void) { return 0; }", ProgramKind.SOURCE),
        (
            '#include "kmatrix.h"\nint main(int c, char **v) { km_start(c, v); km_begin(); km_end(1); }',
            ProgramKind.MARKERS,
        ),
        ("void testcase(unsigned long long *iterations, unsigned long nr) { }", ProgramKind.WILL_IT_SCALE),
        ("void testcase(unsigned long *iteration,\n unsigned long nr) { }", ProgramKind.WILL_IT_SCALE),
        ("void testcase(unsigned long long *i) { }\nint main(void) { }", ProgramKind.SOURCE),
        ("TEST(x) { }\nTEST_HARNESS_MAIN", ProgramKind.SOURCE),
        ("int main(void) { /* km_begin() */ }", ProgramKind.SOURCE),
        ('// int main(void)\nchar *s = "int main(void)"; int help(void) { return \'"\'; }', None),
        ("void domain(void);", None),
    ],
)
def test_a_c_file_is_what_it_defines(text: str, kind: ProgramKind | None) -> None:
    assert programs.c_kind(text) == kind


@pytest.mark.parametrize("arch", arches.known().values(), ids=lambda a: a.name)
def test_a_ready_program_belongs_to_its_arch(tmp_path: Path, arch: arches.Arch) -> None:
    (tmp_path / "p").write_bytes(program(arch.elf))
    own = programs.identify(tmp_path / "p")
    assert (own.kind, own.arches) == (ProgramKind.BINARY, (arch.name,))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (program((2, 2, 22), b"/lib/ld64.so.1\0"), "needs /lib/ld64.so.1"),
        (program((1, 1, 3)), "another machine .machine 3, 32 bits, little endian"),
        (program((2, 1, 22)), "another machine .machine 22, 64 bits, little endian"),
        (program((2, 1, 183), kind=1), "object file"),
        (program((2, 1, 183))[:40], "damaged ELF"),
        (b"\x7fELF\x07\x07", "damaged ELF"),
        (b"#!/bin/bash\ntrue\n", "needs /bin/bash, and the guest has only /bin/sh"),
        (b"#!/usr/bin/env python3\n", "needs python3"),
        (b"#!\n", "needs an interpreter"),
        (b"hello\n", "is no workload"),
        (b"", "is no workload"),
    ],
)
def test_what_cannot_run_is_told(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        programs.identify(tmp_path / "p")


def test_a_dynamic_32_bit_program_is_read_as_such() -> None:
    found = elf.read(program((1, 2, 8), b"/lib/ld.so.1\0"))
    assert found == elf.Elf((1, 2, 8), True, "/lib/ld.so.1")


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("/bin/sh", ("/bin/sh",)),
        (" /bin/sh -e", ("/bin/sh", "-e")),
        ("/usr/bin/env sh", ("/bin/sh",)),
        ("/bin/busybox sh -u", ("/bin/sh", "-u")),
        ("/bin/ash", ("/bin/sh",)),
    ],
)
def test_a_script_is_run_by_the_guests_shell(line: str, command: tuple[str, ...]) -> None:
    assert programs.interpreter(Path("x.sh"), line) == command


def test_headers_and_their_c_files_come_along(tmp_path: Path) -> None:
    """As selftests have them: kselftest.h a folder above, vm_util.c beside; no file with a main() of its own."""
    folder = tmp_path / "selftests" / "mm"
    folder.mkdir(parents=True)
    (folder / "one.c").write_text('#include "../kselftest.h"\n#include "util.h"\n#include "two.h"\nint main(void) {}')
    (folder / "util.h").write_text("#include <mm/deep.h>\n#include <stdio.h>\n")
    (folder / "util.c").write_text("int help(void) { return 1; }\n")
    (folder / "two.h").write_text('#include "one.c"\n')
    (folder / "two.c").write_text("int main(void) { }\n")
    (tmp_path / "selftests" / "kselftest.h").write_text("\n")
    (tmp_path / "mm").mkdir()
    (tmp_path / "mm" / "deep.h").write_text("\n")
    own = programs.identify(folder / "one.c")
    assert [path.name for path in own.files] == ["one.c", "kselftest.h", "util.h", "util.c", "two.h", "deep.h"]
    assert [path.name for path in own.compiled] == ["one.c", "util.c"]
    assert own.skip == 4
    (folder / "three.c").write_text('#include "one.c"\n')
    assert programs.identify(folder / "three.c").kind is ProgramKind.SOURCE


def test_a_file_is_declared_by_default_or_by_the_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "w.c").write_text("int main(void) { }")
    plain = workloads.load_file(tmp_path / "w.c")
    assert (plain.name, plain.unit, plain.args) == ("w", "run", ()) and "time" in plain.metrics
    (tmp_path / "w.toml").write_text('unit = "page"\nargs = ["7"]\n')
    declared = workloads.load_file(tmp_path / "w.c")
    assert (declared.unit, declared.args, declared.metrics) == ("page", ("7",), plain.metrics)
    assert declared.own and declared.own.inputs == (tmp_path / "w.c", tmp_path / "w.toml")
    (tmp_path / "w.toml").write_text('unit = "page"\ncolour = "red"\n')
    with pytest.raises(ConfigError, match=r"w\.toml: colour"):
        workloads.load_file(tmp_path / "w.c")


def test_all_that_is_wrong_with_a_choice_is_told_at_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.c").write_text("int main(void) { }")
    (tmp_path / "odd name.c").write_text("int main(void) { }")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "workload.toml").write_text('title="t"\nunit="u"\nmetrics=["time"]\nmemory_mib=1\n')
    words = ["nowhere.c", "a", "empty", "odd name.c", "a/same.c", "b/same.c"]
    with pytest.raises(ConfigError) as caught:
        workloads.choose([str(tmp_path / word) for word in words], {"shmem-write": tmp_path})
    rows = caught.value.message.splitlines()
    expected = (
        "no such file",
        "has no workload.toml",
        "has no C file",
        "not 'odd name'",
        "two workloads are called same",
    )
    assert len(rows) == 5 and all(text in row for text, row in zip(expected, rows, strict=True)), rows


def test_names_arguments_and_paths_with_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my folder").mkdir()
    (tmp_path / "my folder" / "w.c").write_text("int main(void) { }")
    words = matrix_file.named_or_absolute(
        ["shmem-write --mib 8", "my folder/w.c", "'my folder/w.c' 1 '2 3'"], Path("m")
    )
    assert words[0] == "shmem-write --mib 8"
    table = workloads.known(Path(__file__).parents[3] / "guest-tools")
    assert [w.args for w in workloads.choose(words[:2], table)] == [("--mib", "8"), ()]
    assert workloads.choose(words[2:], table)[0].args == ("1", "2 3")


def test_a_ready_program_is_planned_for_its_arch_alone(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(program(arches.known()["s390x"].elf))
    matrix = matrix_file.from_text(TEXT, tmp_path / "matrix.yaml", chosen=[str(tmp_path / "p")])
    assert [cell.id for cell in plan(matrix).cells] == ["s390x/base/p"]
    assert "other architectures are left out" in matrix.workloads[0].note
    with pytest.raises(ConfigError, match="p is a program for s390x; the matrix has only aarch64"):
        matrix_file.from_text(TEXT.replace(", s390x", ""), tmp_path / "matrix.yaml", chosen=[str(tmp_path / "p")])


def test_claims_that_the_chosen_say_nothing_of_are_left_out(tmp_path: Path) -> None:
    assert len(matrix_file.from_text(TEXT, tmp_path / "m.yaml").claims) == 2
    assert [c.id for c in matrix_file.from_text(TEXT, tmp_path / "m.yaml", chosen=["shmem-write"]).claims] == ["C1"]
    assert not matrix_file.from_text(TEXT, tmp_path / "m.yaml", chosen=[str(OWN / "touch.c")]).claims


def test_the_choice_is_kept_and_a_changed_file_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "w.c"
    file.write_text('#include "w.h"\nint main(void) { }')
    (tmp_path / "w.h").write_text("\n")
    matrix = matrix_file.from_text(TEXT, tmp_path / "matrix.yaml", chosen=[str(file)])
    folder = RunFolder(tmp_path / "run")
    request = Request(tmp_path / "matrix.yaml", TEXT, (), {}, workloads=(str(file),))
    record.save_request(folder, request, matrix, plan(matrix))
    assert record.load_request(folder) == request
    record.check_inputs(folder, matrix, plan(matrix))
    (tmp_path / "w.h").write_text("int x;\n")
    with pytest.raises(ConfigError, match=r"changed since .*w\.c"):
        record.check_inputs(folder, matrix, plan(matrix))


@pytest.mark.parametrize(
    "word",
    [
        "folder",
        "marked.c",
        "counted.c --iterations 10",
        "skips.c",
        "hello.sh",
        "ready",
        "throttle --pages 48",
        "shmem-write --mib 4",
    ],
)
def test_a_workload_is_the_same_from_the_copies_of_its_files(tmp_path: Path, word: str) -> None:
    """Under its name in another folder; what is compiled is the same."""
    (tmp_path / "ready").write_bytes(program(arches.known()["s390x"].elf))
    shipped = workloads.known(OWN.parents[2] / "guest-tools")
    name = word.split()[0]
    path = name if name in shipped else str((tmp_path if name == "ready" else OWN) / name)
    first = workloads.choose([path + word[len(name) :]], shipped)[0]
    folder = tmp_path / "copy" / first.name
    for name, content in dump.workload_files(first).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    again = workloads.load(folder)
    assert replace(again, folder=first.folder, own=first.own) == first
    assert bool(again.own) == bool(first.own)
    if first.own and again.own:
        assert again.own.kind == first.own.kind and again.own.skip == first.own.skip
        assert [p.read_bytes() for p in again.own.files] == [p.read_bytes() for p in first.own.files]
        assert [p.name for p in again.own.compiled] == [p.name for p in first.own.compiled]


def test_a_damaged_program_or_declaration_names_itself(tmp_path: Path) -> None:
    program = bytearray(Path("/bin/true").read_bytes())
    program[32:40] = b"\xff" * 8  # where its segments are
    (tmp_path / "own").write_bytes(program)
    with pytest.raises(ConfigError, match="own: damaged ELF file"):
        workloads.load_file(tmp_path / "own")
    (tmp_path / "own.toml").write_text("memory_mib = " + "9" * 5000)
    with pytest.raises(ConfigError, match=r"own\.toml: .*digits"):
        workloads._toml(tmp_path / "own.toml")
