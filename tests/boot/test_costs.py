# SPDX-License-Identifier: GPL-2.0-or-later
"""What hardware pays more for than an instruction: as objdump tells it, and as a program of known numbers has it."""

from __future__ import annotations

import json
import re
import struct
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from orchestrator import arches
from orchestrator.model import COST_CLASSES, UNDECODED
from orchestrator.profile.costs import Decoder
from orchestrator.store import cache_root
from tests.boot.conftest import Done, Kmatrix

NIGHT = pytest.mark.night
ARCHES = ("s390x", *(pytest.param(name, marks=NIGHT) for name in ("x86_64", "aarch64")))
TEXT = """\
arches: [x86_64, aarch64, s390x]
workloads: [costly]
sources:
  debian-6.1: {debian: linux-source-6.1}
kernels:
  patched: {source: debian-6.1}
  costly: {source: debian-6.1, patches: [patches/costly.patch]}
compare:
  - {base: patched, new: costly}
measure: {boots: 1, passes: 1, memory_mib: 256}
"""
CALLS = 200  # of mprotect() that change something
ADDED = {"atomics": 3, "barriers": 2, "tlb_flushes": 1}  # by costly.patch, in each

# By objdump's own words.
SITES = {
    "x86_64": {
        "barriers": r"[lms]fence|rdtscp|lock (add|or)[lq] +\$0x0,[^,]*\(%[re]sp\)",
        "atomics": r"lock .*|xchg .*(\(.*|,0x[0-9a-f]+)",
        "tlb_flushes": r"invlpg .*|invpcid .*|mov +%\w+,%cr3",
        "system_calls": r"syscall|sysenter|int +\$0x80",
    },
    "aarch64": {
        "atomics": r"(stl?x[rp]|cas|swp|ld(add|clr|set|eor)|st(add|clr|set|eor))\w*\t.*",
        "barriers": r"(dmb|dsb)\t.*|sb|(ldar|ldapr|stlr|ldlar|stllr)[bh]?\t.*",
        "tlb_flushes": r"tlbi\t.*|msr\tttbr.*",
        "system_calls": r"svc\t.*",
    },
    "s390x": {
        "atomics": r"(cs|csy|csg|cds|cdsy|cdsg|csst|la[nox]g?|laalg?|laag?|ts|plo)\t.*",
        "interlocked": r"(a?l?g?si|ni|niy|oi|oiy|xi|xiy)\t(?!%).*",
        "barriers": r"bcr\t1[45],0|br\t%r0|bnor\t%r0|stck\t.*",
        "tlb_flushes": r"(csp|cspg|ipte|idte|crdte|lctlg?)\t.*|ptlb",
        "system_calls": r"svc\t.*",
    },
}
_ROW = re.compile(r"^ *[0-9a-f]+:\t([0-9a-f ]+?) *\t(.+)$")


@pytest.fixture(scope="module", params=ARCHES)
def measured(
    request: pytest.FixtureRequest, ready: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Done]:
    """Before the profile, which goes on from its snapshots: they have what ran before them."""
    kmatrix = Kmatrix(tmp_path_factory.mktemp("measured"))
    words = ("--select", f"{request.param}/*", "--out", kmatrix.folder / "run")
    done = kmatrix("run", "--config", kmatrix.matrix(TEXT), *words)
    assert done.code in (0, 1), done.out + done.err
    return request.param, done


@pytest.fixture(scope="module")
def costly(measured: tuple[str, Done], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Done]:
    arch, kmatrix = measured[0], Kmatrix(tmp_path_factory.mktemp("costly"))
    words = ("--select", f"{arch}/*", "--sort", "atomics", "--out", kmatrix.folder / "run")
    done = kmatrix("profile", "--config", kmatrix.matrix(TEXT), *words)
    assert done.code == 0, done.out + done.err
    return arch, done


def vmlinux(arch: str, done: Done) -> Path:
    return cache_root() / "kernels" / done.cell(f"{arch}/patched/costly")["kernel_key"] / "vmlinux"


def test_a_program_has_as_many_as_it_says(costly: tuple[str, Done]) -> None:
    arch, done = costly
    account = json.loads((done.folder / "cells" / arch / "patched/costly/profile.json").read_text())
    mine = [its for name, its in account["costs"].items() if name.startswith("user:")]  # atomics may be functions
    assert [sum(its.get(name, 0) for its in mine) for name in ("atomics", "barriers")] == [1700, 500]
    [cell] = [c for c in done.json("profile.json")["cells"] if c["kernel"] == "patched"]
    # 650 and 150 of its own; what is read at the region's ends comes to it.
    assert 650 <= cell["costs"]["system_calls"] < 660 and 150 <= cell["costs"]["exceptions"] < 160
    assert cell["costs"]["tlb_flushes"] >= CALLS
    assert cell["costs"]["code_lines"] > 100


def test_what_a_patch_adds_is_in_its_class_and_its_function(costly: tuple[str, Done]) -> None:
    _, done = costly
    [row] = done.json("profile.json")["differences"]
    added = {name: number * CALLS for name, number in ADDED.items()}
    mine = next(f["costs"] for f in row["functions"] if f["name"] == "mprotect_fixup")
    assert {name: cost["change"] for name, cost in mine.items() if cost["change"]} == added
    for name in COST_CLASSES:  # one pass of one boot: what the allocators had free is not the same in both kernels
        change = row["costs"][name]["change"] if name in row["costs"] else 0
        assert change == pytest.approx(added.get(name, 0), abs=0.1 * CALLS), row["costs"]
    lines = [line.get("costs", {}) for hunk in row["hunks"] for line in hunk["lines"] if line["sign"] == "+"]
    told = {name: sum(costs[name]["change"] for costs in lines if name in costs) for name in ADDED}
    assert told == added, lines
    assert "+600.00 0.00 600.00 mprotect_fixup" in " ".join(done.out.split()), done.out


def test_a_run_has_the_same_without_a_profile(costly: tuple[str, Done], measured: tuple[str, Done]) -> None:
    """By blocks of code and not by instructions, of another pass from the same snapshot."""
    (_, done), (_, run) = costly, measured
    for account in done.json("profile.json")["cells"]:
        metrics = run.cell(account["id"])["metrics"]
        told = {name: metrics[name]["boots"][0][0] for name in account["costs"].keys() & metrics.keys()}  # of 1 unit
        # An instruction may lie in two lines, and the region may end within a block.
        assert told.pop("code_lines") == pytest.approx(account["costs"]["code_lines"], abs=2)
        assert told == {name: account["costs"][name] for name in told} and len(told) > 4
    rows = {row["metric"]: row for row in run.json()["comparisons"]}
    assert {name: rows[name]["verdict"] for name in ADDED} == dict.fromkeys(ADDED, "worse")
    assert rows["exceptions"]["verdict"] == rows["system_calls"]["verdict"] == "same"


def sites(arch: str, kernel: Path) -> Iterator[tuple[bytes, str, int]]:
    """(bytes, what objdump says, how often it is there) of all instructions of a kernel."""
    command = [f"{arches.known()[arch].cross_prefix}objdump", "-d", "-w", "--insn-width=16", str(kernel)]
    found: Counter[tuple[str, str]] = Counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as its:
        assert its.stdout
        for line in its.stdout:
            if row := _ROW.match(line):
                found[row[1], row[2]] += 1
    words = arch == "aarch64"  # printed as numbers
    for (text, told), count in found.items():
        code = bytes.fromhex(text)
        yield (code[::-1] if words else code), told, count


def test_classes_are_what_objdump_says_site_by_site(costly: tuple[str, Done]) -> None:
    arch, done = costly
    costs = arches.known()[arch].costs
    assert costs
    decode, patterns = Decoder(costs), {name: re.compile(text) for name, text in SITES[arch].items()}
    ours, theirs = Counter[str](), Counter[str]()
    wrong: list[tuple[str, str]] = []
    data = 0  # among the code, that looks like something to objdump and is no instruction
    for code, told, count in sites(arch, vmlinux(arch, done)):
        classes = decode.classes(code.hex())
        name = next((name for name in classes if name != UNDECODED), "")
        text = told.split(" <")[0].split(" //")[0].strip()
        other = next((name for name, pattern in patterns.items() if pattern.fullmatch(text)), "")
        if UNDECODED in classes and other:
            data += count
            continue
        ours[name] += count
        theirs[other] += count
        if name != other and (name in patterns or other):
            wrong.append((text, f"{name}, not {other}"))
    assert not wrong and data < 10, (wrong, data)
    assert all(ours[name] == theirs[name] > 0 for name in patterns if name != "system_calls"), (ours, theirs)


def test_what_has_lost_its_lock_is_known_by_the_prefix_that_it_got(ready: None) -> None:
    """With one CPU the kernel writes DS over LOCK, at the sites that its own table names."""
    decode = Decoder(arches.known()["x86_64"].costs)  # type: ignore[arg-type]
    kernels = sorted((cache_root() / "kernels").glob("*/vmlinux"))
    kernel = next(path for path in kernels if ELFFile(path.open("rb"))["e_machine"] == "EM_X86_64")
    with kernel.open("rb") as file:
        elf = ELFFile(file)
        table = elf.get_section_by_name(".smp_locks")
        offsets = struct.unpack(f"<{table['sh_size'] // 4}i", table.data())
        places = [table["sh_addr"] + 4 * number + offset for number, offset in enumerate(offsets)]
        parts = [(s["sh_addr"], s.data()) for s in elf.iter_sections() if s["sh_flags"] & 4 and s["sh_size"]]
    there = [(place, next(((a, d) for a, d in parts if a <= place < a + len(d)), None)) for place in places]
    found = [(place, part) for place, part in there if part]
    # Of a lean kernel, or another; the rest is of alternatives that are not used here.
    assert len(found) > 2000 and len(found) > 0.9 * len(places)
    for place, (start, data) in found:
        code = data[place - start : place - start + 15]
        assert code[0] == 0xF0
        for first in (0xF0, 0x3E):
            assert decode.classes((bytes([first]) + code[1:]).hex()) == ("atomics",), code.hex()
